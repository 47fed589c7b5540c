"""Runs on their way: claimed from the database by worker processes, computed in a process of their own."""
