"""Kinds, units, grains: the type of every value of a contract.

Units are products of powers of the base dimensions USD, member, month, event and point. A year is twelve months, so
values of units with years are held in months: 100 member years are 1,200 member months, and `$120 per member year` is
10 USD·member⁻¹·month⁻¹. Conversion is exact and happens where a literal or a column is read.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from fractions import Fraction

from contractlang.values import State


class Kind(StrEnum):
    NUMBER = "number"
    MONEY = "money"
    PERCENT = "percent"
    COUNT = "count"
    DATE = "date"
    PERIOD = "period"
    CATEGORY = "category"
    FLAG = "flag"
    TEXT = "text"


NUMERIC = frozenset({Kind.NUMBER, Kind.MONEY, Kind.PERCENT, Kind.COUNT})
BASE = ("USD", "member", "month", "event", "point", "pp")
"""Base dimensions; `pp` (percentage point) is one, so that percent and percentage points never mix."""


@dataclass(frozen=True, slots=True)
class Unit:
    """Exponents of the base dimensions, in the order of `BASE`, without zeros: (("USD", 1), ("member", -1))."""

    powers: tuple[tuple[str, int], ...] = ()

    def __mul__(self, other: Unit) -> Unit:
        return _unit(dict(self.powers), other.powers, 1)

    def __truediv__(self, other: Unit) -> Unit:
        return _unit(dict(self.powers), other.powers, -1)

    def __pow__(self, power: int) -> Unit:
        return Unit(tuple((base, exponent * power) for base, exponent in self.powers) if power else ())

    def __str__(self) -> str:
        if not self.powers:
            return "no unit"
        if self == PMPM:
            return "USD pmpm"
        up = [_power(base, e) for base, e in self.powers if e > 0]
        down = [_power(base, -e) for base, e in self.powers if e < 0]
        return " ".join(up or ["1"]) + (" per " + " ".join(down) if down else "")

    @property
    def words(self) -> str:
        """The unit as it is written behind a number."""
        return _WORDS.get(self, str(self))


def _unit(powers: dict[str, int], other: tuple[tuple[str, int], ...], sign: int) -> Unit:
    for base, exponent in other:
        powers[base] = powers.get(base, 0) + sign * exponent
    return Unit(tuple((base, powers[base]) for base in BASE if powers.get(base)))


def _power(base: str, exponent: int) -> str:
    return base if exponent == 1 else f"{base}^{exponent}"


NONE = Unit()
USD = Unit((("USD", 1),))
MEMBER = Unit((("member", 1),))
MONTH = Unit((("month", 1),))
EVENT = Unit((("event", 1),))
POINT = Unit((("point", 1),))
PP = Unit((("pp", 1),))
MEMBER_MONTH = MEMBER * MONTH
PMPM = USD / MEMBER_MONTH

_WORDS = {
    MEMBER: "members",
    MONTH: "months",
    EVENT: "events",
    POINT: "points",
    MEMBER_MONTH: "member_months",
}
"""Units as they are written behind a number where that is not the list of their bases."""

UNIT_WORDS: dict[str, tuple[Unit, Fraction]] = {
    "USD": (USD, Fraction(1)),
    "member": (MEMBER, Fraction(1)),
    "members": (MEMBER, Fraction(1)),
    "month": (MONTH, Fraction(1)),
    "months": (MONTH, Fraction(1)),
    "year": (MONTH, Fraction(12)),
    "years": (MONTH, Fraction(12)),
    "member_month": (MEMBER_MONTH, Fraction(1)),
    "member_months": (MEMBER_MONTH, Fraction(1)),
    "member_year": (MEMBER_MONTH, Fraction(12)),
    "member_years": (MEMBER_MONTH, Fraction(12)),
    "pmpm": (NONE / MEMBER_MONTH, Fraction(1)),
    "pmpy": (NONE / MEMBER_MONTH, Fraction(1, 12)),
    "event": (EVENT, Fraction(1)),
    "events": (EVENT, Fraction(1)),
    "point": (POINT, Fraction(1)),
    "points": (POINT, Fraction(1)),
    "pp": (PP, Fraction(1)),
}
"""Unit words with the factor that turns a written number into base units."""

Grain = frozenset[str]
"""The set of keys along which a value varies; {} for a constant."""

SCALAR: Grain = frozenset()


@dataclass(frozen=True, slots=True)
class Type:
    """The type of a value.

    `step` is the multiple that every value is known to be of (1/100 after rounding to cents; None when unknown).
    `shown` is the factor and the words in which a value is printed when they differ from base units (member years).
    `scheme` names the category of a category value, or the period word of a period.
    """

    kind: Kind
    unit: Unit = NONE
    grain: Grain = SCALAR
    scheme: str | None = None
    step: Fraction | None = None
    absent: frozenset[State] = frozenset()
    shown: tuple[Fraction, str] | None = None
    literal: bool = False  # a bare number such as 0 or 2, which adapts to count and percent

    def at(self, grain: Grain) -> Type:
        return replace(self, grain=grain)

    @property
    def numeric(self) -> bool:
        return self.kind in NUMERIC

    def __str__(self) -> str:
        match self.kind:
            case Kind.MONEY | Kind.COUNT if self.unit.powers:
                return str(self.unit)
            case Kind.NUMBER if self.unit.powers:
                return str(self.unit)
            case Kind.CATEGORY:
                return f"category `{self.scheme}`"
            case _:
                return self.kind.value


def kind_of_unit(unit: Unit) -> Kind:
    """The kind that a product or quotient of units has: money with USD, count without, number with none."""
    if not unit.powers:
        return Kind.NUMBER
    return Kind.MONEY if any(base == "USD" for base, _ in unit.powers) else Kind.COUNT
