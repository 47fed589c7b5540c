"""Values as people write them: `$1,234.56`, `12.5%`, `3.4 points`, `5,000 members`, `2024-01-01`.

Two readings of a number: `exactly` shows every digit that matters and marks with `…` where digits go on; `rounded` shows
money to the cent. Both are for eyes only and never flow back into a computation.
"""

from __future__ import annotations

import datetime as dt
from fractions import Fraction

from contractlang.semantics.types import MEMBER_MONTH, PP, USD, Kind, Type, Unit
from contractlang.values import Absent, Rounding, Value, round_to

DIGITS = 6
"""Decimals after which `exactly` stops."""

_PLURAL = {"member": "members", "month": "months", "event": "events", "point": "points"}


def exactly(value: Value, type_: Type) -> str:
    """The value with as many decimals as it has, at most six; `…` where more would follow."""
    return _written(value, type_, None)


def rounded(value: Value, type_: Type) -> str:
    """The value for a statement: money to the cent, percentages to four decimals, other numbers to two."""
    return _written(value, type_, 2)


def dollars(value: Fraction) -> str:
    """An amount of dollars to the cent: `$1,234.56`, `-$0.07`."""
    return _money(value, "", 2)


def decimal(value: Fraction, places: int) -> str:
    """Plain digits with a fixed number of decimals, rounded half away from zero: `-1234.50`."""
    whole = int(round_to(value, Fraction(1, 10**places), Rounding.HALF_AWAY) * 10**places)
    return scaled(whole, places)


def scaled(whole: int, places: int) -> str:
    """An integer of 10**-places as plain digits."""
    if not places:
        return str(whole)
    digits = str(abs(whole)).rjust(places + 1, "0")
    return f"{'-' if whole < 0 else ''}{digits[:-places]}.{digits[-places:]}"


def unit_words(type_: Type) -> str:
    """The unit in which a value of this type is printed: `USD pmpm`, `member years`, `percent`; "" for a bare number."""
    if type_.shown is not None:
        return type_.shown[1]
    if type_.kind is Kind.PERCENT:
        return "percent"
    return str(type_.unit) if type_.unit.powers else ""


def _written(value: Value, type_: Type, places: int | None) -> str:
    match value:
        case Absent():
            return str(value)
        case bool():
            return "yes" if value else "no"
        case dt.date():
            return value.isoformat()
        case str():
            return value
        case Fraction():
            return _number(value, type_, places)


def _number(value: Fraction, type_: Type, places: int | None) -> str:
    if type_.kind is Kind.PERIOD:
        return str(value)
    if type_.kind is Kind.PERCENT:
        return f"{_digits(value * 100, 0, places and places + 2)}%"
    if type_.unit == PP:
        return f"{_digits(value * 100, 0, places and places + 2)} pp"
    unit, amount = _unit(type_.unit, plural=abs(value) != 1), value
    if type_.shown is not None:
        factor, unit = type_.shown
        amount = value / factor
    if unit == "USD" or unit.startswith("USD "):
        return _money(amount, unit.removeprefix("USD"), places)
    return f"{_digits(amount, 0, places)} {unit}".rstrip()


def _money(value: Fraction, unit: str, places: int | None) -> str:
    sign, shown = ("-", -value) if value < 0 else ("", value)
    if places is not None and unit:
        places = max(places, 4)
    digits = _digits(shown, 2, places)
    if sign and not digits.strip("0.,…"):
        sign = ""
    return f"{sign}${digits}{unit}"


def _digits(value: Fraction, least: int, places: int | None) -> str:
    """Digits with thousands commas; at least `least` decimals; rounded to `places`, or cut with `…` after six."""
    most = DIGITS if places is None else max(places, least)
    mode = Rounding.DOWN if places is None else Rounding.HALF_AWAY
    kept = round_to(value, Fraction(1, 10**most), mode)
    whole, _, rest = scaled(int(kept * 10**most), most).partition(".")
    cut = places is None and kept != value
    if not cut:
        rest = rest.rstrip("0").ljust(least, "0")
    sign, size = ("-", whole[1:]) if whole.startswith("-") else ("", whole)
    text = f"{sign}{int(size):,}" + (f".{rest}" if rest else "")
    return f"{text}…" if cut else text


def _unit(unit: Unit, *, plural: bool) -> str:
    if unit == MEMBER_MONTH:
        return "member_months" if plural else "member_month"
    if unit == USD or not unit.powers:
        return "USD" if unit.powers else ""
    if len(unit.powers) == 1 and unit.powers[0][1] == 1 and plural:
        return _PLURAL.get(unit.powers[0][0], unit.powers[0][0])
    return str(unit)
