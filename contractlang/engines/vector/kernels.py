"""Array operations that NumPy does not have as one function. Each fills `out`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from contractlang.values import Rounding, State

Array = npt.NDArray[Any]
Kernel = Callable[..., None]

NOT_APPLICABLE, NOT_REPORTABLE, MISSING = int(State.NOT_APPLICABLE), int(State.NOT_REPORTABLE), int(State.MISSING)


def copy(x: Array, *, out: Array) -> None:
    """The values in the type of the register."""
    np.copyto(out, x, casting="unsafe")


def distance(x: Array, y: Array, *, out: Array) -> None:
    np.subtract(x, y, out=out)
    np.abs(out, out=out)


def from_whole(x: Array, *, out: Array) -> None:
    """Distance from the nearest whole number."""
    np.rint(x, out=out)
    np.subtract(x, out, out=out)
    np.abs(out, out=out)


def from_half(x: Array, *, out: Array) -> None:
    """Distance from the nearest half of an odd number."""
    from_whole(x, out=out)
    np.subtract(0.5, out, out=out)


def near(bound: float, zeros: int) -> Kernel:
    """Flag rows whose distance is within the bound (infinite bound: all rows), unless all of the zeros are zero."""

    def check(gap: Array, *others: Array, out: Array) -> None:
        if not gap.min(initial=np.inf) > bound:
            rows = ~(gap > bound)
            if zeros:
                rows &= ~np.logical_and.reduce([np.equal(x, 0) & rows for x in others[:zeros]])
            _flag(rows, others[zeros:], out)

    return check


def near_rows(gap: Array, error: Array, *states: Array, out: Array) -> None:
    """The same with one bound per row; a bound of zero flags nothing."""
    _flag(~(gap > error) & (error != 0), states, out)


def _flag(rows: Array, states: Sequence[Array], out: Array) -> None:
    """A row that is absent anyway needs no decision."""
    for state in states:
        rows = rows & (state == 0)
    np.logical_or(out, rows, out=out)


def mask(condition: Array, *, out: Array) -> None:
    """All bits where the condition holds, else none."""
    if np.ndim(condition):
        np.negative(condition.view(np.int8), out=out)
    else:
        out[...] = -int(condition)


def keep(bits: Array, x: Array, *, out: Array) -> None:
    """`x` where the mask is set, else zero."""
    np.bitwise_and(_bits(x), bits, out=out.view(np.int64))


def blend(bits: Array, x: Array, y: Array, *, out: Array) -> None:
    """`x` where the mask is set, else `y`: three operations on bits are faster than `where`."""
    other, result = _bits(y), out.view(np.int64)
    np.bitwise_xor(_bits(x), other, out=result)
    np.bitwise_and(result, bits, out=result)
    np.bitwise_xor(result, other, out=result)


def _bits(x: Array) -> Any:
    return x.view(np.int64) if np.ndim(x) else np.float64(x).view(np.int64)


def without_zero(y: Array, *, out: Array) -> None:
    """Zero denominators become one; their rows are not reportable."""
    np.copyto(out, np.where(y == 0, 1.0, y))


def mirrored(x: Array, result: Array, *, out: Array) -> None:
    """Minus the result where `x` is negative."""
    np.copyto(out, np.where(x < 0, -result, result))


def half_away(x: Array, *, out: Array) -> None:
    """Nearest whole number; halves go away from zero (`rint` sends them to the even one)."""
    np.rint(x, out=out)
    ties = np.abs(x - out) == 0.5
    if ties.any():
        at = np.broadcast_to(x, out.shape)[ties]
        out[ties] = np.trunc(at) + np.copysign(1.0, at)


def away(x: Array, *, out: Array) -> None:
    """The next whole number away from zero."""
    np.ceil(np.abs(x), out=out)
    np.copysign(out, x, out=out)


def root(x: Array, *, out: Array) -> None:
    np.maximum(x, 0.0, out=out)
    np.sqrt(out, out=out)


def count_passed(cuts: Sequence[float]) -> Kernel:
    """How many of the ascending cuts each value reaches."""
    if len(cuts) > 24:
        ordered = np.array(cuts)

        def search(x: Array, *, out: Array) -> None:
            np.copyto(out, np.searchsorted(ordered, x, side="right"), casting="unsafe")

        return search

    def count(x: Array, *, out: Array) -> None:
        out[...] = 0
        for cut in cuts:
            np.add(out, np.greater_equal(x, cut), out=out, casting="unsafe")

    return count


def offset(first: int) -> Kernel:
    """Whole numbers counted from the first, as an index."""

    def count(x: Array, *, out: Array) -> None:
        np.subtract(x, first, out=out, casting="unsafe")

    return count


def table(values: Array) -> Kernel:
    """The entry of a table at each index."""

    def look_up(index: Array, *, out: Array) -> None:
        if np.ndim(index):
            np.take(values, index, out=out, mode="clip")
        else:
            out[...] = values[int(index)]

    return look_up


def combined(sizes: Sequence[int]) -> Kernel:
    """One index from several, the last running fastest."""

    def combine(*indices: Array, out: Array) -> None:
        np.copyto(out, indices[0], casting="unsafe")
        for size, index in zip(sizes[1:], indices[1:], strict=True):
            np.multiply(out, size, out=out)
            np.add(out, index, out=out, casting="unsafe")

    return combine


# States


def state_is(*states: int) -> Kernel:
    """Whether the state is one of those given."""

    def check(x: Array, *, out: Array) -> None:
        np.equal(x, states[0], out=out)
        for state in states[1:]:
            np.logical_or(out, x == state, out=out)

    return check


def renamed(names: Sequence[int]) -> Kernel:
    """Another state for each of the four."""
    return table(np.array(names, dtype=np.uint8))


def zero_denominator(y: Array, state: Array, *, out: Array) -> None:
    """Not reportable where the denominator is zero, unless something stronger holds."""
    _not_reportable(np.equal(y, 0), state, out)


def _not_reportable(rows: Array, state: Array, out: Array) -> None:
    """Not reportable on the rows, unless something holds there already."""
    np.multiply(np.logical_and(rows, np.equal(state, 0)), np.uint8(NOT_REPORTABLE), out=out)
    np.add(out, state, out=out)


def no_step(step: Array, state: Array, *, out: Array) -> None:
    _not_reportable(np.less_equal(step, 0), state, out)


def above_zero(step: Array, *, out: Array) -> None:
    """Steps that are not above zero become one; their rows are not reportable."""
    np.copyto(out, np.where(step <= 0, 1.0, step))


def negative_radicand(x: Array, state: Array, *, out: Array) -> None:
    _not_reportable(np.less(x, 0), state, out)


def keep_state(condition: Array, state: Array, *, out: Array) -> None:
    """The state where the condition holds, else none."""
    np.multiply(condition.view(np.uint8) if np.ndim(condition) else np.uint8(condition), state, out=out)


def blend_state(condition: Array, x: Array, y: Array, *, out: Array) -> None:
    """One state where the condition holds, else the other."""
    bits = np.negative(condition.view(np.uint8) if np.ndim(condition) else np.full(len(out), condition, np.uint8))
    np.bitwise_xor(x, y, out=out)
    np.bitwise_and(out, bits, out=out)
    np.bitwise_xor(out, y, out=out)


def first_state(state: Array, other: Array, *, out: Array) -> None:
    """The other state where there is none yet."""
    np.multiply(np.equal(state, 0).view(np.uint8) if np.ndim(state) else np.uint8(state == 0), other, out=out)
    np.add(out, state, out=out)


def choose(*arrays: Array, out: Array) -> None:
    """A choice: condition, value, …, otherwise."""
    result = arrays[-1]
    for i in range(len(arrays) - 3, -1, -2):
        result = np.where(arrays[i], arrays[i + 1], result)
    np.copyto(out, result, casting="unsafe")


def logic_states(deciding: bool) -> Kernel:  # noqa: FBT001 - the deciding value itself
    """States of `and` and `or`: value, state, …; a deciding value that is there wins."""

    def combine(*arrays: Array, out: Array) -> None:
        out[...] = 0
        decided = np.zeros(len(out), dtype=bool)
        for value, state in zip(arrays[::2], arrays[1::2], strict=True):
            np.maximum(out, state, out=out, casting="unsafe")
            decided |= (value == deciding) & (np.asarray(state) == 0)
        out[decided] = 0

    return combine


def logic_values(deciding: bool) -> Kernel:  # noqa: FBT001 - the deciding value itself
    """Values of `and` and `or` where some arguments are absent."""

    def combine(*arrays: Array, out: Array) -> None:
        decided = np.zeros(len(out), dtype=bool)
        for value, state in zip(arrays[::2], arrays[1::2], strict=True):
            decided |= (value == deciding) & (np.asarray(state) == 0)
        np.copyto(out, decided if deciding else ~decided)

    return combine


def unless_left_out(missing: Array, kept: Array, state: Array, *, out: Array) -> None:
    """No state where the condition of an aggregate is a plain no."""
    np.multiply(missing, np.logical_or(kept, np.not_equal(state, 0)), out=out)


def extreme_states(x: Array, y: Array, *, out: Array) -> None:
    """States of `min` and `max`: the stronger one, but a side that is not applicable leaves the other one's value."""
    np.maximum(x, y, out=out)
    np.multiply(out, np.not_equal(out, NOT_APPLICABLE) | np.equal(x, y), out=out)


