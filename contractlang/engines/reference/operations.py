"""Every scalar operation of the settle stage on exact values, one function per operation."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterable, Sequence
from datetime import MAXYEAR, date
from fractions import Fraction
from typing import cast

from contractlang.plan.nodes import Curve, Piece, Terms, TermsRow
from contractlang.values import Absent, Rounding, State, Value, round_to

ZERO_DENOMINATOR = Absent(State.NOT_REPORTABLE, "zero denominator")
OUTSIDE = Absent(State.NOT_REPORTABLE, "outside the scale")
NO_STEP = Absent(State.NOT_REPORTABLE, "rounding to a step that is not above zero")
NO_CASE = Absent(State.MISSING, "no case applies")


def strongest(values: Iterable[Value]) -> Absent | None:
    """The absence that passes on: the strongest state, the leftmost of its kind; None when all values are there."""
    found: Absent | None = None
    for value in values:
        if isinstance(value, Absent) and (found is None or value.state > found.state):
            found = value
    return found


def number(value: Value) -> Fraction:
    """The value as a number; the checker has made sure that it is one."""
    return cast(Fraction, value)


def arithmetic(op: str, left: Value, right: Value) -> Value:
    if absent := strongest((left, right)):
        return absent
    x, y = number(left), number(right)
    match op:
        case "+":
            return x + y
        case "-":
            return x - y
        case "*":
            return x * y
        case "/":
            return x / y if y else ZERO_DENOMINATOR
        case _:
            raise ValueError(f"no arithmetic operation `{op}`")


def power(base: Value, exponent: int) -> Value:
    if isinstance(base, Absent):
        return base
    if exponent < 0 and not base:
        return ZERO_DENOMINATOR
    return Fraction(number(base) ** exponent)


def extreme(op: str, values: Sequence[Value]) -> Value:
    """`min` or `max`, to which arguments that are not applicable do not matter."""
    bound = [v for v in values if not (isinstance(v, Absent) and v.state is State.NOT_APPLICABLE)]
    if not bound:
        return values[0]
    if absent := strongest(bound):
        return absent
    return min(map(number, bound)) if op == "min" else max(map(number, bound))


def compare(op: str, left: Value, right: Value) -> Value:
    if absent := strongest((left, right)):
        return absent
    x, y = number(left), number(right)
    match op:
        case "<":
            return x < y
        case "<=":
            return x <= y
        case ">":
            return x > y
        case ">=":
            return x >= y
        case "is":
            return x == y
        case "is not":
            return x != y
        case _:
            raise ValueError(f"no comparison `{op}`")


def within(value: Value, bounds: tuple[Value | None, Value | None]) -> bool:
    """Whether a value lies in an inclusive range with open ends."""
    low, high = bounds
    x = number(value)
    return (low is None or x >= number(low)) and (high is None or x <= number(high))


def among(value: Value, values: tuple[Value, ...], ranges: tuple[tuple[Value | None, Value | None], ...]) -> Value:
    if isinstance(value, Absent):
        return value
    return value in values or any(within(value, bounds) for bounds in ranges)


def logic(op: str, values: Sequence[Value]) -> Value:
    """Three-valued: an argument that decides wins over absence."""
    if op == "not":
        return values[0] if isinstance(values[0], Absent) else not values[0]
    deciding = op == "or"
    if any(value is deciding for value in values):
        return deciding
    return strongest(values) or (not deciding)


def test(state: str, value: Value) -> Value:
    """Whether a value is `applicable`, `reportable` or `missing`; of a missing value only the last is known."""
    found = value.state if isinstance(value, Absent) else State.VALUE
    match state:
        case "missing":
            return found is State.MISSING
        case _ if found is State.MISSING:
            return value
        case "applicable":
            return found is not State.NOT_APPLICABLE
        case "reportable":
            return found is State.VALUE
        case _:
            raise ValueError(f"no state `{state}`")


def falls_back(value: Value, *, missing: bool) -> bool:
    """Whether `else` (or `if missing`) takes its second argument."""
    return isinstance(value, Absent) and (value.state is State.MISSING) is missing


def rounded(value: Value, step: Value, mode: Rounding) -> Value:
    if absent := strongest((value, step)):
        return absent
    return round_to(number(value), number(step), mode) if number(step) > 0 else NO_STEP


def curve(scale: Curve, value: Value) -> Value:
    """A scale at one point."""
    if isinstance(value, Absent):
        return value
    x = number(value)
    if scale.symmetric and x < 0:
        mirrored = curve(scale, -x)
        return mirrored if isinstance(mirrored, Absent) else -number(mirrored)
    piece = next((p for p in scale.pieces if holds(p, x)), None)
    if piece is None:
        return OUTSIDE
    if scale.marginal:
        return sum((p.value * (_clipped(p, x) - _clipped(p, Fraction(0))) for p in scale.pieces), Fraction(0))
    return piece.value + piece.slope * (x - piece.low) if piece.low is not None else piece.value


def holds(piece: Piece, x: Fraction) -> bool:
    """Whether `x` belongs to the piece."""
    above = piece.low is None or x >= piece.low
    below = piece.high is None or x < piece.high or (piece.closed and x == piece.high)
    return above and below


def _clipped(piece: Piece, x: Fraction) -> Fraction:
    if piece.low is not None and x < piece.low:
        return piece.low
    return piece.high if piece.high is not None and x > piece.high else x


def terms(table: Terms, keys: Sequence[Value]) -> Value:
    """The cell of the first row that matches the keys."""
    if absent := strongest(keys):
        return absent
    row = next((r for r in table.rows if matches(r, keys)), None)
    return Absent(State.MISSING, f"no row in `{table.table}`") if row is None else row.value


def matches(row: TermsRow, keys: Sequence[Value]) -> bool:
    """Whether every key fits its pattern: a value, an inclusive range, or None for any."""
    return all(
        pattern is None or (within(key, pattern) if isinstance(pattern, tuple) else key == pattern)
        for pattern, key in zip(row.keys, keys, strict=True)
    )


def date_part(part: str, value: Value) -> Value:
    """Year, month or day of a date, as a number."""
    if isinstance(value, Absent):
        return value
    day = cast(date, value)
    match part:
        case "year":
            return Fraction(day.year)
        case "month":
            return Fraction(day.month)
        case "day":
            return Fraction(day.day)
        case _:
            raise ValueError(f"no part `{part}` of a date")


def later(value: Value, months: int) -> Value:
    """The date so many months later; a day that the month lacks is its last one, and the calendar ends with 9999."""
    if isinstance(value, Absent):
        return value
    day = cast(date, value)
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    if year > MAXYEAR:
        return date.max
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))
