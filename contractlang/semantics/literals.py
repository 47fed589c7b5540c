"""Literals and unit words: from what is written to exact values in base units."""

from __future__ import annotations

from fractions import Fraction

from contractlang.semantics.types import NONE, PP, SCALAR, UNIT_WORDS, Kind, Type, Unit, kind_of_unit
from contractlang.syntax import ast

KIND_WORDS = {
    "percent": Kind.PERCENT,
    "number": Kind.NUMBER,
    "flag": Kind.FLAG,
    "date": Kind.DATE,
    "text": Kind.TEXT,
    "key": Kind.TEXT,
}
"""Declared types that are no unit. A `key` is text that identifies something."""


def unit_of(written: ast.Unit) -> tuple[Unit, Fraction] | str:
    """The unit and the factor into base units, or the word that is no unit."""
    unit, factor = NONE, Fraction(1)
    for words, sign in ((written.words, 1), (written.per, -1)):
        for word in words:
            if word not in UNIT_WORDS:
                return word
            base, scale = UNIT_WORDS[word]
            unit = unit * base if sign > 0 else unit / base
            factor = factor * scale if sign > 0 else factor / scale
    return unit, factor


def shown(written: ast.Unit, factor: Fraction) -> tuple[Fraction, str] | None:
    """How values of this unit are printed when the written unit is not the base unit (member years)."""
    if factor == 1:
        return None
    words = " ".join(written.words) + (" per " + " ".join(written.per) if written.per else "")
    return factor, words


def number(literal: ast.Number) -> tuple[Fraction, Type] | str:
    """The value in base units and the type of a literal, or the word that is no unit."""
    step = Fraction(1, 10**literal.decimals)
    match literal.symbol:
        case "%":
            return literal.value, Type(Kind.PERCENT, NONE, SCALAR, step=step / 100)
        case "pp":
            return literal.value, Type(Kind.NUMBER, PP, SCALAR, step=step / 100)
        case _:
            pass
    if literal.symbol == "$":
        written = ast.Unit(
            ("USD", *(literal.unit.words if literal.unit else ())),
            literal.unit.per if literal.unit else (),
            span=literal.span,
        )
    elif literal.unit is None:
        return literal.value, Type(Kind.NUMBER, NONE, SCALAR, step=step, literal=True)
    else:
        written = literal.unit
    found = unit_of(written)
    if isinstance(found, str):
        return found
    unit, factor = found
    return literal.value * factor, Type(
        kind_of_unit(unit), unit, SCALAR, step=step * factor, shown=shown(written, factor)
    )


def amount(value: object, type_: Type) -> str:
    """A value as a designer writes it in a contract: `$0.75 pmpm`, `5_000 members`, `7.5%`."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if not isinstance(value, Fraction):
        return str(value)
    if type_.kind is Kind.PERCENT:
        return f"{_digits(value * 100)}%"
    factor, words = type_.shown or (Fraction(1), type_.unit.words if type_.unit.powers else "")
    sign = "-" if value < 0 else ""
    digits = _digits(abs(value) / factor)
    if words.split(" ")[0] == "USD":
        return f"{sign}${digits} {words[3:].strip()}".rstrip()
    return f"{sign}{digits} {words}".rstrip()


def _digits(value: Fraction) -> str:
    """A number with digits in groups, exact where it has at most nine decimals."""
    places = next((n for n in range(10) if (value * 10**n).denominator == 1), 9)
    whole, rest = divmod(round(value * 10**places), 10**places)
    text = f"{whole:_}" if whole >= 10_000 else str(whole)
    return f"{text}.{rest:0{places}d}".rstrip("0").rstrip(".") if places else text
