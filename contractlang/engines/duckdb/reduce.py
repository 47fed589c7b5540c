"""The reduce stage in DuckDB: trees of `engines.sql` rendered, run on the connection that holds the member tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import duckdb
from sqlglot import exp

from contractlang.engines.base import MemberTable, MemoryExceededError, Reduced, Table, native_column
from contractlang.engines.duckdb.collecting import output_table
from contractlang.engines.duckdb.files import words
from contractlang.engines.outputs import EXAMPLES, collect
from contractlang.engines.sql import reduce as sql
from contractlang.engines.sql.rows import Extent, column
from contractlang.plan.nodes import Plan
from contractlang.plan.relations import Check, Output, Reduction, Scan
from contractlang.plan.rewrites import rewritten
from contractlang.semantics.model import TableSchema

KINDS = {"int": "int", "flag": "flag", "date": "date", "code": "text", "text": "text"}
"""Kinds of row expressions by the form of a bound column."""


def reduce(plan: Plan, members: Mapping[str, MemberTable]) -> Reduced:
    """The outputs and accounts of the plan's reduction. All member tables live in one connection."""
    if not plan.reduction.steps:
        return collect(plan, _nothing)
    connection = connection_of(members)
    # No result depends on the order of kept rows, and keeping it costs memory.
    connection.execute("SET preserve_insertion_order = false")
    try:
        return _reduced(plan, members, connection)
    except duckdb.OutOfMemoryException as error:
        raise MemoryExceededError(words(error)) from error
    finally:
        connection.execute("RESET preserve_insertion_order")


def _reduced(plan: Plan, members: Mapping[str, MemberTable], connection: duckdb.DuckDBPyConnection) -> Reduced:
    reduction = rewritten(plan.reduction)
    found = sql.stages(reduction, sources(plan, reduction, members, connection))
    sinks = _sinks(reduction)
    stored: list[str] = []
    try:
        for name in sql.shared(found, sinks):
            connection.execute(rendered(_store(found, name, frozenset(stored))))
            stored.append(name)

        def fetch(step: str, columns: Sequence[str]) -> Sequence[Sequence[Any]]:
            return connection.execute(rendered(sql.query(found, step, columns, frozenset(stored)))).fetchall()

        def table(output: Output) -> Table:
            names = [*(c for _, c in output.keys), *(c for _, c, _ in output.columns)]
            query = sql.query(found, output.step, names, frozenset(stored), plain=False)
            return output_table(plan, output, query, found[output.step].columns, connection)

        def breach(check: Check) -> tuple[int, Sequence[tuple[Any, ...]]]:
            query = sql.query(found, check.step, check.columns, frozenset(stored))
            rows = connection.execute(rendered(query.limit(EXAMPLES))).fetchall()
            if not rows:
                return 0, ()
            counting = exp.select(exp.Count(this=exp.Star())).from_(query.subquery("found"))
            return connection.execute(rendered(counting)).fetchall()[0][0], rows

        return collect(plan, fetch, table, breach)
    finally:
        for name in stored:
            connection.execute(rendered(_drop(found[name])))


def statements(plan: Plan, members: Mapping[str, MemberTable]) -> list[str]:
    """The statements that `reduce` runs, for the printed plan and for tests."""
    reduction = rewritten(plan.reduction)
    found = sql.stages(reduction, sources(plan, reduction, members, connection_of(members)))
    sinks = _sinks(reduction)
    shared = sql.shared(found, sinks)
    stores = [_store(found, name, frozenset(shared[:i])) for i, name in enumerate(shared)]
    wanted = [
        [*(c for _, c in output.keys), *(c for _, c, _ in output.columns)] for output in plan.reduction.outputs
    ] + [
        [
            *(c for _, c in account.keys),
            *([account.reason] if account.reason else []),
            "rows",
            *(c for _, c, _ in account.columns),
        ]
        for account in plan.reduction.accounts
    ]
    wanted += [list(check.columns) for check in plan.reduction.checks]
    reads = [sql.query(found, step, columns, frozenset(shared)) for step, columns in zip(sinks, wanted, strict=True)]
    return [tree.sql(dialect="duckdb", pretty=True) for tree in (*stores, *reads)]


