"""What a value read: the arguments that decided it, down to cells of files, rows of tables, pieces of scales.

Built on the reference evaluator, which is the definition of meaning, so that an explanation can never disagree with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from contractlang.engines.base import Inputs, Programme
from contractlang.engines.reference import operations
from contractlang.engines.reference.cells import Cells
from contractlang.engines.reference.evaluator import Evaluator
from contractlang.plan.nodes import (
    Aggregate,
    Cell,
    Choose,
    Curve,
    Fallback,
    Logic,
    Node,
    Piece,
    Plan,
    Previous,
    Split,
    Terms,
    TermsRow,
)
from contractlang.plan.relations import Derive, Filter, Group, Join, Scan, Union
from contractlang.semantics.types import Type
from contractlang.values import Absent, State, Value


@dataclass(frozen=True, eq=False, slots=True)
class Point:
    """One node for one key (at least the labels of the node's grain)."""

    plan: Plan
    index: int
    key: Mapping[str, str]

    @property
    def node(self) -> Node:
        return self.plan.nodes[self.index]

    @property
    def type(self) -> Type:
        return self.node.type

    @property
    def own_key(self) -> dict[str, str]:
        """The labels along which the node itself varies."""
        return {name: label for name, label in self.key.items() if name in self.type.grain}

    @property
    def identity(self) -> tuple[int, int, tuple[tuple[str, str], ...]]:
        """Equal for two points that are the same value."""
        return id(self.plan), self.index, tuple(sorted(self.own_key.items()))

    def at(self, index: int, key: Mapping[str, str] | None = None) -> Point:
        """Another node of the same plan, for the same key unless another one is given."""
        return Point(self.plan, index, self.key if key is None else key)


NOT_THERE, CONSTANT = "not in this file", "constant "
"""What the binding says in place of a header where a column has none."""

BETWEEN = "\x1f"
"""Stands between the headers of a column that is read from several; a header may hold any other sign, commas too."""

OVER_ROWS = "all rows that count"
"""What stands in place of a header for a total over member rows."""


@dataclass(frozen=True, slots=True)
class CellPlace:
    """Where a cell stands: the column of the contract, and file, row (1 is the first data row) and header."""

    table: str
    column: str
    file: str = ""
    row: int | None = None
    header: str = ""

    def __str__(self) -> str:
        parts = [self.file or f"`{self.table}`"]
        if self.row is not None:
            parts.append(f"row {self.row}")
        first, *more = (self.header or self.column).split(BETWEEN)
        if self.header == OVER_ROWS:
            return parts[0]
        if self.header == NOT_THERE or self.header.startswith(CONSTANT):
            return ", ".join([*parts, self.header])
        return ", ".join([*parts, f"column {first}" + (f" and {len(more)} more" if more else "")])


class Provenance:
    """Answers for one run; values are remembered by the evaluator."""

    def __init__(self, programme: Programme, inputs: Inputs, evaluator: Evaluator | None = None) -> None:
        self.evaluator = evaluator or Evaluator(programme, inputs)
        self.programme = programme
        self._inputs = inputs
        self._cells = Cells(inputs)

    def value(self, point: Point) -> Value:
        return self.evaluator.value(point.plan, point.index, point.key)

    def settled(self, name: str, unit: str, period: str) -> Point | None:
        """The point of a named value for a unit and a period; None when the contract in force has no such name."""
        plan = self.programme.plan(period)
        named = plan.named(name) if plan else None
        if plan is None or named is None:
            return None
        return Point(plan, named.node, {plan.unit: unit, plan.period: period})

    def reads(self, point: Point) -> list[Point]:
        """The arguments that decided the value, in the order written; rows of an aggregate; values of other periods."""
        node = point.node
        args = [point.at(arg) for arg in node.args]
        match node.op:
            case Choose():
                return self._chosen(args)
            case Fallback(missing=missing):
                return args if operations.falls_back(self.value(args[0]), missing=missing) else args[:1]
            case Logic(op=op) if op in {"and", "or"}:
                return self._deciding(args, op)
            case Aggregate():
                rows = self.evaluator.rows(point.plan, point.index, dict(point.key))
                return [point.at(arg, key) for key in rows for arg in node.args]
            case Split():
                rows = self.evaluator.rows(point.plan, point.index, dict(point.key))
                return [*args, *(point.at(arg, key) for key in rows for arg in node.args[1:])]
            case Previous():
                elsewhere = self.evaluator.elsewhere(point.plan, point.index, point.key)
                return [Point(plan, index, key) for plan, index, key, _ in elsewhere] or args
            case _:
                return args

    def _chosen(self, args: list[Point]) -> list[Point]:
        """The condition that was true and its value, or an absent condition; of otherwise its value.

        A single condition that was not true decided as well.
        """
        for i in range(0, len(args) - 1, 2):
            condition = self.value(args[i])
            if isinstance(condition, Absent):
                return [args[i]]
            if condition:
                return [args[i], args[i + 1]]
        if len(args) == 3:
            return [args[0], args[2]]
        return args[-1:] if len(args) % 2 else []

    def consulted(self, point: Point) -> list[Point]:
        """Everything that was looked at, decisive or not: also the conditions that were not true."""
        args = [point.at(arg) for arg in point.node.args]
        match point.node.op:
            case Choose():
                return [*self._asked(args), *self._chosen(args)]
            case Aggregate() | Split() | Previous():
                return self.reads(point)
            case _:
                return args

    def _asked(self, args: list[Point]) -> list[Point]:
        asked = []
        for condition in args[: len(args) - 1 : 2]:
            asked.append(condition)
            if self.value(condition) is not False:
                break
        return asked

    def _deciding(self, args: list[Point], op: str) -> list[Point]:
        """`and` is decided by what is no, `or` by what is yes; otherwise all arguments count."""
        deciding = [arg for arg in args if self.value(arg) is (op == "or")]
        return deciding or args

    def cell(self, point: Point) -> CellPlace | None:
        """Where an input cell stands; None for nodes that read no cell."""
        op = point.node.op
        if not isinstance(op, Cell):
            return None
        if output := next((o for o in point.plan.reduction.outputs if o.table == op.table), None):
            return CellPlace(op.table, op.column, self._member_file(point.plan, output.step), header=OVER_ROWS)
        table = self._inputs.tables.get(op.table)
        if table is None:
            return CellPlace(op.table, op.column)
        row = self._cells.row(op.table, point.key)
        number = table.row_numbers[row] if row is not None and len(table.row_numbers) else None
        return CellPlace(op.table, op.column, table.file, number, table.source_columns.get(op.column, ""))

    def _member_file(self, plan: Plan, step: str) -> str:
        """The file whose rows a step of the reduce stage goes back to."""
        steps = {s.name: s.relation for s in plan.reduction.steps}
        while True:
            match relation := steps[step]:
                case Scan(table):
                    member = self._inputs.members.get(table)
                    return member.file if member is not None and member.file else f"`{table}`"
                case Join():
                    step = relation.left_input
                case Union():
                    step = relation.inputs[0]
                case Derive() | Filter() | Group():
                    step = relation.input

    def terms_row(self, point: Point) -> TermsRow | None:
        """The row of a table of terms or the entry of a schedule that was used."""
        op = point.node.op
        if not isinstance(op, Terms):
            return None
        keys = [self.value(point.at(arg)) for arg in point.node.args]
        if operations.strongest(keys) is not None:
            return None
        return next((row for row in op.rows if operations.matches(row, keys)), None)

    def piece(self, point: Point) -> Piece | None:
        """The piece of a scale that was used."""
        op = point.node.op
        if not isinstance(op, Curve):
            return None
        x = self.value(point.at(point.node.args[0]))
        if not isinstance(x, Fraction):
            return None
        size = abs(x) if op.symmetric else x
        return next((piece for piece in op.pieces if operations.holds(piece, size)), None)

    def cause(self, point: Point) -> Point:
        """The deepest point from which an absent value has its state; the point itself when nothing below has it."""
        while isinstance(value := self.value(point), Absent):
            read = self.reads(point)
            if isinstance(point.node.op, Fallback):
                read = read[-1:]  # the other one was replaced
            below = next((p for p in read if _same_state(self.value(p), value.state)), None)
            if below is None:
                break
            point = below
        return point


def _same_state(value: Value, state: State) -> bool:
    return isinstance(value, Absent) and value.state is state
