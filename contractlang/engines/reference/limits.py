"""Ends of exact confidence intervals from the counts of a row."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from contractlang import quantiles
from contractlang.plan.nodes import Limit
from contractlang.values import Absent, State, Value

NO_INTERVAL = Absent(State.NOT_REPORTABLE, "no interval")


def limit(op: Limit, numbers: Sequence[Fraction]) -> Value:
    """The end of the interval. Counts are whole numbers: the checker has made sure of that."""
    count, *size = (int(n) for n in numbers)
    if count < 0 or max((count, *size)) > quantiles.LARGEST_COUNT:
        return NO_INTERVAL
    if op.distribution == "poisson":
        return quantiles.poisson_limit(count, op.tail, op.decimals, upper=op.upper)
    if count > size[0] or not size[0]:
        return NO_INTERVAL
    return quantiles.binomial_limit(count, size[0], op.tail, op.decimals, upper=op.upper)
