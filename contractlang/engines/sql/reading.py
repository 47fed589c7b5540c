"""SQL that reads the cells of a file, as SQLGlot trees for DuckDB.

The meaning is that of `engines.reading.read_cell`. A table is read in stages, each a query over the one before:

  raw      f (number of the file), r (row from 1), c0 … (cells)
  numbers  t0 …: the cell as text without outer spaces; n0 …: a number as plain decimal text (`-1234.50`), NULL where the
           text is no number; a0 …: whether the cell means "no value"
  typed    v0 …: the value, NULL where there is none; s0 …: the status; d0 …: whether rounding changed the number

No money is computed here: numbers are only re-written, from decimal text to scaled integers. Nodes may be shared between
trees, because trees are built once and only rendered.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from sqlglot import exp

from contractlang.engines.reading import (
    ABSENT,
    DIGITS,
    DIGITS_PART,
    GROUPED,
    NEGATIVE,
    ORDINALS,
    OUTSIDE,
    PERIODS,
    PLAIN,
    SPACES,
    UNREADABLE,
    VALUE,
    YYYYMM,
    Raw,
    Reading,
    number_pattern,
    scale,
)

E = exp.Expr

_TRIMMED = "(?s)[!-~](?:.*[!-~])?"
"""A text that begins and ends with a visible ASCII character."""

_EXACT_POWER = 22
"""10**22 is the largest power of ten that a double holds exactly."""

_SAFE_POWER = 18
"""A 64-bit integer times 10**18 stays inside HUGEINT."""


# Small builders -------------------------------------------------------------------------------------------------------


def column(name: str) -> E:
    return exp.Column(this=exp.to_identifier(name, quoted=True))


def table(name: str) -> exp.Table:
    return exp.Table(this=exp.to_identifier(name, quoted=True))


def text(value: str) -> E:
    return exp.Literal.string(value)


def number(value: int | str) -> E:
    literal = exp.Literal.number(str(value).removeprefix("-"))
    return exp.Neg(this=literal) if str(value).startswith("-") else literal


def call(name: str, *arguments: E | str | int) -> E:
    """A DuckDB function; Python texts and integers become literals."""
    return exp.Anonymous(this=name, expressions=[_lift(a) for a in arguments])


def cast(value: E, kind: str, *, attempt: bool = False) -> E:
    return (exp.TryCast if attempt else exp.Cast)(this=value, to=exp.DataType.build(kind, dialect="duckdb"))


def when(*cases: tuple[E, E], otherwise: E | None = None) -> E:
    ifs = [exp.If(this=condition, true=value) for condition, value in cases]
    return exp.Case(ifs=ifs, default=otherwise if otherwise is not None else exp.null())


def binary(kind: type[exp.Binary], left: E, right: E | int) -> E:
    return kind(this=_wrapped(left), expression=_wrapped(_lift(right)))


def both(*conditions: E) -> E:
    return exp.and_(*conditions, copy=False)


def either(*conditions: E) -> E:
    return exp.or_(*conditions, copy=False)


def no(condition: E) -> E:
    return exp.Not(this=_wrapped(condition))


def is_null(value: E) -> E:
    return exp.Is(this=_wrapped(value), expression=exp.null())


def among(value: E, texts: Collection[str]) -> E:
    return exp.In(this=value, expressions=[text(t) for t in texts]) if texts else exp.false()


def named(value: E, name: str) -> E:
    return exp.Alias(this=value, alias=exp.to_identifier(name, quoted=True))


def select(columns: Iterable[E], source: str) -> exp.Select:
    return exp.Select(expressions=list(columns)).from_(table(source), copy=False)


def sql(tree: exp.Expr) -> str:
    return tree.sql(dialect="duckdb")


def _lift(value: E | str | int) -> E:
    if isinstance(value, str):
        return text(value)
    return number(value) if isinstance(value, int) else value


def _wrapped(value: E) -> E:
    return exp.Paren(this=value) if isinstance(value, exp.Binary | exp.Not | exp.Connector) else value


# Stage texts ----------------------------------------------------------------------------------------------------------


def text_of(raw: Raw) -> E:
    """The cell as text without outer spaces; '' for NULL."""
    if not raw.textual:
        return call("coalesce", cast(column(raw.name), "VARCHAR"), "")
    cell = column(raw.name)
    if raw.native == "string":
        return call("coalesce", call("trim", cell, SPACES), "")
    # Outside dictionary-coded columns, trimming costs several times the test that shows that there is nothing to trim.
    return when(
        (call("regexp_full_match", cell, _TRIMMED), cell), otherwise=call("coalesce", call("trim", cell, SPACES), "")
    )


# Stage numbers --------------------------------------------------------------------------------------------------------


def _absent(reading: Reading, t: E) -> E:
    if reading.labels_of_sources:
        return both(*(among(text_of(raw), reading.absent) for raw in reading.sources))
    if not reading.sources[0].textual and not any(reading.absent):
        return is_null(column(reading.sources[0].name))
    return among(t, reading.absent)


def _normal(reading: Reading, t: E) -> E:
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
        cases.insert(0, (call("regexp_full_match", t, GROUPED), call("replace", t, ",", "")))
        cases.insert(0, (call("regexp_full_match", t, PLAIN), t))
    return when(*cases)


def _may_have_exponent(raw: Raw) -> E:
    return call("contains", call("lower", cast(column(raw.name), "VARCHAR")), "e")


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


def decimals(normal: E) -> E:
    """How many decimals a plain decimal text has, final zeros not counted."""
    return call("length", call("rtrim", call("split_part", normal, ".", 2), "0"))


def whole_digits(normal: E) -> E:
    """How many digits a plain decimal text has before the point."""
    return call("length", call("ltrim", call("split_part", normal, ".", 1), "-0"))


# Stage cells: numbers -------------------------------------------------------------------------------------------------


def by_text(reading: Reading) -> bool:
    """Whether a number is read through its decimal text; else directly from the integer, decimal or double."""
    native, places = reading.sources[0].native, _places(reading)
    if native.startswith("decimal"):
        digits, own = _decimal(native)
        return own > places or digits + _factor_width(digits, places) > DIGITS
    return places > {"int": _SAFE_POWER, "float": _EXACT_POWER}.get(native, -1)


def _decimal(native: str) -> tuple[int, int]:
    """Digits and scale of a native decimal."""
    digits, _, own = native.removeprefix("decimal:").partition(",")
    return int(digits), int(own)


def _integer(reading: Reading, normal: E, width: int) -> E:
    """The scaled integer of a number of at most `width` digits, NULL where it cannot be read.

    HUGEINT for the largest width, else BIGINT.
    """
    places, kind = _places(reading), "HUGEINT" if width == DIGITS else "BIGINT"
    raw = reading.sources[0]
    cell = column(raw.name)
    zeros = max(0, -(places + reading.shift))  # a column in thousands: the scale of a result is never negative
    if by_text(reading):
        value = _integer_of_text(reading, normal, width)
    elif raw.native == "int":
        zeros += places
        value = cell
    elif raw.native == "float":
        fast, size = _rounded_double(raw, places)
        exact = fast if reading.rounds else both(fast, no(_is_changed_double(raw, places)))
        value = when((exact, size), otherwise=cast(_integer_of_text(reading, normal, width), kind, attempt=True))
    else:
        value = _unscaled(cell, _decimal(raw.native), places)
    if zeros:
        value = call("try", binary(exp.Mul, cast(value, "HUGEINT"), cast(number(10**zeros), "HUGEINT")))
    return cast(value, kind, attempt=True)


def _integer_of_text(reading: Reading, normal: E, width: int) -> E:
    places = _places(reading)
    decimal = cast(normal, f"DECIMAL({width}, {places})", attempt=True)
    if width + _factor_width(width, places) <= DIGITS:
        value = _unscaled(decimal, (width, places), places)
    else:
        value = cast(call("replace", cast(decimal, "VARCHAR"), ".", ""), "HUGEINT", attempt=True)
    return value if reading.rounds else when((binary(exp.LTE, decimals(normal), places), value))


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
    signed = when((binary(exp.LT, cell, 0), exp.Neg(this=_wrapped(size))), otherwise=size)
    return both(small, far), signed


def _is_changed_double(raw: Raw, places: int) -> E:
    """Whether a DOUBLE under the condition above is no decimal of so many places.

    Both sides of the division are exact doubles, so it gives the double nearest to that decimal.
    """
    _, size = _rounded_double(raw, places)
    back = binary(exp.Div, cast(size, "DOUBLE"), cast(number(10**places), "DOUBLE"))
    return binary(exp.NEQ, back, column(raw.name))


def _is_changed(reading: Reading, normal: E) -> E:
    """Whether rounding changes the number."""
    places, raw = _places(reading), reading.sources[0]
    longer = binary(exp.GT, decimals(normal), places)
    if by_text(reading):
        return longer
    if raw.native == "float":
        return when((_rounded_double(raw, places)[0], _is_changed_double(raw, places)), otherwise=longer)
    return exp.false()


def _places(reading: Reading) -> int:
    if reading.places is None:
        raise ValueError(f"the decimals of `{reading.name}` are settled before it is read")
    return reading.places


def _outside(reading: Reading, value: E) -> E | None:
    power = 10 ** scale(reading)
    tests = []
    if reading.low is not None:
        tests.append(binary(exp.LT, value, _huge(math.ceil(reading.low * power))))
    if reading.high is not None:
        tests.append(binary(exp.GT, value, _huge(math.floor(reading.high * power))))
    return either(*tests) if tests else None


def _huge(value: int) -> E:
    return cast(number(max(-(10**DIGITS), min(10**DIGITS, value))), "HUGEINT")


# Stage cells: other forms ---------------------------------------------------------------------------------------------


def _value(reading: Reading, t: E, normal: E, width: int) -> E:
    if reading.labels_of_sources:
        return _one_hot(reading)
    raw = reading.sources[0]
    match reading.form:
        case "int":
            return _integer(reading, normal, width)
        case "flag":
            return column(raw.name) if raw.native == "flag" else _flag(reading, t)
        case "date":
            return _date(reading, t)
        case "period":
            return _period(reading, t)
        case "code" | "text":
            if reading.translate:
                pairs = [(binary(exp.EQ, t, text(old)), text(new)) for old, new in reading.translate]
                t = when(*pairs, otherwise=t)
            return t if reading.labels is None else when((among(t, reading.labels), t))


def _flag(reading: Reading, t: E) -> E:
    low = call("lower", t)
    return when((among(low, reading.yes), exp.true()), (among(low, reading.no), exp.false()))


def _date(reading: Reading, t: E) -> E:
    raw = reading.sources[0]
    if raw.native == "date":
        return column(raw.name)
    if raw.native == "time":
        moment = column(raw.name)
    elif reading.style == "yyyymm":
        day = call("try_strptime", call("concat", t, "01"), "%Y%m%d")
        moment = when((call("regexp_full_match", t, YYYYMM), day))
    else:
        moment = call("coalesce", *(_moment(t, form) for form in reading.formats))
    return when((binary(exp.EQ, call("date_trunc", "day", moment), moment), cast(moment, "DATE")))


def _moment(t: E, form: str) -> E:
    """DuckDB reads `%Y` from one digit on; a year of fewer than four is a year that was cut off."""
    moment = call("try_strptime", t, form)
    return when((binary(exp.GTE, call("year", moment), 1000), moment))


def _period(reading: Reading, t: E) -> E:
    if reading.style == "yyyymm" and reading.word == "month" and reading.by_month:
        return when((call("regexp_full_match", t, YYYYMM), t))
    label = _label(reading, t)
    return _first_month(reading.word, label) if reading.by_month else label


def _label(reading: Reading, t: E) -> E:
    if reading.style == "label":
        return when((call("regexp_full_match", t, PERIODS[reading.word]), t))
    day = _date(reading, t)
    year = call("lpad", cast(call("year", day), "VARCHAR"), 4, "0")
    match reading.word:
        case "year":
            return year
        case "half":
            half = when((binary(exp.LTE, call("month", day), 6), text("-H1")), otherwise=text("-H2"))
            return when((no(is_null(day)), binary(exp.DPipe, year, half)))
        case "quarter":
            quarter = binary(exp.DPipe, text("-Q"), cast(call("quarter", day), "VARCHAR"))
            return binary(exp.DPipe, year, quarter)
        case _:
            month = binary(exp.DPipe, text("-"), call("lpad", cast(call("month", day), "VARCHAR"), 2, "0"))
            return binary(exp.DPipe, year, month)


def _first_month(word: str, label: E) -> E:
    match word:
        case "month":
            return call("replace", label, "-", "")
        case "year":
            return binary(exp.DPipe, label, text("01"))
        case _:
            months = 12 // ORDINALS[word]
            marks = [text(f"{1 + months * i:02}") for i in range(ORDINALS[word])]
            ordinal = cast(call("right", label, 1), "INTEGER")
            mark = call("list_extract", exp.Array(expressions=marks), ordinal)
            return binary(exp.DPipe, call("left", label, 4), mark)


def _one_hot(reading: Reading) -> E:
    flags = []
    for raw in reading.sources:
        t = text_of(raw)
        flags.append(when((among(t, reading.absent), exp.false()), otherwise=_flag(reading, t)))
    ones = cast(flags[0], "INTEGER")
    for flag in flags[1:]:
        ones = binary(exp.Add, ones, cast(flag, "INTEGER"))
    chosen = when(*((flag, text(label)) for flag, label in zip(flags, reading.labels_of_sources, strict=True)))
    # An unreadable flag makes the sum NULL, and with it the choice.
    return when((binary(exp.EQ, ones, 1), chosen))


# The stages -----------------------------------------------------------------------------------------------------------


def numbers(raw: str, readings: Sequence[Reading], where: E | None) -> exp.Select:
    """The stage `numbers` over the relation `raw`. Cells that are read natively are carried along."""
    carried = [source.name for reading in readings for source in reading.sources if _carried(reading, source)]
    place = [column(name) for name in dict.fromkeys(["f", "r", *carried])]
    single = [(i, reading) for i, reading in enumerate(readings) if not reading.labels_of_sources]
    texts = select([exp.Star(), *(named(text_of(r.sources[0]), f"t{i}") for i, r in single)], raw)
    if where is not None:
        texts = texts.where(where, copy=False)
    marks = [named(_absent(reading, column(f"t{i}")), f"a{i}") for i, reading in enumerate(readings)]
    normals = [named(_normal(r, column(f"t{i}")), f"n{i}") for i, r in single if r.form == "int"]
    kept_texts = [column(f"t{i}") for i, _ in single]
    return staged([("texts", texts)], select([*place, *kept_texts, *marks, *normals], "texts"))


def _carried(reading: Reading, source: Raw) -> bool:
    return bool(reading.labels_of_sources) or not source.textual


def typed(done: str, readings: Sequence[Reading], widths: Mapping[str, int]) -> exp.Select:
    """The stage `typed` over the relation `done` of the stage `numbers`.

    `d` exists where the reading rounds. `widths` gives the most digits of the number readings whose integers fit into 64
    bits; the others are HUGEINT.
    """
    place = [column("f"), column("r")]
    cells, last = [*place], [*place]
    for i, reading in enumerate(readings):
        v, a, d, n = (column(f"{mark}{i}") for mark in "vadn")
        if reading.form == "int" and not reading.labels_of_sources and not by_text(reading):
            n = _normal(reading, text_of(reading.sources[0]))  # inside its `case`, so that few rows go through text
        cells += [a, named(_value(reading, column(f"t{i}"), n, widths.get(reading.name, DIGITS)), f"v{i}")]
        status = [(a, number(ABSENT)), (is_null(v), number(UNREADABLE))]
        if reading.form == "int" and (off := _outside(reading, v)) is not None:
            status.append((off, number(OUTSIDE)))
        last.append(named(when((no(a), v)), f"v{i}"))
        last.append(named(cast(when(*status, otherwise=number(VALUE)), "TINYINT"), f"s{i}"))
        if reading.rounds:
            cells.append(named(_is_changed(reading, n), f"d{i}"))
            last.append(named(when((both(no(a), no(is_null(v))), d), otherwise=exp.false()), f"d{i}"))
    return staged([("cells", select(cells, done))], select(last, "cells"))


def staged(stages: Sequence[tuple[str, exp.Select]], last: exp.Select) -> exp.Select:
    """The last query with the stages before it as named queries."""
    for name, query in stages:
        last = last.with_(name, as_=query, copy=False)
    return last


def kept(tests: Sequence[tuple[Raw, Sequence[str]]]) -> E | None:
    """The condition of `where` in a binding: every named column holds one of its values (None: no condition)."""
    return both(*(among(text_of(raw), values) for raw, values in tests)) if tests else None


# Questions about what was read ----------------------------------------------------------------------------------------


def cells_where(raw: str, done: str, reading: Reading, condition: E) -> exp.Select:
    """File, row and the text of each source cell of a reading, for the rows of `typed` (named `done`) that match."""
    texts = [call("coalesce", cast(column(source.name), "VARCHAR"), "") for source in reading.sources]
    rows = select([column("f"), column("r"), *texts], raw)
    rows = rows.join(table(done), using=["f", "r"], copy=False)
    return rows.where(condition, copy=False)


def exponents(raw: str, readings: Sequence[Reading]) -> exp.Select:
    """Per number reading whether any cell may be written with an exponent."""
    tests = [call("bool_or", _may_have_exponent(reading.sources[0])) for reading in readings if reading.form == "int"]
    return select(tests, raw)


def sizes(done: str, readings: Sequence[Reading]) -> exp.Select:
    """Per number reading the most decimals and the most digits before the point, NULL without any number."""
    columns = []
    for i, reading in enumerate(readings):
        if reading.form == "int":
            columns += [call("max", decimals(column(f"n{i}"))), call("max", whole_digits(column(f"n{i}")))]
    return select(columns, done)


def counts(done: str, readings: Sequence[Reading]) -> exp.Select:
    """The number of rows, and per reading the cells that are absent, unreadable, outside their bounds, and rounded."""
    columns: list[E] = [call("count")]
    for i, reading in enumerate(readings):
        status = column(f"s{i}")
        columns += [call("count_if", binary(exp.EQ, status, state)) for state in (ABSENT, UNREADABLE, OUTSIDE)]
        columns.append(call("count_if", column(f"d{i}")) if reading.rounds else number(0))
    return select(columns, done)


def absent_texts(done: str, index: int) -> exp.Select:
    """The texts of the cells that mean "no value", with how often each occurs (over the stage `numbers`)."""
    t = column(f"t{index}")
    query = select([t, call("count")], done).where(column(f"a{index}"), copy=False)
    return query.group_by(t, copy=False).order_by(t, copy=False)


def largest_change(done: str, reading: Reading, index: int) -> exp.Select:
    """Decimal text and scaled integer (of the written number) of the cell that rounding changed most."""
    places, n = _places(reading), column(f"n{index}")
    integer = _integer(replace(reading, shift=max(reading.shift, -places)), n, DIGITS)
    changed = both(no(column(f"a{index}")), _is_changed(reading, n))
    cells = select([named(n, "n"), named(integer, "v")], done).where(changed, copy=False)
    rounded = binary(exp.Div, cast(column("v"), "DOUBLE"), cast(number(10**places), "DOUBLE"))
    change = call("abs", binary(exp.Sub, cast(column("n"), "DOUBLE", attempt=True), rounded))
    last = select([column("n"), cast(column("v"), "VARCHAR")], "cells").where(no(is_null(column("v"))), copy=False)
    last = last.order_by(exp.Ordered(this=change, desc=True), copy=False).limit(1, copy=False)
    return staged([("cells", cells)], last)


def count_of(query: exp.Select) -> exp.Select:
    """How many rows a query has."""
    return exp.Select(expressions=[call("count")]).from_(exp.Subquery(this=query), copy=False)


def different(done: str, keys: Sequence[int]) -> exp.Select:
    """How many different hashes the keys have, and how many rows there are.

    As many hashes as rows prove that no two rows share a key, at a tenth of the cost of grouping by the keys.
    """
    hashed = call("hash", *(column(f"v{i}") for i in keys))
    return select([exp.Count(this=exp.Distinct(expressions=[hashed])), call("count")], done)


def duplicates(done: str, keys: Sequence[int], needed: Collection[int]) -> exp.Select:
    """Keys that occur more than once: their values, how often, and the first and last place (file * 2**40 + row).

    Rows that lack a needed key are left out: they are reported as such.
    """
    values = [column(f"v{i}") for i in keys]
    place = binary(exp.Add, binary(exp.Mul, cast(column("f"), "BIGINT"), PLACE), column("r"))
    again = binary(exp.GT, call("count"), 1)
    query = select([*values, call("count"), call("min", place), call("max", place)], done)
    present = both(*(no(is_null(column(f"v{i}"))) for i in needed)) if needed else exp.true()
    query = query.where(present, copy=False)
    query = query.group_by(*values, copy=False) if values else query
    return query.having(again, copy=False).order_by(call("min", place), copy=False)


PLACE = 2**40
"""Rows that a file may have at most, as a factor that makes one number of file and row."""