def rendered(tree: exp.Expr) -> str:
    """A tree as DuckDB reads it."""
    return tree.sql(dialect="duckdb")


def sources(
    plan: Plan, reduction: Reduction, members: Mapping[str, MemberTable], connection: duckdb.DuckDBPyConnection
) -> dict[str, sql.Source]:
    """The member tables that a reduction scans, with the ranges of the integers it reads, measured in one pass each."""
    wanted: dict[str, list[str]] = {}
    for step in reduction.steps:
        if isinstance(step.relation, Scan):
            names = wanted.setdefault(step.relation.table, [])
            names.extend(name for name in step.relation.columns if name not in names)
    labels = {table.name: _labels(table) for table in plan.tables}
    return {
        name: _measured(members[name], columns, labels.get(name, {}), connection) for name, columns in wanted.items()
    }


def _labels(table: TableSchema) -> dict[str, tuple[str, ...]]:
    """The values of the closed categories of a table."""
    keys = {key.name: key.labels for key in table.keys if key.labels is not None}
    return keys | {column.name: column.labels for column in table.columns if column.labels is not None}


def _measured(
    table: MemberTable,
    columns: Sequence[str],
    labels: Mapping[str, tuple[str, ...]],
    connection: duckdb.DuckDBPyConnection,
) -> sql.Source:
    """The rows of a table, and what is known of its columns. The database answers most of it from the file's statistics."""
    parts: list[exp.Expr] = [exp.Count(this=exp.Star())]
    for name in columns:
        stored = column(native_column(name) if name in table.natives else name)
        parts.append(exp.Count(this=exp.Star() if name in table.complete else stored))
        if table.columns[name][0] == "int" or name in table.natives:
            parts += [exp.Min(this=stored.copy()), exp.Max(this=stored.copy())]
    view = exp.Table(this=exp.to_identifier(table.view, quoted=True))
    values = iter(connection.execute(rendered(exp.select(*parts).from_(view))).fetchall()[0])
    rows = next(values)
    known = {}
    for name in columns:
        form = table.columns[name][0]
        missing = next(values) < rows
        if form == "int":
            low, high = next(values), next(values)
            known[name] = Extent("int", low or 0, high or 0, missing)
        else:
            native = table.natives.get(name)
            if native is not None and not _four_digits(native, next(values), next(values)):
                native = None
            known[name] = Extent(KINDS[form], missing=missing, native=native, labels=labels.get(name, ()))
    return sql.Source(table.view, rows, known)


def _four_digits(native: str, low: Any, high: Any) -> bool:
    """Years of four digits: only they are ordered, and written, as the text says."""
    if native == "int" or low is None:
        return True
    first, last = (low.year, high.year) if native == "month" else (low, high)
    return bool(first >= 1 and last <= 9999)


def _sinks(reduction: Reduction) -> list[str]:
    return (
        [o.step for o in reduction.outputs] + [a.step for a in reduction.accounts] + [c.step for c in reduction.checks]
    )


def connection_of(members: Mapping[str, MemberTable]) -> duckdb.DuckDBPyConnection:
    """The connection in which all member tables live."""
    connection = next(iter(members.values())).connection
    if not isinstance(connection, duckdb.DuckDBPyConnection):
        raise TypeError("member tables live in a DuckDB connection")
    return connection


def _store(found: Mapping[str, sql.Stage], name: str, stored: frozenset[str]) -> exp.Create:
    """Keep the rows of a step in a temporary table of the step's name."""
    return exp.Create(
        this=exp.Table(this=exp.to_identifier(found[name].name, quoted=True)),
        kind="TABLE",
        properties=exp.Properties(expressions=[exp.TemporaryProperty()]),
        expression=sql.with_steps(found[name].query, found, found[name].inputs, stored),
    )


def _drop(stage: sql.Stage) -> exp.Drop:
    return exp.Drop(tables=[exp.Table(this=exp.to_identifier(stage.name, quoted=True))], kind="TABLE")


def _nothing(_step: str, _columns: Sequence[str]) -> Sequence[Sequence[Any]]:
    return []
