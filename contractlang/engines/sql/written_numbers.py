"""Numbers of files in SQL: from the text or the native value of a cell to a scaled integer.

The meaning is that of `engines.reading.read_cell`. No money is computed here: numbers are only re-written.
"""

from __future__ import annotations

import math

from sqlglot import exp

from contractlang.engines.reading import (
    DIGITS,
    DIGITS_PART,
    DOLLARS,
    GROUPED,
    NEGATIVE,
    PLAIN,
    SPACES,
    Raw,
    Reading,
    number_pattern,
    scale,
)
from contractlang.engines.sql.building import (
    E,
    binary,
    both,
    call,
    cast,
    column,
    either,
    negative,
    no,
    number,
    text,
    when,
)

_EXACT_POWER = 22
"""10**22 is the largest power of ten that a double holds exactly."""

_SAFE_POWER = 18
"""A 64-bit integer times 10**18 stays inside HUGEINT."""


def normal(reading: Reading, t: E) -> E:
    """The plain decimal text of a number: the usual ways of writing one first, by cheap tests, then all others."""
    for part in reading.strip:
        t = call("replace", t, part, "")
    if reading.strip:
        t = call("trim", t, SPACES)
    if reading.exponents:
        sign = when((call("regexp_matches", t, NEGATIVE), text("-")), otherwise=text(""))
        unsigned = call("replace", call("regexp_extract", t, DIGITS_PART), ",", "")
        number_text = call("concat", sign, _without_exponent(unsigned))
    else:
        sign = when((call("starts_with", call("ltrim", t, "$ "), "("), text("-")), otherwise=text(""))
        number_text = call("concat", sign, call("translate", t, "$,%()+ ", ""))
    ornate = (call("regexp_full_match", t, number_pattern(reading)), number_text)
    cases = [ornate]
    if reading.percent_sign != "no":
        cases.insert(0, (call("regexp_full_match", t, f"{PLAIN}%"), call("replace", t, "%", "")))
    if reading.percent_sign != "must":
        if reading.currency:
            dollars = call("replace", call("replace", t, "$", ""), ",", "")
            cases.insert(0, (call("regexp_full_match", t, DOLLARS), dollars))
        cases.insert(0, (call("regexp_full_match", t, GROUPED), call("replace", t, ",", "")))
        cases.insert(0, (call("regexp_full_match", t, PLAIN), t))
    return when(*cases)


def _without_exponent(unsigned: E) -> E:
    """`1.5e+03` as `1500`: the point is moved in the text, so that nothing is rounded."""
    low = call("lower", unsigned)
    mantissa = call("split_part", low, "e", 1)
    digits = call("replace", mantissa, ".", "")
    power = cast(call("split_part", low, "e", 2), "INTEGER", attempt=True)
    point = binary(exp.Add, call("length", call("split_part", mantissa, ".", 1)), power)
    length = call("length", digits)
    before = call("concat", "0.", call("repeat", "0", binary(exp.Sub, number(0), point)), digits)
    behind = call("concat", digits, call("repeat", "0", binary(exp.Sub, point, length)))
    inside = call("concat", call("left", digits, point), ".", call("substr", digits, binary(exp.Add, point, 1)))
    moved = when((binary(exp.LTE, point, 0), before), (binary(exp.GTE, point, length), behind), otherwise=inside)
    return when((call("contains", low, "e"), moved), otherwise=unsigned)


def decimals(plain: E) -> E:
    """How many decimals a plain decimal text has, final zeros not counted."""
    return call("length", call("rtrim", call("split_part", plain, ".", 2), "0"))


def whole_digits(plain: E) -> E:
    """How many digits a plain decimal text has before the point."""
    return call("length", call("ltrim", call("split_part", plain, ".", 1), "-0"))


def by_text(reading: Reading) -> bool:
    """Whether a number is read through its decimal text; else directly from the integer, decimal or double."""
    native, places = reading.sources[0].native, places_of(reading)
    if native.startswith("decimal"):
        digits, own = _decimal(native)
        return own > places or digits + _factor_width(digits, places) > DIGITS
    return places > {"int": _SAFE_POWER, "float": _EXACT_POWER}.get(native, -1)


def _decimal(native: str) -> tuple[int, int]:
    """Digits and scale of a native decimal."""
    digits, _, own = native.removeprefix("decimal:").partition(",")
    return int(digits), int(own)


def integer(reading: Reading, plain: E, width: int) -> E:
    """The scaled integer of a number of at most `width` digits, NULL where it cannot be read.

    HUGEINT for the largest width, else BIGINT.
    """
    places, kind = places_of(reading), "HUGEINT" if width == DIGITS else "BIGINT"
    raw = reading.sources[0]
    cell = column(raw.name)
    zeros = max(0, -(places + reading.shift))  # a column in thousands: the scale of a result is never negative
    if by_text(reading):
        value = _integer_of_text(reading, plain, width)
    elif raw.native == "int":
        zeros += places
        value = cell
    elif raw.native == "float":
        fast, size = _rounded_double(raw, places)
        exact = fast if reading.rounds else both(fast, no(_is_changed_double(raw, places)))
        value = when((exact, size), otherwise=cast(_integer_of_text(reading, plain, width), kind, attempt=True))
    else:
        value = _unscaled(cell, _decimal(raw.native), places)
    if zeros:
        value = call("try", binary(exp.Mul, cast(value, "HUGEINT"), cast(number(10**zeros), "HUGEINT")))
    return cast(value, kind, attempt=True)


