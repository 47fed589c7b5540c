"""One period of a programme: its plan on all of its rows, level by level, with exact redo of uncertain rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Protocol, cast

import numpy as np

from contractlang.engines.reference.evaluator import Evaluator
from contractlang.engines.vector import network
from contractlang.engines.vector.across import Group, across, arguments, totals
from contractlang.engines.vector.arithmetic import Arithmetic
from contractlang.engines.vector.columns import Columns, Rows
from contractlang.engines.vector.emitter import Emitter, LeftToReferenceError
from contractlang.engines.vector.folding import Item, fold
from contractlang.engines.vector.lanes import (
    BeyondFloatsError,
    Known,
    Label,
    Lane,
)
from contractlang.engines.vector.others import Totals, others
from contractlang.engines.vector.outcome import Outcome, from_values, known
from contractlang.engines.vector.shape import Cell, Shape, over_network
from contractlang.engines.vector.splitting import Claims, split
from contractlang.engines.vector.tables import TooManyClassesError
from contractlang.engines.vector.tape import Tape
from contractlang.plan import nodes
from contractlang.plan.nodes import Aggregate, Plan, Previous, Split
from contractlang.values import Absent, Value


class Back(Protocol):
    """What a run asks about other periods."""

    def previous(self, run: Run, cell: Cell, arithmetic: Arithmetic) -> Lane | None:
        """A value of another period on the run's rows; None where only the reference engine can give it."""
        ...

    def starts(self, run: Run, op: Previous) -> bool:
        """Whether the other period lies before the start of the term."""
        ...


