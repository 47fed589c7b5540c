"""Worked examples: the contract's own plan with the given values cut in, so that an example runs what the contract says.

`given` names an input column or any named value; its node becomes a constant (or a lookup by key, for tables of given
values) and what stood behind it is no longer asked. Input columns that are not given take their `when missing` rule,
or are missing with the reason that they are not given.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
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
from contractlang.plan.lowering.cutting import Cut, Labels, cut_plan, reached_by
from contractlang.semantics import typing
from contractlang.semantics.scope import PERIODS, KeyRef
from contractlang.semantics.types import Kind, Type
from contractlang.semantics.typing import Problem, described
from contractlang.source import Span
from contractlang.syntax import ast
from contractlang.values import Absent, State, Value

UNIT_LABEL = "example"

STATES = {"applicable": State.NOT_APPLICABLE, "reportable": State.NOT_REPORTABLE, "missing": State.MISSING}
"""The state that `is not applicable`, `is not reportable` and `is missing` give."""


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


def lower_example(lowered: Lowered, example: ast.Example, sink: Sink) -> LoweredExample | None:
    """The example as a plan of its own; None after a report."""
    reader = _Reader(lowered, sink)
    cuts: dict[Ref, Cut] = {}
    for entry in reader.entries(example.given):
        reader.given(entry, cuts)
    expectations = [e for entry in reader.entries(example.expect) if (e := reader.expected(entry)) is not None]
    for expected in expectations:
        reader.of_one_unit(expected)
    if reader.failed or not expectations:
        return None
    # What belongs to the unit is what the example lists.
    listed = tuple((level, tuple(reader.levels.get(level, ()))) for level, _ in lowered.plan.levels)
    categories = (*lowered.plan.categories, *listed)
    whole = replace(lowered.plan, nodes=tuple(lowered.lowering.builder.nodes), categories=categories, levels=())
    plan, kept = cut_plan(whole, cuts, reader.units, set(reader.keys))
    reached = reached_by(plan, [e.node + kept for e in expectations])
    if not reader.complete(plan, reached, cuts, kept, example):
        return None
    period = reader.period or reader.default_period()
    periods = sorted({period, *reader.periods})
    shifted = tuple(replace(e, node=e.node + kept) for e in expectations)
    units = tuple(reader.network) or (UNIT_LABEL,)
    dated = reader.period is not None
    return LoweredExample(example.title, plan, units[0], period, tuple(periods), shifted, example.span, dated, units)


def _label(cell: ast.Expr) -> str:
    """A unit, or a member of a level below it, as it is written."""
    return cell.text if isinstance(cell, ast.Name) else str(getattr(cell, "value", cell.span.text))


@dataclass(frozen=True, slots=True)
class _Entry:
    """One name with one value under some labels, from a binding or from a cell of a table."""

    name: ast.Name
    value: ast.Expr
    within: ast.Expr | None
    keys: tuple[tuple[ast.Name, ast.Expr], ...]
    span: Span


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
        self.levels: dict[str, dict[str, None]] = {}

    def entries(self, parts: tuple[ast.Binding | ast.ExampleTable, ...]) -> Iterator[_Entry]:
        """Every name with its value, and the keys of its row in a table."""
        for part in parts:
            if isinstance(part, ast.Binding):
                yield _Entry(part.name, part.value, part.within, (), part.span)
                continue
            for row in part.rows:
                cells = [(h, c) for h, c in zip(part.header, row.cells, strict=False) if not isinstance(c, ast.Range)]
                keys = tuple((h, c) for h, c in cells if self._holds_keys(h, c))
                for header, cell in cells:
                    if not self._holds_keys(header, cell):
                        yield _Entry(header, cell, None, keys, row.span)

    def _holds_keys(self, header: ast.Name, cell: ast.Expr) -> bool:
        """A column of an example table is a key when it holds period words, units, or bare values of its own category."""
        bare = isinstance(cell, ast.Name) and len(cell.parts) == 1 and len(header.parts) == 1
        return (
            header.text in PERIODS
            or header.text == self.low.scope.unit
            or header.text in self.low.scope.levels
            or (bare and self._column_inside(header) is None)
        )

    # Given

    def given(self, entry: _Entry, cuts: dict[Ref, Cut]) -> None:
        if self._inside(entry) is None and self._is_key(entry.name):
            self._given_key(entry)
            return
        node = self._node(entry)
        value = self._value(entry.value)
        rest = tuple(pair for pair in entry.keys if not _otherwise(pair[1]))
        labels = self._labels(replace(entry, keys=rest))
        if node is None or value is None or labels is None:
            return
        if not self._fits(node, value[1], entry):
            return
        cut = cuts.setdefault(node, Cut(entry.name.text, entry.span, {}))
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
        if self.low.scope.inside(word):
            period = self.low.scope.period
            self._error(
                "example-value-unused",
                f"an example is settled for a whole {period}, not for one {word}",
                entry.span,
                f"give values by {word} in a table: `given | {word} | … |`",
                fixes=_without(entry.span),
            )
            return
        self.keys[word] = entry.span
        self.units[word] = value[0]
        if word == "year" and isinstance(value[0], Fraction):
            self.period = self._period_label(value[0])
        elif word in PERIODS and isinstance(value[0], Fraction) and self.period is not None:
            self.period = self._moment(word, self.period.split("-")[0], str(value[0]))

    def _period_label(self, year: Fraction) -> str:
        suffix = {"year": "", "half": "-H1", "quarter": "-Q1", "month": "-01"}[self.low.scope.period]
        return f"{year}{suffix}"

    def default_period(self) -> str:
        return self._period_label(Fraction(self.low.term_years[0]))

    # Expected

    def expected(self, entry: _Entry) -> Expectation | None:
        node = self._node(entry)
        wide = next((cell for _, cell in entry.keys if _otherwise(cell)), None)
        if wide is not None:
            self._error(
                "kind-mismatch",
                "`otherwise` stands for all rows that are not given, and each expected value is one row",
                wide.span,
                "name the key whose value is expected",
            )
            return None
        labels = self._labels(entry)
        if node is None or labels is None:
            return None
        if isinstance(entry.value, ast.StateTest):
            absent = Absent(STATES[entry.value.state])
            return Expectation(entry.name.text, node, self._moments(labels), absent, None, entry.span)
        labels = self._moments(labels)
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

    def of_one_unit(self, expected: Expectation) -> None:
        """Report an expectation that does not say of which of several units it is."""
        unit = self.low.scope.unit
        if len(self.network) < 2 or unit not in self.low.type(expected.node).grain:
            return
        if not any(key == unit for key, _ in expected.labels):
            self._error(
                "example-value-missing",
                f"`{expected.name}` varies by {unit}, and the example has {len(self.network)} of them",
                expected.origin,
                f"expect it in a table with a column `{unit}`",
            )

    # Parts

    def _inside(self, entry: _Entry) -> str | None:
        """The shorter period by which a value is given: a key of its row, or of the table whose column is named bare."""
        words = [key.text for key, _ in entry.keys if self.low.scope.inside(key.text)]
        return words[0] if words else self._column_inside(entry.name)

    def _column_inside(self, name: ast.Name) -> str | None:
        """The shorter period by which a column varies that is named bare."""
        scope = self.low.scope
        tables = [self.low.declared.inputs[c.table.name] for c in scope.finer.get(name.text, [])]
        words = [key.name for t in tables if not t.member_level for key in t.keys if scope.inside(key.name)]
        return words[0] if words else None

    def _node(self, entry: _Entry) -> Ref | None:
        """The node of a name; where values are given by the month, the one that varies by month."""
        word = self._inside(entry)
        with self.low.within(word) if word is not None else nullcontext():
            ref = self._quietly(references.lower_name, entry.name)
        if ref is None:
            self.failed = True
        return ref

    def _value(self, e: ast.Expr) -> tuple[Value, Type] | None:
        if isinstance(e, ast.Name) and len(e.parts) == 1 and e.parts[0] not in self.low.values:
            schemes = self.low.scope.scheme_of(e.parts[0])
            if schemes:
                return e.parts[0], Type(Kind.CATEGORY, scheme=schemes[0])
        if isinstance(e, ast.StateTest):
            return Absent(STATES[e.state], "given so"), Type(Kind.NUMBER, literal=True)
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
        """The keys of a row: periods by their number, so that a month stands for that month of every year."""
        labels: dict[str, str] = {}
        for key, cell in entry.keys:
            if key.text == self.low.scope.unit:
                label = _label(cell)
                self.network.setdefault(label)
                labels[key.text] = label
                continue
            if key.text in self.low.scope.levels:
                labels[key.text] = _label(cell)
                self.levels.setdefault(key.text, {}).setdefault(labels[key.text])
                continue
            value = self._value(cell)
            if value is None:
                return None
            labels[key.text] = str(value[0])
            if key.text in PERIODS and not (isinstance(value[0], Fraction) and value[0].denominator == 1):
                self._error("kind-mismatch", f"a {key.text} is a whole number here", cell.span, "write its number")
                return None
        if "year" in labels:
            self.periods.add(self._settled_label(labels))
        return tuple(sorted(labels.items()))

    def _settled_label(self, labels: Mapping[str, str]) -> str:
        """The settled period that a row names by its year and its number in it."""
        period = self.low.scope.period
        if period in labels and period != "year":
            return self._moment(period, labels["year"], labels[period])
        return self._period_label(Fraction(labels["year"]))

    def _moment(self, word: str, year: str, number: str) -> str:
        """The label of a period inside a year: `2024-03`, `2024-Q1`. A month before the start of the year lies in the next one."""
        if word != "month":
            return f"{year}-{word[0].upper()}{number}"
        return f"{int(year) + (int(number) < self.low.scope.first_month):04}-{int(number):02d}"

    def _moments(self, labels: Labels) -> Labels:
        """Labels of what is expected, with periods as data write them."""
        known = dict(labels)
        own = self.period or self.default_period()
        year = known.get("year", own.split("-")[0])
        found = {k: v for k, v in labels if k not in PERIODS}
        if any(self.low.scope.contains(k) for k in known):
            found[self.low.scope.period] = self._settled_label({"year": year, **known})
        found |= {k: self._moment(k, year, v) for k, v in labels if self.low.scope.inside(k)}
        return tuple(sorted(found.items()))

    def _fits(self, node: Ref, given: Type, entry: _Entry) -> bool:
        type_ = self.low.type(node)
        if isinstance(entry.value, ast.NotApplicable | ast.StateTest):
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
        self, plan: nodes.Plan, reached: set[Ref], cuts: dict[Ref, Cut], shift: int, example: ast.Example
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
            if self.low.scope.contains(word) and self.period is None and not self.periods:
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


def _otherwise(cell: ast.Expr) -> bool:
    """Whether a key cell stands for every row that is not given by itself."""
    return isinstance(cell, ast.Name) and cell.text == "otherwise"


def _without(binding: Span) -> tuple[Fix, ...]:
    """A binding left out; with its word where nothing else is given on the line."""
    text = binding.file.text
    line = text.rfind("\n", 0, binding.start) + 1
    if text[line : binding.start].strip() == "given" and not text[binding.end :].split("\n")[0].strip():
        binding = Span(binding.file, line, binding.end)
    return (edits.without(binding, "leave it out"),)


def _by_period(cuts: dict[Ref, Cut], period: str) -> bool:
    return any(key in ("year", period) for cut in cuts.values() for labels in cut.values for key, _ in labels)
