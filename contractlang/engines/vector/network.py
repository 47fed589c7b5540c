"""Aggregates over the settlement units of a period, on whole arrays.

Whole numbers are added as integers. Where values are not exact, a place in the order (smallest, median, rank) is decided
on exact values of the few rows that come close; only sums and means of such values stay approximate, with their bound.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from contractlang.engines.reference.aggregates import NO_ROWS, ONE_ROW
from contractlang.engines.reference.operations import ZERO_DENOMINATOR, number
from contractlang.engines.vector import kernels
from contractlang.engines.vector.kernels import LIMIT, UNIT_ROUNDOFF
from contractlang.engines.vector.lanes import Known, Number, loosened
from contractlang.engines.vector.outcome import Outcome
from contractlang.values import Absent, State, Value

Array = npt.NDArray[Any]
Exact = Callable[[int], Value]
"""The exact value of a member's value, by its position."""


class NotDecidedError(Exception):
    """A result that needs the reference engine for all rows."""


@dataclass(frozen=True, slots=True)
class Amounts:
    """Numbers of the members that count: floats, their unit, and the bound of their error (0: whole numbers)."""

    floats: Array
    unit: Fraction
    error: float


@dataclass(frozen=True, slots=True)
class Members:
    """What an aggregate runs over, member by member: who counts, and who is missing.

    `positions` are those of the counting members.
    """

    counting: npt.NDArray[np.bool_]
    missing: npt.NDArray[np.bool_]
    left_out: npt.NDArray[np.bool_]
    states: Array

    @property
    def positions(self) -> Array:
        return np.nonzero(self.counting)[0]


def members(count: int, value: Outcome | None, weight: Outcome | None, kept: Outcome | None) -> Members:
    """Who counts among the units of one set of labels."""
    states = np.zeros(count, dtype=np.uint8)
    for outcome in (value, weight, kept):
        if outcome is not None:
            np.maximum(states, _states(outcome, count), out=states)
    left_out = np.zeros(count, dtype=bool)
    if kept is not None:
        left_out = (_states(kept, count) == 0) & ~_flags(kept, count)
    return Members((states == 0) & ~left_out, (states == State.MISSING) & ~left_out, left_out, states)


def amounts(outcome: Outcome | None, who: Members) -> Amounts:
    """The numbers of those who count; without an outcome all are one."""
    count = int(who.counting.sum())
    if outcome is None:
        return Amounts(np.ones(count), Fraction(1), 0.0)
    match outcome.lane:
        case Known(Absent()):
            return Amounts(np.empty(0), Fraction(1), 0.0)
        case Known(value):
            exact = number(value)
            unit = abs(exact) or Fraction(1)
            return Amounts(np.full(count, float(exact / unit)), unit, 0.0)
        case Number() as lane:
            return Amounts(outcome.values[who.counting], lane.unit, lane.error)
        case _:
            raise NotDecidedError


def joined(parts: Sequence[Amounts]) -> Amounts:
    """Numbers of several sets of labels, in one unit."""
    if len(parts) == 1:
        return parts[0]
    if any(part.unit != parts[0].unit for part in parts):
        raise NotDecidedError
    return Amounts(np.concatenate([p.floats for p in parts]), parts[0].unit, max(p.error for p in parts))


def total(values: Amounts, weights: Amounts) -> Fraction | Number:
    """The sum of products, exactly where both are whole numbers."""
    if not values.error and not weights.error:
        return _whole_sum(values.floats, weights.floats) * values.unit * weights.unit
    products = values.floats * weights.floats
    found = math.fsum(products)
    sizes = float(np.abs(weights.floats).sum()), float(np.abs(values.floats).sum())
    error = values.error * sizes[0] + weights.error * sizes[1] + len(products) * values.error * weights.error
    error += 2 * UNIT_ROUNDOFF * (float(np.abs(products).sum()) + abs(found))
    return approximate(found, error, values.unit * weights.unit)


def approximate(value: float, error: float, unit: Fraction) -> Number:
    """A number for all rows that is not known exactly."""
    if not math.isfinite(value + error):
        raise NotDecidedError
    return Number(-1, unit, value, value, loosened(error) or kernels.TINY)