def date_part(part: str) -> Kernel:
    """Year, month or day of days from 1970."""

    def extract(x: Array, *, out: Array) -> None:
        days = np.asarray(x).astype("datetime64[D]")
        match part:
            case "year":
                out[...] = days.astype("datetime64[Y]").astype(np.int64) + 1970
            case "month":
                out[...] = days.astype("datetime64[M]").astype(np.int64) % 12 + 1
            case _:
                out[...] = (days - days.astype("datetime64[M]")).astype(np.int64) + 1

    return extract


def part_of_day(part: str, day: float) -> float:
    """The same of one day."""
    found = np.empty(1)
    date_part(part)(np.array([day]), out=found)
    return float(found[0])


# Errors per row: bounds of the distance between the computed and the true value

UNIT_ROUNDOFF = 2.0**-53
LIMIT = 2.0**53
SLOP = 1 + 2.0**-40
TINY = 1e-290


def _settled(out: Array, exact: Array, result: Array) -> None:
    """No error where whole numbers gave a whole number that a float holds."""
    np.multiply(out, SLOP, out=out)
    np.add(out, TINY, out=out)
    out[exact & (np.abs(result) <= LIMIT)] = 0


def sum_error(ex: Array, ey: Array, result: Array, *, out: Array) -> None:
    np.add(ex, ey, out=out)
    np.add(out, UNIT_ROUNDOFF * np.abs(result), out=out)
    _settled(out, (np.asarray(ex) == 0) & (np.asarray(ey) == 0), result)


