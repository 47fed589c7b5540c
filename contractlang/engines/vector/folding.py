"""Aggregates over categories: a few lanes folded into one, with the rules of absence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from contractlang.engines.reference.aggregates import NO_ROWS
from contractlang.engines.vector import kernels
from contractlang.engines.vector.emitter import Emitter, LeftToReferenceError
from contractlang.engines.vector.lanes import Flag, Known, Lane, Number
from contractlang.plan.nodes import Aggregate
from contractlang.values import Absent, State

FOLDED = frozenset({"sum", "mean", "count", "min", "max"})


@dataclass(frozen=True, slots=True)
class Item:
    """One lane of an aggregate with its weight and condition."""

    value: Lane
    weight: Lane | None = None
    kept: Lane | None = None


def fold(emitter: Emitter, op: Aggregate, items: Sequence[Item]) -> Lane:
    """The aggregate of the lanes. Raises LeftToReferenceError for functions that are not folded."""
    if op.function not in FOLDED:
        raise LeftToReferenceError
    items = [item for item in items if not (isinstance(item.kept, Known) and item.kept.value is False)]
    missing = _missing(emitter, items)
    if isinstance(missing, Known):
        return missing
    match op.function:
        case "count":
            result: Lane = _total(emitter, [counted(emitter, item) for item in items])
        case "sum":
            result = _total(emitter, [amount(emitter, item) for item in items])
        case "mean":
            weights = [weight(emitter, item) if op.weighted else counted(emitter, item) for item in items]
            total = _total(emitter, [amount(emitter, item) for item in items])
            result = emitter.arithmetic.divide(total, _total(emitter, weights), None)
        case _:
            result = _extreme(emitter, op.function, items)
    if missing is None or not isinstance(result, Number):
        return result
    states = missing.slot
    if result.states is not None:
        states = emitter.tape.emit(np.maximum, states, result.states, dtype=np.uint8)
    return replace(result, states=states)


def present(emitter: Emitter, item: Item) -> Flag | None:
    """Whether the row of an item counts; None where it always does."""
    if isinstance(item.kept, Known) and item.kept.value is False:
        return Flag(emitter.tape.constant(value=False))
    lanes = [lane for lane in (item.value, item.weight, item.kept) if lane is not None]
    states = emitter.states(lanes)
    kept = None if item.kept is None or isinstance(item.kept, Known) else emitter.flag(item.kept)
    if states is None:
        return None if kept is None else Flag(kept.slot)
    there = emitter.tape.emit(kernels.state_is(0), states, dtype=bool, key=("state", (0,)))
    if kept is not None:
        there = emitter.tape.emit(np.logical_and, there, kept.slot, dtype=bool)
    return Flag(there)


def amount(emitter: Emitter, item: Item) -> Number:
    """Value times weight where the row counts, else zero."""
    value = replace(emitter.number(item.value), states=None)
    if item.weight is not None:
        value = emitter.arithmetic.multiply(value, replace(emitter.number(item.weight), states=None), None)
    return _where_present(emitter, item, value)


def weight(emitter: Emitter, item: Item) -> Number:
    """The weight where the row counts, else zero."""
    own = Known(Fraction(1)) if item.weight is None else item.weight
    return _where_present(emitter, item, replace(emitter.number(own), states=None))


def counted(emitter: Emitter, item: Item) -> Number:
    """One where the row counts, else zero."""
    return _where_present(emitter, item, emitter.arithmetic.constant(Fraction(1)))


def _where_present(emitter: Emitter, item: Item, number: Number) -> Number:
    there = present(emitter, item)
    zero = emitter.arithmetic.constant(Fraction(0))
    return number if there is None else emitter.arithmetic.choose([there], [number, zero], None)


def _total(emitter: Emitter, numbers: Sequence[Number]) -> Number:
    if not numbers:
        return emitter.arithmetic.constant(Fraction(0))
    total = numbers[0]
    for number in numbers[1:]:
        total = emitter.arithmetic.add(total, number, None)
    return total


def _extreme(emitter: Emitter, which: str, items: Sequence[Item]) -> Lane:
    """Rows that do not count are as good as not applicable; none left is not reportable."""
    numbers: list[Lane] = []
    for item in items:
        there = present(emitter, item)
        number = replace(emitter.number(item.value), states=None)
        if there is not None:
            gone = emitter.tape.emit(np.logical_not, there.slot, dtype=bool)
            states = emitter.tape.emit(kernels.copy, gone, dtype=np.uint8, key="state")  # yes is 1: not applicable
            number = replace(number, states=states)
        numbers.append(number)
    if not numbers:
        return Known(NO_ROWS)
    result = emitter.extreme(which, numbers)
    if not isinstance(result, Number) or result.states is None:
        return result
    names = [0, int(State.NOT_REPORTABLE), int(State.NOT_REPORTABLE), int(State.MISSING)]
    states = emitter.tape.emit(kernels.renamed(names), result.states, dtype=np.uint8, key=("renamed", tuple(names)))
    return replace(result, states=states)


def _missing(emitter: Emitter, items: Sequence[Item]) -> Flag | Known | None:
    """Rows where an item is missing (as a register of states), all of them, or none."""
    found: int | None = None
    for item in items:
        lanes = [lane for lane in (item.value, item.weight, item.kept) if lane is not None]
        states = emitter.states(lanes)
        if states is None:
            continue
        names = [0, 0, 0, int(State.MISSING)]
        missing = emitter.tape.emit(kernels.renamed(names), states, dtype=np.uint8, key=("renamed", tuple(names)))
        if item.kept is not None and not isinstance(item.kept, Known):
            kept = emitter.flag(item.kept)
            parts = [kept.slot, emitter.tape.state(0) if kept.states is None else kept.states]
            missing = emitter.tape.emit(kernels.unless_left_out, missing, *parts, dtype=np.uint8)
        found = missing if found is None else emitter.tape.emit(np.maximum, found, missing, dtype=np.uint8)
    if any(_surely_missing(item) for item in items):
        return Known(Absent(State.MISSING))
    return None if found is None else Flag(found)


def _surely_missing(item: Item) -> bool:
    """Whether an item is missing on all rows and never left out."""
    values = [lane.value for lane in (item.value, item.weight, item.kept) if isinstance(lane, Known)]
    missing = any(isinstance(value, Absent) and value.state is State.MISSING for value in values)
    return missing and (item.kept is None or isinstance(item.kept, Known))