def _integer_of_text(reading: Reading, plain: E, width: int) -> E:
    places = places_of(reading)
    decimal = cast(plain, f"DECIMAL({width}, {places})", attempt=True)
    if width + _factor_width(width, places) <= DIGITS:
        value = _unscaled(decimal, (width, places), places)
    else:
        value = cast(call("replace", cast(decimal, "VARCHAR"), ".", ""), "HUGEINT", attempt=True)
    return value if reading.rounds else when((binary(exp.LTE, decimals(plain), places), value))


def _unscaled(decimal: E, size: tuple[int, int], places: int) -> E:
    """A decimal (digits, scale) times 10**places, as an integer.

    DuckDB multiplies decimals of up to 18 digits in 64 bits, whatever the product needs; that is fast, and right while
    the digits of both factors suffice or the value is small. Otherwise one factor is widened, which is ten times slower.
    """
    digits, own = size
    if not places:
        return cast(decimal, "BIGINT" if digits <= 18 else "HUGEINT")
    short = cast(binary(exp.Mul, decimal, cast(number(10**places), f"DECIMAL({places + 1}, 0)")), "BIGINT")
    if digits + places < 18:
        return short
    factor = f"DECIMAL({_factor_width(digits, places)}, 0)"
    long = cast(binary(exp.Mul, decimal, cast(number(10**places), factor)), "HUGEINT")
    room = min(18 - own - places, digits - own - 1)
    if digits > 18 or room < 6:
        return long
    small = binary(exp.LT, call("abs", decimal), cast(number(10**room), f"DECIMAL({digits}, {own})"))
    return when((small, short), otherwise=cast(long, "BIGINT", attempt=True))


def _factor_width(digits: int, places: int) -> int:
    return places + 1 if digits > 18 else max(19, places + 1)


def _rounded_double(raw: Raw, places: int) -> tuple[E, E]:
    """A condition, and the scaled integer of a DOUBLE, which the condition proves to be the right one.

    Below 2**44, |x| * 10**places in doubles is off by less than 2**-8 from the product with the shortest decimal text
    of x. So where it lies farther than 2**-7 from a half, both round to the same integer.
    """
    cell = column(raw.name)
    scaled = binary(exp.Mul, call("abs", cell), cast(number(10**places), "DOUBLE"))
    floor = call("floor", scaled)
    rest = binary(exp.Sub, scaled, floor)
    half = cast(number("0.5"), "DOUBLE")
    far = binary(exp.GT, call("abs", binary(exp.Sub, rest, half)), cast(number(str(2**-7)), "DOUBLE"))
    small = binary(exp.LT, scaled, cast(number(2**44), "DOUBLE"))
    up = when((binary(exp.GTE, rest, half), number(1)), otherwise=number(0))
    size = binary(exp.Add, cast(floor, "BIGINT", attempt=True), up)
    signed = when((binary(exp.LT, cell, 0), negative(size)), otherwise=size)
    return both(small, far), signed


def _is_changed_double(raw: Raw, places: int) -> E:
    """Whether a DOUBLE under the condition above is no decimal of so many places.

    Both sides of the division are exact doubles, so it gives the double nearest to that decimal.
    """
    _, size = _rounded_double(raw, places)
    back = binary(exp.Div, cast(size, "DOUBLE"), cast(number(10**places), "DOUBLE"))
    return binary(exp.NEQ, back, column(raw.name))


def is_changed(reading: Reading, plain: E) -> E:
    """Whether rounding changes the number."""
    places, raw = places_of(reading), reading.sources[0]
    longer = binary(exp.GT, decimals(plain), places)
    if by_text(reading):
        return longer
    if raw.native == "float":
        return when((_rounded_double(raw, places)[0], _is_changed_double(raw, places)), otherwise=longer)
    return exp.false()


def places_of(reading: Reading) -> int:
    if reading.places is None:
        raise ValueError(f"the decimals of `{reading.name}` are settled before it is read")
    return reading.places


def outside(reading: Reading, value: E) -> E | None:
    power = 10 ** scale(reading)
    tests = []
    if reading.low is not None:
        tests.append(binary(exp.LT, value, _huge(math.ceil(reading.low * power))))
    if reading.high is not None:
        tests.append(binary(exp.GT, value, _huge(math.floor(reading.high * power))))
    return either(*tests) if tests else None


def _huge(value: int) -> E:
    return cast(number(max(-(10**DIGITS), min(10**DIGITS, value))), "HUGEINT")
