"""The reference engine: the definition of meaning. Exact fractions, plain Python, slow, obvious."""

from contractlang.engines.reference.evaluator import Evaluator
from contractlang.engines.reference.reduce import reduce
from contractlang.engines.reference.settle import ReferenceSettlement, settle

__all__ = ["Evaluator", "ReferenceSettlement", "reduce", "settle"]
