"""Exact values of the language: rational numbers, rounding modes, and the states of absence.

A computed value is a `Fraction` (money in dollars, percent as a plain fraction, counts, points), a `bool` (flag), a
`datetime.date`, a `str` (category or text), or an `Absent`.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from fractions import Fraction


class State(IntEnum):
    """States of absence, strongest last, so that `max` of two states is the one that arithmetic passes on."""

    VALUE = 0
    NOT_APPLICABLE = 1
    NOT_REPORTABLE = 2
    MISSING = 3

    @property
    def words(self) -> str:
        return ("a value", "not applicable", "not reportable", "missing")[self]


@dataclass(frozen=True, slots=True)
class Absent:
    """A value that is not there, and why."""

    state: State
    reason: str = ""

    def __str__(self) -> str:
        return f"{self.state.words} ({self.reason})" if self.reason else self.state.words


Value = Fraction | bool | dt.date | str | Absent


class Rounding(StrEnum):
    """Rounding modes; `up` and `down` refer to size (away from zero, toward zero)."""

    HALF_AWAY = "half away from zero"
    HALF_EVEN = "half to even"
    UP = "up"
    DOWN = "down"


def round_to(value: Fraction, step: Fraction, mode: Rounding) -> Fraction:
    """The multiple of `step` (> 0) that `mode` chooses for `value`, exactly."""
    quotient = abs(value) / step
    whole, rest = divmod(quotient.numerator, quotient.denominator)
    twice = 2 * rest
    match mode:
        case Rounding.HALF_AWAY:
            carry = twice >= quotient.denominator
        case Rounding.HALF_EVEN:
            carry = twice > quotient.denominator or (twice == quotient.denominator and whole % 2 == 1)
        case Rounding.UP:
            carry = rest > 0
        case _:
            carry = False
    size = (whole + carry) * step
    return size if value >= 0 else -size
