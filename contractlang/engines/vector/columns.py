"""Columns of bound tables as lanes over the units of one period."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from contractlang.engines.base import Bytes, Column, Inputs, Ints, Table
from contractlang.engines.filling import filled
from contractlang.engines.reference.cells import begun, labels, not_begun, without_row
from contractlang.engines.reference.evaluator import Evaluator
from contractlang.engines.vector import kernels
from contractlang.engines.vector.arithmetic import Arithmetic
from contractlang.engines.vector.lanes import BeyondFloatsError, Flag, Known, Label, Lane, Number, loosened, rounding
from contractlang.engines.vector.tape import BLOCK
from contractlang.plan.nodes import Cell, Plan
from contractlang.values import Absent, Value

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Rows:
    """The units of one period in order; `frame` says which rows of the frame they are (None: none of them)."""

    period: str
    units: Sequence[str]
    frame: slice | Ints | None

    def __len__(self) -> int:
        return len(self.units)


@dataclass(frozen=True)
class Picked:
    """Rows of a column, and a register with their states."""

    table: Table
    name: str
    rows: slice | Ints
    states: int | None


@dataclass
class Columns:
    """Cells of the inputs by table, column and rows."""

    inputs: Inputs
    _like_frame: dict[tuple[str, str, str], bool] = field(default_factory=dict)
    _positions: dict[tuple[str, tuple[str, ...]], dict[tuple[str, ...], dict[str, int]]] = field(default_factory=dict)
    _prepared: dict[tuple[str, str], tuple[Array, float, float]] = field(default_factory=dict)
    _texts: dict[tuple[str, str], tuple[Array, tuple[str, ...]]] = field(default_factory=dict)
    _made: int = 0

    def lane(self, arithmetic: Arithmetic, plan: Plan, cell: Cell, rows: Rows, key: Mapping[str, str]) -> Lane:
        """A column at the rows' units; `key` has the labels of the table's other keys (period and categories)."""
        nothing = without_row(plan, cell.table, cell.column)
        if not begun(plan, self.inputs.known_on, key):
            nothing = not_begun(self.inputs.known_on)
        table = self.inputs.tables.get(cell.table)
        if table is None or not len(table.columns[cell.column]):
            return Known(nothing)
        place = self._place(table, plan, rows, key)
        gone = None if isinstance(place, slice) or (place >= 0).all() else place < 0
        picked = place if isinstance(place, slice) else np.maximum(place, 0)
        states = self._states(table.columns[cell.column], picked, gone, nothing)
        found = Picked(table, cell.column, picked, None if states is None else arithmetic.tape.source(states))
        if gone is not None and not isinstance(nothing, Absent):
            found = self._filled(found, gone, nothing)
        return self._read(arithmetic, found)

    def _states(
        self, column: Column, picked: slice | Ints, gone: npt.NDArray[np.bool_] | None, nothing: Value
    ) -> Bytes | None:
        states = None if column.states is None else column.states[picked]
        if gone is not None:
            states = np.zeros(len(gone), dtype=np.uint8) if states is None else states.copy()
            states[gone] = int(nothing.state) if isinstance(nothing, Absent) else 0
        return states if states is not None and states.any() else None

    def _filled(self, found: Picked, gone: npt.NDArray[np.bool_], nothing: Value) -> Picked:
        """The column with a value where there is no row; states stand in a register of their own."""
        column = found.table.columns[found.name]
        picked = replace(column, values=column.values[found.rows], states=None, reasons={})
        # A table of its own, so that what is remembered of it is kept apart from the bound one.
        self._made += 1
        made = Table(f"{found.table.name} {self._made}", {}, {found.name: filled(picked, gone, nothing)})
        return replace(found, table=made, rows=slice(None))

    def _read(self, arithmetic: Arithmetic, found: Picked) -> Lane:
        column = found.table.columns[found.name]
        tape, states = arithmetic.tape, found.states
        match column.form:
            case "int" | "date":
                base, low, high = self._numbers(found.table, found.name)
                is_date = column.form == "date"
                unit = Fraction(1, 10**column.scale)
                whole = max(abs(low), abs(high)) <= kernels.LIMIT and column.values.dtype != object
                if low == high and states is None and whole and not is_date:
                    return Known(Fraction(int(low)) * unit)
                slot = tape.emit(kernels.copy, _source(arithmetic, base, found.rows))
                error = 0.0 if whole else loosened(rounding(max(abs(low), abs(high))))
                return arithmetic.imported(Number(slot, unit, low, high, error, states, is_date=is_date))
            case "flag":
                _, low, high = self._numbers(found.table, found.name)
                if low == high and states is None:
                    return Known(bool(low))
                slot = tape.emit(kernels.copy, _source(arithmetic, column.values, found.rows), dtype=bool, key="flag")
                return Flag(slot, states)
            case "code":
                return Label(_source(arithmetic, column.values, found.rows), column.labels, states)
            case _:
                codes, labels_found = self._text(found.table, found.name)
                return Label(_source(arithmetic, codes, found.rows), labels_found, states)

    def _numbers(self, table: Table, name: str) -> tuple[Array, float, float]:
        """Values and their range over the whole column."""
        key = (table.name, name)
        if key not in self._prepared:
            values: Array = table.columns[name].values
            if values.dtype == object:
                try:
                    values = values.astype(np.float64)
                except OverflowError:
                    raise BeyondFloatsError from None
            self._prepared[key] = values, *_range(values)
        return self._prepared[key]

    def _text(self, table: Table, name: str) -> tuple[Array, tuple[str, ...]]:
        key = (table.name, name)
        if key not in self._texts:
            codes: dict[str, int] = {}
            numbers = [codes.setdefault(str(value), len(codes)) for value in table.columns[name].values]
            self._texts[key] = np.array(numbers, dtype=np.int32), tuple(codes)
        return self._texts[key]

    # Places of rows

    def tell(self, evaluator: Evaluator, plan: Plan, rows: Rows, chosen: Sequence[int]) -> None:
        """Tell the evaluator where some rows stand in tables that have the frame's rows."""
        for name, table in self.inputs.tables.items():
            if rows.frame is not None and set(table.keys) == {plan.unit, plan.period} and self._is_frame(table, plan):
                places = np.arange(len(self.inputs.frame))[rows.frame]
                for row in chosen:
                    key = {plan.unit: rows.units[row], plan.period: rows.period}
                    evaluator.tell(name, key, int(places[row]))

    def _place(self, table: Table, plan: Plan, rows: Rows, key: Mapping[str, str]) -> slice | Ints:
        """The row of the table for every unit; -1 where there is none."""
        if rows.frame is not None and set(table.keys) == {plan.unit, plan.period} and self._is_frame(table, plan):
            return rows.frame
        others = tuple(sorted(set(table.keys) - {plan.unit}))
        positions = self._index(table, plan.unit, others).get(tuple(key[name] for name in others), {})
        return np.fromiter((positions.get(unit, -1) for unit in rows.units), dtype=np.int64, count=len(rows))

    def _is_frame(self, table: Table, plan: Plan) -> bool:
        """Whether the table has exactly the rows of the frame, in its order."""
        name = (table.name, plan.unit, plan.period)
        if name not in self._like_frame:
            frame = self.inputs.frame
            self._like_frame[name] = (
                len(table) == len(frame)
                and _same(table.keys[plan.period], frame.periods)
                and _same(table.keys[plan.unit], frame.units)
            )
        return self._like_frame[name]

    def _index(self, table: Table, unit: str, others: tuple[str, ...]) -> dict[tuple[str, ...], dict[str, int]]:
        """Rows by the labels of the other keys, then by unit."""
        name = (table.name, others)
        if name not in self._positions:
            found: dict[tuple[str, ...], dict[str, int]] = {}
            columns = [labels(table.keys[other]) for other in others]
            keys = zip(*columns, strict=True) if columns else [()] * len(table)
            for row, (own, key) in enumerate(zip(labels(table.keys[unit]), keys, strict=True)):
                found.setdefault(tuple(key), {})[own] = row
            self._positions[name] = found
        return self._positions[name]


def _range(values: Array) -> tuple[float, float]:
    """The smallest and the largest value, block by block so that each is read from memory once."""
    ends = []
    for start in range(0, len(values), BLOCK):
        block = values[start : start + BLOCK]
        ends.append((float(block.min()), float(block.max())))
    return min(low for low, _ in ends), max(high for _, high in ends)


def _source(arithmetic: Arithmetic, base: Array, picked: slice | Ints) -> int:
    if isinstance(picked, slice):
        whole = picked.start in (0, None) and picked.stop in (len(base), None)
        return arithmetic.tape.source(base if whole else base[picked])
    return arithmetic.tape.source(base, picked)


def _same(column: Column, wanted: Sequence[str]) -> bool:
    """Whether a key column lists exactly these labels."""
    if column.form == "text":
        values = column.values.tolist()
        return bool(values == (wanted if isinstance(wanted, list) else list(wanted)))
    return labels(column) == list(wanted)
