"""What a result holds, as rows of a page."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from server.models import RunResult
from server.settings import Settings

FILE = "results.parquet"
SHOWN = 8
"""Columns beside the key that fit on a page."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its name, the words above it, and whether it holds dollars."""

    name: str
    words: str
    money: bool


@dataclass(frozen=True, slots=True)
class Table:
    """The first rows: group, period, status and cells as text; `total` counts all rows that match."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[str, str, str, tuple[str, ...]], ...]
    total: int


def table(
    settings: Settings, result: RunResult, *, find: str = "", groups: Collection[str] | None = None, most: int = 200
) -> Table:
    """Payments and principal amounts per group and period. `groups` are the only ones to show (None: all)."""
    unit, period = result.summary["unit"], result.summary["period"]
    columns = _columns(result)
    found = _read(settings, result, [unit, period, "status", *(c.name for c in columns)])
    if groups is not None:
        found = found.filter(pc.is_in(found[unit], pa.array(sorted(groups), found[unit].type)))
    if find:
        found = found.filter(pc.match_substring(found[unit], find, ignore_case=True))
    rows = tuple(
        (row[unit], row[period], row["status"], tuple(_shown(row[c.name], c) for c in columns))
        for row in found.slice(0, most).to_pylist()
    )
    return Table(columns, rows, found.num_rows)


def amounts(settings: Settings, result: RunResult, payment: str, period: str) -> list[tuple[str, Decimal]]:
    """What each group is paid in a period."""
    unit, word = result.summary["unit"], result.summary["period"]
    if payment not in {c.name for c in _columns(result)}:
        return []
    found = _read(settings, result, [unit, word, payment])
    rows = found.filter(pc.equal(found[word], period)).to_pylist()
    return [(row[unit], row[payment]) for row in rows if row[payment] is not None]


def _columns(result: RunResult) -> tuple[Column, ...]:
    listed = result.summary["tables"]["results"]["columns"]
    payments = {p["payment"] for p in result.summary["payments"]}
    wanted = [c for c in listed if c["name"] in payments] + [
        c for c in listed if c.get("role") == "amount" and c["name"] not in payments
    ]
    return tuple(Column(c["name"], c["name"].removesuffix(".amount"), c.get("kind") == "money") for c in wanted[:SHOWN])


def _read(settings: Settings, result: RunResult, columns: list[str]) -> pa.Table:
    path = settings.data_dir.resolve() / result.folder / FILE
    found = pq.read_table(path, columns=columns)
    for name in columns[:3]:
        if pa.types.is_dictionary(found[name].type):
            found = found.set_column(found.column_names.index(name), name, found[name].cast(pa.string()))
    return found


def _shown(value: Any, column: Column) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case Decimal() if column.money:
            return f"{'-' if value < 0 else ''}${abs(value):,.2f}"
        case Decimal():
            return f"{round(value, 4).normalize():f}" if value else "0"
        case _:
            return str(value)