def product_error(x: Array, y: Array, ex: Array, ey: Array, result: Array, *, out: Array) -> None:
    np.add(ex * np.abs(y), ey * np.abs(x), out=out)
    np.add(out, ex * ey + UNIT_ROUNDOFF * np.abs(result), out=out)
    sure_x, sure_y = np.equal(ex, 0), np.equal(ey, 0)
    _settled(out, sure_x & sure_y | sure_x & np.equal(x, 0) | sure_y & np.equal(y, 0), result)


def quotient_error(y: Array, ex: Array, ey: Array, result: Array, *, out: Array) -> None:
    low = np.abs(y) - ey
    np.copyto(out, np.where(low > 0, (ex + np.abs(result) * ey) / low, np.inf))
    np.add(out, UNIT_ROUNDOFF * np.abs(result), out=out)
    _settled(out, (result == 0) & (np.asarray(ex) == 0), result)


def scaled_error(factor: float, *, whole: bool) -> Kernel:
    """Error of a product with a constant; `whole` when the constant is a whole number that a float holds."""

    def bound(ex: Array, result: Array, *, out: Array) -> None:
        np.multiply(ex, abs(factor), out=out)
        np.add(out, 2 * UNIT_ROUNDOFF * np.abs(result), out=out)
        _settled(out, (np.asarray(ex) == 0) & (whole or (result == 0)), result)

    return bound


