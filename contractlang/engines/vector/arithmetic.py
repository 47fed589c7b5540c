"""Arithmetic on numbers with certificates: every operation emits its array operations and derives the new bounds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import inf, sqrt

import numpy as np

from contractlang.engines.vector import kernels
from contractlang.engines.vector.kernels import LIMIT
from contractlang.engines.vector.lanes import (
    Flag,
    Number,
    above_underflow,
    as_float,
    common_unit,
    corners,
    fits,
    hull,
    loosened,
    rounding,
    times,
    widened,
    within_floats,
)
from contractlang.engines.vector.tape import Operation, Tape
from contractlang.values import Rounding, round_to

ROOM = 2.0**10
"""How far beyond whole numbers the largest row may lie for the others still to be treated as whole."""


@dataclass(frozen=True, slots=True)
class Line:
    """A piece of a curve: base and slope in units of value, and the floats of the argument's register on it."""

    base: Fraction
    slope: Fraction
    low: float
    high: float

    @property
    def size(self) -> float:
        return max(abs(self.low), abs(self.high))


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """Emits arithmetic onto a tape; with `by_row` also the bounds of every single row."""

    tape: Tape
    by_row: bool = False

    # Constants and units

    def constant(self, value: Fraction, unit: Fraction | None = None) -> Number:
        """A number that is the same on all rows, in a unit of its own or the one given."""
        if unit is None:
            unit = Fraction(1, value.denominator) if abs(value.numerator) <= LIMIT else Fraction(1)
        number = as_float(value / unit)
        whole = (value / unit).denominator == 1 and abs(number) <= LIMIT
        error = 0.0 if whole else loosened(rounding(abs(number)))
        found = Number(self.tape.constant(number), unit, number, number, error, known=value)
        return self._with_error(found)

    def rebased(self, x: Number, unit: Fraction) -> Number:
        """The same number in another unit."""
        if x.unit == unit:
            return x
        if x.known is not None:
            return replace(self.constant(x.known, unit), states=x.states, is_date=x.is_date)
        factor = x.unit / unit
        number = as_float(factor)
        within_floats(x, replace(x, low=0.0, high=times(x.size, abs(number))))
        slot = self.tape.emit(np.multiply, x.slot, self.tape.constant(number))
        low, high = sorted((times(x.low, number), times(x.high, number)))
        if x.whole and fits(x.size, factor):
            return Number(slot, unit, low, high, states=x.states, is_date=x.is_date)
        low, high = widened(low, high)
        size = max(abs(low), abs(high))
        error = loosened(x.error * abs(number) + 2 * rounding(size))
        least = above_underflow(x.smallest * abs(number))
        found = Number(slot, unit, low, high, error, x.states, least=least)
        whole = factor.denominator == 1 and abs(number) <= LIMIT
        bound = kernels.scaled_error(number, whole=whole)
        return self._with_error(found, bound, self.error(x), slot, key=("scaled", number, whole))

    def upright(self, x: Number) -> Number:
        """The same number in a positive unit."""
        if x.unit > 0:
            return x
        if x.known is not None:
            return self.rebased(x, -x.unit)
        slot = self.tape.emit(np.negative, x.slot)
        return replace(x, slot=slot, unit=-x.unit, low=-x.high, high=-x.low)

    def aligned(self, *numbers: Number) -> list[Number]:
        """All in one positive unit: exactly while whole numbers fit, else in the unit of the first inexact one."""
        if all(n.unit == numbers[0].unit for n in numbers):
            return [self.upright(n) for n in numbers]
        if all(n.whole for n in numbers):
            unit = common_unit(n.unit if n.known is None else n.known for n in numbers if n.known != 0)
            if all(_stays_whole(n, unit) for n in numbers):
                return [self.rebased(n, unit) for n in numbers]
            if all(_may_stay_whole(n, unit) for n in numbers):  # most rows are smaller than the largest one
                return [self.rebased(n, unit) for n in numbers]
        variable = [n for n in numbers if n.known is None] or list(numbers)
        base = next((n for n in variable if not n.whole), variable[0])
        return [self.upright(n) if n.unit == base.unit else self.rebased(n, abs(base.unit)) for n in numbers]

    # Error registers

    def error(self, x: Number) -> int:
        return self.tape.constant(0.0) if x.errors is None else x.errors

    def _with_error(self, x: Number, bound: kernels.Kernel | None = None, *inputs: int, key: object = None) -> Number:
        """In the second pass, the bound of every row beside the bound of all."""
        if not self.by_row or x.whole:
            return x
        if bound is None:
            return replace(x, errors=self.tape.constant(x.error))
        return replace(x, errors=self.tape.emit(bound, *inputs, key=key))

    def imported(self, x: Number) -> Number:
        """A number computed elsewhere, whose bound holds for all rows."""
        return self._with_error(x)

    def sure(
        self, gap: int, bound: float, errors: Sequence[int], states: int | None, zeros: tuple[int, ...] = ()
    ) -> None:
        """Flag the rows whose distance from a decision is within the bound.

        Rows that are absent need no decision, nor rows where all of `zeros` are zero indeed.
        """
        watched = () if states is None else (states,)
        if not self.by_row:
            self.tape.check(kernels.near(loosened(bound), len(zeros)), gap, *zeros, *watched)
            return
        total = errors[0]
        for other in errors[1:]:
            total = self.tape.emit(np.add, total, other)
        self.tape.check(kernels.near_rows, gap, self._slack(total), *watched)

    def _slack(self, errors: int) -> int:
        return self.tape.emit(np.multiply, errors, self.tape.constant(kernels.SLOP))

    # Operations

    def add(self, x: Number, y: Number, states: int | None, *, minus: bool = False) -> Number:
        x, y = self.aligned(x, y)
        slot = self.tape.emit(np.subtract if minus else np.add, x.slot, y.slot)
        low, high = (x.low - y.high, x.high - y.low) if minus else (x.low + y.low, x.high + y.high)
        size = max(abs(low), abs(high))
        if x.whole and y.whole and size <= LIMIT:
            return Number(slot, x.unit, low, high, states=states)
        low, high = widened(low, high)
        found = Number(slot, x.unit, low, high, loosened(x.error + y.error + rounding(size)), states)
        return self._with_error(found, kernels.sum_error, self.error(x), self.error(y), slot)

    def multiply(self, x: Number, y: Number, states: int | None) -> Number:
        for constant, other in ((x, y), (y, x)):
            if constant.known is not None:
                if constant.known == 0:
                    return replace(self.constant(Fraction(0)), states=states)
                return replace(other, unit=other.unit * constant.known, states=states, known=None, is_date=False)
        low, high = corners(x, y)
        within_floats(x, y, replace(x, low=low, high=high))
        slot = self.tape.emit(np.multiply, x.slot, y.slot)
        size = max(abs(low), abs(high))
        unit = x.unit * y.unit
        if x.whole and y.whole and size <= LIMIT:
            return Number(slot, unit, low, high, states=states)
        low, high = widened(low, high)
        error = times(x.size, y.error) + times(y.size, x.error) + times(x.error, y.error) + rounding(size)
        least = above_underflow(x.smallest * y.smallest)
        found = Number(slot, unit, low, high, loosened(error), states, least=least)
        return self._with_error(found, kernels.product_error, x.slot, y.slot, self.error(x), self.error(y), slot)

    def divide(self, x: Number, y: Number, states: int | None) -> Number:
        """The quotient; where the denominator is zero it is not reportable."""
        if y.known:
            return replace(x, unit=x.unit / y.known, states=states, known=None, is_date=False)
        margin = min(abs(y.low), abs(y.high)) if y.low > 0 or y.high < 0 else 0.0
        least = margin - y.error
        if least <= 0:  # zero may occur
            if not y.whole:
                self.sure(self.tape.emit(np.abs, y.slot), y.error, [self.error(y)], y.states)
            zero = self.tape.state(0) if states is None else states
            states = self.tape.emit(kernels.zero_denominator, y.slot, zero, dtype=np.uint8)
            y = replace(y, slot=self.tape.emit(kernels.without_zero, y.slot))
            least = 1.0 if y.whole else 0.0
        slot = self.tape.emit(np.divide, x.slot, y.slot)
        if not least:
            found = Number(slot, x.unit / y.unit, -inf, inf, inf, states)
        else:
            size = times(x.size, 1 / least) * kernels.SLOP
            low = 0.0 if x.low >= 0 and y.low >= 0 else -size
            high = 0.0 if x.high <= 0 and y.low >= 0 else size
            error = loosened((x.error + times(size, y.error)) / least + rounding(size)) or kernels.TINY
            found = Number(slot, x.unit / y.unit, low, high, error, states)
        found = replace(found, least=above_underflow(x.smallest / max(y.size, 1.0)))
        return self._with_error(found, kernels.quotient_error, y.slot, self.error(x), self.error(y), slot)

    def absolute(self, x: Number) -> Number:
        unit = abs(x.unit)
        if x.known is not None:
            return replace(self.constant(abs(x.known)), states=x.states)
        if x.low >= 0:
            return replace(x, unit=unit)
        if x.high <= 0:
            return replace(self.upright(replace(x, unit=-unit)), unit=unit)
        return replace(x, slot=self.tape.emit(np.abs, x.slot), unit=unit, low=0.0, high=x.size)

    def extreme(self, op: str, x: Number, y: Number, states: int | None) -> Number:
        """The smaller or larger of two numbers that are both there."""
        x, y = self.aligned(x, y)
        slot = self.tape.emit(np.minimum if op == "min" else np.maximum, x.slot, y.slot)
        pick = min if op == "min" else max
        found = Number(slot, x.unit, pick(x.low, y.low), pick(x.high, y.high), max(x.error, y.error), states)
        return self._with_error(found, kernels.extreme_error, x.slot, y.slot, self.error(x), self.error(y), slot)

    def choose(self, conditions: Sequence[Flag], numbers: Sequence[Number], states: int | None) -> Number:
        """The number of the first condition that holds, else the last."""
        numbers = self.aligned(*numbers)
        slot, zero = numbers[-1].slot, numbers[-1].known == 0
        for condition, number in reversed(list(zip(conditions, numbers, strict=False))):
            if zero and number.known == 0:
                continue
            if number.known == 0:
                slot = self.tape.emit(kernels.keep, self._mask(self._opposite(condition.slot)), slot)
            elif zero:
                slot = self.tape.emit(kernels.keep, self._mask(condition.slot), number.slot)
            else:
                slot = self.tape.emit(kernels.blend, self._mask(condition.slot), number.slot, slot)
            zero = False
        low, high = hull(numbers)
        error = max(n.error for n in numbers)
        least = min(n.smallest for n in numbers)
        found = Number(slot, numbers[0].unit, low, high, error, states, is_date=numbers[0].is_date, least=least)
        errors = [self.error(n) for n in numbers]
        parts = [s for c, e in zip(conditions, errors, strict=False) for s in (c.slot, e)]
        return self._with_error(found, kernels.choose, *parts, errors[-1])

    def _mask(self, condition: int) -> int:
        return self.tape.emit(kernels.mask, condition, dtype=np.int64)

    def _opposite(self, condition: int) -> int:
        return self.tape.emit(np.logical_not, condition, dtype=bool)

    def compare(self, op: str, x: Number, y: Number, states: int | None) -> Flag:
        x, y = self.aligned(x, y)
        if not (x.whole and y.whole):
            gap = self.tape.emit(kernels.distance, x.slot, y.slot)
            zeros = (x.slot, y.slot) if x.smallest and y.smallest else ()
            self.sure(gap, x.error + y.error, [self.error(x), self.error(y)], states, zeros)
        return Flag(self.tape.emit(_COMPARE[op], x.slot, y.slot, dtype=bool), states)

    def round(self, x: Number, step: Fraction, mode: Rounding) -> Number:
        """The nearest multiple of a step that is known (> 0)."""
        if x.known is not None:
            return replace(self.constant(round_to(x.known, step, mode)), states=x.states)
        ratio = x.unit / step
        if x.whole and ratio.denominator == 1:
            return x
        if abs(ratio.numerator) <= LIMIT and ratio.denominator <= LIMIT:
            return self._round_quotient(x, step, ratio, mode)
        scaled = self.rebased(x, step)
        self._sure_of_rounding(scaled, mode)
        return self._rounded(scaled, mode, x.states)

    def _round_quotient(self, x: Number, step: Fraction, ratio: Fraction, mode: Rounding) -> Number:
        """A quotient of whole numbers below 2**52 reaches no half and no whole number that the true one does not."""
        top = self.rebased(x, x.unit / ratio.numerator)
        below = float(ratio.denominator)
        slot = self.tape.emit(np.divide, top.slot, self.tape.constant(below))
        low, high = widened(top.low / below, top.high / below)
        quotient = Number(
            slot, step, low, high, loosened(top.error / below + rounding(max(abs(low), abs(high)))), x.states
        )
        rounded = self._rounded(quotient, mode, x.states)
        if not top.whole or 2 * top.size + 2 * below > LIMIT:
            bound = kernels.ratio_error(below)
            certified = self._with_error(quotient, bound, top.slot, self.error(top), slot, key=("ratio", below))
            if self.by_row:
                verify = kernels.verified_rounding(ratio.numerator, ratio.denominator, mode)
                parts = (x.slot, self.error(x), rounded.slot, self.error(certified))
                certified = replace(certified, errors=self.tape.emit(verify, *parts, key=("verified", ratio, mode)))
            self._sure_of_rounding(certified, mode)
        return rounded

    def round_by(self, x: Number, step: Number, mode: Rounding, states: int | None) -> Number:
        """The nearest multiple of a step that varies by row; not reportable where the step is not above zero."""
        x, step = self.aligned(x, step)
        if step.low - step.error <= 0:
            if not step.whole:
                self.sure(self.tape.emit(np.abs, step.slot), step.error, [self.error(step)], states)
            state = self.tape.state(0) if states is None else states
            states = self.tape.emit(kernels.no_step, step.slot, state, dtype=np.uint8)
            least = 1.0 if step.whole else 0.0
            step = replace(
                step, slot=self.tape.emit(kernels.above_zero, step.slot), low=least, high=max(step.high, 1.0)
            )
        if x.whole and step.whole and 2 * x.size + 2 * step.size <= LIMIT:
            slot = self.tape.emit(np.divide, x.slot, step.slot)
            low, high = min(x.low, 0.0) / step.low, max(x.high, 0.0) / step.low
            size = max(-low, high)
            count = Number(slot, Fraction(1), low, high, loosened(rounding(size)) or kernels.TINY, states)
        else:
            count = self.divide(x, step, states)
            self._sure_of_rounding(count, mode)
        return self.multiply(self._rounded(count, mode, states), replace(step, known=None), states)

    def _sure_of_rounding(self, x: Number, mode: Rounding) -> None:
        """Rows within the bound of a half (of a whole number, rounding up or down) are flagged."""
        gap = kernels.from_half if mode in (Rounding.HALF_AWAY, Rounding.HALF_EVEN) else kernels.from_whole
        self.sure(self.tape.emit(gap, x.slot), x.error, [self.error(x)], x.states)

    def _rounded(self, x: Number, mode: Rounding, states: int | None) -> Number:
        """The whole numbers that a mode chooses for the floats of a register."""
        low = float(np.floor(x.low)) - 1 if x.low < 0 else 0.0
        high = float(np.ceil(x.high)) + 1 if x.high > 0 else 0.0
        size = max(abs(low), abs(high))
        error = 0.0 if size <= LIMIT else loosened(rounding(size))
        return self._with_error(Number(self.tape.emit(_ROUND[mode], x.slot), x.unit, low, high, error, states))

    def square_root(self, x: Number, decimals: int, states: int | None) -> Number:
        """The nearest decimal to the square root; not reportable where the radicand is negative."""
        scale = Fraction(100) ** decimals
        x = self.rebased(self.upright(x), 1 / scale)
        error = x.error
        if x.low < error or x.low < 0:
            if not x.whole:
                self.sure(self.tape.emit(np.abs, x.slot), error, [self.error(x)], states)
            state = self.tape.state(0) if states is None else states
            states = self.tape.emit(kernels.negative_radicand, x.slot, state, dtype=np.uint8)
        slot = self.tape.emit(kernels.root, x.slot)
        top = sqrt(max(x.high, 0.0)) * kernels.SLOP
        least = sqrt(max(x.low - error, 0.0))
        bound = min(sqrt(error), error / least if least else inf) + rounding(top)
        errors = self.error(x)
        if self.by_row:
            errors = self.tape.emit(kernels.root_error, self.error(x), x.slot, slot)
        self.sure(self.tape.emit(kernels.from_half, slot), loosened(bound), [errors], states)
        nearest = Number(slot, Fraction(1, 10**decimals), 0.0, top, bound)
        return self._rounded(nearest, Rounding.HALF_EVEN, states)

    def line(self, x: Number, index: int, lines: Sequence[Line], states: int | None) -> Number:
        """base + slope * x with the line that `index` gives each row."""
        bases, rises = [line.base for line in lines], [line.slope * x.unit for line in lines]
        if not any(rises):
            return self.entries(index, bases, states)
        unit = common_unit(c for c in (*bases, *rises) if c)
        reached = (abs(r / unit) * Fraction(x.size) + abs(b / unit) for b, r in zip(bases, rises, strict=True))
        whole = x.whole and max(reached) <= LIMIT
        if not whole:
            unit = Fraction(1)
        base = np.array([as_float(b / unit) for b in bases])
        slope = np.array([as_float(r / unit) for r in rises])
        if len(lines) == 1:
            first, second = self.tape.constant(float(base[0])), self.tape.constant(float(slope[0]))
        else:
            first = self.tape.emit(kernels.table(base), index, key=("table", base.tobytes()))
            second = self.tape.emit(kernels.table(slope), index, key=("table", slope.tobytes()))
        slot = self.tape.emit(np.add, self.tape.emit(np.multiply, second, x.slot), first)
        ends = [b + times(s, x_) for b, s, line in zip(base, slope, lines, strict=True) for x_ in (line.low, line.high)]
        low, high = float(min(ends)), float(max(ends))
        if whole:
            return Number(slot, unit, low, high, states=states)
        low, high = widened(low, high)
        reach = max(times(abs(s), line.size) for s, line in zip(slope, lines, strict=True))
        steepest, largest = float(abs(slope).max()), float(abs(base).max())
        error = times(steepest, x.error) + 3 * rounding(reach) + 3 * rounding(largest) + rounding(reach + largest)
        found = Number(slot, unit, low, high, loosened(error) or kernels.TINY, states)
        return self._with_error(found, kernels.line_error, x.slot, self.error(x), second, first, slot)

    def entries(self, index: int, values: Sequence[Fraction], states: int | None) -> Number:
        """The number of each row's entry in a table."""
        unit = common_unit(v for v in values if v)
        if any(abs(v / unit) > LIMIT for v in values):
            unit = Fraction(1)
        floats = np.array([as_float(v / unit) for v in values])
        whole = all((v / unit).denominator == 1 and abs(v / unit) <= LIMIT for v in values)
        slot = self.tape.emit(kernels.table(floats), index, key=("table", floats.tobytes()))
        low, high = float(floats.min()), float(floats.max())
        error = 0.0 if whole else loosened(rounding(max(abs(low), abs(high))))
        return self._with_error(Number(slot, unit, low, high, error, states))


def _stays_whole(x: Number, unit: Fraction) -> bool:
    """Whether a whole number stays one in another unit."""
    if x.known is not None:
        return (x.known / unit).denominator == 1 and abs(x.known / unit) <= LIMIT
    return fits(x.size, x.unit / unit)


def _may_stay_whole(x: Number, unit: Fraction) -> bool:
    """Whether rows of an ordinary size stay whole numbers in another unit."""
    factor = (x.unit if x.known is None else x.known) / unit
    return factor.denominator == 1 and abs(factor.numerator) <= LIMIT and x.size * abs(factor.numerator) <= ROOM * LIMIT


_ROUND: dict[Rounding, Operation] = {
    Rounding.HALF_AWAY: kernels.half_away,
    Rounding.HALF_EVEN: np.rint,
    Rounding.UP: kernels.away,
    Rounding.DOWN: np.trunc,
}

_COMPARE: dict[str, Operation] = {
    "<": np.less,
    "<=": np.less_equal,
    ">": np.greater,
    ">=": np.greater_equal,
    "is": np.equal,
    "is not": np.not_equal,
}
