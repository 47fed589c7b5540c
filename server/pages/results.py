"""What a result holds, as rows of a page."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pyarrow.compute as pc

from server.models import RunResult
from server.services.tables import Narrowed, ResultTable
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
    settings: Settings,
    result: RunResult,
    *,
    find: str = "",
    groups: frozenset[str] | None = None,
    most: int = 200,
) -> Table:
    """Payments and principal amounts per group and period. `groups` are the only ones to show (None: all)."""
    columns = _columns(result)
    narrowed = Narrowed(groups, columns=("status", *(c.name for c in columns)))
    rows: list[tuple[str, str, str, tuple[str, ...]]] = []
    total = 0
    for batch in _table(settings, result).batches(narrowed):
        found = batch.filter(pc.match_substring(batch.column(0), find, ignore_case=True)) if find else batch
        total += found.num_rows
        for row in found.slice(0, most - len(rows)).to_pylist():
            group, period, status, *cells = row.values()
            rows.append((group, period, status, tuple(map(_shown, cells, columns))))
    return Table(columns, tuple(rows), total)


def amounts(settings: Settings, result: RunResult, payment: str, period: str) -> list[tuple[str, Decimal]]:
    """What each group is paid in a period."""
    narrowed = Narrowed(periods=frozenset({period}), columns=(payment,))
    found = [row.values() for batch in _table(settings, result).batches(narrowed) for row in batch.to_pylist()]
    return [(group, amount) for group, _, amount in found if isinstance(amount, Decimal)]


def _table(settings: Settings, result: RunResult) -> ResultTable:
    return ResultTable(settings.data_dir.resolve() / result.folder / FILE)


def _columns(result: RunResult) -> tuple[Column, ...]:
    listed = result.summary["tables"]["results"]["columns"]
    payments = {p["payment"] for p in result.summary["payments"]}
    wanted = [c for c in listed if c["name"] in payments] + [
        c for c in listed if c.get("role") == "amount" and c["name"] not in payments
    ]
    return tuple(Column(c["name"], c["name"].removesuffix(".amount"), c.get("kind") == "money") for c in wanted[:SHOWN])


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
