"""What a register means: numbers with their unit and certificate, flags, labels; and values known for all rows.

The certificate of a number: its register holds floats between `low` and `high`, each within `error` of the true value
divided by `unit`. With an error of zero every float is a whole number and exact: decimal inputs, sums and products of
them stay so while they fit into 53 bits, and a constant factor only changes the unit.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from fractions import Fraction
from math import gcd, inf, lcm

from contractlang.engines.vector.kernels import LIMIT, SLOP, TINY, UNIT_ROUNDOFF
from contractlang.values import Absent, Value

EPOCH = date(1970, 1, 1)


LARGEST = 1e250
FARTHEST = 1e300


class BeyondFloatsError(ArithmeticError):
    """A number that float64 cannot stand for; the operation is left to the reference engine."""


@dataclass(frozen=True, slots=True)
class Number:
    """A number per row: the register's value times `unit` (never zero).

    `known` is the exact value where it is the same on all rows. `errors` is a register with one bound per row, in the
    second pass over flagged rows. A date counts days from 1970. `least` (if not 0) says that a zero in the register is a
    zero indeed, as in products of exact numbers, and how small other floats can be.
    """

    slot: int
    unit: Fraction
    low: float
    high: float
    error: float = 0.0
    states: int | None = None
    errors: int | None = None
    known: Fraction | None = None
    is_date: bool = False
    least: float = 0.0

    @property
    def smallest(self) -> float:
        """The smallest size of a float in the register that is not zero; 0 where a zero may stand for something else."""
        if self.whole:
            return 1.0
        if self.low > self.error or self.high < -self.error:
            return min(abs(self.low), abs(self.high))
        return self.least

    @property
    def size(self) -> float:
        return max(abs(self.low), abs(self.high))

    @property
    def whole(self) -> bool:
        return self.error == 0

    def with_states(self, states: int | None) -> Number:
        return replace(self, states=states)


@dataclass(frozen=True, slots=True)
class Flag:
    """Yes or no per row."""

    slot: int
    states: int | None = None


@dataclass(frozen=True, slots=True)
class Label:
    """A category or text per row, as an index into `labels`."""

    slot: int
    labels: tuple[str, ...]
    states: int | None = None


@dataclass(frozen=True, slots=True)
class Known:
    """One exact value for all rows, or one absence."""

    value: Value


Lane = Number | Flag | Label | Known


def common_unit(units: Iterable[Fraction]) -> Fraction:
    """The largest unit of which all are whole multiples."""
    numerator, denominator = 0, 1
    for unit in units:
        shared = lcm(denominator, unit.denominator)
        left = numerator * (shared // denominator)
        right = unit.numerator * (shared // unit.denominator)
        numerator, denominator = gcd(left, right), shared
    return Fraction(numerator, denominator) if numerator else Fraction(1)


def as_float(value: Fraction) -> float:
    """The nearest float. Raises BeyondFloatsError where floats end."""
    try:
        number = float(value)
    except OverflowError:
        raise BeyondFloatsError from None
    if value and not 1 / LARGEST < abs(number) < LARGEST:
        raise BeyondFloatsError
    return number


def clipped(value: Fraction) -> float:
    """The nearest float; a very large one for numbers beyond floats."""
    try:
        return float(value)
    except OverflowError:
        return FARTHEST if value > 0 else -FARTHEST


def within_floats(*numbers: Number) -> None:
    """Raises BeyondFloatsError where numbers with finite bounds come near the end of floats."""
    if any(LARGEST < number.size < inf for number in numbers):
        raise BeyondFloatsError


def above_underflow(least: float) -> float:
    """The smallest size of a product, or 0 where it could underflow to a zero that is none."""
    return least if least > 1 / LARGEST else 0.0


def fits(size: float, factor: Fraction) -> bool:
    """Whether whole numbers up to `size` times a whole factor are whole numbers that floats hold."""
    return factor.denominator == 1 and size * abs(factor.numerator) <= LIMIT


def loosened(error: float) -> float:
    """A bound with room for the rounding of its own computation."""
    return error * SLOP + TINY if error else 0.0


def widened(low: float, high: float) -> tuple[float, float]:
    """Bounds with room for rounding."""
    return low - abs(low) * 2.0**-50, high + abs(high) * 2.0**-50


def times(x: float, y: float) -> float:
    """A product of bounds, where nothing times infinity is nothing."""
    return x * y if x and y else 0.0


def corners(x: Number, y: Number) -> tuple[float, float]:
    """Bounds of a product."""
    found = [times(a, b) for a in (x.low, x.high) for b in (y.low, y.high)]
    return min(found), max(found)


def as_fraction(value: Value) -> Fraction:
    """A number or a date (days from 1970) as a fraction."""
    match value:
        case Fraction():
            return value
        case date():
            return Fraction((value - EPOCH).days)
        case _:
            raise TypeError(f"{value!r} is not a number")


def absent(lane: Lane) -> Absent | None:
    """The absence of a value known for all rows."""
    return lane.value if isinstance(lane, Known) and isinstance(lane.value, Absent) else None


def hull(numbers: Sequence[Number]) -> tuple[float, float]:
    return min(n.low for n in numbers), max(n.high for n in numbers)


def rounding(size: float) -> float:
    """The error of one rounded operation whose result is at most `size`."""
    return size * UNIT_ROUNDOFF
