"""Aggregates over exact values. Not applicable and not reportable rows are skipped; a missing one decides."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction

from contractlang.engines.reference.operations import ZERO_DENOMINATOR, number, strongest
from contractlang.values import Absent, State, Value

NO_ROWS = Absent(State.NOT_REPORTABLE, "no rows")
ONE_ROW = Absent(State.NOT_REPORTABLE, "only one row")
LEFT_OUT = Absent(State.NOT_APPLICABLE, "left out by the condition")

COMPARING = frozenset({"percentile_rank", "rank"})
"""Functions that keep the grain and compare the own value with the others."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row of an aggregate: its value, its weight (1 unless weighted) and whether the condition keeps it."""

    value: Value
    weight: Value = Fraction(1)
    kept: Value = True

    @property
    def absent(self) -> Absent | None:
        return strongest((self.value, self.weight, self.kept))


def left(rows: Iterable[Row]) -> list[Row] | Absent:
    """The rows that count, or the absence that the first missing row makes of the whole."""
    counting = []
    for row in rows:
        if row.kept is False:
            continue
        absent = row.absent
        if absent is None:
            counting.append(row)
        elif absent.state is State.MISSING:
            return absent
    return counting


def combine(function: str, rows: Sequence[Row], argument: Fraction | None) -> Value:
    """The aggregate of rows that all count."""
    if function == "count":
        return Fraction(len(rows))
    if function == "sum":
        return sum((number(r.value) * number(r.weight) for r in rows), Fraction(0))
    if not rows:
        return NO_ROWS
    match function:
        case "mean":
            weight = sum((number(r.weight) for r in rows), Fraction(0))
            total = sum((number(r.value) * number(r.weight) for r in rows), Fraction(0))
            return total / weight if weight else ZERO_DENOMINATOR
        case "min":
            return min(number(r.value) for r in rows)
        case "max":
            return max(number(r.value) for r in rows)
        case "median":
            return percentile(Fraction(1, 2), sorted(number(r.value) for r in rows))
        case "percentile" if argument is not None:
            return percentile(argument, sorted(number(r.value) for r in rows))
        case "nearest_percentile" if argument is not None:
            return sorted(number(r.value) for r in rows)[nearest_rank(argument, len(rows))]
        case _:
            raise ValueError(f"no aggregate `{function}`")


def nearest_rank(share: Fraction, count: int) -> int:
    """The place (from 0) of a percentile by nearest rank: the first that at least `share` of the rows reach."""
    return max(math.ceil(share * count), 1) - 1


def percentile(share: Fraction, ordered: Sequence[Fraction]) -> Fraction:
    """Linear between the closest ranks (Hyndman and Fan, type 7); `share` from 0 to 1."""
    place = share * (len(ordered) - 1)
    below = math.floor(place)
    rest = place - below
    return ordered[below] + rest * (ordered[below + 1] - ordered[below]) if rest else ordered[below]


def place(function: str, own: Fraction, ordered: Sequence[Fraction]) -> Value:
    """`percentile_rank` or `rank` of the own value among all (itself included), in ascending order.

    The first rank belongs to the largest value; ties share the best place.
    """
    below, through = bisect_left(ordered, own), bisect_right(ordered, own)
    if function == "rank":
        return Fraction(len(ordered) - through + 1)
    if len(ordered) == 1:
        return ONE_ROW
    return (below + Fraction(through - below - 1, 2)) / (len(ordered) - 1)