def ratio_error(below: float) -> Kernel:
    """Error of a whole number divided by a whole number, for rounding: none where the quotient decides as the true one."""

    def bound(x: Array, ex: Array, result: Array, *, out: Array) -> None:
        np.divide(ex, below, out=out)
        np.add(out, UNIT_ROUNDOFF * np.abs(result), out=out)
        np.multiply(out, SLOP, out=out)
        np.add(out, TINY, out=out)
        out[(np.asarray(ex) == 0) & (2 * np.abs(x) + 2 * below <= LIMIT)] = 0

    return bound


def verified_rounding(top: int, bottom: int, mode: Rounding) -> Kernel:
    """No error where whole numbers of 64 bits confirm the rounded value of x * top / bottom."""

    def verify(x: Array, ex: Array, result: Array, error: Array, *, out: Array) -> None:
        np.copyto(out, error)
        rows = np.nonzero((out > 0) & np.equal(ex, 0) & (np.abs(x) * abs(top) + bottom < 2.0**61))[0]
        if not len(rows):
            return
        parts = np.broadcast_to(x, out.shape)[rows].astype(np.int64) * top
        quotient, rest = np.divmod(np.abs(parts), bottom)
        match mode:
            case Rounding.HALF_AWAY:
                carry = 2 * rest >= bottom
            case Rounding.HALF_EVEN:
                carry = (2 * rest > bottom) | ((2 * rest == bottom) & (quotient % 2 == 1))
            case Rounding.UP:
                carry = rest > 0
            case _:
                carry = np.zeros(len(rows), dtype=bool)
        out[rows[np.sign(parts) * (quotient + carry) == result[rows]]] = 0

    return verify


def extreme_error(x: Array, y: Array, ex: Array, ey: Array, result: Array, *, out: Array) -> None:
    """The error of the chosen one, unless both could be meant."""
    unclear = np.abs(x - y) <= (ex + ey) * SLOP
    np.copyto(out, np.where(unclear, np.maximum(ex, ey), np.where(result == x, ex, ey)))


def line_error(x: Array, ex: Array, slope: Array, base: Array, result: Array, *, out: Array) -> None:
    """Error of base + slope * x with rounded coefficients."""
    np.multiply(np.abs(slope), ex, out=out)
    np.add(out, 3 * UNIT_ROUNDOFF * np.abs(slope * x), out=out)
    np.add(out, 2 * UNIT_ROUNDOFF * np.abs(base), out=out)
    np.add(out, UNIT_ROUNDOFF * np.abs(result), out=out)
    _settled(out, np.zeros(len(out), dtype=bool), result)


def root_error(ex: Array, radicand: Array, result: Array, *, out: Array) -> None:
    """Error of a square root from the error of its radicand."""
    with np.errstate(all="ignore"):
        relative = np.where(result > 0, ex / result, np.inf)
    np.minimum(relative, np.sqrt(ex), out=out)
    np.add(out, UNIT_ROUNDOFF * np.abs(result), out=out)
    _settled(out, (np.asarray(ex) == 0) & (radicand == 0), result)
