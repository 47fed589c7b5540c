"""Worked examples: the contract's own plan with the given values cut in, so that an example runs what the contract says.

`given` names an input column or any named value; its node becomes a constant (or a lookup by key, for tables of given
values) and what stood behind it is no longer asked. Input columns that are not given take their `when missing` rule,
or are missing with the reason that they are not given.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

from contractlang.diagnostics import edits
from contractlang.diagnostics.diagnostic import Diagnostic, Edit, Fix, Label, Sink
from contractlang.plan import nodes
from contractlang.plan.builder import Ref
from contractlang.plan.lowering import expressions, references
from contractlang.plan.lowering.context import Lowering
from contractlang.plan.lowering.contract import Lowered
from contractlang.semantics import typing
from contractlang.semantics.model import TableSchema
from contractlang.semantics.scope import PERIODS, KeyRef
from contractlang.semantics.types import Kind, Type
from contractlang.semantics.typing import Problem, described
from contractlang.source import Span
from contractlang.syntax import ast
from contractlang.values import Absent, State, Value

Labels = tuple[tuple[str, str], ...]
"""Key names with labels, sorted by name."""

UNIT_LABEL = "example"


@dataclass(frozen=True, slots=True)
class Expectation:
    """One expected value: exact, or within a tolerance, or a state of absence. `labels` fix keys beyond unit and period."""

    name: str
    node: Ref
    labels: Labels
    value: Value
    within: Fraction | None
    origin: Span


@dataclass(frozen=True, slots=True)
class LoweredExample:
    """An example ready to run: evaluate `plan` for `unit` and `period`; `periods` are all periods with given values.

    `units` are all units of the network: those of the tables, or the one that the example is about.
    """

    title: str
    plan: nodes.Plan
    unit: str
    period: str
    periods: tuple[str, ...]
    expectations: tuple[Expectation, ...]
    origin: Span
    dated: bool = True  # whether the example states its period
    units: tuple[str, ...] = (UNIT_LABEL,)


@dataclass(slots=True)
class _Cut:
    """The values given for one node, by the labels of the keys that the example names."""

    name: str
    span: Span
    values: dict[Labels, Value]


def lower_example(lowered: Lowered, example: ast.Example, sink: Sink) -> LoweredExample | None:
    """The example as a plan of its own; None after a report."""
    reader = _Reader(lowered, sink)
    cuts: dict[Ref, _Cut] = {}
    for entry in reader.entries(example.given):
        reader.given(entry, cuts)
    expectations = [e for entry in reader.entries(example.expect) if (e := reader.expected(entry)) is not None]
    if reader.failed or not expectations:
        return None
    whole = replace(lowered.plan, nodes=tuple(lowered.lowering.builder.nodes))
    plan, kept = _cut_plan(whole, cuts, reader.units, set(reader.keys))
    reached = _reached(plan, [e.node + kept for e in expectations])
    if not reader.complete(plan, reached, cuts, kept, example):
        return None
    period = reader.period or reader.default_period()
    periods = sorted({period, *reader.periods})
    shifted = tuple(replace(e, node=e.node + kept) for e in expectations)
    units = tuple(reader.network) or (UNIT_LABEL,)
    dated = reader.period is not None
    return LoweredExample(example.title, plan, units[0], period, tuple(periods), shifted, example.span, dated, units)


@dataclass(frozen=True, slots=True)
class _Entry:
    """One name with one value under some labels, from a binding or from a cell of a table."""

    name: ast.Name
    value: ast.Expr
    within: ast.Expr | None
    keys: tuple[tuple[ast.Name, ast.Expr], ...]
    span: Span


def _entries(parts: tuple[ast.Binding | ast.ExampleTable, ...], unit: str) -> Iterator[_Entry]:
    for part in parts:
        if isinstance(part, ast.Binding):
            yield _Entry(part.name, part.value, part.within, (), part.span)
            continue
        for row in part.rows:
            cells = [(h, c) for h, c in zip(part.header, row.cells, strict=False) if not isinstance(c, ast.Range)]
            keys = tuple((h, c) for h, c in cells if _key_word(h, c, unit))
            for header, cell in cells:
                if not _key_word(header, cell, unit):
                    yield _Entry(header, cell, None, keys, row.span)


def _key_word(header: ast.Name, cell: ast.Expr, unit: str) -> bool:
    """A column of an example table is a key when it holds period words, units, or bare category values of its own name."""
    if header.text in PERIODS or header.text == unit:
        return True
    return isinstance(cell, ast.Name) and len(cell.parts) == 1 and len(header.parts) == 1


class _Reader:
    """Reads givens and expectations against the names of the contract."""

    def __init__(self, lowered: Lowered, sink: Sink) -> None:
        self.low: Lowering = lowered.lowering
        self.sink = sink
        self.failed = False
        self.period: str | None = None
        self.periods: set[str] = set()
        self.keys: dict[str, Span] = {}
        self.units: dict[str, Value] = {}
        self.network: dict[str, None] = {}

    def entries(self, parts: tuple[ast.Binding | ast.ExampleTable, ...]) -> Iterator[_Entry]:
        return _entries(parts, self.low.scope.unit)

    # Given

    def given(self, entry: _Entry, cuts: dict[Ref, _Cut]) -> None:
        if self._is_key(entry.name):
            self._given_key(entry)
            return
        node = self._node(entry.name)
        value = self._value(entry.value)
        labels = self._labels(entry)
        if node is None or value is None or labels is None:
            return
        if not self._fits(node, value[1], entry):
            return
        cut = cuts.setdefault(node, _Cut(entry.name.text, entry.span, {}))
        if labels in cut.values:
            self._error("duplicate-name", f"`{entry.name.text}` is given twice", entry.span, "keep one of the two")
        cut.values[labels] = value[0]

    def _is_key(self, name: ast.Name) -> bool:
        found = self.low.scope.candidates(name)
        return len(found) == 1 and isinstance(found[0], KeyRef)

    def _given_key(self, entry: _Entry) -> None:
        value = self._value(entry.value)
        if value is None:
            return
        word = entry.name.text
        self.keys[word] = entry.span
        self.units[word] = value[0]
        if word == "year" and isinstance(value[0], Fraction):
            self.period = self._period_label(value[0])
        elif word in PERIODS and isinstance(value[0], Fraction) and self.period is not None:
            letter = {"half": "-H", "quarter": "-Q", "month": "-"}[word]
            ordinal = f"{int(value[0]):02d}" if word == "month" else str(value[0])
            self.period = self.period.split("-")[0] + letter + ordinal

    def _period_label(self, year: Fraction) -> str:
        suffix = {"year": "", "half": "-H1", "quarter": "-Q1", "month": "-01"}[self.low.scope.period]
        return f"{year}{suffix}"

    def default_period(self) -> str:
        return self._period_label(Fraction(self.low.term_years[0]))

    # Expected

    def expected(self, entry: _Entry) -> Expectation | None:
        node = self._node(entry.name)
        labels = self._labels(entry)
        if node is None or labels is None:
            return None
        if isinstance(entry.value, ast.StateTest):
            state = {"applicable": State.NOT_APPLICABLE, "reportable": State.NOT_REPORTABLE}.get(
                entry.value.state, State.MISSING
            )
            return Expectation(entry.name.text, node, labels, Absent(state), None, entry.span)
        value = self._value(entry.value)
        if value is None or not self._fits(node, value[1], entry):
            return None
        within: Fraction | None = None
        if entry.within is not None:
            tolerance = self._value(entry.within)
            if tolerance is None or not isinstance(tolerance[0], Fraction) or not self._fits(node, tolerance[1], entry):
                return None
            within = tolerance[0]
        return Expectation(entry.name.text, node, labels, value[0], within, entry.span)

    # Parts

    def _node(self, name: ast.Name) -> Ref | None:
        ref = self._quietly(references.lower_name, name)
        if ref is None:
            self.failed = True
        return ref

    def _value(self, e: ast.Expr) -> tuple[Value, Type] | None:
        if isinstance(e, ast.Name) and len(e.parts) == 1 and e.parts[0] not in self.low.values:
            schemes = self.low.scope.scheme_of(e.parts[0])
            if schemes:
                return e.parts[0], Type(Kind.CATEGORY, scheme=schemes[0])
        if isinstance(e, ast.NotApplicable):
            return Absent(State.NOT_APPLICABLE, "given so"), Type(Kind.NUMBER, literal=True)
        ref = self._quietly(expressions.lower_expression, e)
        op = None if ref is None else self.low.builder.nodes[ref].op
        if ref is None or not isinstance(op, nodes.Const):
            self.failed = True
            if ref is not None:
                self._error("kind-mismatch", "an example needs literal values", e.span, "write the number itself")
            return None
        return op.value, self.low.type(ref)

    def _quietly(self, lower: Callable[[Lowering, Any], Ref | None], e: ast.Expr) -> Ref | None:
        """Lower with the contract's own state; what an example reads does not count as a use of the item."""
        used = set(self.low.used)
        sink, self.low.sink, self.low.scope.sink = self.low.sink, self.sink, self.sink
        try:
            return lower(self.low, e)
        finally:
            self.low.sink = self.low.scope.sink = sink
            self.low.used = used

    def _labels(self, entry: _Entry) -> Labels | None:
        labels: list[tuple[str, str]] = []
        for key, cell in entry.keys:
            if key.text == self.low.scope.unit:
                label = cell.text if isinstance(cell, ast.Name) else str(getattr(cell, "value", cell.span.text))
                self.network.setdefault(label)
                labels.append((key.text, label))
                continue
            value = self._value(cell)
            if value is None:
                return None
            label = str(value[0])
            if key.text == "year" and isinstance(value[0], Fraction):
                label = self._period_label(value[0])
                self.periods.add(label)
            labels.append((self.low.scope.period if key.text == "year" else key.text, label))
        return tuple(sorted(labels))

    def _fits(self, node: Ref, given: Type, entry: _Entry) -> bool:
        type_ = self.low.type(node)
        if isinstance(entry.value, ast.NotApplicable):
            return True
        scheme = (
            self.low.scope.categories.get(type_.scheme or "") if given.kind is type_.kind is Kind.CATEGORY else None
        )
        if scheme is not None and isinstance(entry.value, ast.Name) and entry.value.text in scheme.values:
            return True
        found = typing.unify((replace(type_, literal=False), given), f"`{entry.name.text}` is given")
        if isinstance(found, Problem):
            fixes: tuple[Fix, ...] = ()
            if found.adapt and isinstance(entry.value, ast.Number):
                word = found.adapt[1]
                text = (
                    f"${entry.value.span.text} {word.removeprefix('USD').strip()}".strip()
                    if word.startswith("USD")
                    else f"{entry.value.span.text} {word}"
                )
                fixes = (Fix(f"write `{text}`", (Edit(entry.value.span, text),)),)
            self._error(
                "unit-mismatch" if given.numeric and type_.numeric else "kind-mismatch",
                f"`{entry.name.text}` is {described(type_)}, here stands {described(given)}",
                entry.span,
                found.help,
                fixes=fixes,
            )
            return False
        return True

    def _error(
        self,
        code: str,
        message: str,
        span: Span,
        help_: str,
        labels: tuple[Label, ...] = (),
        fixes: tuple[Fix, ...] = (),
    ) -> None:
        self.failed = True
        self.sink.report(Diagnostic(code, message, span, labels=labels, help=help_, fixes=fixes))

    # What is needed and what is not

    def complete(
        self, plan: nodes.Plan, reached: set[Ref], cuts: dict[Ref, _Cut], shift: int, example: ast.Example
    ) -> bool:
        for node, cut in cuts.items():
            if node + shift not in reached:
                self._error(
                    "example-value-unused",
                    f"`{cut.name}` is given, but nothing that is expected reads it",
                    cut.span,
                    "leave it out, or expect a value that depends on it",
                    fixes=_without(cut.span),
                )
        read_keys = {plan.nodes[r].op.key for r in reached if isinstance(plan.nodes[r].op, nodes.Key) and r >= shift}  # type: ignore[union-attr]
        for word in read_keys:
            if word in PERIODS and self.period is None and not self.periods:
                self._error(
                    "example-value-missing",
                    f"the example needs `{word}`",
                    example.span,
                    f"add `given {word} = {self.low.term_years[0]}`",
                    fixes=self._add_given(example, f"{word} = {self.low.term_years[0]}"),
                )
        for word, span in self.keys.items():
            if (
                word not in read_keys
                and word == "year"
                and not self.periods
                and not _by_period(cuts, self.low.scope.period)
            ):
                self._error(
                    "example-value-unused",
                    f"`{word}` is given, but nothing that is expected reads it",
                    span,
                    "leave it out",
                    fixes=_without(span),
                )
        return not self.failed

    @staticmethod
    def _add_given(example: ast.Example, text: str) -> tuple[Fix, ...]:
        first = example.given[0].span if example.given else example.expect[0].span
        if not example.given:
            return ()
        return (Fix(f"add `{text}`", (Edit(Span(first.file, first.start, first.start), f"{text}, "),)),)


