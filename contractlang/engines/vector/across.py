"""Aggregates over the network from the values of its units."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TypeVar

import numpy as np

from contractlang.engines.reference.aggregates import COMPARING, NO_ROWS, nearest_rank
from contractlang.engines.vector import network
from contractlang.engines.vector.lanes import Number
from contractlang.engines.vector.network import Amounts, Members, NotDecidedError
from contractlang.engines.vector.others import DONE, Totals
from contractlang.engines.vector.outcome import Outcome, known
from contractlang.plan.nodes import Aggregate
from contractlang.values import Absent, State, Value

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Group:
    """The units under one combination of labels: what is aggregated, its weight, who counts.

    `exact` gives the exact arguments (value, weight, condition) of one unit.
    """

    value: Outcome | None
    weight: Outcome | None
    who: Members
    exact: Callable[[int], Sequence[Value]]


def arguments(op: Aggregate, parts: Sequence[T]) -> tuple[T | None, T | None, T | None]:
    """Value, weight and condition of an aggregate, where it has them."""
    left = list(parts)
    kept = left.pop() if op.filtered else None
    weight = left.pop() if op.weighted else None
    return (left[0] if left else None), weight, kept


def across(op: Aggregate, groups: Sequence[Group], count: int) -> Outcome:
    """The aggregate of `count` units in one or several groups. Raises NotDecidedError."""
    if op.function in COMPARING:
        return _ranked(op.function, groups, count)
    absent = _first_missing(groups)
    if absent is not None:
        return known(absent)
    result = _combined(op, groups)
    # A number that is the same on all rows but not known exactly keeps one entry, which stands for all of them.
    return Outcome(result, np.array(result.low), None) if isinstance(result, Number) else known(result)


def totals(op: Aggregate, groups: Sequence[Group]) -> Totals:
    """What an aggregate over all other units starts from. Raises NotDecidedError."""
    if len(groups) != 1 or op.function not in DONE:
        raise NotDecidedError
    (group,) = groups
    count = int(group.who.counting.sum())
    if op.function == "count":
        return Totals(Fraction(count), Fraction(count), count, group.who.missing)
    weights = network.amounts(group.weight, group.who)
    amount = network.total(network.amounts(group.value, group.who), weights)
    return Totals(amount, network.total(_ones(count), weights), count, group.who.missing)


def _first_missing(groups: Sequence[Group]) -> Value | None:
    """The absence of the first missing unit: the strongest of its arguments."""
    places = [(int(group.who.missing.argmax()), i) for i, group in enumerate(groups) if group.who.missing.any()]
    if not places:
        return None
    row, place = min(places)
    absent = [value for value in groups[place].exact(row) if isinstance(value, Absent)]
    return max(absent, key=lambda value: value.state)


def _combined(op: Aggregate, groups: Sequence[Group]) -> Value | Number:
    if op.function == "count":
        return Fraction(sum(int(group.who.counting.sum()) for group in groups))
    values = network.joined([network.amounts(group.value, group.who) for group in groups])
    count = len(values.floats)

    def exact(index: int) -> Value:
        return _exact(groups, index)

    if op.function not in ("sum", "mean") and not count:
        return NO_ROWS
    match op.function:
        case "sum" | "mean":
            weights = network.joined([network.amounts(group.weight, group.who) for group in groups])
            amount = network.total(values, weights)
            if op.function == "sum":
                return amount
            return network.mean(amount, network.total(_ones(count), weights)) if count else NO_ROWS
        case "min":
            return network.in_order(values, [0], exact)[0]
        case "max":
            return network.in_order(values, [count - 1], exact)[0]
        case "median":
            return network.percentile(values, Fraction(1, 2), exact)
        case "percentile" if op.argument is not None:
            return network.percentile(values, op.argument, exact)
        case "nearest_percentile" if op.argument is not None:
            return network.in_order(values, [nearest_rank(op.argument, count)], exact)[0]
        case _:
            raise NotDecidedError


def _ones(count: int) -> Amounts:
    return Amounts(np.ones(count), Fraction(1), 0.0)


def _exact(groups: Sequence[Group], index: int) -> Value:
    """The exact value of a counting unit, by its place among all that count."""
    for group in groups:
        positions = group.who.positions
        if index < len(positions):
            return group.exact(int(positions[index]))[0]
        index -= len(positions)
    raise IndexError(index)


def _ranked(function: str, groups: Sequence[Group], count: int) -> Outcome:
    """The rank of every unit."""
    if len(groups) != 1:
        raise NotDecidedError
    who = groups[0].who
    states = who.states.copy()
    states[who.left_out & (states == 0)] = int(State.NOT_APPLICABLE)
    places = np.zeros(count)
    unit = Fraction(1)
    if who.missing.any():
        states[who.counting] = int(State.MISSING)
    elif who.counting.any():
        values = network.amounts(groups[0].value, who)
        found = network.ranks(function, values, lambda index: _exact(groups, index))
        if isinstance(found, Absent):
            states[who.counting] = int(found.state)
        else:
            places[who.counting], unit = found
    return Outcome(Number(-1, unit, 0.0, float(places.max(initial=0.0)), states=0), places, states)
