"""Settling on tables that a caller gives as values: what stands in place of a binding and its files."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any

import numpy as np
import pyarrow as pa

from contractlang.diagnostics.diagnostic import Diagnostic, Sink
from contractlang.engines import periods as calendar
from contractlang.engines.base import Column, Inputs, Table
from contractlang.plan.compiler import Compiled
from contractlang.runtime.bound_arrays import in_force
from contractlang.runtime.cells import FROM
from contractlang.runtime.dataset import first_day
from contractlang.runtime.frames import settled_rows
from contractlang.runtime.given_columns import Reader
from contractlang.runtime.stages import Stage
from contractlang.semantics.model import ColumnSchema, KeyColumn, TableSchema
from contractlang.semantics.types import Kind, Type

Given = Mapping[str, object]
"""A table: columns by name, each a list of plain values or an Arrow array. An Arrow table is one too."""

_ROLES = ("period", "unit")


def given_stage(compiled: Compiled, tables: Mapping[str, object], sink: Sink) -> Stage | None:
    """Tables of values as the inputs of a settle stage; None, with everything that is wrong in the sink."""
    schemas = {schema.name: schema for schema in compiled.tables}
    for name in tables:
        if name not in schemas:
            near = get_close_matches(name, schemas, n=1)
            help_ = f"did you mean `{near[0]}`?" if near else f"the tables are {', '.join(f'`{s}`' for s in schemas)}"
            sink.report(Diagnostic("unbound-table", f"the contract has no table `{name}`", help=help_))
    found: dict[str, tuple[Table, Any]] = {}
    for schema in compiled.tables:
        if schema.member_level:
            message = f"`{schema.name}` has a row per member: its data come from files"
            sink.report(Diagnostic("unbound-table", message, help="register the data, and start a run"))
        elif schema.name not in tables:
            message = f"table `{schema.name}` of the contract is not given"
            sink.report(Diagnostic("unbound-table", message, help="give its columns"))
        elif (table := _table(schema, _columns(tables[schema.name]), sink)) is not None:
            found[schema.name] = table
    if sink.failed or len(found) < len(schemas):
        return None
    labels = [period.label for period in compiled.periods()]
    at_grain = _at_grain(found, compiled.period, labels)
    frame, unfit = settled_rows(at_grain, schemas, (compiled.unit, compiled.period), labels, sink)
    if unfit:
        return None
    report = {"version": 1, "binding": "", "tables": [{"name": n, "rows": len(t)} for n, t in at_grain.items()]}
    return Stage(Inputs(frame, at_grain), [None] * len(compiled.plans), report)


def _columns(table: object) -> dict[str, object]:
    if isinstance(table, pa.Table | pa.RecordBatch):
        return {name: table.column(name) for name in table.schema.names}
    return dict(table) if isinstance(table, Mapping) else {}


def _table(schema: TableSchema, given: Mapping[str, object], sink: Sink) -> tuple[Table, Any] | None:
    own = Sink()
    reader = Reader(schema.name, own)
    _strangers(schema, given, own)
    lengths = {len(column) for column in given.values() if hasattr(column, "__len__")}
    if len(lengths) > 1:
        message = f"`{schema.name}`: the columns have different lengths: {', '.join(map(str, sorted(lengths)))}"
        own.report(Diagnostic("cell-unreadable", message))
    rows = max(lengths, default=1 if not schema.keys else 0)
    keys: dict[str, Column | None] = {}
    for key in schema.keys:
        if key.name in given:
            keys[key.name] = _key(reader, key, given[key.name])
        elif not (schema.dated and key.role == "period"):
            own.report(Diagnostic("unbound-column", f"`{schema.name}`: key `{key.name}` is not given"))
    columns = {
        c.name: reader.column(c, given[c.name]) if c.name in given else reader.constant(c, rows) for c in schema.columns
    }
    dates = (
        reader.column(ColumnSchema(FROM, Type(Kind.DATE), missing=dt.date.min), given[FROM])
        if schema.dated and FROM in given
        else None
    )
    sink.extend(own)
    if own.failed:
        return None
    table = _ordered(schema, {n: k for n, k in keys.items() if k}, {n: c for n, c in columns.items() if c}, dates)
    return table if _unique(table, sink) else None


def _key(reader: Reader, key: KeyColumn, given: object) -> Column | None:
    column = reader.key(key, given)
    if column is None or key.role != "period":
        return column
    for label in dict.fromkeys(column.values.tolist()):
        if not _is_period(label, key.name):
            message = f"`{reader.table}.{key.name}`: `{str(label)[:40]}` is no {key.name}"
            help_ = "write `2024`, `2024-H1`, `2024-Q1` or `2024-01`"
            reader.sink.report(Diagnostic("cell-unreadable", message, help=help_))
            return None
    return column


def _is_period(label: str, word: str) -> bool:
    try:
        found, year, ordinal = calendar.parts(label)
        return calendar.written(found, year, ordinal) == label and found == word and year > 0
    except (ValueError, IndexError):
        return False


def _strangers(schema: TableSchema, given: Mapping[str, object], sink: Sink) -> None:
    known = [*(k.name for k in schema.keys), *(c.name for c in schema.columns), *([FROM] if schema.dated else [])]
    for name in given:
        if name not in known:
            near = get_close_matches(name, known, n=1)
            help_ = f"did you mean `{near[0]}`?" if near else f"it has {', '.join(f'`{k}`' for k in known)}"
            sink.report(Diagnostic("binding-unknown-key", f"`{schema.name}` has no column `{name}`", help=help_))


def _ordered(
    schema: TableSchema, keys: Mapping[str, Column], columns: Mapping[str, Column], dates: Column | None
) -> tuple[Table, Any]:
    """Rows by period, unit and the other keys, as tables from files are."""
    roles = {key.name: _ROLES.index(key.role) if key.role in _ROLES else len(_ROLES) for key in schema.keys}
    order: Any = slice(None)
    ordered = sorted(keys, key=lambda name: roles[name])
    if ordered:
        sorting = [keys[name].values for name in ordered]
        texts = [v.astype(str) if v.dtype == object else v for v in sorting]
        order = np.lexsort(tuple(reversed([*texts, dates.values] if dates is not None else texts)))
    rows = len(next(iter([*keys.values(), *columns.values()]), ()))
    numbers = (np.arange(rows) + 1)[order]
    table = Table(
        schema.name,
        {name: _taken(column, order) for name, column in keys.items()},
        {name: _taken(column, order) for name, column in columns.items()},
        "",
        numbers.tolist(),
        {name: name for name in (*keys, *columns)},
    )
    return table, None if dates is None else dates.values[order]


def _taken(column: Column, order: Any) -> Column:
    states = None if column.states is None else column.states[order]
    return Column(column.form, column.values[order], column.scale, column.labels, states, column.reasons)


def _unique(found: tuple[Table, Any], sink: Sink) -> bool:
    table, dates = found
    keys = [column.values.tolist() for column in table.keys.values()]
    rows = list(zip(*keys, *([] if dates is None else [dates.tolist()]), strict=True))
    if (keys and len(set(rows)) == len(rows)) or (not keys and len(table.row_numbers) <= 1):
        return True
    names = ", ".join(f"`{name}`" for name in table.keys) or "none"
    message = f"`{table.name}`: {len(rows) - len(set(rows)):,} rows have the key of another row"
    sink.report(Diagnostic("duplicate-key", message, help=f"the key of the table is {names}"))
    return False


def _at_grain(found: Mapping[str, tuple[Table, Any]], period: str, periods: Sequence[str]) -> dict[str, Table]:
    labels = set(periods)
    for table, _ in found.values():
        if period in table.keys:
            labels.update(table.keys[period].values.tolist())
    days = {label: first_day(label) for label in sorted(labels)}
    return {
        name: table if dates is None else in_force(table, dates, days, period) for name, (table, dates) in found.items()
    }
