"""Aggregates over all other units of the network: the total without the own part."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from contractlang.engines.vector.emitter import Emitter, LeftToReferenceError
from contractlang.engines.vector.folding import Item, amount, counted, weight
from contractlang.engines.vector.lanes import Known, Lane, Number
from contractlang.engines.vector.network import Array
from contractlang.plan.nodes import Aggregate
from contractlang.values import Absent, State

DONE = frozenset({"sum", "count", "mean"})


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums over all units that count, own included: amounts, weights, and their number; and which ones are missing."""

    amount: Fraction | Number
    weight: Fraction | Number
    count: int
    missing: Array


def others(emitter: Emitter, op: Aggregate, item: Item, totals: Totals) -> Lane:
    """The aggregate of all units but the own one. A missing unit makes it missing for all the others."""
    arithmetic = emitter.arithmetic
    gone = np.nonzero(totals.missing)[0]
    if len(gone) > 1:
        return Known(Absent(State.MISSING))
    number = _constant(emitter, Fraction(totals.count))
    match op.function:
        case "count":
            result = arithmetic.add(number, counted(emitter, item), None, minus=True)
        case "sum":
            result = arithmetic.add(_constant(emitter, totals.amount), amount(emitter, item), None, minus=True)
        case "mean":
            top = arithmetic.add(_constant(emitter, totals.amount), amount(emitter, item), None, minus=True)
            own = weight(emitter, item) if op.weighted else counted(emitter, item)
            whole = _constant(emitter, totals.weight) if op.weighted else number
            result = arithmetic.divide(top, arithmetic.add(whole, own, None, minus=True), None)
        case _:
            raise LeftToReferenceError
    if not len(gone):
        return result
    states = np.full(len(totals.missing), int(State.MISSING), dtype=np.uint8)
    states[gone[0]] = 0
    slot = emitter.tape.source(states)
    if result.states is not None:
        slot = emitter.tape.emit(np.maximum, slot, result.states, dtype=np.uint8)
    return replace(result, states=slot)


def _constant(emitter: Emitter, value: Fraction | Number) -> Number:
    if isinstance(value, Fraction):
        return emitter.arithmetic.constant(value)
    return emitter.arithmetic.imported(replace(value, slot=emitter.tape.constant(value.low)))
