"""Synthetic data for a contract, of any size, with the truths that were planted in them."""
