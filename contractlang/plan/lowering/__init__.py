"""Lowering: the one walk in which expressions and clauses are checked and become plan nodes."""
