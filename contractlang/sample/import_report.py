"""What an import saw, what it set aside and what that was worth, as plain data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from contractlang.engines.duckdb.layout import Refused
from contractlang.engines.duckdb.reading import CellTable, Counts
from contractlang.engines.reading import scale
from contractlang.runtime.binding_report import decimal
from contractlang.runtime.cells import Slot

FORMAT = "vbc-import/1"


@dataclass(frozen=True, slots=True)
class ColumnSeen:
    """One column: its header, its form in the new file, cells without a value, numbers that rounding changed."""

    name: str
    header: str
    form: str
    without_value: int
    rounded: int
    largest_change: str | None


@dataclass(frozen=True)
class Imported:
    """The report: what was seen, what was set aside and what that was worth (dollars by column), what was written."""

    table: str
    rows: int
    kept: int
    written: int
    columns: Sequence[ColumnSeen]
    left_out: Mapping[str, str]
    set_aside: Mapping[str, int]
    worth: Mapping[str, str]
    files: Sequence[str] = ()
    measures: Sequence[str] = ()

    def to_json(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "table": self.table,
            "files": list(self.files),
            "rows": self.rows,
            "kept": self.kept,
            "written": self.written,
            "columns": [
                {
                    "name": c.name,
                    "header": c.header,
                    "form": c.form,
                    "without_value": c.without_value,
                    "rounded": c.rounded,
                    "largest_change": c.largest_change,
                }
                for c in self.columns
            ],
            "left_out": dict(self.left_out),
            "set_aside": dict(self.set_aside),
            "set_aside_worth": dict(self.worth),
            "measures": list(self.measures),
        }


def seen(cells: CellTable, slot: Slot, counts: Sequence[Counts], integers: Sequence[int]) -> ColumnSeen:
    """What a column was seen to hold; `integers` are the texts that are stored as integers."""
    index = next(i for i, reading in enumerate(cells.readings) if reading.name == slot.name)
    reading, found = cells.readings[index], counts[index]
    form = {
        "int": f"decimal, {scale(reading)} places" if scale(reading) else "integer",
        "flag": "flag",
        "date": "date",
        "period": "month" if reading.word == "month" else "year",
    }.get(reading.form, "integer" if index in integers else "text")
    change = cells.largest_change(index) if found.rounded else None
    return ColumnSeen(
        slot.name, reading.header, form, found.absent, found.rounded, None if change is None else decimal(change)
    )


def reasons(refused: Sequence[Refused], cells: CellTable) -> dict[str, int]:
    """Rows that are set aside, counted by their first reason."""
    found: dict[str, int] = {}
    for row in refused:
        reason = (
            "its key names several rows" if row.doubled else f"{cells.readings[row.readings[0]].name} cannot be used"
        )
        found[reason] = found.get(reason, 0) + 1
    return found
