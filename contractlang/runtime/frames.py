"""The settled rows: which units are settled in which periods, from the bound tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction

import numpy as np

from contractlang.diagnostics.diagnostic import Diagnostic, Severity, Sink
from contractlang.engines import periods as calendar
from contractlang.engines.base import Column, Frame, Inputs, Table, exact
from contractlang.engines.reference.cells import labels
from contractlang.plan.nodes import Plan
from contractlang.runtime.set_aside import SetAside
from contractlang.semantics.model import TableSchema
from contractlang.semantics.types import USD

_SHOWN = 5


def settled_rows(
    tables: Mapping[str, Table],
    schemas: Mapping[str, TableSchema],
    keys: tuple[str, str],
    periods: Sequence[str],
    sink: Sink,
) -> tuple[Frame, list[SetAside]]:
    """The pairs of unit and period that inputs have rows for, ordered by period and unit.

    Without such inputs, the units of the exhibits in each of `periods`. Exhibits and inputs must name the same units:
    a unit on one side only is reported, is not settled, and comes back among the rows to set aside. A table that need not have a row for every key (see
    `TableSchema.sparse`) is no list of units: beside exhibits, it only says which periods there are.
    """
    unit, period = keys
    exhibits = {n: t for n, t in tables.items() if schemas[n].kind == "exhibit" and unit in t.keys}
    tables = {name: _whole(table, period, schemas[name].year_starts) for name, table in tables.items()}
    inputs = {n: t for n, t in tables.items() if n not in exhibits and unit in t.keys and period in t.keys}
    whole = [t for t in inputs.values() if set(t.keys) == {unit, period}]
    if len(inputs) == 1 and whole and not exhibits:
        only = whole[0]  # already ordered and free of duplicates
        return Frame(only.keys[unit].values.tolist(), only.keys[period].values.tolist()), []
    aside: list[SetAside] = []
    rows = {pair for table in inputs.values() for pair in _pairs(table, unit, period)}
    if rows and exhibits and all(schemas[n].sparse for n in inputs):
        labels = sorted({p for _, p in rows})
        rows |= {pair for table in exhibits.values() for pair in _listed(table, unit, period, labels)}
    if not rows:
        rows = {pair for table in exhibits.values() for pair in _listed(table, unit, period, periods)}
    else:
        aside = _on_one_side(rows, inputs, exhibits, keys, schemas=schemas, sink=sink)
    ordered = sorted(rows, key=lambda row: (row[1], row[0]))
    return Frame([u for u, _ in ordered], [p for _, p in ordered]), aside


def without_empty_periods(inputs: Inputs, plan: Plan, sink: Sink) -> Frame:
    """The settled rows without the periods that no table has a row for: an exhibit lists units, and says nothing of when
    there are members. Such periods are reported and not settled, for sums over nobody would be zero."""
    there: set[str] = set()
    dated = False
    for table in inputs.tables.values():
        whole = _whole(table, plan.period, plan.year_starts)
        if plan.period in whole.keys and len(whole.keys[plan.period]):
            dated = True
            there.update(labels(whole.keys[plan.period]))
    frame = inputs.frame
    empty = sorted(set(frame.periods) - there)
    if not plan.reduction.outputs or not dated or not empty:
        return frame
    shown = ", ".join(empty[:_SHOWN]) + (" …" if len(empty) > _SHOWN else "")
    sink.report(
        Diagnostic(
            "period-without-rows",
            f"no table has a row for {shown}: not settled",
            help="bind the data of these periods, or name the periods to settle with `--period`",
            severity=Severity.WARNING,
        )
    )
    kept = [(u, p) for u, p in zip(frame.units, frame.periods, strict=True) if p in there]
    return Frame([u for u, _ in kept], [p for _, p in kept])


def _whole(table: Table, period: str, year_starts: int) -> Table:
    """A table by the month, with the settled period in which each of its months lies."""
    shorter = [k for k in table.keys if k in calendar.WORDS and calendar.LENGTHS[k] < calendar.LENGTHS[period]]
    if period in table.keys or not shorter:
        return table
    labels = [calendar.containing(label, period, year_starts) for label in table.keys[shorter[0]].values.tolist()]
    return replace(table, keys={**table.keys, period: Column("text", np.array(labels, dtype=object))})


def _pairs(table: Table, unit: str, period: str) -> Iterable[tuple[str, str]]:
    return zip(table.keys[unit].values.tolist(), table.keys[period].values.tolist(), strict=True)


def _listed(table: Table, unit: str, period: str, periods: Sequence[str]) -> Iterable[tuple[str, str]]:
    """The rows of an exhibit, in each period unless it has periods itself."""
    if period in table.keys:
        return _pairs(table, unit, period)
    return [(u, p) for u in table.keys[unit].values.tolist() for p in periods]


def _on_one_side(
    rows: set[tuple[str, str]],
    inputs: Mapping[str, Table],
    exhibits: Mapping[str, Table],
    keys: tuple[str, str],
    *,
    schemas: Mapping[str, TableSchema],
    sink: Sink,
) -> list[SetAside]:
    """Report what only the inputs or only an exhibit names, and take it out of `rows`."""
    unit, period = keys
    labels = sorted({p for _, p in rows})
    aside: list[SetAside] = []
    named = {name: set(_listed(table, unit, period, labels)) for name, table in exhibits.items()}
    there = {u for u, _ in rows}
    for name, listed in named.items():
        lacking = sorted(rows - listed)
        if lacking:
            notes = [f"{unit} `{u}` in {p}" for u, p in lacking[:_SHOWN]]
            if len(lacking) > _SHOWN:
                notes.append(f"and {len(lacking) - _SHOWN:,} more")
            many = "1 settled row has" if len(lacking) == 1 else f"{len(lacking):,} settled rows have"
            help_ = f"add them to the file of `{name}`, or leave them out of the data with `where`"
            message = f"{many} no terms in the exhibit `{name}`"
            sink.report(Diagnostic("exhibit-row-missing", message, notes=tuple(notes), help=help_))
            rows -= set(lacking)
            reason = f"no terms in the exhibit `{name}`"
            aside += [part for n, t in inputs.items() if (part := _of_pairs(schemas[n], t, set(lacking), keys, reason))]
        idle = sorted({u for u, _ in listed} - there)
        if idle:
            shown = ", ".join(f"`{u}`" for u in idle[:_SHOWN]) + (" …" if len(idle) > _SHOWN else "")
            message = f"{len(idle):,} {unit}(s) of the exhibit `{name}` have no row in {_names(inputs)}: {shown}"
            help_ = "mend the names of the units, or remove the rows from the exhibit"
            sink.report(Diagnostic("exhibit-row-missing", message, help=help_))
            found = [u for u in exhibits[name].keys[unit].values.tolist() if u in idle]
            examples = tuple(f"{unit} `{u}`" for u in idle[:_SHOWN])
            aside.append(SetAside(name, f"no row in {_names(inputs)}", len(found), examples))
    return aside


def _of_pairs(
    schema: TableSchema, table: Table, pairs: set[tuple[str, str]], keys: tuple[str, str], reason: str
) -> SetAside | None:
    """The rows of an input for some units and periods, with the money on them."""
    rows = [row for row, pair in enumerate(_pairs(table, *keys)) if pair in pairs]
    money: dict[str, Fraction] = {}
    unread = 0
    for column in schema.columns:
        if column.type.unit == USD and column.name in table.columns:
            cells = [exact(table.columns[column.name], row) for row in rows]
            amounts = [cell for cell in cells if isinstance(cell, Fraction)]
            money[column.name] = sum(amounts, Fraction(0)) * column.factor
            unread += len(cells) - len(amounts)
    examples = tuple(f"{keys[0]} `{u}` in {p}" for u, p in sorted(pairs)[:_SHOWN])
    return SetAside(schema.name, reason, len(rows), examples, money, unread) if rows else None


def _names(tables: Iterable[str]) -> str:
    return " or ".join(f"`{name}`" for name in tables)
