"""Cells that a check has found to be good, read straight from the columns of the file.

The stages of `engines.sql.reading` test every cell and rewrite it through its text. Once the test has been made, a column
that the file stores as an integer, flag, date or text needs no more of it: the reduce stage reads it as it is.

A key is text to the contract, whatever the file stores. Where the file stores integers or dates, the reduce stage can
group and join them as such, which is several times cheaper, and write the text of the few rows that are left:

  int     an integer; the text is its decimal digits
  month   a date; the text is its month, YYYYMM
  start   an integer year; the text is its first month, YYYY01
  year    an integer year; the text is YYYY (never in a file: the period of the two before)
  code    a place among the values of a closed category, from 1 (never in a file: reasons, and the value in the last month)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlglot import exp

from contractlang.engines.reading import DIGITS, Reading
from contractlang.engines.sql import building as b
from contractlang.engines.sql import reading as stages
from contractlang.engines.sql import written_numbers

_LONG = DIGITS - 10
"""Digits of a number that is read where the result fits into 64 bits."""


def value(reading: Reading, *, gaps: bool, trimmed: bool = False) -> b.E | None:
    """The value of a good cell, NULL where it has none; None where only the stages can read it.

    `gaps`: some cells are absent. `trimmed`: no text has spaces around it.
    """
    raw = reading.sources[0]
    if reading.labels_of_sources or reading.translate:
        return None
    cell = b.column(raw.name)
    if raw.textual:
        if raw.native != "string" or reading.form not in ("code", "text"):
            return None
        text = (b.call("coalesce", cell, "") if gaps else cell) if trimmed else stages.text_of(raw)
        return b.when((b.no(b.among(text, reading.absent)), text)) if gaps else text
    if any(reading.absent):
        return None
    stored = native(reading)
    if stored is not None:
        return as_text(*stored)
    match reading.form:
        case "int":
            if raw.native == "float" or written_numbers.by_text(reading):
                return None
            return written_numbers.integer(reading, exp.null(), _LONG)
        case "flag":
            return cell if raw.native == "flag" else None
        case "date":
            return cell if raw.native == "date" else None
        case _:
            return None


def native(reading: Reading) -> tuple[str, b.E] | None:
    """How the file stores the text of a good cell, if not as text; NULL where it has none."""
    raw = reading.sources[0]
    if reading.labels_of_sources or reading.translate or reading.labels is not None or any(reading.absent):
        return None
    cell = b.column(raw.name)
    if reading.form == "text" and raw.native == "int":
        return "int", cell
    if reading.form != "period" or not reading.by_month:
        return None
    if raw.native == "date" and reading.style == "date":
        if reading.word == "month":
            return "month", cell
        if reading.word == "year":
            return "start", b.call("year", cell)
    if raw.native == "int" and reading.style == "label" and reading.word == "year":
        return "start", cell
    return None


def certain(reading: Reading) -> tuple[b.E, b.E | None] | None:
    """The cell of a column whose type leaves no doubt, and a test that its values must pass (None: none can fail).

    None where cells have to be looked at.
    """
    raw = reading.sources[0]
    if reading.labels_of_sources or reading.translate or any(reading.absent) or reading.rounds:
        return None
    cell = b.column(raw.name)
    stored = native(reading)
    if stored is not None:
        label = stored[0] == "start" and raw.native == "int"
        four_digits = b.both(b.binary(exp.GTE, cell, 1000), b.binary(exp.LTE, cell, 9999))
        return cell, four_digits if label else None
    if reading.form == "int" and raw.native == "int" and reading.places == 0 and reading.shift >= 0:
        return None if reading.low is not None or reading.high is not None else (cell, None)
    if (reading.form, raw.native) in (("flag", "flag"), ("date", "date")):
        return cell, None
    return None


def as_text(kind: str, stored: b.E, labels: Sequence[str] = ()) -> b.E:
    """The text for which a value is stored; NULL where it is."""
    if kind == "code":
        return b.call("list_extract", _list(labels), stored)
    if kind == "int":
        return b.cast(stored, "VARCHAR")
    if kind == "month":
        return b.call("strftime", stored, "%Y%m")
    year = b.call("lpad", b.cast(stored, "VARCHAR"), 4, "0")
    return b.binary(exp.DPipe, year, b.text("01")) if kind == "start" else year


def text_of(kind: str | None, stored: Any, labels: Sequence[str] = ()) -> str:
    """The text for which a value is stored, of a value at hand."""
    match kind:
        case "month":
            return f"{stored.year:04}{stored.month:02}"
        case "start":
            return f"{int(stored):04}01"
        case "year":
            return f"{int(stored):04}"
        case "code":
            return labels[int(stored) - 1]
        case _:
            return str(stored)


def as_code(text: b.E, labels: Sequence[str]) -> b.E:
    """The place of a text among the values of a closed category."""
    return b.cast(b.call("list_position", _list(labels), text), "SMALLINT")


def _list(labels: Sequence[str]) -> b.E:
    return exp.Array(expressions=[b.text(label) for label in labels])
