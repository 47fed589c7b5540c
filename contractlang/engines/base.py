"""What engines take and give: columns of scaled integers with states, and results at grains.

Importing this module imports NumPy; nothing below `engines` does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from fractions import Fraction
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt

from contractlang.plan.nodes import Plan
from contractlang.values import Absent, State, Value

if TYPE_CHECKING:
    from contractlang.engines.reference.evaluator import Evaluator

Ints = npt.NDArray[np.int64]
Bytes = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Column:
    """One column of a bound table.

    `form` is `int` (value = values / 10**scale, in the units of the file), `flag` (0/1), `code` (index into `labels`),
    `date` (days since 1970-01-01) or `text` (object array of str). `values` is int64 (object dtype of Python ints
    where int64 does not reach). `states` (uint8 of `values.State`) is None when every cell has a value; `reasons` gives
    the reason text per state number for absent cells of this column. `rows` is the number of each row in its file.
    """

    form: str
    values: npt.NDArray[np.generic]
    scale: int = 0
    labels: tuple[str, ...] = ()
    states: Bytes | None = None
    reasons: Mapping[int, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.values)


@dataclass(frozen=True)
class Table:
    """A bound table at the grain of its keys; keys are unique together.

    `keys` maps key name to a column: unit and open keys are `text`, period keys `text` labels, categories `code`.
    `file` and `row_numbers` say where a cell came from (row 1 is the first data row). `row_files` gives the file of each
    row where the table was read from several.
    """

    name: str
    keys: Mapping[str, Column]
    columns: Mapping[str, Column]
    file: str = ""
    row_numbers: Sequence[int] = ()
    source_columns: Mapping[str, str] = field(default_factory=dict)  # column -> the header in the file
    row_files: Sequence[str] = ()

    def __len__(self) -> int:
        return len(next(iter(self.keys.values()))) if self.keys else 1


@dataclass(frozen=True)
class Frame:
    """The settled rows: unit labels and period labels, one pair per row, in the order of the result."""

    units: Sequence[str]
    periods: Sequence[str]

    def __len__(self) -> int:
        return len(self.units)


@dataclass(frozen=True)
class Values:
    """Values of one node along its grain: `keys` lists the key names, `index` the key tuples, `values` one exact value each."""

    keys: tuple[str, ...]
    index: Sequence[tuple[str, ...]]
    values: Sequence[Value]


def exact(column: Column, row: int) -> Value:
    """The exact value of a cell, in the units of the file."""
    if column.states is not None and (state := int(column.states[row])):
        return Absent(State(state), column.reasons.get(state, ""))
    value = column.values[row]
    match column.form:
        case "int":
            return Fraction(int(value), 10**column.scale)
        case "flag":
            return bool(value)
        case "code":
            return column.labels[int(value)]
        case "date":
            return date(1970, 1, 1) + timedelta(days=int(value))
        case _:
            return str(value)


@dataclass(frozen=True)
class MemberTable:
    """A bound member-level table: a view of an open DuckDB connection, never held in memory as a whole.

    The view has one column per bound column: `int` columns are BIGINT scaled by 10**scale, `flag` BOOLEAN, `code` and
    `text` VARCHAR, `date` DATE; no value is NULL. `columns` maps column name to (form, scale). Period keys are text: the
    first month of the period as YYYYMM.

    `natives` names text columns that the file stores in another form (`int`, `month`, `start`, see `engines.sql.direct`):
    the view then has a second column `native NAME` with the stored value, NULL where the text is. `complete` names
    columns that are known to have a value in every row.
    """

    name: str
    connection: object  # duckdb.DuckDBPyConnection
    view: str
    columns: Mapping[str, tuple[str, int]]
    file: str = ""
    source_columns: Mapping[str, str] = field(default_factory=dict)
    natives: Mapping[str, str] = field(default_factory=dict)
    complete: frozenset[str] = frozenset()


def native_column(name: str) -> str:
    """The column of a member view with the stored value of a text column."""
    return f"native {name}"


@dataclass(frozen=True)
class Inputs:
    """Everything an evaluation reads: the settled rows, tables at settlement grains, member-level tables.

    `known_on` is the day (2024-06-30) on which the data are looked at, "" for the newest: what a table lacks for a month
    that had not begun then is not missing, it is not applicable.
    """

    frame: Frame
    tables: Mapping[str, Table]
    members: Mapping[str, MemberTable] = field(default_factory=dict)
    known_on: str = ""


@dataclass(frozen=True)
class Programme:
    """The plans in force: per period label the plan that governs it, in time order. Amended contracts have several."""

    plans: Mapping[str, Plan]

    def plan(self, period: str) -> Plan | None:
        return self.plans.get(period)


class Settlement(Protocol):
    """The outcome of a settle stage, the same from every engine.

    `evaluator` gives the exact value of any node for any key: what explanations read.
    """

    @property
    def frame(self) -> Frame: ...

    @property
    def programme(self) -> Programme: ...

    @property
    def evaluator(self) -> Evaluator: ...

    def values(self, name: str) -> Sequence[Value]:
        """The exact value of a named value of settled grain on every row of the frame (None-free; absence is `Absent`)."""
        ...

    def at(self, name: str, row: int) -> Value:
        """One exact value."""
        ...

    def decimals(self, name: str, places: int) -> tuple[Ints, Bytes]:
        """Values as integers of 10**-places, rounded half away from zero, with their states. Equal for all engines.

        Absent values are 0; a flag counts as 0 or 1. Integers beyond 64 bits make an array of Python integers. Raises
        TypeError for dates and text.
        """
        ...

    def flags(self, plan: Plan, node: int) -> tuple[Ints, Bytes, Bytes]:
        """A condition of a plan (assertion, requirement, refusal) on the rows that the plan governs.

        Rows of the frame, 0 or 1 for each (0 where absent), and states. The node has the settled grain or a coarser one.
        """
        ...


class Settle(Protocol):
    """A settle engine."""

    def __call__(self, programme: Programme, inputs: Inputs) -> Settlement: ...


class MemoryExceededError(Exception):
    """The work does not fit into the memory that a run may take, not even with files beside it."""


class TooWideError(ArithmeticError):
    """A sum or product over member rows could pass 128 bits."""


class Reduce(Protocol):
    """A reduce engine: the outputs and accounts of the plan's reduction as tables, keyed as the outputs say.

    Raises MemoryExceededError.
    """

    def __call__(self, plan: Plan, members: Mapping[str, MemberTable]) -> Reduced: ...


@dataclass(frozen=True)
class Reduced:
    """Outputs by table name; accounts by block: rows of (settlement keys…, reason, rows, amounts…).

    `breaches` says for each check, in the order of the plan, how many rows it found and the first few of them.
    """

    tables: Mapping[str, Table]
    accounts: Mapping[str, Sequence[Mapping[str, object]]]
    breaches: Sequence[tuple[int, Sequence[tuple[object, ...]]]] = ()