def _without(binding: Span) -> tuple[Fix, ...]:
    """A binding left out; with its word where nothing else is given on the line."""
    text = binding.file.text
    line = text.rfind("\n", 0, binding.start) + 1
    if text[line : binding.start].strip() == "given" and not text[binding.end :].split("\n")[0].strip():
        binding = Span(binding.file, line, binding.end)
    return (edits.without(binding, "leave it out"),)


def _by_period(cuts: dict[Ref, _Cut], period: str) -> bool:
    return any(key == period for cut in cuts.values() for labels in cut.values for key, _ in labels)


# Cutting -------------------------------------------------------------------------------------------------------------


def _cut_plan(
    plan: nodes.Plan, cuts: dict[Ref, _Cut], given: dict[str, Value], keys: set[str]
) -> tuple[nodes.Plan, int]:
    """The plan with the cuts; the keys that lookups need stand first, so all indices move by their number."""
    wanted = sorted({key for cut in cuts.values() for labels in cut.values for key, _ in labels})
    shift = len(wanted)
    origin = plan.nodes[0].origin if plan.nodes else next(iter(cuts.values())).span
    built: list[nodes.Node] = [
        nodes.Node(
            nodes.Key(key), (), Type(Kind.NUMBER if key == plan.period else Kind.TEXT, grain=frozenset({key})), origin
        )
        for key in wanted
    ]
    schemas = {t.name: t for t in plan.tables}
    for ref, node in enumerate(plan.nodes):
        moved = replace(node, args=tuple(a + shift for a in node.args))
        if ref in cuts:
            moved = _cut_node(moved, cuts[ref], wanted, plan.period)
        elif isinstance(node.op, nodes.Cell):
            moved = replace(node, op=nodes.Const(_not_given(node.op, schemas)), args=(), type=node.type)
        elif isinstance(node.op, nodes.Key) and node.op.key in keys and node.op.key not in PERIODS:
            moved = replace(node, op=nodes.Const(given[node.op.key]), args=())
        built.append(moved)
    names = tuple(replace(n, node=n.node + shift) for n in plan.names)
    return replace(plan, nodes=tuple(built), names=names, requirements=(), assertions=(), refusals=()), shift


