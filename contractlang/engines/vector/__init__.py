"""The vector engine: float64 in blocks with a derived bound of error, and exact redo of rows that the bound leaves open.

A number is a register of floats and a unit: value = float * unit. Decimal inputs are whole numbers of their unit, constant
factors change the unit alone, and sums, differences and products of whole numbers are exact while they fit into 53 bits.
Everything else carries a bound of the distance between float and true value, derived per operation from the bounds of its
arguments and their ranges over all rows (`arithmetic`): u = 2**-53 per rounded operation, |x|e(y) + |y|e(x) + e(x)e(y) for
a product, (e(x) + |x/y|e(y)) / (|y| - e(y)) for a quotient, and so on.

Floats decide only comparisons, rounding, the pieces of scales and whether a denominator is zero. Each such decision flags
the rows on which the floats lie within the bound. Flagged rows run again with a bound of their own per row, which settles
most of them (a zero that is exact, a whole number that is small); the others are computed by the reference engine, and its
values replace theirs before anything is aggregated over them. So every decision is the exact one, and a value is either
exact or within its bound; exact values and decimals are taken from the reference engine where the bound does not reach.
"""

from contractlang.engines.vector.capability import unsupported
from contractlang.engines.vector.settle import VectorSettlement, settle

__all__ = ["VectorSettlement", "settle", "unsupported"]
