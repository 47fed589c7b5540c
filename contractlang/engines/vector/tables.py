"""Tables, scales and sets: rows are sorted into classes within which the answer is the same, and the answers looked up."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from fractions import Fraction
from itertools import product

import numpy as np

from contractlang.engines.reference import operations
from contractlang.engines.vector import kernels
from contractlang.engines.vector.arithmetic import Arithmetic, Line
from contractlang.engines.vector.lanes import BeyondFloatsError, Flag, Known, Label, Lane, Number, as_fraction, clipped
from contractlang.plan.nodes import Among, Curve, Piece, Terms, TermsRow
from contractlang.values import Absent, Value

Cut = tuple[Fraction, bool]
"""A place where a class ends: a value, and whether the value itself still belongs below."""

Pattern = Value | tuple[Value | None, Value | None] | None
"""A value, an inclusive range, or None for any."""

LARGEST_TABLE = 1_000_000


class TooManyClassesError(ValueError):
    """A combination of keys with more classes than a table should have."""


@dataclass(frozen=True, slots=True)
class Classes:
    """A register with the class of each row (None: one class), and a representative of each class."""

    slot: int | None
    representatives: tuple[Value, ...]
    limits: tuple[float, ...] = ()  # of a number: where the next class begins


@dataclass(frozen=True, slots=True)
class Tables:
    """Emits lookups onto a tape."""

    arithmetic: Arithmetic

    def terms(self, table: Terms, keys: Sequence[Lane], states: int | None) -> Lane:
        """A cell of a table of terms."""
        patterns = [tuple(_numeric(row.keys[i]) for row in table.rows) for i in range(len(keys))]
        rows = tuple(TermsRow(tuple(column[i] for column in patterns), row.value) for i, row in enumerate(table.rows))
        numeric = replace(table, rows=rows)
        classes = [self.classes(key, column) for key, column in zip(keys, patterns, strict=True)]
        return self.answers(classes, lambda values: operations.terms(numeric, values), states)

    def among(self, test: Among, key: Lane, states: int | None) -> Lane:
        """Whether a value is one of several or in a range."""
        patterns = [_numeric(p) for p in (*test.values, *test.ranges)]

        def holds(values: Sequence[Value]) -> Value:
            value = values[0]
            return any(operations.within(value, p) if isinstance(p, tuple) else value == p for p in patterns)

        return self.answers([self.classes(key, patterns)], holds, states)

    def curve(self, scale: Curve, x: Number, states: int | None) -> Lane:
        """A scale at a number."""
        x = self.arithmetic.upright(x)
        if not scale.symmetric or x.low - x.error >= 0:
            return self._curve(scale, x, states)
        if not x.whole:
            errors = [self.arithmetic.error(x)]
            self.arithmetic.sure(self.arithmetic.tape.emit(np.abs, x.slot), x.error, errors, states)
        half = self._curve(scale, self.arithmetic.absolute(x), states)
        if not isinstance(half, Number):
            return self._mirrored_constant(half, x, states)
        slot = self.arithmetic.tape.emit(kernels.mirrored, x.slot, half.slot)
        size = half.size
        return replace(half, slot=slot, low=-size, high=size, known=None)

    def _mirrored_constant(self, half: Lane, x: Number, states: int | None) -> Lane:
        """A constant on either side of zero."""
        if not isinstance(half, Known) or isinstance(half.value, Absent):
            return half
        value = operations.number(half.value)
        below = self.arithmetic.compare("<", x, self.arithmetic.constant(Fraction(0)), states)
        sides = [self.arithmetic.constant(-value), self.arithmetic.constant(value)]
        return self.arithmetic.choose([below], sides, states)

    def _curve(self, scale: Curve, x: Number, states: int | None) -> Lane:
        plain = replace(scale, symmetric=False)
        classes = self._sorted(x, sorted({cut for piece in scale.pieces for cut in _ends(piece)}))
        found = [_line(plain, operations.number(value)) for value in classes.representatives]
        outside = [line is None for line in found]
        if all(outside):
            return self.constant(operations.OUTSIDE, states)
        bases = [Fraction(0) if line is None else line[0] for line in found]
        slopes = [Fraction(0) if line is None else line[1] for line in found]
        states = self._with_states([int(operations.OUTSIDE.state) if out else 0 for out in outside], classes, states)
        if classes.slot is None and not slopes[0]:
            return self.constant(bases[0], states)
        borders = (x.low, *classes.limits, x.high)
        lines = [
            Line(base, slope, max(low - x.error, x.low), min(high + x.error, x.high))
            for base, slope, low, high in zip(bases, slopes, borders, borders[1:], strict=False)
        ]
        slot = self.arithmetic.tape.constant(0) if classes.slot is None else classes.slot
        return self.arithmetic.line(x, slot, lines, states)

    # Classes

    def classes(self, key: Lane, patterns: Sequence[Pattern]) -> Classes:
        """The classes of a key that the patterns tell apart."""
        match key:
            case Known(value):
                return Classes(None, (_plain(value),))
            case Label(slot, labels):
                return Classes(slot, labels)
            case Flag(slot):
                return Classes(slot, (False, True))
            case Number():
                return self._sorted(self.arithmetic.upright(key), _cuts(patterns))

    def _sorted(self, x: Number, cuts: Sequence[Cut]) -> Classes:
        """Classes of a number (in a positive unit) between cuts."""
        tape = self.arithmetic.tape
        margin = x.error * 2 + max(x.size, 1.0) * 1e-12 if not x.whole else 0.0
        limits: list[float] = []
        passed = [0]  # how many cuts the members of each class have passed
        for cut in cuts:
            limit = self._limit(x, cut)
            if limit <= x.low - margin:
                passed[0] += 1
            elif x.whole and limits and limit == limits[-1]:
                passed[-1] += 1  # no whole number lies between the two cuts
            elif limit <= x.high + margin:
                limits.append(limit)
                passed.append(passed[-1] + 1)
        representatives = tuple(_representative(cuts, count) for count in passed)
        if not limits:
            return Classes(None, representatives)
        if not x.whole:
            for limit, count in zip(limits, passed, strict=False):
                gap = tape.emit(kernels.distance, x.slot, tape.constant(limit))
                exact = Fraction(limit) * x.unit == cuts[count][0]
                error = 0.0 if exact else abs(limit) * 4 * kernels.UNIT_ROUNDOFF + kernels.TINY
                errors = [self.arithmetic.error(x), tape.constant(error)]
                self.arithmetic.sure(gap, x.error + error, errors, x.states)
        dtype = np.uint8 if len(limits) < 256 else np.int64
        slot = tape.emit(kernels.count_passed(limits), x.slot, dtype=dtype, key=("passed", tuple(limits)))
        return Classes(slot, representatives, tuple(limits))

    def _limit(self, x: Number, cut: Cut) -> float:
        """The smallest float of x's register that passes the cut; for whole numbers exactly."""
        value, strict = cut
        limit = value / x.unit
        if x.whole:
            return clipped(Fraction(math.floor(limit) + 1 if strict else math.ceil(limit)))
        number = clipped(limit)
        return math.nextafter(number, math.inf) if strict else number

    # Answers

    def answers(self, keys: Sequence[Classes], answer: Callable[[Sequence[Value]], Value], states: int | None) -> Lane:
        """The answer for the classes of all keys together."""
        if math.prod(len(key.representatives) for key in keys) > LARGEST_TABLE:
            raise TooManyClassesError
        values = [answer(combination) for combination in product(*(key.representatives for key in keys))]
        varying = [key for key in keys if key.slot is not None]
        slots = [key.slot for key in varying if key.slot is not None]
        if not slots:
            return self.constant(values[0], states)
        index = slots[0]
        if len(slots) > 1:
            sizes = [len(key.representatives) for key in varying]
            kernel = kernels.combined(sizes)
            index = self.arithmetic.tape.emit(kernel, *slots, dtype=np.int64, key=("combined", tuple(sizes)))
        return self.look_up(values, Classes(index, ()), states)

    def look_up(self, values: Sequence[Value], classes: Classes, states: int | None) -> Lane:
        """The value of each row's class."""
        if all(value == values[0] for value in values):
            return self.constant(values[0], states)
        absences = [int(value.state) if isinstance(value, Absent) else 0 for value in values]
        states = self._with_states(absences, classes, states)
        index = classes.slot
        there = [value for value in values if not isinstance(value, Absent)]
        if index is None or not there:
            return replace(self.arithmetic.constant(Fraction(0)), states=states)
        match there[0]:
            case bool():
                return Flag(self._entries([value is True for value in values], index, np.bool_), states)
            case str():
                labels = tuple(dict.fromkeys(str(value) for value in there))
                codes = [labels.index(value) if isinstance(value, str) else 0 for value in values]
                return Label(self._entries(codes, index, np.int32), labels, states)
            case Fraction() | date() as first:
                numbers = [Fraction(0) if isinstance(value, Absent) else as_fraction(value) for value in values]
                found = self.arithmetic.entries(index, numbers, states)
                return replace(found, is_date=isinstance(first, date))
            case _:
                raise BeyondFloatsError

    def _entries(self, values: Sequence[object], index: int, dtype: type[np.generic]) -> int:
        entries = np.array(values, dtype=dtype)
        return self.arithmetic.tape.emit(
            kernels.table(entries), index, dtype=dtype, key=("table", entries.tobytes(), entries.dtype.str)
        )

    def _with_states(self, absences: Sequence[int], classes: Classes, states: int | None) -> int | None:
        """The states of the keys, else those of the answers."""
        if not any(absences):
            return states
        tape = self.arithmetic.tape
        single = classes.slot is None
        own = tape.state(absences[0]) if single else self._entries(absences, classes.slot or 0, np.uint8)
        return own if states is None else tape.emit(kernels.first_state, states, own, dtype=np.uint8)

    def constant_or(self, lane: Lane, states: int | None) -> Lane:
        """A lane without states with the given ones."""
        return self.constant(lane.value, states) if isinstance(lane, Known) else replace(lane, states=states)

    def constant(self, value: Value, states: int | None) -> Lane:
        """One value on all rows, unless they are absent already."""
        tape = self.arithmetic.tape
        if isinstance(value, Absent):
            if states is None:
                return Known(value)
            own = tape.emit(kernels.first_state, states, tape.state(int(value.state)), dtype=np.uint8)
            return replace(self.arithmetic.constant(Fraction(0)), states=own)
        if states is None:
            return Known(value)
        match value:
            case bool():
                return Flag(tape.constant(value), states)
            case str():
                return Label(tape.constant(0), (value,), states)
            case _:
                number = self.arithmetic.constant(as_fraction(value))
                return replace(number, states=states, is_date=isinstance(value, date))


