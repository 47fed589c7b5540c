"""The settled rows: which units are settled in which periods, from the bound tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from contractlang.diagnostics.diagnostic import Diagnostic, Sink
from contractlang.engines import periods as calendar
from contractlang.engines.base import Column, Frame, Table
from contractlang.semantics.model import TableSchema

_SHOWN = 5


def settled_rows(
    tables: Mapping[str, Table],
    schemas: Mapping[str, TableSchema],
    keys: tuple[str, str],
    periods: Sequence[str],
    sink: Sink,
) -> Frame | None:
    """The pairs of unit and period that inputs have rows for, ordered by period and unit.

    Without such inputs, the units of the exhibits in each of `periods`. Exhibits and inputs must name the same units:
    a unit on one side only is reported, and None returned. A table that need not have a row for every key (see
    `TableSchema.sparse`) is no list of units: beside exhibits, it only says which periods there are.
    """
    unit, period = keys
    exhibits = {n: t for n, t in tables.items() if schemas[n].kind == "exhibit" and unit in t.keys}
    tables = {name: _whole(table, period) for name, table in tables.items()}
    inputs = {n: t for n, t in tables.items() if n not in exhibits and unit in t.keys and period in t.keys}
    whole = [t for t in inputs.values() if set(t.keys) == {unit, period}]
    if len(inputs) == 1 and whole and not exhibits:
        only = whole[0]  # already ordered and free of duplicates
        return Frame(only.keys[unit].values.tolist(), only.keys[period].values.tolist())
    rows = {pair for table in inputs.values() for pair in _pairs(table, unit, period)}
    if rows and exhibits and all(schemas[n].sparse for n in inputs):
        labels = sorted({p for _, p in rows})
        rows |= {pair for table in exhibits.values() for pair in _listed(table, unit, period, labels)}
    if not rows:
        rows = {pair for table in exhibits.values() for pair in _listed(table, unit, period, periods)}
    elif not _same_units(rows, inputs, exhibits, keys, sink):
        return None
    ordered = sorted(rows, key=lambda row: (row[1], row[0]))
    return Frame([u for u, _ in ordered], [p for _, p in ordered])


def _whole(table: Table, period: str) -> Table:
    """A table by the month, with the settled period in which each of its months lies."""
    shorter = [k for k in table.keys if k in calendar.WORDS and calendar.LENGTHS[k] < calendar.LENGTHS[period]]
    if period in table.keys or not shorter:
        return table
    labels = [calendar.containing(label, period) for label in table.keys[shorter[0]].values.tolist()]
    return replace(table, keys={**table.keys, period: Column("text", np.array(labels, dtype=object))})


def _pairs(table: Table, unit: str, period: str) -> Iterable[tuple[str, str]]:
    return zip(table.keys[unit].values.tolist(), table.keys[period].values.tolist(), strict=True)


def _listed(table: Table, unit: str, period: str, periods: Sequence[str]) -> Iterable[tuple[str, str]]:
    """The rows of an exhibit, in each period unless it has periods itself."""
    if period in table.keys:
        return _pairs(table, unit, period)
    return [(u, p) for u in table.keys[unit].values.tolist() for p in periods]


def _same_units(
    rows: set[tuple[str, str]],
    inputs: Mapping[str, Table],
    exhibits: Mapping[str, Table],
    keys: tuple[str, str],
    sink: Sink,
) -> bool:
    unit, period = keys
    labels = sorted({p for _, p in rows})
    fine = True
    for name, table in exhibits.items():
        listed = set(_listed(table, unit, period, labels))
        lacking = sorted(rows - listed)
        if lacking:
            notes = [f"{unit} `{u}` in {p}" for u, p in lacking[:_SHOWN]]
            if len(lacking) > _SHOWN:
                notes.append(f"and {len(lacking) - _SHOWN:,} more")
            many = "1 settled row has" if len(lacking) == 1 else f"{len(lacking):,} settled rows have"
            help_ = f"add them to the file of `{name}`, or leave them out of the data with `where`"
            message = f"{many} no terms in the exhibit `{name}`"
            sink.report(Diagnostic("exhibit-row-missing", message, notes=tuple(notes), help=help_))
            fine = False
        idle = sorted({u for u, _ in listed} - {u for u, _ in rows})
        if idle:
            shown = ", ".join(f"`{u}`" for u in idle[:_SHOWN]) + (" …" if len(idle) > _SHOWN else "")
            message = f"{len(idle):,} {unit}(s) of the exhibit `{name}` have no row in {_names(inputs)}: {shown}"
            help_ = "mend the names of the units, or remove the rows from the exhibit"
            sink.report(Diagnostic("exhibit-row-missing", message, help=help_))
            fine = False
    return fine


def _names(tables: Iterable[str]) -> str:
    return " or ".join(f"`{name}`" for name in tables)
