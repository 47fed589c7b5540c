"""The settle stage by the vector engine: every period in arrays, other periods where values look back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, cast

import numpy as np

from contractlang.engines import periods
from contractlang.engines.base import Bytes, Frame, Inputs, Ints, Programme
from contractlang.engines.reference.evaluator import Evaluator
from contractlang.engines.reference.settle import NO_PLAN, as_decimals
from contractlang.engines.vector.arithmetic import Arithmetic
from contractlang.engines.vector.columns import Columns, Rows
from contractlang.engines.vector.emitter import Emitter
from contractlang.engines.vector.lanes import Known, Lane
from contractlang.engines.vector.outcome import Outcome
from contractlang.engines.vector.run import Run
from contractlang.engines.vector.shape import Cell
from contractlang.plan import nodes
from contractlang.plan.nodes import Plan, Previous
from contractlang.values import Absent, State, Value


def settle(programme: Programme, inputs: Inputs) -> VectorSettlement:
    """Settle every row of the frame. All named values of settled grain are computed at once."""
    evaluator = Evaluator(programme, inputs)
    runs = Runs(programme, inputs, evaluator)
    for period in sorted(runs.rows, key=periods.place):
        plan = programme.plan(period)
        if plan is not None:
            runs.run(plan, period)
    return VectorSettlement(programme, inputs, evaluator, runs)


@dataclass
class Runs:
    """The runs of a programme by plan and period, each computed when it is first needed."""

    programme: Programme
    inputs: Inputs
    evaluator: Evaluator
    done: dict[tuple[int, str], Run] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.columns = Columns(self.inputs)
        self.rows = _by_period(self.inputs.frame)
        self._running: set[tuple[int, str]] = set()
        looking = [
            node
            for plan in {id(plan): plan for plan in self.programme.plans.values()}.values()
            for node in plan.nodes
            if isinstance(node.op, Previous)
        ]
        self._looked_up = {node.op.name for node in looking if isinstance(node.op, Previous)}
        self._before_term = {
            node.op.name for node in looking if isinstance(node.op, Previous) and (node.op.at or not node.args)
        }
        self._matches: dict[tuple[int, int], Ints | None] = {}

    def run(self, plan: Plan, period: str) -> Run | None:
        """The run of a period under a plan; None while it is being computed."""
        key = (id(plan), period)
        if key in self._running:
            return None
        if key not in self.done:
            settled = self.programme.plan(period) is plan and period in self.rows
            rows = self.rows[period] if period in self.rows else self._others(plan, period)
            run = Run(plan, rows, self.evaluator, self.columns, self, self._kept(plan, period, settled=settled))
            self._running.add(key)
            run.execute()
            self._running.discard(key)
            self.done[key] = run
        return self.done[key]

    def _others(self, plan: Plan, period: str) -> Rows:
        """The units of a period that is not settled: those with data."""
        return Rows(period, self.evaluator.units(plan, period), None)

    def _kept(self, plan: Plan, period: str, *, settled: bool) -> list[int]:
        """Nodes whose values are asked for: named ones of settled grain, conditions, and what other periods read.

        A value that is read with a start is not read in a period before the term.
        """
        looked_up = self._before_term if self.evaluator.before_term(period) else self._looked_up
        wanted = {named.node for named in plan.names if named.name in looked_up}
        if settled:
            wanted |= {named.node for named in plan.names if plan.nodes[named.node].type.grain <= plan.settled}
            conditions = {a.condition for a in plan.assertions if a.condition is not None}
            conditions |= {r.condition for r in plan.requirements} | {r.condition for r in plan.refusals}
            wanted |= {c for c in conditions if plan.nodes[c].type.grain <= plan.settled}
        return sorted(wanted)

    # What runs ask about other periods

    def starts(self, run: Run, op: Previous) -> bool:
        """Whether the other period lies before the start of the term."""
        return self.evaluator.before_term(_targets(run, op)[0][0])

    def previous(self, run: Run, cell: Cell, arithmetic: Arithmetic) -> Lane | None:
        """A value of another period, or the weighted mean over several; None where only the reference can give it."""
        op = run.plan.nodes[cell[0]].op
        if not isinstance(op, Previous):
            return None
        key = run.shape.key(cell)
        if any(name in periods.WORDS for name in key if name != run.plan.period):
            return None
        emitter = Emitter(arithmetic)
        targets = _targets(run, op)
        lanes: list[Lane] = []
        for period, weight in targets:
            lane = self._target(run, cell, period, arithmetic)
            if lane is None:
                return None
            share = Known(weight)
            lanes.append(emitter.apply(nodes.Arithmetic("*"), [lane, share]) if len(targets) > 1 else lane)
        result = lanes[0]
        for lane in lanes[1:]:
            result = emitter.apply(nodes.Arithmetic("+"), [result, lane])
        if len(targets) > 1:
            total = Known(sum((weight for _, weight in targets), Fraction(0)))
            result = emitter.apply(nodes.Arithmetic("/"), [result, total])
        return result

    def _target(self, run: Run, cell: Cell, period: str, arithmetic: Arithmetic) -> Lane | None:
        node = run.plan.nodes[cell[0]]
        name = node.op.name if isinstance(node.op, Previous) else ""
        grain = node.type.grain
        plan = self.programme.plan(period) or run.plan
        named = plan.named(name)
        if named is None:
            return Known(Absent(State.NOT_APPLICABLE, f"no `{name}` in {period}"))
        units = self.rows[period].units if period in self.rows else self.evaluator.units(plan, period)
        if not units:
            by_unit = plan.unit in plan.nodes[named.node].type.grain and plan.unit in grain
            return Known(Absent(State.MISSING, f"no data for {period}")) if by_unit else None
        other = self.run(plan, period)
        if other is None or plan.nodes[named.node].type.grain - {plan.period} - grain:
            return None
        there = other.shape.argument(named.node, run.shape.key(cell) | {plan.period: period})
        outcome = other.outcomes.get(there)
        if outcome is None:
            return None
        if not other.shape.by_row[named.node]:
            return self._for_all(other, outcome, arithmetic)
        rows = self._match(run, other)
        if rows is None:
            return outcome.on(arithmetic)
        gone = np.nonzero(rows < 0)[0]
        if not len(gone):
            return outcome.on(arithmetic, rows)
        key = run.shape.key(cell) | {plan.period: period}
        lacking: list[int] = []
        for row in gone.tolist():
            value = self.evaluator.value(plan, named.node, key | {plan.unit: run.rows.units[row]})
            if not isinstance(value, Absent):  # an amount of nobody, such as a sum over no members
                return None
            lacking.append(int(value.state))
        picked = np.maximum(rows, 0)
        if isinstance(outcome.lane, Known):
            outcome = other.spread(there)
        states = np.zeros(len(rows), np.uint8) if outcome.states is None else outcome.states[picked]
        states[gone] = lacking
        return outcome.on(arithmetic, picked, states)

    def _for_all(self, other: Run, outcome: Outcome, arithmetic: Arithmetic) -> Lane | None:
        """A value that does not vary by unit. Without any unit the reference engine says what an aggregate is."""
        if not len(other.rows):
            return None
        if isinstance(outcome.lane, Known):
            return outcome.lane
        single = Outcome(outcome.lane, np.array(outcome.values.flat[0]), None)
        return single.on(arithmetic) if outcome.states is None else None

    def _match(self, run: Run, other: Run) -> Ints | None:
        """The rows of another run with the same units; -1 where there is none; None where the rows are the same."""
        key = (id(run), id(other))
        if key not in self._matches:
            if list(run.rows.units) == list(other.rows.units):
                self._matches[key] = None
            else:
                places = {unit: row for row, unit in enumerate(other.rows.units)}
                self._matches[key] = np.array([places.get(unit, -1) for unit in run.rows.units], dtype=np.int64)
        return self._matches[key]


def _targets(run: Run, op: Previous) -> Sequence[tuple[str, Fraction]]:
    return op.at or ((periods.earlier(run.rows.period, op.periods), Fraction(1)),)


def _by_period(frame: Frame) -> dict[str, Rows]:
    """The rows of the frame by period."""
    labels = frame.periods if isinstance(frame.periods, list) else list(frame.periods)
    if labels and labels.count(labels[0]) == len(labels):
        return {labels[0]: Rows(labels[0], frame.units, slice(0, len(labels)))}
    numbers: dict[str, int] = {}
    codes = np.fromiter((numbers.setdefault(label, len(numbers)) for label in labels), np.int32, len(labels))
    found = {}
    for label, code in numbers.items():
        rows = np.nonzero(codes == code)[0]
        first, last = int(rows[0]), int(rows[-1]) + 1
        if last - first == len(rows):
            found[label] = Rows(label, frame.units[first:last], slice(first, last))
        else:
            found[label] = Rows(label, [frame.units[row] for row in rows.tolist()], rows)
    return found


@dataclass(frozen=True)
class VectorSettlement:
    """A settlement in arrays. Values that are not whole numbers of their unit come from the reference engine."""

    programme: Programme
    inputs: Inputs
    evaluator: Evaluator
    runs: Runs

    @property
    def frame(self) -> Frame:
        return self.inputs.frame

    @property
    def redone(self) -> int:
        """How many rows were decided by the reference engine."""
        return sum(run.redone for run in self.runs.done.values())

    def values(self, name: str) -> Sequence[Value]:
        """The exact value of a named value on every row; its grain is that of the settlement or coarser."""
        found: list[Value] = [NO_PLAN] * len(self.frame)
        for period, rows in self.runs.rows.items():
            for row, place in enumerate(_places(rows)):
                found[place] = self._value(name, period, row)
        return found

    def at(self, name: str, row: int) -> Value:
        """One exact value; not applicable where no contract is in force or the one in force has no such name."""
        period = self.frame.periods[row]
        rows = self.runs.rows[period]
        place = rows.frame
        own = row - place.start if isinstance(place, slice) else int(np.searchsorted(cast(Ints, place), row))
        return self._value(name, period, own)

    def decimals(self, name: str, places: int) -> tuple[Ints, Bytes]:
        """Values as integers of 10**-places with their states. Raises TypeError for dates and text."""
        numbers: Any = np.zeros(len(self.frame), dtype=np.int64)
        states = np.zeros(len(self.frame), dtype=np.uint8)
        for period, rows in self.runs.rows.items():
            own, own_states = self._decimals(name, period, places)
            if own.dtype == object:
                numbers = numbers.astype(object)
            numbers[rows.frame] = own
            states[rows.frame] = own_states
        return cast(Ints, numbers), states

    def flags(self, plan: Plan, node: int) -> tuple[Ints, Bytes, Bytes]:
        """A condition on the rows that the plan governs: rows, 0 or 1, states."""
        places: list[Any] = []
        yes: list[Any] = []
        states: list[Any] = []
        for period, rows in self.runs.rows.items():
            if self.programme.plan(period) is plan:
                run = self.runs.done[id(plan), period]
                outcome = run.spread((node, ()))
                own = np.zeros(len(rows), np.uint8) if outcome.states is None else outcome.states
                places.append(np.array(_places(rows), dtype=np.int64))
                yes.append(np.where(own == 0, outcome.values, 0).astype(np.uint8))
                states.append(own)
        if not places:
            return np.empty(0, np.int64), np.empty(0, np.uint8), np.empty(0, np.uint8)
        order = np.argsort(np.concatenate(places), kind="stable")
        return tuple(np.concatenate(part)[order] for part in (places, yes, states))  # type: ignore[return-value]

    def _outcome(self, name: str, period: str) -> tuple[Run, Cell] | Absent:
        plan = self.programme.plan(period)
        if plan is None:
            return NO_PLAN
        named = plan.named(name)
        if named is None:
            return Absent(State.NOT_APPLICABLE, f"no `{name}` in {period}")
        return self.runs.done[id(plan), period], (named.node, ())

    def _value(self, name: str, period: str, row: int) -> Value:
        found = self._outcome(name, period)
        if isinstance(found, Absent):
            return found
        run, cell = found
        value = run.outcomes[cell].exact(row)
        return run.exact(cell, row) if value is None else value

    def _decimals(self, name: str, period: str, places: int) -> tuple[Any, Bytes]:
        count = len(self.runs.rows[period])
        found = self._outcome(name, period)
        if isinstance(found, Absent):
            return np.zeros(count, np.int64), np.full(count, int(found.state), np.uint8)
        run, cell = found
        outcome = run.outcomes[cell]
        if isinstance(outcome.lane, Known):
            number, state = as_decimals([outcome.lane.value], places)
            return np.repeat(number, count), np.repeat(state, count)
        whole, unclear = outcome.decimals(places)
        numbers: Any = whole.astype(np.int64)
        for row in unclear:
            exact, _ = as_decimals([run.exact(cell, row)], places)
            if exact.dtype == object and numbers.dtype != object:
                numbers = numbers.astype(object)
            numbers[row] = exact[0]
        states = np.zeros(count, np.uint8) if outcome.states is None else outcome.states
        return numbers, states


def _places(rows: Rows) -> Sequence[int]:
    place = rows.frame
    return range(place.start, place.stop) if isinstance(place, slice) else cast(Ints, place).tolist()