def mean(summed: Fraction | Number, weight: Fraction | Number) -> Value | Number:
    """The quotient of two sums."""
    if isinstance(summed, Fraction) and isinstance(weight, Fraction):
        return summed / weight if weight else ZERO_DENOMINATOR
    top, bottom = _number(summed), _number(weight)
    least = abs(bottom.low) - bottom.error
    if least <= 0:
        raise NotDecidedError
    quotient = top.low / bottom.low
    error = (top.error + abs(quotient) * bottom.error) / least + UNIT_ROUNDOFF * abs(quotient)
    return approximate(quotient, error, top.unit / bottom.unit)


def _number(value: Fraction | Number) -> Number:
    if isinstance(value, Number):
        return value
    return Number(-1, Fraction(1), float(value), float(value), abs(float(value)) * UNIT_ROUNDOFF)


def _whole_sum(x: Array, y: Array) -> int:
    size = float(np.abs(x).max(initial=0.0)) * float(np.abs(y).max(initial=0.0)) * max(len(x), 1)
    if size < LIMIT:
        return int(np.dot(x, y))
    first, second = x.astype(np.int64), y.astype(np.int64)
    if size < 2.0**62:
        return int(np.dot(first, second))
    return sum(a * b for a, b in zip(first.tolist(), second.tolist(), strict=True))


# Places in the order


def in_order(values: Amounts, wanted: Sequence[int], exact: Exact) -> list[Fraction]:
    """The exact values at places (from 0) of the ascending order; `exact` gives one by its index in `values`."""
    ordered = np.sort(values.floats)
    if values.unit < 0:
        ordered = ordered[::-1]
    if not values.error:
        return [int(ordered[place]) * values.unit for place in wanted]
    found = []
    for place in wanted:
        near = np.abs(values.floats - ordered[place]) <= 2 * values.error
        candidates = sorted(number(exact(int(i))) for i in np.nonzero(near)[0])
        sign = 1 if values.unit > 0 else -1
        below = int((sign * (ordered[place] - values.floats) > 2 * values.error).sum())
        found.append(candidates[place - below])
    return found


def percentile(values: Amounts, share: Fraction, exact: Exact) -> Value:
    """Linear between the closest ranks."""
    count = len(values.floats)
    if not count:
        return NO_ROWS
    place = share * (count - 1)
    below = math.floor(place)
    rest = place - below
    first, *second = in_order(values, [below, below + 1] if rest else [below], exact)
    return first + rest * (second[0] - first) if second else first


def ranks(function: str, values: Amounts, exact: Exact) -> tuple[Array, Fraction] | Absent:
    """`rank` or `percentile_rank` of every value: whole numbers and their unit."""
    count = len(values.floats)
    if function == "percentile_rank" and count == 1:
        return ONE_ROW
    places = _distinct(values, exact)
    ordered = np.sort(places)
    below = np.searchsorted(ordered, places, side="left")
    through = np.searchsorted(ordered, places, side="right")
    if function == "rank":
        return (count - through + 1).astype(np.float64), Fraction(1)
    return (2 * below + (through - below - 1)).astype(np.float64), Fraction(1, 2 * max(count - 1, 1))


def _distinct(values: Amounts, exact: Exact) -> Array:
    """Numbers in the order of the exact values, equal where those are equal."""
    floats = values.floats if values.unit > 0 else -values.floats
    if not values.error:
        return floats
    order = np.argsort(floats, kind="stable")
    close = np.diff(floats[order]) <= 2 * values.error
    places = np.empty(len(floats))
    places[order] = np.arange(len(floats))
    start = 0
    for end in [*np.nonzero(~close)[0].tolist(), len(floats) - 1]:
        if end > start:
            run = order[start : end + 1].tolist()
            known = {i: number(exact(i)) for i in run}
            ascending = sorted(set(known.values()))
            for i in run:
                places[i] = start + ascending.index(known[i])
        start = end + 1
    return places


def _states(outcome: Outcome, count: int) -> Array:
    match outcome.lane:
        case Known(Absent() as absent):
            return np.full(count, int(absent.state), dtype=np.uint8)
        case _:
            return np.zeros(count, dtype=np.uint8) if outcome.states is None else outcome.states


def _flags(outcome: Outcome, count: int) -> Array:
    match outcome.lane:
        case Known(value):
            return np.full(count, value is True)
        case _:
            return outcome.values.astype(bool)
