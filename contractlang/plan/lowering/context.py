"""What every lowering function shares: the scope, the nodes so far, the values known by name, and how to report."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING

from contractlang.diagnostics import edits
from contractlang.diagnostics.diagnostic import Diagnostic, Fix, Label, Severity, Sink
from contractlang.plan import nodes, relations
from contractlang.plan.builder import Builder, Ref
from contractlang.plan.lowering import remedies
from contractlang.plan.relations import RowExpr
from contractlang.semantics.declarations import Declarations
from contractlang.semantics.model import TableSchema
from contractlang.semantics.order import names_in
from contractlang.semantics.scope import Scope
from contractlang.semantics.types import NONE, SCALAR, USD, Grain, Kind, Type
from contractlang.semantics.typing import Problem
from contractlang.source import Span
from contractlang.syntax import ast
from contractlang.values import Absent, State, Value

if TYPE_CHECKING:
    from contractlang.plan.lowering.measures import MeasureSet
    from contractlang.plan.lowering.reduction import Population
    from contractlang.plan.lowering.rosters import Roster
    from contractlang.plan.lowering.scales import Scale

FLAG = Type(Kind.FLAG)
MONEY_ZERO = Type(Kind.MONEY, USD, SCALAR, step=Fraction(0))


class Lowering:
    """State of lowering one edition of a contract.

    `values` maps every dotted name that an expression may read (`terms.max_rate` is not among them: tables are read by
    lookup) to its node. A name that failed is in `broken`; what reads it fails silently, so that one mistake gives one
    diagnostic.
    """

    def __init__(self, scope: Scope, declarations: Declarations, sink: Sink, term_years: tuple[int, int]) -> None:
        self.scope = scope
        self.term_years = term_years
        self.declared = declarations
        self.sink = sink
        self.builder = Builder()
        self.values: dict[str, Ref] = {}
        self.broken: set[str] = set()
        self.used: set[str] = set()
        self.item = ""
        self.across: frozenset[tuple[str, str]] = frozenset()
        self.assumed: dict[str, Type] = {}
        self.trial: dict[str, Type] = {}
        self.hidden: dict[Ref, str] = {}
        self.tables: dict[tuple[str, str], nodes.Terms] = {}
        self.stretched: dict[tuple[str, Fraction], nodes.Curve] = {}
        self.names: list[nodes.Named] = []
        self.refusals: list[nodes.Refusal] = []
        self.requirements: list[nodes.Requirement] = []
        self.assertions: list[nodes.Assertion] = []
        self.steps: list[relations.Step] = []
        self.outputs: list[relations.Output] = []
        self.accounts: list[relations.Account] = []
        self.checks: list[relations.Check] = []
        self.rosters: dict[str, Roster] = {}
        self.scales: dict[str, Scale] = {}
        self.populations: dict[str, Population] = {}
        self.sets: dict[str, MeasureSet] = {}
        self.around: Population | None = None
        self.months: RowExpr | None = None
        self.lookups: dict[str, tuple[set[str], Span]] = {}
        self.row_tables: set[str] = set()
        self.read_results: dict[str, set[str]] = {}
        self.controls: list[nodes.Control] = []
        self.payees: list[nodes.Payee] = []
        self.locals: dict[str, Ref] = {}
        self.bare_table: str | None = None
        self.block: str | None = None
        self.inside: str | None = None
        self.coarse = 0
        self.case_tables: list[tuple[Ref, ast.Cases]] = []
        self.conditions: list[tuple[Ref, Span]] = []

    # Types and nodes

    def type(self, ref: Ref) -> Type:
        return self.builder.type(ref)

    @property
    def settled(self) -> Grain:
        return frozenset({self.scope.unit, self.scope.period})

    def beyond(self, ref: Ref) -> list[str]:
        """The keys by which a value varies inside one settled row; a longer period than the settled one is none."""
        grain = self.type(ref).grain - self.settled
        return sorted(key for key in grain if not self.scope.contains(key))

    def shorter(self, grain: Grain) -> list[str]:
        """The periods shorter than the settled one by which something varies."""
        return sorted(key for key in grain if self.scope.inside(key))

    def timed(self, keys: Iterable[str]) -> Grain:
        """The grain of what has these keys: a month of a settled year always has its year, too."""
        grain = frozenset(keys)
        return grain | {self.scope.period} if self.shorter(grain) else grain

    @contextmanager
    def within(self, word: str) -> Iterator[None]:
        """Evaluate for each shorter period (`month`): schedules by date and counts of members are those of the month.

        Outside, what would differ there is counted in `coarse`.
        """
        outer = self.inside
        self.inside = self.scope.evaluated = word
        try:
            yield
        finally:
            self.inside = self.scope.evaluated = outer

    def emit(self, op: nodes.Op, args: tuple[Ref, ...], type_: Type, origin: Span) -> Ref:
        return self.builder.emit(op, args, replace(type_, literal=False) if args else type_, origin)

    def constant(self, value: Value, type_: Type, origin: Span) -> Ref:
        return self.builder.emit(nodes.Const(value), (), type_, origin)

    def flag(self, value: bool, origin: Span) -> Ref:
        return self.constant(value, FLAG, origin)

    def zero_money(self, origin: Span) -> Ref:
        return self.constant(Fraction(0), MONEY_ZERO, origin)

    def test(self, state: str, ref: Ref, span: Span) -> Ref:
        """Whether a value is `applicable`, `reportable` or `missing`; of a missing value only the last is known."""
        type_ = self.type(ref)
        unknown = frozenset() if state == "missing" else type_.absent & {State.MISSING}
        return self.emit(nodes.Test(state), (ref,), Type(Kind.FLAG, grain=type_.grain, absent=unknown), span)

    def absent(self, state: State, reason: str, like: Type, origin: Span) -> Ref:
        type_ = replace(like, grain=SCALAR, absent=frozenset({state}), step=Fraction(0), literal=False)
        return self.constant(Absent(state, reason), type_, origin)

    # Names

    def register(
        self,
        name: str,
        ref: Ref,
        role: str,
        label: str,
        origin: Span,
        block: str | None = None,
        word: str | None = None,
    ) -> Ref:
        """Make a node the value of a name and a line of the statement."""
        ref = self.builder.name(ref, name, origin)
        self.values[name] = ref
        self.names.append(nodes.Named(name, ref, role, label, origin, block, word))
        return ref

    def also(self, name: str, ref: Ref) -> None:
        """A second spelling of a registered value (`earned` for `earned.amount`)."""
        self.values[name] = ref

    @contextmanager
    def local(self, block: str) -> Iterator[None]:
        """Inside a block's own clauses its values may be written bare (`denominator` for `bp_control.denominator`)."""
        self.locals = {n.removeprefix(f"{block}."): r for n, r in self.values.items() if n.startswith(f"{block}.")}
        try:
            yield
        finally:
            self.locals = {}

    @contextmanager
    def of(self, population: Population | None) -> Iterator[None]:
        """Inside a block of a population an aggregate without `over` is taken over its rows."""
        self.around = population
        try:
            yield
        finally:
            self.around = None

    @contextmanager
    def table_columns(self, table: TableSchema) -> Iterator[None]:
        """Inside a block that reads a table its columns may be written bare."""
        self.bare_table = table.name
        try:
            yield
        finally:
            self.bare_table = None

    # Reports

    def error(
        self,
        code: str,
        message: str,
        span: Span,
        help: str = "",
        *,
        under: str = "",
        labels: Sequence[Label] = (),
        fixes: Sequence[Fix] = (),
    ) -> None:
        self.sink.report(
            Diagnostic(code, message, span, under=under, labels=tuple(labels), help=help, fixes=tuple(fixes))
        )

    def too_fine(self, ref: Ref, part: ast.Body, what: str, extra: list[str]) -> None:
        """Report a value that varies inside a settled row, where one value per row is needed."""
        keys = ", ".join(extra)
        named = [n for n, _ in names_in(part) if n.text in self.values and self._by_month(self.values[n.text])]
        if len(extra) == 1 and self.scope.inside(extra[0]) and named:
            # A value of the year beside one of its months must not be added up twelve times.
            changes = [e for n in named for e in edits.around(n.span, "sum(", f" over {keys})", "").edits]
            self.error(
                "grain-mismatch",
                f"`{named[0].text}` varies by {keys}, {what} by {self.scope.unit} and {self.scope.period}",
                named[0].span,
                f"add it up where it is read: `sum({named[0].text} over {keys})`",
                fixes=[Fix("add it up", tuple(changes))],
            )
            return
        addable = self.type(ref).numeric and not isinstance(part, ast.Cases)
        self.error(
            "grain-mismatch",
            f"{what} varies by {' and '.join(extra)}, the settlement by {self.scope.unit} and {self.scope.period}",
            part.span,
            f"wrap it in `sum(… over {keys})`" if addable else "state it for one settled row",
            fixes=[edits.around(part.span, "sum(", f" over {keys})", "add it up")] if addable else [],
        )

    def _by_month(self, ref: Ref) -> bool:
        """Whether a number varies by a period shorter than the settled one."""
        return self.type(ref).numeric and bool(self.shorter(self.type(ref).grain))

    def warn(self, code: str, message: str, span: Span, help: str = "", fixes: Sequence[Fix] = ()) -> None:
        self.sink.report(Diagnostic(code, message, span, help=help, fixes=tuple(fixes), severity=Severity.WARNING))

    def problem(self, problem: Problem, span: Span, parts: Sequence[ast.Expr] = ()) -> None:
        """Report a failed typing rule at the words that it concerns, with what would mend it."""
        self.error(problem.code, problem.message, span, problem.help, fixes=remedies.fixes(self, problem, parts))

    def probe(self, e: ast.Expr) -> Type | None:
        """The type of an expression, without a report and without a trace in the plan's names."""
        from contractlang.plan.lowering import expressions

        sink, used = self.sink, set(self.used)
        self.sink = self.scope.sink = Sink()
        try:
            ref = expressions.lower_expression(self, e)
        finally:
            self.sink = self.scope.sink = sink
            self.used = used
        return None if ref is None else self.type(ref)


def dimensionless(kind: Kind = Kind.NUMBER) -> Type:
    return Type(kind, NONE, SCALAR)
