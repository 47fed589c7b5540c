"""Values of one node of a plan on all rows of a period, kept in arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from fractions import Fraction
from math import inf
from typing import Any

import numpy as np
import numpy.typing as npt

from contractlang.engines.base import Bytes, Ints
from contractlang.engines.vector import kernels
from contractlang.engines.vector.arithmetic import Arithmetic
from contractlang.engines.vector.kernels import LIMIT, TINY
from contractlang.engines.vector.lanes import (
    EPOCH,
    FARTHEST,
    Flag,
    Known,
    Label,
    Lane,
    Number,
    as_fraction,
    clipped,
    loosened,
    rounding,
)
from contractlang.values import Absent, Value

Array = npt.NDArray[Any]


@dataclass
class Outcome:
    """A lane whose registers are gone: what it means, its values, and its states where rows may be absent.

    A number that is the same on all rows, but not known exactly, has an array without dimension.
    """

    lane: Lane
    values: Array
    states: Bytes | None

    def on(self, arithmetic: Arithmetic, rows: Ints | None = None, states: Bytes | None = None) -> Lane:
        """The lane on a tape, all rows or those given; `states` replaces the own ones."""
        tape = arithmetic.tape
        match self.lane:
            case Known():
                return self.lane
            case lane:
                kept = self.states if states is None else states
                slot = None if kept is None else tape.source(kept, rows if states is None else None)
                single = self.values.ndim == 0
                own = tape.constant(float(self.values)) if single else tape.source(self.values, rows)
                moved = replace(lane, slot=own, states=slot)
                return arithmetic.imported(moved) if isinstance(moved, Number) else moved

    def state(self, row: int) -> int:
        match self.lane:
            case Known(Absent() as absent):
                return int(absent.state)
            case _:
                return 0 if self.states is None else int(self.states[row])

    def exact(self, row: int) -> Value | None:
        """The exact value of a row; None where only the reference engine knows it."""
        if self.state(row):
            return None
        match self.lane:
            case Known(value):
                return value
            case Flag():
                return bool(self.values[row])
            case Label(_, labels):
                return labels[int(self.values[row])]
            case Number() as number:
                if not number.whole:
                    return None
                value = int(self.values[row]) * number.unit
                return EPOCH + timedelta(days=int(value)) if number.is_date else value

    def write(self, row: int, value: Value) -> None:
        """Take over the exact value of a row."""
        if isinstance(self.lane, Known):
            return
        if isinstance(value, Absent):
            if self.states is None:
                raise ValueError("a value that cannot be absent is absent")
            self.states[row] = int(value.state)
            return
        if self.states is not None:
            self.states[row] = 0
        match self.lane:
            case Label(_, labels):
                self.values[row] = labels.index(str(value))
            case Number() as number:
                self.values[row] = clipped(as_fraction(value) / number.unit)
            case _:
                self.values[row] = value

    def decimals(self, places: int) -> tuple[Array, Sequence[int]]:
        """Values as whole floats in 10**-places, and the rows that only an exact value decides; absent rows are 0.

        Raises TypeError for dates and text. Not for values known for all rows.
        """
        if self.states is not None and self.states.all():
            return np.zeros(len(self.states)), []
        match self.lane:
            case Flag():
                return self._present(self.values.astype(np.float64)) * 10.0**places, []
            case Number() as number if not number.is_date:
                return self._rounded(number, number.unit * 10**places)
            case _:
                raise TypeError("dates and text are no numbers")

    def _present(self, values: Array) -> Array:
        return values if self.states is None else np.where(self.states == 0, values, 0.0)

    def _rounded(self, number: Number, ratio: Fraction) -> tuple[Array, Sequence[int]]:
        values = self._present(self.values)
        top, bottom = ratio.numerator, ratio.denominator
        size = float(np.abs(values).max(initial=0.0))
        if number.whole and 2 * size * abs(top) + 2 * bottom < LIMIT:
            quotient = values * float(top) / float(bottom)
            kernels.half_away(quotient.copy(), out=quotient)
            return quotient, []
        scale = clipped(ratio)
        with np.errstate(all="ignore"):
            scaled = values * scale
            nearest = np.rint(scaled)
            bound = number.error * abs(scale) + 4 * kernels.UNIT_ROUNDOFF * np.abs(scaled)
            unclear = ~(0.5 - np.abs(scaled - nearest) > bound * 1.001) | ~(np.abs(scaled) < 2.0**52)
        if self.states is not None:
            unclear &= self.states == 0
        return np.where(unclear, 0.0, nearest), np.nonzero(unclear)[0].tolist()


def known(value: Value) -> Outcome:
    """One value for all rows."""
    return Outcome(Known(value), np.empty(0), None)


def from_values(values: Sequence[Value]) -> Outcome:
    """Arrays from exact values of all rows."""
    absent = np.array([int(v.state) if isinstance(v, Absent) else 0 for v in values], dtype=np.uint8)
    states = absent if absent.any() else None
    there = [v for v in values if not isinstance(v, Absent)]
    slot = None if states is None else 0
    match there[0] if there else Fraction(0):
        case bool():
            return Outcome(Flag(-1, slot), np.array([v is True for v in values]), states)
        case str():
            codes: dict[str, int] = {}
            numbers = [codes.setdefault(v, len(codes)) if isinstance(v, str) else 0 for v in values]
            return Outcome(Label(-1, tuple(codes), slot), np.array(numbers, dtype=np.int32), states)
        case first:
            fractions = [Fraction(0) if isinstance(v, Absent) else as_fraction(v) for v in values]
            found = _number(fractions)
            dated = not isinstance(first, Fraction)
            return Outcome(replace(found[0], states=slot, is_date=dated), found[1], states)


def _number(values: Sequence[Fraction]) -> tuple[Number, Array]:
    unit = Fraction(1)
    for value in values:
        if unit.denominator % value.denominator:
            unit = Fraction(1, unit.denominator * value.denominator)
        if unit.denominator > LIMIT:
            break
    whole = unit.denominator <= LIMIT and all(abs(value / unit) <= LIMIT for value in values)
    unit = unit if whole else Fraction(1)
    floats = np.array([clipped(value / unit) for value in values])
    low, high = float(floats.min(initial=0.0)), float(floats.max(initial=0.0))
    size = max(abs(low), abs(high))
    error = 0.0 if whole else inf if size >= FARTHEST else loosened(rounding(size)) or TINY
    return Number(-1, unit, low, high, error), floats
