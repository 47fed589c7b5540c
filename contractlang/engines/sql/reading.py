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

from collections.abc import Mapping, Sequence

from sqlglot import exp

from contractlang.engines.reading import (
    ABSENT,
    DIGITS,
    ORDINALS,
    OUTSIDE,
    PERIODS,
    SPACES,
    UNREADABLE,
    VALUE,
    YYYYMM,
    Raw,
    Reading,
)
from contractlang.engines.sql import written_numbers
from contractlang.engines.sql.building import (
    E,
    among,
    binary,
    both,
    call,
    cast,
    column,
    is_null,
    named,
    no,
    number,
    select,
    staged,
    text,
    when,
)

_TRIMMED = "(?s)[!-~](?:.*[!-~])?"
"""A text that begins and ends with a visible ASCII character."""


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


def absent(reading: Reading, t: E) -> E:
    """Whether a cell means "no value"."""
    if reading.labels_of_sources:
        return both(*(among(text_of(raw), reading.absent) for raw in reading.sources))
    if not reading.sources[0].textual and not any(reading.absent):
        return is_null(column(reading.sources[0].name))
    return among(t, reading.absent)


def _value(reading: Reading, t: E, normal: E, width: int) -> E:
    if reading.labels_of_sources:
        return _one_hot(reading)
    raw = reading.sources[0]
    match reading.form:
        case "int":
            return written_numbers.integer(reading, normal, width)
        case "flag":
            return column(raw.name) if raw.native == "flag" else _flag(reading, t)
        case "date":
            return day(reading, t)
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


def day(reading: Reading, t: E) -> E:
    """The date that a cell holds, NULL where it holds none."""
    raw = reading.sources[0]
    if raw.native == "date":
        return column(raw.name)
    if raw.native == "time":
        moment = column(raw.name)
    elif reading.style == "yyyymm":
        first = call("try_strptime", call("concat", t, "01"), "%Y%m%d")
        moment = when((call("regexp_full_match", t, YYYYMM), first))
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
    date = day(reading, t)
    year = call("lpad", cast(call("year", date), "VARCHAR"), 4, "0")
    match reading.word:
        case "year":
            return year
        case "half":
            half = when((binary(exp.LTE, call("month", date), 6), text("-H1")), otherwise=text("-H2"))
            return when((no(is_null(date)), binary(exp.DPipe, year, half)))
        case "quarter":
            quarter = binary(exp.DPipe, text("-Q"), cast(call("quarter", date), "VARCHAR"))
            return binary(exp.DPipe, year, quarter)
        case _:
            month = binary(exp.DPipe, text("-"), call("lpad", cast(call("month", date), "VARCHAR"), 2, "0"))
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


def numbers(raw: str, readings: Sequence[Reading], where: E | None, *, whole: bool = False) -> exp.Select:
    """The stage `numbers` over the relation `raw`. Cells that are read natively are carried along, with `whole` all."""
    carried = [s.name for reading in readings for s in reading.sources if whole or _carried(reading, s)]
    place = [column(name) for name in dict.fromkeys(["f", "r", *carried])]
    single = [(i, reading) for i, reading in enumerate(readings) if not reading.labels_of_sources]
    texts = select([exp.Star(), *(named(text_of(r.sources[0]), f"t{i}") for i, r in single)], raw)
    if where is not None:
        texts = texts.where(where, copy=False)
    marks = [named(absent(reading, column(f"t{i}")), f"a{i}") for i, reading in enumerate(readings)]
    normals = [named(written_numbers.normal(r, column(f"t{i}")), f"n{i}") for i, r in single if r.form == "int"]
    kept_texts = [column(f"t{i}") for i, _ in single]
    return staged([("texts", texts)], select([*place, *kept_texts, *marks, *normals], "texts"))


def _carried(reading: Reading, source: Raw) -> bool:
    return bool(reading.labels_of_sources) or not source.textual


def typed(done: str, readings: Sequence[Reading], widths: Mapping[str, int], *, whole: bool = False) -> exp.Select:
    """The stage `typed` over the relation `done` of the stage `numbers`; with `whole`, the cells of the file stay in it.

    `d` exists where the reading rounds. `widths` gives the most digits of the number readings whose integers fit into 64
    bits; the others are HUGEINT.
    """
    sources = dict.fromkeys(source.name for reading in readings for source in reading.sources) if whole else ()
    place = [column("f"), column("r"), *(column(name) for name in sources)]
    cells, last = [*place], [*place]
    for i, reading in enumerate(readings):
        v, a, d, n = (column(f"{mark}{i}") for mark in "vadn")
        if reading.form == "int" and not reading.labels_of_sources and not written_numbers.by_text(reading):
            n = written_numbers.normal(
                reading, text_of(reading.sources[0])
            )  # inside its `case`, so that few rows go through text
        cells += [a, named(_value(reading, column(f"t{i}"), n, widths.get(reading.name, DIGITS)), f"v{i}")]
        status = [(a, number(ABSENT)), (is_null(v), number(UNREADABLE))]
        if reading.form == "int" and (off := written_numbers.outside(reading, v)) is not None:
            status.append((off, number(OUTSIDE)))
        last.append(named(when((no(a), v)), f"v{i}"))
        last.append(named(cast(when(*status, otherwise=number(VALUE)), "TINYINT"), f"s{i}"))
        if reading.rounds:
            cells.append(named(written_numbers.is_changed(reading, n), f"d{i}"))
            last.append(named(when((both(no(a), no(is_null(v))), d), otherwise=exp.false()), f"d{i}"))
    return staged([("cells", select(cells, done))], select(last, "cells"))


def kept(tests: Sequence[tuple[Raw, Sequence[str]]]) -> E | None:
    """The condition of `where` in a binding: every named column holds one of its values (None: no condition)."""
    return both(*(among(text_of(raw), values) for raw, values in tests)) if tests else None
