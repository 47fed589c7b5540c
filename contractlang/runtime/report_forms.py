"""Reports as text, CSV and JSON."""

from __future__ import annotations

import csv
import io
from fractions import Fraction
from typing import Any

from contractlang.runtime.formatting import decimal, unit_words
from contractlang.runtime.reports import Shown, Table
from contractlang.semantics.published import places
from contractlang.values import Value

FORMAT = "vbc-report/1"
_RISKY = ("=", "+", "-", "@", "\t", "\r")


def as_json(table: Table) -> dict[str, Any]:
    """One table; a cell without value has its word instead of it."""
    report = table.report
    return {
        "format": FORMAT,
        "report": report.name,
        "to": report.receiver,
        "issued": report.issued or None,
        "period": table.period,
        "suppressed_below": report.below,
        "complementary": report.complementary,
        "appeal_days": report.appeal,
        "keys": list(table.keys),
        "columns": [
            {"name": name, "kind": cell.type.kind.value, "unit": unit_words(cell.type)}
            for name, cell in zip(table.columns, table.rows[0][1] if table.rows else (), strict=False)
        ],
        "rows": [
            {**dict(zip(table.keys, labels, strict=True)), **_cells(table.columns, cells)}
            for labels, cells in table.rows
        ],
        "notes": list(table.notes),
    }


def as_csv(table: Table) -> str:
    """One line per row: labels, then for each value the number and, in a column of its own, why there is none."""
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\n")
    writer.writerow(["period", *table.keys, *(word for name in table.columns for word in (name, f"{name}_state"))])
    for labels, cells in table.rows:
        found = [text for cell in cells for text in (_number(cell), cell.word)]
        writer.writerow([table.period, *(_harmless(label) for label in labels), *found])
    return written.getvalue()


def as_rows(table: Table) -> tuple[list[str], list[list[str]]]:
    """Heads and rows of text for a terminal."""
    return (
        [*table.keys, *table.columns],
        [[*labels, *(cell.text for cell in cells)] for labels, cells in table.rows],
    )


def _cells(columns: tuple[str, ...], cells: tuple[Shown, ...]) -> dict[str, Any]:
    return {
        name: {"state": cell.word} if cell.word else _plain(cell.value, cell)
        for name, cell in zip(columns, cells, strict=True)
    }


def _plain(value: Value | None, cell: Shown) -> Any:
    return value if isinstance(value, bool) else _number(cell)


def _number(cell: Shown) -> str:
    """The value as in exported results: plain digits, `yes` or `no`, or a label; nothing where it is hidden."""
    match cell.value:
        case None:
            return ""
        case bool() as flag:
            return "yes" if flag else "no"
        case Fraction() as number:
            return decimal(number, places(cell.type))
        case other:
            return _harmless(str(other))


def _harmless(text: str) -> str:
    """A text that a spreadsheet would take for a formula gets an apostrophe in front."""
    return f"'{text}" if text.startswith(_RISKY) else text
