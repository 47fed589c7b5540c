"""Builders for plans and inputs by hand, so that engines are tested without the compiler."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from fractions import Fraction

import numpy as np

from contractlang.engines.base import Bytes, Column, Frame, Inputs, Programme, Table
from contractlang.plan.nodes import (
    Aggregate,
    Arithmetic,
    Assertion,
    Cell,
    Compare,
    Const,
    Key,
    Named,
    Node,
    Op,
    Plan,
    Previous,
    Requirement,
)
from contractlang.plan.relations import Reduction
from contractlang.semantics.model import TableSchema
from contractlang.semantics.types import Grain, Kind, Type
from contractlang.source import SourceFile, Span
from contractlang.values import Absent, State, Value

PLACE = Span(SourceFile("test.vbc", "test"), 0, 4)
SETTLED: Grain = frozenset({"aco", "year"})

Number = int | str | Fraction
"""A number that is written exactly: 3, "0.75", Fraction(1, 3)."""


@dataclass
class Builder:
    """Collects nodes; grains of scalar operations are those of their arguments together."""

    categories: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    nodes: list[Node] = field(default_factory=list)
    names: list[Named] = field(default_factory=list)
    requirements: list[Requirement] = field(default_factory=list)
    assertions: list[Assertion] = field(default_factory=list)
    tables: tuple[TableSchema, ...] = ()
    unit: str = "aco"
    period: str = "year"

    def add(self, op: Op, *args: int, grain: Grain | None = None, kind: Kind = Kind.NUMBER) -> int:
        found = frozenset().union(*(self.nodes[a].type.grain for a in args)) if grain is None else grain
        self.nodes.append(Node(op, args, Type(kind, grain=found), PLACE))
        return len(self.nodes) - 1

    def const(self, value: Number | Value) -> int:
        return self.add(Const(value if isinstance(value, (bool, Absent, date)) else Fraction(value)))

    def text(self, value: str) -> int:
        return self.add(Const(value), kind=Kind.TEXT)

    def cell(self, column: str, table: str = "results", grain: Grain = SETTLED, kind: Kind = Kind.NUMBER) -> int:
        return self.add(Cell(table, column), grain=grain, kind=kind)

    def key(self, name: str) -> int:
        return self.add(Key(name), grain=frozenset({name}))

    def math(self, op: str, left: int, right: int) -> int:
        return self.add(Arithmetic(op), left, right)

    def compare(self, op: str, left: int, right: int) -> int:
        return self.add(Compare(op), left, right, kind=Kind.FLAG)

    def aggregate(self, op: Aggregate, *args: int) -> int:
        grain: Grain = frozenset().union(*(self.nodes[a].type.grain for a in args))
        removed = {self.unit if name == "network" else name for name in op.over}
        keeps = op.function in ("rank", "percentile_rank") or op.except_own
        return self.add(op, *args, grain=grain if keeps else grain - removed)

    def previous(self, name: str, *args: int, periods: int = 0, at: Sequence[tuple[str, Number]] = ()) -> int:
        op = Previous(name, periods, tuple((label, Fraction(weight)) for label, weight in at))
        return self.add(op, *args, grain=frozenset({self.unit, self.period}))

    def name(self, name: str, node: int, role: str = "define") -> int:
        self.nodes[node] = replace(self.nodes[node], name=name)
        self.names.append(Named(name, node, role, name, PLACE))
        return node

    def require(self, node: int, reason: str) -> None:
        self.requirements.append(Requirement(node, reason, PLACE))

    def plan(self, *payments: str, reduction: Reduction | None = None) -> Plan:
        return Plan(
            contract="test.plan",
            version="1",
            title="",
            payer="",
            unit=self.unit,
            period=self.period,
            tables=self.tables,
            categories=tuple(self.categories.items()),
            reduction=reduction or Reduction(),
            nodes=tuple(self.nodes),
            names=tuple(self.names),
            payments=payments,
            assertions=tuple(self.assertions),
            requirements=tuple(self.requirements),
        )


Written = Number | bool | date | Absent | None


def column(values: Sequence[Written], scale: int = 0, labels: tuple[str, ...] = ()) -> Column:
    """A column of written values: `Absent`, None for missing, numbers at a scale, flags, dates, codes, else text."""
    absent = {
        i: v or Absent(State.MISSING, "empty") for i, v in enumerate(values) if v is None or isinstance(v, Absent)
    }
    states: Bytes | None = None
    if absent:
        states = np.array([int(absent[i].state) if i in absent else 0 for i in range(len(values))], dtype=np.uint8)
    reasons = {int(a.state): a.reason for a in absent.values()}
    there: list[object] = [v for i, v in enumerate(values) if i not in absent]
    if labels:
        codes = [0 if i in absent else labels.index(str(v)) for i, v in enumerate(values)]
        return Column("code", np.array(codes, dtype=np.int64), labels=labels, states=states, reasons=reasons)
    if there and all(isinstance(v, bool) for v in there):
        flags = [0 if i in absent else int(bool(v)) for i, v in enumerate(values)]
        return Column("flag", np.array(flags, dtype=np.uint8), states=states, reasons=reasons)
    if there and all(isinstance(v, date) for v in there):
        days = [(v - date(1970, 1, 1)).days if isinstance(v, date) else 0 for v in values]
        return Column("date", np.array(days, dtype=np.int64), states=states, reasons=reasons)
    scaled = [0 if i in absent else _scaled(v, scale) for i, v in enumerate(values)]
    fits = all(abs(n) < 2**63 for n in scaled)
    return Column("int", np.array(scaled, dtype=np.int64 if fits else object), scale, states=states, reasons=reasons)


def _scaled(value: Written, scale: int) -> int:
    assert isinstance(value, (int, str, Fraction))
    number = Fraction(value) * 10**scale
    assert number.denominator == 1
    return int(number)


def words(values: Iterable[str]) -> Column:
    """A text column."""
    return Column("text", np.array(list(values), dtype=object))


def table(name: str, keys: Mapping[str, Sequence[str]], columns: Mapping[str, Column]) -> Table:
    """A table with text keys."""
    return Table(name, {k: words(v) for k, v in keys.items()}, columns)


def results(columns: Mapping[str, Column], year: str = "2021") -> Inputs:
    """One table `results` with units `A0`, `A1`, … in one year, and the frame of all its rows."""
    count = len(next(iter(columns.values())))
    units = [f"A{i}" for i in range(count)]
    years = [year] * count
    return Inputs(Frame(units, years), {"results": table("results", {"aco": units, "year": years}, columns)})


def single(plan: Plan, *labels: str) -> Programme:
    """A programme in which one plan governs the given periods."""
    return Programme(dict.fromkeys(labels or ("2021",), plan))
