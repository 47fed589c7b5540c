"""The resolved contract: nothing left to look up. Runtime and lowering read this, never the syntax tree."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from fractions import Fraction

from contractlang.semantics.types import USD, Kind, Type
from contractlang.source import Span
from contractlang.values import Value


@dataclass(frozen=True, slots=True)
class ColumnSchema:
    """A column of an input table as the binding must deliver it.

    `type` has kind, unit and scheme. `factor` turns a number as written in the file into base units (12 for member
    years). `decimals` is the declared decimal scale of the written number (None: as many digits as the text has; money
    in USD defaults to 2). `missing` is the value that stands for an empty cell, in the units of the file: None makes it a data error.
    `low`/`high` are inclusive bounds in base units. `labels` lists the values of a closed category.
    """

    name: str
    type: Type
    factor: Fraction = Fraction(1)
    decimals: int | None = None
    missing: Value | None = None
    low: Fraction | None = None
    high: Fraction | None = None
    labels: tuple[str, ...] | None = None
    span: Span | None = None

    @property
    def scale(self) -> int:
        """The decimals with which rows of members hold a number (a percentage is held as a fraction of one)."""
        decimals = self.decimals if self.decimals is not None else 2 if self.type.unit == USD else 0
        return decimals + (2 if self.type.kind is Kind.PERCENT else 0)


@dataclass(frozen=True, slots=True)
class KeyColumn:
    """A key of an input table.

    `role` is `unit` (the settlement unit: any text), `period` (a period word: year, month …), `category` (closed, with
    labels), `level` (a level below the settled unit: any text), `from` (the day from which a row is in force), `date` (a day)
    or `open` (any text or number, e.g. a member); the last three only in member-level tables.
    """

    name: str
    role: str
    labels: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class ResultsOf:
    """The contract that must have made a table of results: name, version, and the hashes of the meanings of its texts."""

    contract: str
    version: str
    meanings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TableSchema:
    """An `input`, `exhibit` or member-level table of a contract, to be bound to a file.

    `member_level` tables feed the reduce stage; all others are read by the settle stage at the grain of their keys.
    `year_starts` is the month in which the years of its period keys start. Exhibit rows may carry a `from` date (`dated`).
    """

    name: str
    kind: str  # input, exhibit, table, results
    keys: tuple[KeyColumn, ...]
    columns: tuple[ColumnSchema, ...]
    member_level: bool = False
    dated: bool = False
    span: Span | None = None
    results: ResultsOf | None = None
    year_starts: int = 1

    def column(self, name: str) -> ColumnSchema | None:
        return next((c for c in self.columns if c.name == name), None)

    @property
    def sparse(self) -> bool:
        """Whether a key may lack its row: the table has a further key, a category, and says what a missing value means."""
        further = any(key.role == "category" for key in self.keys)
        return further and any(column.missing is not None for column in self.columns)


@dataclass(frozen=True, slots=True)
class Period:
    """A settlement period: a half-open date range with the label that users write (`2021`, `2021-H1`, `2021-03`)."""

    label: str
    start: dt.date
    end: dt.date

    def __str__(self) -> str:
        return self.label