@dataclass
class Run:
    """The values of one period. `kept` are the nodes whose cells stay in arrays."""

    plan: Plan
    rows: Rows
    evaluator: Evaluator
    columns: Columns
    back: Back
    kept: Sequence[int]
    outcomes: dict[Cell, Outcome] = field(default_factory=dict)
    redone: int = 0

    def __post_init__(self) -> None:
        self._totals: dict[Cell, Totals] = {}
        self.shape = Shape(self.plan, self.rows.period)

    # Which cells are needed

    def execute(self) -> None:
        """Compute all kept cells."""
        shape = self.shape
        final = {cell for node in self.kept for cell in shape.cells(node)}
        needed = self._needed(final)
        levels = shape.levels
        for level in range(max((levels[node] for node, _ in needed), default=0) + 1):
            mine = sorted(cell for cell in needed if levels[cell[0]] == level)
            later = {
                part
                for cell in needed
                if levels[cell[0]] > level
                for part in self._inputs(cell)
                if levels[part[0]] == level
            }
            if level:
                self._aggregates([cell for cell in mine if over_network(self.plan, self.plan.nodes[cell[0]].op)])
            self._level(mine, (final | later) & set(mine))

    def _needed(self, final: set[Cell]) -> set[Cell]:
        """The cells that the final ones read, without branches that a condition known for all rows rules out."""
        waiting: dict[int, set[Cell]] = {}
        for cell in final:
            waiting.setdefault(cell[0], set()).add(cell)
        found: set[Cell] = set()
        for node in range(len(self.plan.nodes) - 1, -1, -1):
            for cell in waiting.pop(node, ()):
                found.add(cell)
                for part in self._inputs(cell):
                    waiting.setdefault(part[0], set()).add(part)
        return found

    def _inputs(self, cell: Cell) -> list[Cell]:
        """The cells that a cell reads."""
        node = self.plan.nodes[cell[0]]
        if self._constant(cell[0]):
            return []
        key = self.shape.key(cell)
        match node.op:
            case Aggregate() as op:
                return [self.shape.argument(arg, key | own) for own in self.shape.removed(op) for arg in node.args]
            case nodes.Choose():
                return self._live(node.args, key)
            case Previous() as op:
                return [self.shape.argument(arg, key) for arg in node.args] if self.back.starts(self, op) else []
            case _:
                return [self.shape.argument(arg, key) for arg in node.args]

    def _live(self, args: Sequence[int], key: Mapping[str, str]) -> list[Cell]:
        """The arguments of a choice without its dead cases; a condition that decides stands for the otherwise."""
        live: list[Cell] = []
        for i in range(0, len(args) - 1, 2):
            condition, value = self.shape.argument(args[i], key), self.shape.argument(args[i + 1], key)
            if not self._constant(condition[0]):
                live += [condition, value]
                continue
            known = self._exact(condition)
            if known is False:
                continue
            return [*live, condition if isinstance(known, Absent) else value]
        return [*live, self.shape.argument(args[-1], key)] if len(args) % 2 else live

    def _constant(self, node: int) -> bool:
        """Whether a node is one value for all rows that the evaluator gives without looking at other units or periods."""
        shape = self.shape
        return not shape.by_row[node] and not shape.levels[node] and not shape.looks_back[node]

    def _exact(self, cell: Cell) -> Value:
        return self.evaluator.value(self.plan, cell[0], self.shape.key(cell))

    def exact(self, cell: Cell, row: int) -> Value:
        """The exact value of a cell on a row, by the reference engine."""
        return self.evaluator.value(self.plan, cell[0], self.shape.key(cell) | {self.plan.unit: self.rows.units[row]})

    def spread(self, cell: Cell) -> Outcome:
        """The values of a kept cell with an entry for every row, also where they are all the same."""
        outcome = self.outcomes[cell]
        return from_values([outcome.lane.value] * len(self.rows)) if isinstance(outcome.lane, Known) else outcome

    # One level: all cells between two layers of network aggregates

    def _level(self, cells: Sequence[Cell], kept: set[Cell]) -> None:
        flagged = np.zeros(len(self.rows), dtype=bool)
        tape = Tape()
        lanes = self._emit(cells, Emitter(Arithmetic(tape)))
        slots = {slot for cell in kept for slot in _slots(lanes[cell])}
        arrays = tape.run(len(self.rows), sorted(slots), flagged)
        for cell in kept:
            lane = lanes[cell]
            if isinstance(lane, Known):
                self.outcomes[cell] = Outcome(lane, np.empty(0), None)
            else:
                states = None if lane.states is None else arrays[lane.states].astype(np.uint8, copy=False)
                self.outcomes[cell] = Outcome(lane, arrays[lane.slot], states)
        uncertain = np.nonzero(flagged)[0]
        if len(uncertain):
            self._redo(self._still_uncertain(cells, uncertain), cells, kept)

    def _still_uncertain(
        self, cells: Sequence[Cell], rows: np.ndarray[tuple[int], np.dtype[np.int64]]
    ) -> dict[int, list[Cell]]:
        """Rows that stay uncertain when every row has its own bound of error, each with the cells that decide something."""
        tape = Tape()
        self._emit(cells, Emitter(Arithmetic(tape, by_row=True)))
        arrays = tape.run(len(rows), [], np.zeros(len(rows), dtype=bool), rows)
        found: dict[int, list[Cell]] = {}
        for cell, slot in tape.flags.items():
            for place in np.nonzero(arrays[slot])[0].tolist():
                found.setdefault(int(rows[place]), []).append(cast(Cell, cell))
        return dict(sorted(found.items()))

    def _redo(self, rows: Mapping[int, Sequence[Cell]], cells: Sequence[Cell], kept: set[Cell]) -> None:
        """Replace the kept values that follow from uncertain cells by those of the reference engine."""
        self.redone += len(rows)
        self.columns.tell(self.evaluator, self.plan, self.rows, list(rows))
        readers: dict[Cell, list[Cell]] = {}
        for cell in cells if rows else ():
            for part in self._inputs(cell):
                readers.setdefault(part, []).append(cell)
        following: dict[Cell, set[Cell]] = {}
        for count, (row, uncertain) in enumerate(rows.items(), 1):
            for cell in set().union(*(_following(start, readers, following) for start in uncertain)) & kept:
                if self.shape.by_row[cell[0]] and not isinstance(self.outcomes[cell].lane, Known):
                    self.outcomes[cell].write(row, self.exact(cell, row))
            if count % 2048 == 0:
                self.evaluator.forget()

    def _emit(self, cells: Sequence[Cell], emitter: Emitter) -> dict[Cell, Lane]:
        lanes: dict[Cell, Lane] = {}
        for cell in cells:
            if emitter.arithmetic.by_row:
                emitter.arithmetic.tape.tag = cell
            try:
                lanes[cell] = self._lane(cell, lanes, emitter)
            except (LeftToReferenceError, BeyondFloatsError, TooManyClassesError):
                lanes[cell] = self._by_reference(cell, emitter.arithmetic)
        return lanes

    def _lane(self, cell: Cell, lanes: dict[Cell, Lane], emitter: Emitter) -> Lane:
        if self._constant(cell[0]):
            return Known(self._exact(cell))
        node = self.plan.nodes[cell[0]]
        if over_network(self.plan, node.op) and not (isinstance(node.op, Aggregate) and node.op.except_own):
            return self._across(cell, emitter.arithmetic)
        arithmetic = emitter.arithmetic
        key = self.shape.key(cell)

        def read(part: Cell) -> Lane:
            return lanes[part] if part in lanes else self._elsewhere(part, arithmetic)

        match node.op:
            case nodes.Key():  # of the unit; all others are the same on all rows
                own = np.arange(len(self.rows), dtype=np.int32)
                return Label(arithmetic.tape.source(own), tuple(self.rows.units))
            case nodes.Cell() as op:
                return self.columns.lane(arithmetic, self.plan, op, self.rows, key)
            case Aggregate(except_own=True) as op:
                if cell not in self._totals:
                    raise LeftToReferenceError
                item = _item(op, [read(self.shape.argument(arg, key)) for arg in node.args])
                return others(emitter, op, item, self._totals[cell])
            case Aggregate() as op:
                sets = [key | own for own in self.shape.removed(op)]
                return fold(
                    emitter, op, [_item(op, [read(self.shape.argument(a, s)) for a in node.args]) for s in sets]
                )
            case Previous() as op:
                if node.args and self.back.starts(self, op):
                    return read(self.shape.argument(node.args[0], key))
                found = self.back.previous(self, cell, arithmetic)
                if found is None:
                    raise LeftToReferenceError
                return found
            case nodes.Const(value):
                return Known(value)
            case Split():
                raise LeftToReferenceError
            case op:
                return emitter.apply(op, [read(part) for part in self._inputs(cell)])

    def _across(self, cell: Cell, arithmetic: Arithmetic) -> Lane:
        """An aggregate over the network."""
        if cell in self.outcomes:
            return self.outcomes[cell].on(arithmetic)
        if self.shape.by_row[cell[0]]:
            raise LeftToReferenceError
        return Known(self._exact(cell))

    def _elsewhere(self, cell: Cell, arithmetic: Arithmetic) -> Lane:
        """A cell of an earlier level, or one that is known for all rows."""
        if cell in self.outcomes:
            return self.outcomes[cell].on(arithmetic)
        return Known(self._exact(cell))

    def _by_reference(self, cell: Cell, arithmetic: Arithmetic) -> Lane:
        """A cell whose operation this engine does not have: every row by the reference engine."""
        if cell not in self.outcomes:
            values = []
            for row in range(len(self.rows)):
                values.append(self.exact(cell, row))
                if row % 2048 == 2047:
                    self.evaluator.forget()
            self.outcomes[cell] = from_values(values)
        return self.outcomes[cell].on(arithmetic)

    # Aggregates over the network

    def _aggregates(self, cells: Sequence[Cell]) -> None:
        for cell in cells:
            op = self.plan.nodes[cell[0]].op
            try:
                if isinstance(op, Split):
                    self.outcomes[cell] = self._split(cell, op)
                    continue
                if not isinstance(op, Aggregate):
                    continue
                groups = self._groups(cell, op)
                if op.except_own:
                    self._totals[cell] = totals(op, groups)
                else:
                    self.outcomes[cell] = across(op, groups, len(self.rows))
            except network.NotDecidedError:
                continue  # the reference engine gives it
            lane = self.outcomes[cell].lane if cell in self.outcomes else None
            if isinstance(lane, Known) and not self.shape.by_row[cell[0]]:
                self.evaluator.remember(self.plan, cell[0], self.shape.key(cell), lane.value)

    def _groups(self, cell: Cell, op: Aggregate) -> list[Group]:
        """What an aggregate runs over, for every combination of the categories it removes."""
        key = self.shape.key(cell)
        args = self.plan.nodes[cell[0]].args
        found = []
        for own in self.shape.removed(op):
            cells = [self.shape.argument(arg, key | own) for arg in args]
            value, weight, kept = arguments(op, [self._outcome(part) for part in cells])

            def exact(row: int, cells: Sequence[Cell] = cells) -> list[Value]:
                return [self.exact(part, row) for part in cells]

            found.append(Group(value, weight, network.members(len(self.rows), value, weight, kept), exact))
        return found

    def _split(self, cell: Cell, op: Split) -> Outcome:
        """A split over the network. Raises NotDecidedError."""
        if len(op.over) > 1:
            raise network.NotDecidedError
        fund, *parts = [self.shape.argument(arg, self.shape.key(cell)) for arg in self.plan.nodes[cell[0]].args]
        weight = self._outcome(parts[0])
        kept = self._outcome(parts[1]) if op.filtered else None
        who = network.members(len(self.rows), weight, None, kept)
        claims = Claims(weight, who, self.rows.units, lambda row: self.exact(parts[0], row))
        return split(op, self._exact(fund), claims)

    def _outcome(self, cell: Cell) -> Outcome:
        return self.outcomes[cell] if cell in self.outcomes else known(self._exact(cell))


def _following(start: Cell, readers: Mapping[Cell, Sequence[Cell]], known: dict[Cell, set[Cell]]) -> set[Cell]:
    """A cell and all cells that read it, directly or not."""
    if start not in known:
        found, waiting = {start}, [start]
        while waiting:
            for reader in readers.get(waiting.pop(), ()):
                if reader not in found:
                    found.add(reader)
                    waiting.append(reader)
        known[start] = found
    return known[start]


def _item(op: Aggregate, lanes: Sequence[Lane]) -> Item:
    value, weight, kept = arguments(op, lanes)
    return Item(Known(Fraction(1)) if value is None else value, weight, kept)


def _slots(lane: Lane) -> list[int]:
    if isinstance(lane, Known):
        return []
    return [lane.slot] if lane.states is None else [lane.slot, lane.states]
