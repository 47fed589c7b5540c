"""Rows of a bound table that cannot be used: found, counted by reason, and valued."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction

from contractlang.engines.duckdb.aside import Failed, Keys, Worth, find
from contractlang.engines.duckdb.reading import CellTable, Counts
from contractlang.plan.row_uses import RowUse
from contractlang.runtime.asked import Asked
from contractlang.runtime.cells import FROM, Slot
from contractlang.runtime.set_aside import SetAside
from contractlang.semantics.model import TableSchema
from contractlang.semantics.types import USD


def set_rows_aside(
    schema: TableSchema,
    slots: Sequence[Slot],
    cells: CellTable,
    counts: Sequence[Counts],
    *,
    files: Sequence[str],
    asked: Asked,
) -> list[SetAside]:
    """The rows that cannot be used, by the first reason that applies to each; `remove` then takes them out.

    Reasons in order: each key and column as the contract declares them, then keys that name several rows.
    """
    numbers = {reading.name: i for i, reading in enumerate(cells.readings)}
    failed = list(_failed(slots, numbers, counts, asked))
    money = {numbers[c.name]: c.name for c in schema.columns if c.name in numbers and c.type.unit == USD}
    months = numbers.get(asked.use.months) if asked.use.months is not None else None
    found = find(cells, failed, _keys(schema, slots, numbers), list(money), months)
    return [
        SetAside(
            schema.name,
            worth.reason.replace(f"`{asked.use.unit}`", f"`{asked.use.unit}` (whose row it is)"),
            worth.rows,
            tuple(f"`{files[file]}`, row {row}" for file, row in worth.places),
            {name: worth.sums[i] * _factor(schema, name) for i, name in money.items()},
            sum(worth.lacking[i] for i in money),
            _member_months(schema, worth, months, asked.use),
        )
        for worth in found
    ]


def _failed(
    slots: Sequence[Slot], numbers: Mapping[str, int], counts: Sequence[Counts], asked: Asked
) -> Iterator[Failed]:
    for slot in slots:
        index = numbers.get(slot.name)
        if index is None:
            continue
        found = counts[index]
        if found.unreadable:
            what = "a value that the category lacks" if slot.form == "code" else "a cell that cannot be read"
            yield Failed(index, "unreadable", f"`{slot.name}`: {what}")
        if found.outside:
            yield Failed(index, "outside", f"`{slot.name}`: outside the bounds of the contract")
        needed = slot.key is not None or (asked.needs and slot.name in asked.use.needed)
        if found.absent and needed and not slot.default_of:
            yield Failed(index, "absent", f"`{slot.name}`: no value")


def _keys(schema: TableSchema, slots: Sequence[Slot], numbers: Mapping[str, int]) -> Keys | None:
    if not schema.keys:
        return None
    own = [slot for slot in slots if slot.key is not None and slot.name in numbers]
    others = {numbers[s.name]: s.name for s in slots if s.key is None and s.name in numbers}
    needed = [numbers[slot.name] for slot in own if slot.name != FROM]
    return Keys([numbers[slot.name] for slot in own], needed, others)


def _member_months(schema: TableSchema, worth: Worth, months: int | None, use: RowUse) -> Fraction | None:
    """How many member-months the rows stand for; None where they stand for none."""
    if months is not None and use.months is not None:
        return worth.sums[months] * _factor(schema, use.months)
    return Fraction(worth.rows) if use.counts_months else None


def _factor(schema: TableSchema, name: str) -> Fraction:
    column = schema.column(name)
    return column.factor if column is not None else Fraction(1)
