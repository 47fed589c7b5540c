"""What a binding did to the data: rows, rows left out, absent cells, defaults, rounding. Plain data with a JSON form."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from contractlang.runtime.set_aside import SetAside

VERSION = 1
"""Version of the JSON form; it rises when a field changes its meaning or goes away."""


@dataclass(frozen=True, slots=True)
class Rounded:
    """Numbers changed by rounding a column once: how many, and the largest change in the units of the column."""

    places: int
    changed: int
    largest: Fraction


@dataclass(frozen=True, slots=True)
class ColumnReport:
    """One key or column: where it comes from, the cells without a value by their text, and what became of them.

    `default` is what they became, in words; None leaves them missing.
    """

    name: str
    source: str
    absent: Mapping[str, int] = field(default_factory=dict)
    default: str | None = None
    rounded: Rounded | None = None

    @property
    def without_value(self) -> int:
        return sum(self.absent.values())


@dataclass(frozen=True, slots=True)
class TableReport:
    """One table: its files, the rows that are used, the rows left out by reason, and its columns (keys first).

    `undated`: the run asks what was known on a day, and no column says when the rows were known.
    `set_aside` are rows that a lenient run does not use because they cannot be used.
    """

    name: str
    files: Sequence[str]
    rows: int
    left_out: Mapping[str, int]
    columns: Sequence[ColumnReport]
    undated: bool = False
    set_aside: Sequence[SetAside] = ()


@dataclass(frozen=True, slots=True)
class BindingReport:
    """The report of a whole binding. `unused` names the tables that the binding has and the contract does not.

    `unlisted` are rows that are set aside because exhibits and inputs do not name the same units.
    """

    binding: str
    tables: Sequence[TableReport]
    unused: Sequence[str] = ()
    unlisted: Sequence[SetAside] = ()

    def to_json(self) -> dict[str, object]:
        """A JSON object; amounts are decimal text."""
        tables = [_table(table) for table in self.tables]
        return {"version": VERSION, "binding": self.binding, "tables": tables, "unused": list(self.unused)}

    def lines(self) -> Iterator[str]:
        """The report as lines of text: one per table, and one below it per column with something to say."""
        for table in self.tables:
            aside = sum(part.rows for part in table.set_aside)
            yield f"{table.name}: {_rows(table.rows)} from {', '.join(table.files)}" + (
                f", {aside:,} set aside" if aside else ""
            )
            for reason, rows in table.left_out.items():
                yield f"  left out: {_rows(rows)} ({reason})"
            if table.undated:
                yield "  no column says when a row was known: all are used"
            for column in table.columns:
                said = list(_said(column))
                if said:
                    yield f"  {column.name} ({column.source}): {'; '.join(said)}"
        if self.unused:
            yield f"not used by the contract: {', '.join(self.unused)}"


def _said(column: ColumnReport) -> Iterator[str]:
    if column.without_value:
        marks = ", ".join(f"{_mark(text)} {count:,}" for text, count in column.absent.items())
        yield f"{column.without_value:,} without a value ({marks})"
    if column.default is not None:
        yield f"default {column.default}"
    if column.rounded is not None and column.rounded.changed:
        change = decimal(column.rounded.largest)
        yield f"{column.rounded.changed:,} rounded to {column.rounded.places} decimals, largest change {change}"


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count:,} rows"


def _mark(text: str) -> str:
    return f"`{text}`" if text else "blank"


def _table(table: TableReport) -> dict[str, object]:
    return {
        "name": table.name,
        "files": list(table.files),
        "rows": table.rows,
        "left_out": dict(table.left_out),
        "set_aside": [aside.to_json() for aside in table.set_aside],
        "columns": [_column(column) for column in table.columns],
        **({"undated": True} if table.undated else {}),
    }


def _column(column: ColumnReport) -> dict[str, object]:
    rounded = column.rounded
    return {
        "name": column.name,
        "source": column.source,
        "absent": dict(column.absent),
        "default": column.default,
        "rounded": None
        if rounded is None
        else {"places": rounded.places, "changed": rounded.changed, "largest_change": decimal(rounded.largest)},
    }


def plain(value: object) -> str:
    """A value as the report shows it."""
    match value:
        case Fraction():
            return decimal(value)
        case bool():
            return "yes" if value else "no"
        case dt.date() if value == dt.date.min:
            return "in force from the start"
        case _:
            return str(value)


def decimal(value: Fraction) -> str:
    """The decimal text of a fraction whose denominator has only the factors 2 and 5; else `n/d`."""
    places = 0
    while (value * 10**places).denominator != 1:
        places += 1
        if places > 400:  # a double has at most 1074 binary places, but nobody binds those
            return str(value)
    digits = str(abs(value.numerator * 10**places // value.denominator)).rjust(places + 1, "0")
    sign = "-" if value < 0 else ""
    return sign + (f"{digits[:-places]}.{digits[-places:]}" if places else digits)