def _plain(value: Value) -> Value:
    """Dates as numbers, as in the patterns."""
    return as_fraction(value) if isinstance(value, date) else value


def _numeric(pattern: Pattern) -> Pattern:
    """A pattern with dates as numbers."""
    if isinstance(pattern, tuple):
        low, high = pattern
        return (None if low is None else _plain(low), None if high is None else _plain(high))
    return None if pattern is None else _plain(pattern)


def _cuts(patterns: Sequence[Pattern]) -> list[Cut]:
    """Where patterns of numbers (values, inclusive ranges, None) begin and end."""
    cuts: set[Cut] = set()
    for pattern in patterns:
        low, high = pattern if isinstance(pattern, tuple) else (pattern, pattern)
        if isinstance(low, Fraction):
            cuts.add((low, False))
        if isinstance(high, Fraction):
            cuts.add((high, True))
    return sorted(cuts)


def _ends(piece: Piece) -> list[Cut]:
    """Where a piece of a scale begins and ends."""
    low = [] if piece.low is None else [(piece.low, False)]
    high = [] if piece.high is None else [(piece.high, piece.closed)]
    return low + high


def _representative(cuts: Sequence[Cut], passed: int) -> Fraction:
    """A number that passes exactly so many cuts."""
    if not cuts:
        return Fraction(0)
    if not passed:
        return cuts[0][0] - 1
    value, strict = cuts[passed - 1]
    if not strict:
        return value
    return (value + cuts[passed][0]) / 2 if passed < len(cuts) else value + 1


def _line(scale: Curve, x: Fraction) -> tuple[Fraction, Fraction] | None:
    """The scale around a number that is no border or the lower one of its piece: base and slope; None outside."""
    piece = next((p for p in scale.pieces if operations.holds(p, x)), None)
    if piece is None:
        return None
    slope = piece.value if scale.marginal else Fraction(0) if piece.low is None else piece.slope
    value = operations.curve(scale, x)
    return operations.number(value) - slope * x, slope
