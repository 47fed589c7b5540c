"""The vector engine: float64 in blocks with a derived bound of error, and exact redo of rows that the bound leaves open."""

from contractlang.engines.vector.capability import unsupported
from contractlang.engines.vector.settle import VectorSettlement, settle

__all__ = ["VectorSettlement", "settle", "unsupported"]
