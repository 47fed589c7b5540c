"""The tables of a contract's reports: values per unit and further keys, with small cells hidden.

A value is hidden where a count of members or events that it is computed from, at its own row, is hidden: a rate would give
its numerator away. What is paid is computed from the values themselves; only tables hide.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import product

from contractlang.plan import nodes
from contractlang.plan.nodes import Aggregate, Alias, Plan, Previous, Report
from contractlang.runtime.formatting import rounded
from contractlang.runtime.provenance import Point
from contractlang.runtime.result import Result, Status
from contractlang.runtime.suppression import ALL, Cell, Line, hidden, small
from contractlang.semantics.types import EVENT, MEMBER, Kind, Type
from contractlang.values import Absent, State, Value

SUPPRESSED = "suppressed"
COMPARING = frozenset({"percentile_rank", "rank"})

Key = dict[str, str]


@dataclass(frozen=True, slots=True)
class Shown:
    """One cell: its value, or the word why there is none (`suppressed`, `not reportable`, `not applicable`, `missing`)."""

    value: Value | None
    word: str
    type: Type

    @property
    def text(self) -> str:
        return self.word or rounded(self.value, self.type)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Table:
    """One report of one period: `keys` and `columns` head the rows; a row has its labels and its cells."""

    report: Report
    unit: str
    period: str
    keys: tuple[str, ...]
    columns: tuple[str, ...]
    rows: tuple[tuple[tuple[str, ...], tuple[Shown, ...]], ...]
    notes: tuple[str, ...]

    def of(self, unit: str) -> Table:
        """What one receiver sees: the own rows, and totals over all."""
        rows = tuple(row for row in self.rows if row[0][0] in (unit, ALL))
        return Table(self.report, self.unit, self.period, self.keys, self.columns, rows, self.notes)

    @property
    def receivers(self) -> tuple[str, ...]:
        """The units that receive a table of their own; none where one receiver sees all."""
        if self.report.receiver != self.unit:
            return ()
        return tuple(dict.fromkeys(labels[0] for labels, _ in self.rows if labels[0] != ALL))


def tables(result: Result) -> list[Table]:
    """All reports of all reported periods."""
    found: list[Table] = []
    for period in result.periods:
        plan = result.programme.plans[period]
        mine = [r for r in result.rows.tolist() if result.period(r) == period]
        units = [result.group(r) for r in mine if result.status[r] != Status.NOT_SETTLED]
        found += [_Maker(result, plan, report, period, tuple(units)).table() for report in plan.reports]
    return found


class _Maker:
    """Makes one table. A cell is known by its labels: unit, then those of the further keys."""

    def __init__(self, result: Result, plan: Plan, report: Report, period: str, units: tuple[str, ...]) -> None:
        self.result, self.plan, self.report, self.period, self.units = result, plan, report, period, units
        categories = dict(plan.categories)
        self.labels = [categories[key] for key in report.per]
        self.counts = _count_nodes(plan)
        self.behind = {node: _counts_behind(plan, node, self.counts) for _, node in report.shown}
        self._memo: dict[tuple[int, Cell], Value] = {}

    def table(self) -> Table:
        cells = [cell for unit in self.units for cell in self._kept(unit)]
        every = [(u, *rest) for u in self.units for rest in product(*self.labels)]
        hidden_cells = self._hidden(every)
        rows = [(cell, tuple(self._shown(node, cell, hidden_cells) for _, node in self.report.shown)) for cell in cells]
        rows += [
            (cell, tuple(self._total(node, cell, hidden_cells) for _, node in self.report.shown))
            for cell in dict.fromkeys(line.total for line in self._lines(every))
        ]
        columns = tuple(name for name, _ in self.report.shown)
        keys = (self.plan.unit, *self.report.per)
        return Table(self.report, self.plan.unit, self.period, keys, columns, tuple(rows), tuple(self._notes()))

    # Rows

    def _kept(self, unit: str) -> list[Cell]:
        """The rows of a unit: those of the greatest values where only some are shown; empty ones never."""
        cells = [(unit, *rest) for rest in product(*self.labels)]
        cells = [c for c in cells if any(_there(self._value(node, c)) for _, node in self.report.shown)]
        if self.report.top is None:
            return cells
        count, key, _, node = self.report.top
        at = 1 + self.report.per.index(key)
        groups: dict[Cell, list[Cell]] = {}
        for cell in cells:
            groups.setdefault(cell[:at] + cell[at + 1 :], []).append(cell)
        kept: list[Cell] = []
        for group in groups.values():
            ordered = [c for c in group if isinstance(self._value(node, c), Fraction)]
            ordered.sort(key=lambda c: -_number(self._value(node, c)))
            kept += ordered[:count]
        return kept

    def _value(self, node: int, cell: Cell) -> Value:
        if (node, cell) not in self._memo:
            key: Key = {self.plan.unit: cell[0], self.plan.period: self.period}
            key |= dict(zip(self.report.per, cell[1:], strict=True))
            self._memo[node, cell] = self.result.provenance.value(Point(self.plan, node, key))
        return self._memo[node, cell]

    # What is hidden

    def _hidden(self, every: Sequence[Cell]) -> dict[int, set[Cell]]:
        """For every count behind the report, the cells in which it is hidden."""
        below = self.report.below
        if below is None:
            return {}
        lines = list(self._lines(every)) if self.report.complementary else []
        shown = {self._body(node) for _, node in self.report.shown}
        found: dict[int, set[Cell]] = {}
        for node in sorted(frozenset[int]().union(*self.behind.values())):
            counts = self._with_totals(node, every)
            first = [cell for cell in every if self._rest_is_small(node, cell, below)]
            own = [line for line in lines if node in shown and self._adds_up(node, line.total)]
            found[node] = hidden(counts, own, below, first)
        return found

    def _rest_is_small(self, node: int, cell: Cell, below: int) -> bool:
        """Whether a numerator leaves so few cases that they are small themselves."""
        name = next((n.name for n in self.plan.names if n.node == node), "")
        other = (
            self.plan.named(f"{name.removesuffix('.numerator')}.denominator") if name.endswith(".numerator") else None
        )
        if other is None or self.plan.nodes[other.node].type.unit != self.plan.nodes[node].type.unit:
            return False
        whole, part = self._value(other.node, cell), self._value(node, cell)
        return isinstance(whole, Fraction) and isinstance(part, Fraction) and small(whole - part, below)

    def _lines(self, every: Sequence[Cell]) -> Iterable[Line]:
        """The lines that add up to a shown total, margins included."""
        keys = (self.plan.unit, *self.report.per)
        places = [0 if k == "network" else keys.index(k) for k in self.report.totals]
        grown = list(every)
        for place in places:
            groups: dict[Cell, list[Cell]] = {}
            for cell in grown:
                groups.setdefault((*cell[:place], ALL, *cell[place + 1 :]), []).append(cell)
            for total, cells in groups.items():
                if total not in cells:
                    yield Line(tuple(cells), total)
            grown += [total for total in groups if total not in grown]

    def _with_totals(self, node: int, every: Sequence[Cell]) -> dict[Cell, Fraction]:
        counts = {cell: _number(self._value(node, cell)) for cell in every}
        for line in self._lines(every):
            counts[line.total] = sum((counts[cell] for cell in line.cells), Fraction(0))
        return counts

    def _body(self, node: int) -> int:
        """The count that a shown name stands for."""
        while node not in self.counts and isinstance(self.plan.nodes[node].op, Alias):
            (node,) = self.plan.nodes[node].args
        return node

    # Cells

    def _shown(self, node: int, cell: Cell, hidden_cells: Mapping[int, set[Cell]]) -> Shown:
        type_ = self.plan.nodes[node].type
        value = self._value(node, cell)
        if isinstance(value, Absent):
            return Shown(None, value.state.words, type_)
        if any(cell in hidden_cells.get(count, ()) for count in self.behind[node]):
            return Shown(None, SUPPRESSED, type_)
        return Shown(value, "", type_)

    def _total(self, node: int, cell: Cell, hidden_cells: Mapping[int, set[Cell]]) -> Shown:
        """The total of a count; other values have none."""
        type_ = self.plan.nodes[node].type
        body = self._body(node)
        if body not in self.counts or not self._adds_up(body, cell):
            return Shown(None, State.NOT_APPLICABLE.words, type_)
        every = [(u, *rest) for u in self.units for rest in product(*self.labels)]
        if cell in hidden_cells.get(body, ()):
            return Shown(None, SUPPRESSED, type_)
        return Shown(self._with_totals(body, every)[cell], "", type_)

    def _adds_up(self, node: int, cell: Cell) -> bool:
        """Whether a count varies by every key that the total adds up."""
        keys = (self.plan.unit, *self.report.per)
        return all(
            label != ALL or key in self.plan.nodes[node].type.grain for key, label in zip(keys, cell, strict=True)
        )

    def _notes(self) -> Iterable[str]:
        report = self.report
        if report.issued:
            yield f"issued {report.issued}"
        if report.top is not None:
            yield f"the {report.top[0]} {report.top[1]}s with the greatest {report.top[2]}"
        if report.below is not None:
            more = ", and what a total would give away" if report.complementary else ""
            yield f"counts from 1 to {report.below - 1} are suppressed, and what is computed from them{more}"
        if report.appeal is not None:
            yield f"an appeal may be lodged within {report.appeal} days of receipt"


def _there(value: Value) -> bool:
    return not (isinstance(value, Absent) and value.state is State.NOT_APPLICABLE)


def _number(value: Value) -> Fraction:
    return value if isinstance(value, Fraction) else Fraction(0)


def _count_nodes(plan: Plan) -> frozenset[int]:
    """Counts of members or events that are made from rows, or stand in cells of the data."""
    named = {n.node for n in plan.names if n.role == "input"}
    return frozenset(
        index
        for index, node in enumerate(plan.nodes)
        if (index in named or isinstance(node.op, nodes.Cell))
        and node.type.kind is Kind.COUNT
        and node.type.unit in (MEMBER, EVENT)
    )


def _counts_behind(plan: Plan, node: int, counts: frozenset[int]) -> frozenset[int]:
    """The counts that a value is computed from at its own row: aggregates and other periods hold many rows together."""
    found: set[int] = set()
    seen: set[int] = set()
    waiting = [node]
    while waiting:
        index = waiting.pop()
        if index in seen:
            continue
        seen.add(index)
        if index in counts:
            found.add(index)
            continue
        op = plan.nodes[index].op
        if isinstance(op, Previous) or (isinstance(op, Aggregate) and op.function not in COMPARING):
            continue
        args = plan.nodes[index].args
        waiting += args[:1] if isinstance(op, Aggregate) else args
    return frozenset(found)