def _cut_node(node: nodes.Node, cut: _Cut, wanted: list[str], period: str) -> nodes.Node:
    if set(cut.values) == {()}:
        return replace(node, op=nodes.Const(cut.values[()]), args=())
    keys = [k for k in wanted if any(key == k for labels in cut.values for key, _ in labels)]
    rows = tuple(
        nodes.TermsRow(tuple(_pattern(dict(labels).get(k), k == period) for k in keys), value, cut.span)
        for labels, value in cut.values.items()
    )
    return replace(node, op=nodes.Terms("given", cut.name, rows), args=tuple(wanted.index(k) for k in keys))


def _pattern(label: str | None, is_period: bool) -> Value | None:
    if label is None:
        return None
    return Fraction(label.split("-")[0]) if is_period else label


def _not_given(op: nodes.Cell, schemas: Mapping[str, TableSchema]) -> Value:
    schema = schemas.get(op.table)
    column = schema.column(op.column) if schema is not None else None
    if column is not None and column.missing is not None:
        return column.missing
    return Absent(State.MISSING, f"`{op.table}.{op.column}` is not given")


def _reached(plan: nodes.Plan, roots: list[Ref]) -> set[Ref]:
    named = {n.name: n.node for n in plan.names}
    reached: set[Ref] = set()
    stack = list(roots)
    while stack:
        ref = stack.pop()
        if ref in reached:
            continue
        reached.add(ref)
        node = plan.nodes[ref]
        stack.extend(node.args)
        if isinstance(node.op, nodes.Previous) and node.op.name in named:
            stack.append(named[node.op.name])
    return reached
