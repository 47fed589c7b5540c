"""Random well-typed plans and data that sit on thresholds and half-cents."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction
from itertools import pairwise
from typing import TypeVar

from hypothesis import strategies as st

from contractlang.engines.base import Column, Frame, Inputs, Programme, Table
from contractlang.plan import nodes
from contractlang.plan.nodes import Aggregate, Piece, TermsRow
from contractlang.semantics.model import ColumnSchema, KeyColumn, TableSchema
from contractlang.semantics.types import Grain, Kind, Type
from contractlang.values import Absent, Rounding, State, Value
from tests.engines.plans import SETTLED, Builder, column, table

T = TypeVar("T")

TRACKS = ("A", "B", "E")
MEASURES = ("bp", "a1c", "flu")
YEARS = ("2020", "2021", "2022")
YEAR: Grain = frozenset({"year"})
BY_MEASURE: Grain = SETTLED | {"measure"}

NUMBERS = [Fraction(n) for n in (0, 1, -1, 2, 12, 100, 5000)]
NUMBERS += [
    Fraction(n) for n in ("0.5", "0.98", "0.02", "0.75", "-0.5", "0.005", "0.1234", "1/3", "7/12", "1000000.005")
]
STEPS = [Fraction(n) for n in ("0.01", "1", "0.05", "1/3", "100")]
ODD = [3, 7, 11, 49, 98, 103, 107, 997]
"""Numbers whose quotients no float holds: (p / q) * (q / p) is often not 1."""

TIES = [(Fraction(n), Fraction(step)) for n, step in (("0.005", "0.01"), ("0.5", 1), ("-1.5", 1), ("50", 100))]
TIES += [(Fraction("1000000.005"), Fraction("0.01")), (Fraction(1, 6), Fraction(1, 3)), (Fraction(2), Fraction(1))]
SPARSE = (("share", Kind.NUMBER), ("listed", Kind.FLAG), ("grade", Kind.CATEGORY), ("since", Kind.DATE))
"""The columns of the table per measure, in which not every key has a row."""
ABSENT = [Absent(state, "said so") for state in (State.NOT_APPLICABLE, State.NOT_REPORTABLE, State.MISSING)]


@dataclass
class Planner:
    """Draws nodes over the nodes drawn before, by kind."""

    draw: st.DrawFn
    builder: Builder = field(default_factory=lambda: Builder(categories={"measure": MEASURES}))
    by_kind: dict[Kind, list[int]] = field(default_factory=dict)
    previous: list[str] = field(default_factory=list)

    def one(self, choices: Sequence[T]) -> T:
        return self.draw(st.sampled_from(choices))

    def chance(self, in_hundred: int) -> bool:
        return self.draw(st.integers(0, 99)) < in_hundred

    def keep(self, kind: Kind, node: int) -> int:
        self.by_kind.setdefault(kind, []).append(node)
        return node

    def any(self, kind: Kind) -> int:
        """An earlier node of a kind, more often a recent one."""
        found = self.by_kind[kind]
        return self.one(found[-4:]) if self.chance(60) else self.one(found)

    def number(self) -> int:
        return self.any(Kind.NUMBER)

    def flag(self) -> int:
        return self.any(Kind.FLAG)

    def leaves(self) -> None:
        cells = (("cost", Kind.NUMBER), ("rate", Kind.NUMBER), ("members", Kind.NUMBER), ("even", Kind.NUMBER))
        for name, kind in (*cells, ("met", Kind.FLAG), ("track", Kind.CATEGORY), ("start", Kind.DATE)):
            self.keep(kind, self.builder.cell(name, kind=kind))
        self.keep(Kind.NUMBER, self.builder.cell("share", "rates", BY_MEASURE))
        if self.chance(40):
            self.sparse()
        self.keep(Kind.NUMBER, self.builder.cell("index", "national", YEAR))
        self.keep(Kind.NUMBER, self.builder.key("year"))
        for _ in range(3):
            self.keep(Kind.NUMBER, self.builder.const(self.one(NUMBERS)))
        self.keep(Kind.CATEGORY, self.builder.text("B"))
        if self.chance(20):
            self.keep(Kind.NUMBER, self.builder.const(self.one(ABSENT)))

    def sparse(self) -> None:
        """Every column of the table per measure, and what each says for keys without a row."""
        rules: dict[str, list[Value]] = {
            "share": [Fraction(0), Fraction("0.125"), Fraction(3 * 10**20)],
            "listed": [True, False],
            "grade": ["A", "E"],
            "since": [date(2019, 7, 1)],
        }
        factor = Fraction(self.one([1, 12]))
        columns = []
        for name, kind in SPARSE:
            written = self.one([None, ABSENT[0], *rules[name]])
            missing = written * factor if isinstance(written, Fraction) else written
            labels = TRACKS if kind is Kind.CATEGORY else None
            columns.append(ColumnSchema(name, Type(kind), factor, missing=missing, labels=labels))
            if name != "share":
                self.keep(kind, self.builder.cell(name, "rates", BY_MEASURE, kind))
        keys = (KeyColumn("aco", "unit"), KeyColumn("year", "period"), KeyColumn("measure", "category", MEASURES))
        self.builder.tables = (TableSchema("rates", "input", keys, tuple(columns)),)

    def step(self) -> None:
        kinds: list[tuple[int, Callable[[], int]]] = [
            (30, self.arithmetic),
            (8, self.rounding),
            (8, self.extreme),
            (10, self.comparison),
            (5, self.logic),
            (10, self.choice),
            (6, self.curve),
            (5, self.terms),
            (4, self.fallback),
            (3, self.root),
            (8, self.aggregate),
            (3, self.small),
            (14, self.trap),
        ]
        if self.previous:
            kinds.append((5, self.look_back))
        total = sum(weight for weight, _ in kinds)
        place = self.draw(st.integers(0, total - 1))
        for weight, make in kinds:
            if place < weight:
                make()
                return
            place -= weight

    def arithmetic(self) -> int:
        return self.keep(Kind.NUMBER, self.builder.math(self.one("+-*/-*"), self.number(), self.number()))

    def small(self) -> int:
        powers: list[nodes.Op] = [nodes.Power(2), nodes.Power(-1), nodes.Power(0)]
        op = self.one([nodes.Negate(), nodes.Absolute(), nodes.Alias(), *powers])
        return self.keep(Kind.NUMBER, self.builder.add(op, self.number()))

    def trap(self) -> int:
        """A number that is exactly a threshold or a half step, but that no float computation gives exactly."""
        value, size = self.one(TIES) if self.chance(60) else (self.one(NUMBERS), self.one(STEPS))
        target, step = self.builder.const(value), self.builder.const(size)
        p, q = self.builder.cell("p"), self.builder.cell("q")
        one = self.builder.math("*", self.builder.math("/", p, q), self.builder.math("/", q, p))
        there_and_back = self.builder.math("*", one, target)
        self.keep(Kind.NUMBER, there_and_back)
        match self.draw(st.integers(0, 4)):
            case 0 | 3:
                mode = nodes.Round(self.one(list(Rounding)))
                return self.keep(Kind.NUMBER, self.builder.add(mode, there_and_back, step))
            case 1:
                sign = self.one(["<", "<=", ">", ">=", "is"])
                return self.keep(Kind.FLAG, self.builder.compare(sign, there_and_back, target))
            case 2:
                squared = self.builder.add(nodes.Power(2), there_and_back)
                return self.keep(
                    Kind.NUMBER, self.builder.add(nodes.Root("sqrt", self.draw(st.integers(0, 3))), squared)
                )
            case _:
                return there_and_back

    def rounding(self) -> int:
        step = self.builder.const(self.one(STEPS)) if self.chance(85) else self.number()
        return self.keep(Kind.NUMBER, self.builder.add(nodes.Round(self.one(list(Rounding))), self.number(), step))

    def extreme(self) -> int:
        args = [self.number() for _ in range(self.draw(st.integers(2, 3)))]
        return self.keep(Kind.NUMBER, self.builder.add(nodes.Extreme(self.one(["min", "max"])), *args))

    def comparison(self) -> int:
        kind = self.one([Kind.NUMBER] * 4 + [Kind.CATEGORY, Kind.DATE, Kind.FLAG])
        if kind is Kind.FLAG and Kind.FLAG not in self.by_kind:
            kind = Kind.NUMBER
        signs = ["is", "is not"] if kind in (Kind.CATEGORY, Kind.FLAG) else ["<", "<=", ">", ">=", "is", "is not"]
        match self.draw(st.integers(0, 5)):
            case 0:
                tests: dict[Kind, nodes.Op] = {
                    Kind.NUMBER: nodes.Among(
                        (Fraction(12), Fraction(1, 3)), ((Fraction(0), Fraction(1)), (None, Fraction(-5)))
                    ),
                    Kind.CATEGORY: nodes.Among(("A", "E")),
                    Kind.DATE: nodes.Among((), ((date(2019, 7, 1), None),)),
                    Kind.FLAG: nodes.Among((True,)),
                }
                return self.keep(Kind.FLAG, self.builder.add(tests[kind], self.any(kind), kind=Kind.FLAG))
            case 1:
                state = nodes.Test(self.one(["applicable", "reportable", "missing"]))
                return self.keep(Kind.FLAG, self.builder.add(state, self.any(kind), kind=Kind.FLAG))
            case _:
                return self.keep(Kind.FLAG, self.builder.compare(self.one(signs), self.any(kind), self.any(kind)))

    def logic(self) -> int:
        which = self.one(["and", "or", "not"])
        args = [self.flag() for _ in range(1 if which == "not" else self.draw(st.integers(2, 3)))]
        return self.keep(Kind.FLAG, self.builder.add(nodes.Logic(which), *args, kind=Kind.FLAG))

    def choice(self) -> int:
        kind = self.one([Kind.NUMBER] * 5 + [Kind.CATEGORY, Kind.FLAG, Kind.DATE])
        args = [part for _ in range(self.draw(st.integers(1, 3))) for part in (self.flag(), self.any(kind))]
        last = [self.any(kind)] if self.chance(85) else []
        return self.keep(kind, self.builder.add(nodes.Choose(), *args, *last, kind=kind))

    def fallback(self) -> int:
        op = nodes.Fallback(missing=self.chance(40))
        return self.keep(Kind.NUMBER, self.builder.add(op, self.number(), self.number()))

    def root(self) -> int:
        decimals = self.draw(st.integers(0, 9))
        if self.chance(20):
            exponent = self.builder.const(self.one([Fraction(1, 12), Fraction(3, 2), Fraction(-1, 2)]))
            small = self.builder.add(nodes.Extreme("min"), self.number(), self.builder.const(1000))
            return self.keep(Kind.NUMBER, self.builder.add(nodes.Root("power", decimals), small, exponent))
        return self.keep(Kind.NUMBER, self.builder.add(nodes.Root("sqrt", decimals), self.number()))

    def curve(self) -> int:
        borders = sorted({self.one(NUMBERS) for _ in range(self.draw(st.integers(1, 4)))})
        symmetric = self.chance(25)
        if symmetric:
            borders = [b for b in borders if b > 0] or [Fraction(1)]
        marginal, linear = self.chance(30), self.chance(60)
        ends: list[Fraction | None] = [Fraction(0) if symmetric else None, *borders, None]
        pieces = []
        for low, high in pairwise(ends):
            if self.chance(10):
                continue  # a gap: not reportable
            slope = self.one(NUMBERS) if linear and low is not None else Fraction(0)
            pieces.append(Piece(low, high, self.one(NUMBERS), slope, closed=high is not None and self.chance(10)))
        while pieces and any(p.closed and q.low == p.high for p, q in pairwise(pieces)):
            pieces = [Piece(p.low, p.high, p.value, p.slope) for p in pieces]
        scale = nodes.Curve("scale", marginal, symmetric, tuple(pieces or [Piece(None, None, Fraction(1))]))
        return self.keep(Kind.NUMBER, self.builder.add(scale, self.number()))

    def terms(self) -> int:
        values: list[Value] = [*NUMBERS, *ABSENT[:1]]
        rows = [TermsRow((self.one(TRACKS), (None, self.one(NUMBERS))), self.one(values)) for _ in range(3)]
        rows.append(TermsRow((self.one(TRACKS), None), self.one(values)))
        if self.chance(60):
            rows.append(TermsRow((None, None), self.one(values)))
        op = nodes.Terms("terms", "rate", tuple(rows))
        return self.keep(Kind.NUMBER, self.builder.add(op, self.any(Kind.CATEGORY), self.number()))

    def aggregate(self) -> int:
        value = self.number()
        grain = self.builder.nodes[value].type.grain
        over = [k for k in ("network", "measure") if ("aco" if k == "network" else k) in grain]
        if not over:
            return self.arithmetic()
        chosen = tuple(over) if len(over) == 2 and self.chance(20) else (self.one(over),)
        plain = ["sum", "mean", "count", "min", "max", "median", "percentile"]
        function = self.one([*plain, "rank", "percentile_rank"]) if chosen == ("network",) else self.one(plain)
        keeps = function in ("rank", "percentile_rank")
        weighted = function in ("sum", "mean") and self.chance(40)
        filtered = self.chance(30)
        args = [value]
        if weighted:
            args.append(self._coarser(Kind.NUMBER, grain))
        if filtered:
            args.append(self._coarser(Kind.FLAG, grain))
        own = chosen == ("network",) and not keeps and self.chance(15)
        share = (
            self.one([Fraction(0), Fraction(1, 2), Fraction(3, 10), Fraction(1)]) if function == "percentile" else None
        )
        op = Aggregate(function, chosen, weighted, filtered, own, share)
        return self.keep(Kind.NUMBER, self.builder.aggregate(op, *args))

    def _coarser(self, kind: Kind, grain: Grain) -> int:
        found = [node for node in self.by_kind.get(kind, []) if self.builder.nodes[node].type.grain <= grain]
        if found:
            return self.one(found)
        return self.builder.const(value=True) if kind is Kind.FLAG else self.builder.const(1)

    def look_back(self) -> int:
        name = self.one(self.previous)
        named = next(n for n in self.builder.names if n.name == name)
        grain = self.builder.nodes[named.node].type.grain | {"year"}
        if self.chance(30):
            op = nodes.Previous(
                name, at=(("2019", Fraction(2, 5)), ("2020", Fraction(3, 5)))[: self.draw(st.integers(1, 2))]
            )
        else:
            op = nodes.Previous(name, periods=1)
        args = [self._coarser(Kind.NUMBER, grain)] if self.chance(50) else []
        return self.keep(Kind.NUMBER, self.builder.add(op, *args, grain=grain))


@st.composite
def plans(draw: st.DrawFn, most: int = 24) -> nodes.Plan:
    """A plan whose nodes at the settled grain or coarser all have names, by kind and number."""
    planner = Planner(draw)
    planner.leaves()
    builder = planner.builder
    for _ in range(draw(st.integers(3, most))):
        before = len(builder.nodes)
        planner.step()
        for node in range(before, len(builder.nodes)):
            if builder.nodes[node].type.grain <= SETTLED:
                kind = next((kind for kind, found in planner.by_kind.items() if node in found), Kind.NUMBER)
                name = f"{kind.value}_{node}"  # plans that share a name agree on its kind
                builder.name(name, node)
                if kind is Kind.NUMBER:
                    planner.previous.append(name)
    return builder.plan()


def maybe(draw: st.DrawFn, values: Sequence[T], *, absent: bool) -> T | Absent:
    if absent and draw(st.integers(0, 9)) == 0:
        return draw(st.sampled_from(ABSENT))
    return draw(st.sampled_from(values))


@st.composite
def inputs(draw: st.DrawFn, most: int = 6) -> Inputs:
    """Units over three years; costs end in half-cents once they are halved, rates tie with thresholds."""
    units = [f"A{i}" for i in range(draw(st.integers(1, most)))]
    labels = [year for year in YEARS if draw(st.integers(0, 3))] or ["2021"]
    rows = [(unit, year) for year in labels for unit in units]
    if draw(st.booleans()):
        rows = draw(st.permutations(rows))
    if draw(st.booleans()):
        rows = [row for row in rows if draw(st.integers(0, 5))] or rows[:1]
    absent = draw(st.booleans())
    huge = [10**17 + 1, -(10**17) - 1, 10**15] if draw(st.integers(0, 4)) == 0 else []

    def numbers(values: Sequence[int], scale: int) -> Column:
        found = [maybe(draw, values, absent=absent) for _ in rows]
        return column([v if isinstance(v, Absent) else Fraction(v, 10**scale) for v in found], scale)

    cost = numbers([0, 1, 5, -5, 99, 10101, 12345678901, 1000000005, *huge], 2)
    results: dict[str, Column] = {
        "cost": cost,
        "rate": numbers([0, 5000, 7500, 9643, 9800, 1234, 10000, 49], 4),
        "members": numbers([0, 1, 5000, 5999, 6000, 60000, 12, 7, 49, 98, 107], 0),
        "even": numbers([50], 2),
        "p": column([draw(st.sampled_from(ODD)) for _ in rows]),
        "q": column([draw(st.sampled_from(ODD)) for _ in rows]),
        "met": column([maybe(draw, [True, False], absent=absent) for _ in rows]),
        "track": column([maybe(draw, TRACKS, absent=absent) for _ in rows], labels=TRACKS),
        "start": column([maybe(draw, [date(2019, 7, 1), date(2020, 1, 1)], absent=absent) for _ in rows]),
    }
    keys = {"aco": [unit for unit, _ in rows], "year": [year for _, year in rows]}
    order = list(range(len(rows)))
    tables: dict[str, Table] = {"results": table("results", keys, results)}
    if draw(st.booleans()):
        order.reverse()
        tables["results"] = table(
            "results",
            {k: [v[i] for i in order] for k, v in keys.items()},
            {k: _taken(c, order) for k, c in results.items()},
        )
    most_there = draw(st.sampled_from([9, 9, 2, 0]))
    cells = [(u, y, m) for u, y in rows for m in MEASURES if not absent or draw(st.integers(0, 9)) <= most_there]
    rates = {
        "share": column([maybe(draw, [Fraction(n, 100) for n in (0, 50, 75, 33)], absent=absent) for _ in cells], 2),
        "listed": column([maybe(draw, [True, False], absent=absent) for _ in cells]),
        "grade": column([maybe(draw, TRACKS, absent=absent) for _ in cells], labels=TRACKS),
        "since": column([maybe(draw, [date(2019, 7, 1), date(2020, 1, 1)], absent=absent) for _ in cells]),
    }
    tables["rates"] = table(
        "rates",
        {"aco": [c[0] for c in cells], "year": [c[1] for c in cells], "measure": [c[2] for c in cells]},
        rates,
    )
    tables["national"] = table("national", {"year": list(YEARS)}, {"index": column(["1.02", "1.035", "0.99"], 3)})
    frame = rows[: draw(st.integers(1, len(rows)))] if draw(st.integers(0, 3)) == 0 else rows
    return Inputs(Frame([u for u, _ in frame], [y for _, y in frame]), tables)


def _taken(values: Column, order: Sequence[int]) -> Column:
    states = None if values.states is None else values.states[order]
    return Column(values.form, values.values[order], values.scale, values.labels, states, values.reasons)


@st.composite
def programmes(draw: st.DrawFn, most: int = 24) -> Programme:
    """One plan for all years, or another one from the second year on."""
    first = draw(plans(most))
    labels = YEARS[draw(st.integers(0, 1)) :]
    if draw(st.integers(0, 3)):
        return Programme(dict.fromkeys(labels, first))
    second = draw(plans(most))
    return Programme({label: first if label == labels[0] else second for label in labels})


@dataclass(frozen=True)
class Case:
    """A programme and its data, printed in a form that a person can read."""

    programme: Programme
    data: Inputs

    def __repr__(self) -> str:
        lines = [f"rows: {list(zip(self.data.frame.units, self.data.frame.periods, strict=True))}"]
        for name, found in self.data.tables.items():
            for key, values in {**found.keys, **found.columns}.items():
                states = "" if values.states is None else f" states {values.states.tolist()}"
                lines.append(f"{name}.{key}: {values.values.tolist()} / 10**{values.scale}{states}")
        for plan in {id(plan): plan for plan in self.programme.plans.values()}.values():
            lines.append(f"plan of {[label for label, own in self.programme.plans.items() if own is plan]}")
            lines += [f"  {i} {n.name or ''} {n.op} of {n.args}" for i, n in enumerate(plan.nodes)]
        return "\n".join(lines)[:12_000]


@st.composite
def cases(draw: st.DrawFn, *, steps: int = 24, units: int = 6) -> Case:
    return Case(draw(programmes(steps)), draw(inputs(units)))
