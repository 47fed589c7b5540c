"""A contract's tables bound to files: everything that a run reads, checked, with a report of what was done to it."""

from __future__ import annotations

import atexit
import datetime as dt
import os
import shutil
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from fractions import Fraction
from pathlib import Path
from tempfile import mkdtemp

from contractlang.diagnostics.diagnostic import Diagnostic, Severity, Sink
from contractlang.engines import periods as calendar
from contractlang.engines.base import Frame, Inputs, MemberTable, Table
from contractlang.engines.duckdb.files import Connection, connect
from contractlang.plan.row_uses import PeriodsRead, RowUse
from contractlang.runtime.asked import Asked, Months
from contractlang.runtime.binding import Binding, TableBinding
from contractlang.runtime.binding_report import BindingReport
from contractlang.runtime.bound_arrays import Array, in_force, member_table, settlement_table
from contractlang.runtime.bound_table import BoundTable, bind_table
from contractlang.runtime.foreign_results import as_written, check_origin
from contractlang.runtime.frames import settled_rows
from contractlang.runtime.set_aside import SetAside
from contractlang.semantics.model import TableSchema


@dataclass(frozen=True, slots=True)
class Dataset:
    """Bound tables at settlement grains, bound member-level tables, the settled rows, and the report of the binding.

    `set_aside` are the rows that a lenient binding does not use.
    """

    tables: Mapping[str, Table]
    members: Mapping[str, MemberTable]
    frame: Frame
    report: BindingReport
    connection: Connection
    scratch: Path | None = None
    set_aside: tuple[SetAside, ...] = ()
    known_on: str = ""

    def inputs(self, periods: Collection[str] | None = None, units: Collection[str] | None = None) -> Inputs:
        """What an engine reads: the settled rows of the given periods and units (None: all).

        The tables stay whole, because a row may read other periods.
        """
        if periods is None and units is None:
            return Inputs(self.frame, self.tables, self.members, self.known_on)
        periods = None if periods is None else set(periods)
        units = None if units is None else set(units)
        rows = [
            (unit, period)
            for unit, period in zip(self.frame.units, self.frame.periods, strict=True)
            if (periods is None or period in periods) and (units is None or unit in units)
        ]
        frame = Frame([unit for unit, _ in rows], [period for _, period in rows])
        return Inputs(frame, self.tables, self.members, self.known_on)

    def close(self) -> None:
        """Free the connection and with it the member-level tables, and what did not fit into memory."""
        self.connection.close()
        if self.scratch is not None:
            shutil.rmtree(self.scratch, ignore_errors=True)


@dataclass(frozen=True, slots=True)
class Rows:
    """What a binding does with rows: how the contract uses them, and which settlement periods it reads (None: any).

    `lenient` sets rows aside that cannot be used; otherwise they are errors. `identifiers` lets findings name the keys
    of members. `look` is shown what could be bound without the rows that are errors, so that it can find more of them.
    """

    uses: Mapping[str, RowUse] = field(default_factory=dict)
    read: PeriodsRead | None = None
    lenient: bool = False
    identifiers: bool = False
    look: Callable[[Dataset], None] | None = None


def bind(
    tables: Sequence[TableSchema],
    binding: Binding,
    overrides: Mapping[str, Path],
    sink: Sink,
    *,
    unit: str,
    period: str,
    periods: Sequence[str] = (),
    memory: str | None = None,
    known_on: dt.date | None = None,
    rows: Rows | None = None,
) -> Dataset | None:
    """Bind all tables of a contract; None when anything is wrong, with everything that is wrong in the sink.

    `overrides` gives files by table name. `unit` and `period` are the settlement keys. `periods` are the labels to
    settle where no input has them (contracts with member rows and exhibits only). `memory` (`4GB`) bounds what the
    database holds; the rest goes into a temporary folder. `known_on` uses the rows that were known on that day.
    """
    rows = rows or Rows()
    _check_overrides(tables, binding, overrides, sink)
    connection = connect()
    scratch = None if memory is None else _bounded(connection, memory)
    bound: dict[str, BoundTable] = {}
    about_rows = Sink()
    for schema in tables:
        asked = replace(_asked(schema, rows, about_rows), known_on=known_on)
        found = _bind_one(connection, schema, binding, overrides, sink, asked=asked)
        if found is not None:
            bound[schema.name] = found
    if sink.failed or len(bound) < len(tables):
        sink.extend(about_rows)
        connection.close()
        return None
    settlement = {name: settlement_table(table) for name, table in bound.items() if not table.schema.member_level}
    for table in bound.values():
        table.free(whole=not table.schema.member_level)
    tables_at_grain = _resolved(settlement, period, periods, max((t.year_starts for t in tables), default=1))
    schemas = {schema.name: schema for schema in tables}
    # Where rows of these tables are errors already, what they lack elsewhere is only a consequence.
    doubtful = any(table.set_aside for table in bound.values() if not table.schema.member_level)
    about_units = Sink() if doubtful and not rows.lenient else about_rows
    frame, unlisted = settled_rows(tables_at_grain, schemas, (unit, period), periods, about_units)
    members = {name: member_table(table) for name, table in bound.items() if table.schema.member_level}
    unused = [name for name in binding.tables if name not in schemas]
    report = BindingReport(binding.name, [bound[schema.name].report for schema in tables], unused, unlisted)
    aside = (*(part for table in bound.values() for part in table.set_aside), *unlisted)
    day = "" if known_on is None else known_on.isoformat()
    dataset = Dataset(tables_at_grain, members, frame, report, connection, scratch, aside, day)
    if about_rows.failed and not rows.lenient:
        sink.extend(about_rows)
        if rows.look is not None:
            rows.look(dataset)
        dataset.close()
        return None
    sink.extend(as_warnings(about_rows) if rows.lenient else about_rows)
    return dataset


