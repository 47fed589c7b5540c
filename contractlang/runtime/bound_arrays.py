"""Bound tables as the engines read them: arrays at settlement grains, views at member grain."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from contractlang.engines.base import Bytes, Column, MemberTable, Table
from contractlang.engines.duckdb.reading import ViewColumn
from contractlang.engines.filling import code, filled, places_of
from contractlang.engines.reading import Form, scale
from contractlang.runtime.bound_table import BoundTable
from contractlang.runtime.cells import FROM, Slot
from contractlang.runtime.provenance import BETWEEN
from contractlang.values import Absent

Array = npt.NDArray[Any]

_EPOCH = dt.date(1970, 1, 1).toordinal()
_ROLES = ("period", "unit")


def settlement_table(bound: BoundTable) -> tuple[Table, Array | None]:
    """The table, ordered by period, unit and the other keys; and the `from` dates of its rows (None: not dated)."""
    keys = [slot for slot in bound.slots if slot.key is not None]
    order = [bound.index(slot) for slot in sorted(keys, key=_place_in_order)]
    files, rows, fetched = bound.cells.fetch([i for i in order if i is not None])
    columns: dict[str, Column] = {}
    for slot in bound.slots:
        index = bound.index(slot)
        columns[slot.name] = _constant(slot, len(rows)) if index is None else _column(slot, *fetched[index])
    dates = columns.pop(FROM).values if any(slot.name == FROM for slot in keys) else None
    table = Table(
        bound.schema.name,
        {slot.name: columns.pop(slot.name) for slot in keys if slot.name != FROM},
        columns,
        ", ".join(bound.files),
        rows.tolist(),
        {slot.name: _headers(slot) for slot in bound.slots},
        [bound.files[f] for f in files.tolist()] if len(bound.files) > 1 else (),
    )
    return table, dates


def _headers(slot: Slot) -> str:
    """The headers that a column is read from; where it is read from none, what stands in their place."""
    return BETWEEN.join(raw.header for raw in slot.reading.sources) if slot.reading is not None else slot.source


def _place_in_order(slot: Slot) -> int:
    role = slot.key.role if slot.key is not None else ""
    return _ROLES.index(role) if role in _ROLES else len(_ROLES)


def _column(slot: Slot, values: Array, absent: Bytes) -> Column:
    form: Form = "text" if slot.form == "period" else slot.form
    places = scale(slot.reading) if slot.reading is not None and form == "int" else 0
    column = Column(form, values, places, slot.labels)
    return filled(column, absent.astype(bool), slot.absent) if absent.any() else column


def _constant(slot: Slot, rows: int) -> Column:
    form: Form = "text" if slot.form == "period" else slot.form
    value = slot.constant
    if isinstance(value, Absent):
        empty: Array = np.full(rows, "", dtype=object) if form == "text" else np.zeros(rows, dtype=np.int64)
        states = np.full(rows, value.state, dtype=np.uint8)
        return Column(form, empty, 0, slot.labels, states, {value.state: value.reason})
    if isinstance(value, Fraction):
        places = places_of(value)
        return Column(form, _full(rows, int(value * 10**places)), places)
    return Column(form, _full(rows, code(value, form, slot.labels)), 0, slot.labels)


def _full(rows: int, value: int | str) -> Array:
    fits = isinstance(value, int) and -(2**63) <= value < 2**63
    return np.full(rows, value, dtype=np.int64 if fits else object)


def in_force(table: Table, dates: Array, periods: Mapping[str, dt.date], period: str) -> Table:
    """A dated exhibit at the grain of its keys and the period: for each period the row in force on its first day.

    `periods` gives the first day of each period label. A key without a row in force has no row in that period.
    """
    keys = list(zip(*(column.values.tolist() for column in table.keys.values()), strict=True)) or [()] * len(dates)
    by_key: dict[tuple[object, ...], list[tuple[int, int]]] = {}
    for row, (key, day) in enumerate(zip(keys, dates.tolist(), strict=True)):
        by_key.setdefault(key, []).append((day, row))
    chosen: list[int] = []
    labels: list[str] = []
    for label, first in periods.items():
        day = first.toordinal() - _EPOCH
        for rows in by_key.values():
            started = [entry for entry in rows if entry[0] <= day]
            if started:
                chosen.append(max(started)[1])
                labels.append(label)
    pick = np.array(chosen, dtype=np.int64)
    numbers = list(table.row_numbers)
    files = list(table.row_files)
    return Table(
        table.name,
        {**{name: _taken(c, pick) for name, c in table.keys.items()}, period: Column("text", np.array(labels, dtype=object))},
        {name: _taken(column, pick) for name, column in table.columns.items()},
        table.file,
        [numbers[row] for row in chosen],
        table.source_columns,
        [files[row] for row in chosen] if files else (),
    )  # fmt: skip


def _taken(column: Column, rows: Array) -> Column:
    states = None if column.states is None else column.states[rows]
    return Column(column.form, column.values[rows], column.scale, column.labels, states, column.reasons)


def member_table(bound: BoundTable) -> MemberTable:
    """The bound table as a view of the connection, for the reduce stage."""
    columns: dict[str, tuple[str, int]] = {}
    selected = []
    for slot in bound.slots:
        filler = slot.absent if slot.default_of else None
        declared = bound.schema.column(slot.name)
        places = declared.scale if declared is not None and slot.form == "int" else 0
        if slot.reading is None:
            filler = slot.constant
        columns[slot.name] = ("text" if slot.form == "period" else slot.form, places)
        selected.append(ViewColumn(slot.name, slot.form, bound.index(slot), filler, places))
    natives = bound.cells.create_view(bound.schema.name, selected, bound.counts)
    whole = {r.name for r, counts in zip(bound.cells.readings, bound.counts, strict=True) if not counts.absent}
    complete = frozenset(s.name for s in bound.slots if s.name in whole)
    sources = {slot.name: _headers(slot) for slot in bound.slots}
    connection = bound.cells.connection
    file = ", ".join(bound.files)
    return MemberTable(bound.schema.name, connection, bound.schema.name, columns, file, sources, natives, complete)