def _asked(schema: TableSchema, rows: Rows, sink: Sink) -> Asked:
    use = rows.uses.get(schema.name, RowUse())
    by_month = any(key.role == "period" and key.name == "month" for key in schema.keys)
    starts = schema.year_starts if by_month else 1  # labels of years count from their start already
    months = Months.of(rows.read, use.ahead, starts) if rows.read is not None and schema.name in rows.uses else None
    return Asked(sink, use, months, rows.lenient, rows.identifiers)


def as_warnings(found: Iterable[Diagnostic]) -> Iterator[Diagnostic]:
    """What is set aside is no error any more; the remedy stays the same."""
    for diagnostic in found:
        yield replace(diagnostic, severity=Severity.WARNING)


def _bounded(connection: Connection, memory: str) -> Path:
    """Bound a connection; gives the folder for what does not fit, which goes away with the program at the latest."""
    from contractlang.engines.duckdb.layout import bounded

    scratch = Path(mkdtemp(prefix="vbc-"))
    atexit.register(shutil.rmtree, scratch, ignore_errors=True)
    bounded(connection, memory, scratch)
    return scratch


def first_day(label: str, year_starts: int = 1) -> dt.date:
    """The first day of a period; years start in the given month."""
    year, _, month = calendar.inside(label, "month", year_starts)[0].partition("-")
    return dt.date(int(year), int(month), 1)


def _resolved(
    settlement: Mapping[str, tuple[Table, Array | None]], period: str, periods: Iterable[str], year_starts: int
) -> dict[str, Table]:
    """The tables, with dated exhibits at the grain of the period."""
    labels = set(periods)
    for table, _ in settlement.values():
        if period in table.keys:
            labels.update(table.keys[period].values.tolist())
    days = {label: first_day(label, year_starts) for label in sorted(labels)}
    return {
        name: table if dates is None else in_force(table, dates, days, period)
        for name, (table, dates) in settlement.items()
    }


def _bind_one(
    connection: Connection,
    schema: TableSchema,
    binding: Binding,
    overrides: Mapping[str, Path],
    sink: Sink,
    *,
    asked: Asked,
) -> BoundTable | None:
    found = binding_of(schema, binding, sink)
    paths = [] if found is None else table_paths(found, binding, overrides, sink)
    if found is None or not paths:
        return None
    if schema.results is not None:
        found = as_written(schema, found)
        check_origin(schema, [(path, shown) for path, shown in paths if path.is_file()], sink)
    return bind_table(connection, _with_months(schema, asked.use.months), found, paths, sink, asked=asked)


def _with_months(schema: TableSchema, months: str | None) -> TableSchema:
    """Member-months are not negative, in whatever unit their column is declared."""
    columns = tuple(
        replace(column, low=Fraction(0)) if column.name == months and column.low is None else column
        for column in schema.columns
    )
    return replace(schema, columns=columns)


def binding_of(schema: TableSchema, binding: Binding, sink: Sink) -> TableBinding | None:
    """The section of a table; None after a report."""
    if schema.name in binding.tables:
        return binding.tables[schema.name]
    near = get_close_matches(schema.name, binding.tables, n=1)
    help_ = f"the binding has `[tables.{near[0]}]`" if near else f"write a section `[tables.{schema.name}]`"
    message = f"table `{schema.name}` of the contract is not in the binding `{binding.name}`"
    sink.report(Diagnostic("unbound-table", message, schema.span, help=help_))
    return None


def table_paths(
    table: TableBinding, binding: Binding, overrides: Mapping[str, Path], sink: Sink
) -> list[tuple[Path, str]]:
    """The files of a table and the names under which messages show them; none after a report."""
    if table.name in overrides:
        return [(overrides[table.name], str(overrides[table.name]))]
    if not table.files:
        message = f"`{table.name}`: the binding names no file"
        help_ = f'give one with `--table {table.name}=PATH`, or write `file = "…"` in the binding'
        sink.report(Diagnostic("file-not-found", message, table.span, help=help_))
    paths = [binding.folder / file for file in table.files]
    return [(path, os.path.normpath(path)) for path in paths]


def _check_overrides(
    tables: Sequence[TableSchema], binding: Binding, overrides: Mapping[str, Path], sink: Sink
) -> None:
    known = [*(schema.name for schema in tables), *binding.tables]
    for name in overrides:
        if name not in known:
            near = get_close_matches(name, known, n=1)
            help_ = f"did you mean `{near[0]}`?" if near else f"the tables are {', '.join(f'`{k}`' for k in known)}"
            sink.report(Diagnostic("unbound-table", f"`--table {name}=…` names no table of the contract", help=help_))
