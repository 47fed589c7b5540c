"""From a consolidated text to its plan: declarations, then every item after what it reads, then what is asked of rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from contractlang.diagnostics import edits
from contractlang.diagnostics.diagnostic import Fix, Sink
from contractlang.plan import nodes
from contractlang.plan.builder import Ref
from contractlang.plan.lowering import expressions, scales
from contractlang.plan.lowering.budget import lower_budget
from contractlang.plan.lowering.context import Lowering
from contractlang.plan.lowering.equity import lower_equity
from contractlang.plan.lowering.measures import lower_measures
from contractlang.plan.lowering.months import lower_definition
from contractlang.plan.lowering.obligations import lower_obligation
from contractlang.plan.lowering.payments import lower_payment
from contractlang.plan.lowering.pools import lower_pool
from contractlang.plan.lowering.population import lower_population
from contractlang.plan.lowering.quality import lower_quality
from contractlang.plan.lowering.reduction import rebuilt_outputs
from contractlang.plan.lowering.reports import lower_reports
from contractlang.plan.lowering.rosters import lower_roster
from contractlang.plan.lowering.sharing import lower_sharing
from contractlang.plan.lowering.shifts import settle_types
from contractlang.plan.lowering.single_measure import lower_measure
from contractlang.plan.lowering.spending import lower_spending
from contractlang.plan.lowering.weights import lower_baseline
from contractlang.plan.relations import Reduction, Relation, Scan
from contractlang.semantics import typing
from contractlang.semantics.declarations import declare
from contractlang.semantics.foreign import table_name
from contractlang.semantics.model import TableSchema
from contractlang.semantics.order import Order, evaluation_order
from contractlang.semantics.published import Published
from contractlang.semantics.scope import Scope
from contractlang.semantics.types import Kind, Type
from contractlang.semantics.typing import described
from contractlang.source import Span
from contractlang.syntax import ast

CENT = Fraction(1, 100)


MOST_OPERATIONS = 30_000
"""Operations of one contract, many times more than any real one asks for: text from a stranger is safe to compile."""


@dataclass(frozen=True, slots=True)
class Lowered:
    """A lowered text: its plan, its examples still to be evaluated, and the state that examples are lowered with."""

    plan: nodes.Plan
    lowering: Lowering
    examples: tuple[ast.Example, ...]


def lower(
    document: ast.Document,
    uses: Sequence[tuple[ast.Use, ast.Document]],
    term_years: tuple[int, int],
    sink: Sink,
    foreign: Sequence[tuple[ast.Use, Published]] = (),
) -> Lowered:
    """Check and lower one edition. The plan is complete only if the sink has no errors.

    `foreign` are the contracts whose results it reads.
    """
    scope = Scope(document, uses, sink)
    # Results of a contract that does not check (which was reported) are not reported again as unknown names.
    scope.unread |= {table_name(use) for use, _ in uses if use.results} - {table_name(use) for use, _ in foreign}
    declared = declare(scope, sink, foreign)
    order = evaluation_order(scope)
    assumed: dict[str, Type] = {}
    while True:  # types that values promise themselves through `prior` only ever get wider, so this ends
        low = Lowering(scope, declared, sink, term_years)
        low.broken |= order.circular
        low.across, low.assumed = order.across, assumed
        payments = _items(low, order)
        if not (wider := settle_types(low)):
            break
        assumed = {**assumed, **wider}
    _check_previous(low)
    _requirements(low)
    for titled in scope.titled:
        if isinstance(titled, ast.Guarantee):
            _guarantee(low, titled)
    reports = lower_reports(low)
    if len(low.builder.nodes) > MOST_OPERATIONS:
        low.error(
            "contract-too-large",
            f"the contract asks for {len(low.builder.nodes):_} operations; the limit is {MOST_OPERATIONS:_}",
            document.name.span,
            "put what repeats into a `table`, or bind it from a file with `input`",
        )
    if document.kind == "contract":
        _check_paid(low, document, payments)
        _check_unused(low, document, payments)
    examples = tuple(t for t in scope.titled if isinstance(t, ast.Example))
    return Lowered(_plan(low, document, payments, reports), low, examples)


def _items(low: Lowering, order: Order) -> list[str]:
    """Lower every item after what it reads; gives the names of the payments."""
    payments: list[str] = []
    for name in order.names:
        if name not in low.broken:
            low.item = name
            if not _lower_item(low, name, low.scope.items[name], payments):
                low.broken.add(name)
                low.scope.unread.add(name)  # what it would have declared is not unknown
    low.item = ""
    return payments


def _category_constant(low: Lowering, value: ast.Expr) -> Ref | None:
    """`constant this_payer = CIGNA`: a value of the only category that has it."""
    if not isinstance(value, ast.Name) or len(value.parts) > 1 or low.scope.candidates(value):
        return None
    schemes = low.scope.scheme_of(value.text)
    if len(schemes) != 1:
        return None
    return low.constant(value.text, Type(Kind.CATEGORY, scheme=schemes[0]), value.span)


def _lower_item(low: Lowering, name: str, item: ast.Item, payments: list[str]) -> bool:
    match item:
        case ast.Constant(value=value):
            ref = _category_constant(low, value)
            if ref is None:
                ref = expressions.lower_expression(low, value)
            if ref is None:
                return False
            low.register(name, ref, "parameter", name, item.span)
            return True
        case ast.Define():
            ref = lower_definition(low, item)
            if ref is None:
                return False
            low.register(name, ref, "define", name, item.span)
            return True
        case ast.Scale():
            scale = scales.lower_scale(low, name, item)
            if scale is not None:
                low.scales[name] = scale
            return scale is not None
        case ast.Payment():
            payments.append(name)
            return lower_payment(low, name, item)
        case ast.Block(kind="roster"):
            return lower_roster(low, name, item)
        case ast.Block(kind="population"):
            return lower_population(low, name, item)
        case ast.Block(kind="spending"):
            return lower_spending(low, name, item)
        case ast.Block(kind="budget"):
            return lower_budget(low, name, item)
        case ast.Block(kind="measure" | "rate"):
            return lower_measure(low, name, item)
        case ast.Block(kind="measures"):
            return lower_measures(low, name, item)
        case ast.Block(kind="quality"):
            return lower_quality(low, name, item)
        case ast.Block(kind="equity"):
            return lower_equity(low, name, item)
        case ast.Control():
            return _control(low, name, item)
        case ast.Block(kind="obligation"):
            return lower_obligation(low, name, item)
        case ast.Block(kind="report"):
            return True
        case ast.Block(kind="sharing"):
            return lower_sharing(low, name, item)
        case ast.Block(kind="pool"):
            return lower_pool(low, name, item)
        case ast.Baseline():
            return lower_baseline(low, name, item)
        case _:
            return name in low.declared.inputs or name in low.declared.terms or isinstance(item, ast.Category)


def _control(low: Lowering, name: str, item: ast.Control) -> bool:
    """Both sides in one unit; the tolerance a percentage of the right side, or an amount."""
    left, right = (expressions.numeric(low, e, "`control`") for e in (item.left, item.right))
    if left is None or right is None:
        return False
    if expressions.common(low, (left, right), (item.left, item.right), "the control compares", item.span) is None:
        return False
    tolerance: Ref | None = None
    if item.tolerance is not None:
        tolerance = expressions.numeric(low, item.tolerance, "`within`")
        if tolerance is None:
            return False
        if low.type(tolerance).kind is Kind.PERCENT:
            size = low.emit(nodes.Absolute(), (right,), low.type(right), item.tolerance.span)
            tolerance = expressions.operate(low, "*", tolerance, size, item.tolerance.span)
        elif (
            expressions.common(low, (right, tolerance), (item.right, item.tolerance), "the control allows", item.span)
            is None
        ):
            return False
    for ref, part in ((left, item.left), (right, item.right)):
        if extra := low.beyond(ref):
            low.too_fine(ref, part, f"`{edits.one_line(part.span)}`", extra)
            return False
    low.controls.append(nodes.Control(name, left, right, tolerance, item.span))
    return True


def _check_previous(low: Lowering) -> None:
    """A name read through `prior` before it existed must have come to exist with the type its start promised."""
    for node in low.builder.nodes:
        if not isinstance(node.op, nodes.Previous) or node.op.name not in low.values or not node.args:
            continue
        own, there = node.type, low.type(low.values[node.op.name])
        if isinstance(found := typing.unify((there, own), "it starts with"), typing.Problem):
            start = low.builder.parts(low.builder.nodes.index(node), node.origin)[0]
            low.error(
                found.code,
                f"`{node.op.name}` is {described(there)}, but starts with {described(own)}",
                start,
                found.help or f"start with a value like `{typing.zero(there) or node.op.name}`",
                fixes=[edits.instead(start, nothing)] if (nothing := typing.zero(there)) else [],
            )


def _requirements(low: Lowering) -> None:
    for name, item in low.scope.items.items():
        if not isinstance(item, ast.Block) or item.kind == "pool" or name in low.broken:
            continue
        for step in item.steps:
            if step.word != "require":
                continue
            written = step.get("when") or step.argument
            assert written is not None
            with low.local(name):
                condition = expressions.flag(low, written)
            reason = step.get("reason")
            text = reason.value if isinstance(reason, ast.Text) else f"not {written.span.text}"
            if condition is not None and _settled(low, condition, "the requirement", written):
                low.requirements.append(nodes.Requirement(condition, text, step.span))
                low.conditions.append((condition, written.span))


def _settled(low: Lowering, condition: Ref, what: str, written: ast.Expr) -> bool:
    """Whether a condition holds for a settled row as a whole; reports one that varies inside it."""
    extra = low.beyond(condition)
    if not extra:
        return True
    every = f"count({extra[0]} where not ({written.span.text})) is 0"
    low.error(
        "grain-mismatch",
        f"{what} varies by {' and '.join(extra)}, the settlement by {low.scope.unit} and {low.scope.period}",
        written.span,
        f"state it for one settled row, for example `{' '.join(every.split())}`",
        fixes=[edits.instead(written.span, every, "let it hold for every one")] if len(extra) == 1 else [],
    )
    return False


def _guarantee(low: Lowering, item: ast.Guarantee) -> None:
    condition: Ref | None = None
    if item.form == "always":
        condition = expressions.flag(low, item.condition)
        if condition is None or not _settled(low, condition, "the guarantee", item.condition):
            return
        low.conditions.append((condition, item.condition.span))
    else:
        for part in (item.condition, item.over, item.limit):
            if part is not None:
                expressions.numeric(low, part, "a guarantee")
    low.assertions.append(nodes.Assertion(item.title, condition, item.span))


def _check_unused(low: Lowering, document: ast.Document, payments: list[str]) -> None:
    """A definition that nothing reads is a warning, unless a doc comment says what it is for."""
    if not payments or low.sink.failed:
        return
    own = {id(item) for item in document.items}
    for name, item in low.scope.items.items():
        if id(item) not in own or name in low.used or item.span.file is not document.span.file:
            continue
        if (
            isinstance(item, ast.Define | ast.Constant | ast.Scale | ast.Schedule | ast.Terms)
            and item.notes.doc is None
        ):
            low.warn(
                "unused-definition",
                f"nothing reads `{name}`",
                item.span,
                "remove it, or say in a `##` comment above it what it is for",
                fixes=[edits.without(item.span, "remove it")],
            )


def _check_paid(low: Lowering, document: ast.Document, payments: list[str]) -> None:
    """A contract that pays nothing and shows nothing by examples has most likely forgotten its payment."""
    if document.header.unpaid:
        if payments:
            low.error(
                "no-payment",
                f"the contract says `no payment`, and pays `{payments[0]}`",
                low.scope.items[payments[0]].span,
                "remove the line `no payment`, or the payment",
                fixes=[edits.without(low.scope.items[payments[0]].span, "remove the payment")],
            )
        return
    shown = any(isinstance(item, ast.Example) for item in low.scope.titled)
    kinds = {type(item) for item in low.scope.items.values()}
    reports = any(isinstance(item, ast.Block) and item.kind == "report" for item in low.scope.items.values())
    if shown or reports or low.sink.failed or ast.Payment in kinds or ast.Input not in kinds:
        return
    blocks = [name for name, item in low.scope.items.items() if isinstance(item, ast.Block) and item.kind == "sharing"]
    fixes: list[Fix] = []
    if blocks:
        ref, end = low.values[blocks[-1]], document.span.file.text.rstrip()
        step = low.type(ref).step
        text = (
            blocks[-1]
            if step and (step * 100).denominator == 1
            else f"round({blocks[-1]} to cents, half away from zero)"
        )
        place = Span(document.span.file, len(end), len(end))
        clause = f"\n\npayment settlement to {low.scope.unit} = {text}"
        fixes = [Fix(f"pay `{blocks[-1]}`", (edits.after(place, clause),))]
    low.warn(
        "no-payment",
        f"contract `{document.name.text}` pays nothing",
        document.name.span,
        f"add `payment NAME to {low.scope.unit} = AMOUNT`, unless the contract only reports",
        fixes=fixes,
    )


def _plan(low: Lowering, document: ast.Document, payments: list[str], reports: tuple[nodes.Report, ...]) -> nodes.Plan:
    scope, header = low.scope, document.header
    frames = {output.table for output in low.outputs if output.roster}
    return nodes.Plan(
        contract=document.name.text,
        version=header.version or "",
        title=header.title or "",
        payer=header.payer or "",
        unit=scope.unit,
        period=scope.period,
        tables=_tables(low, document),
        categories=tuple((name, category.values) for name, category in scope.categories.items()),
        reduction=_reduction(low),
        nodes=tuple(low.builder.nodes),
        names=tuple(_statement_order(low, document)),
        payments=tuple(p for p in payments if p in low.values),
        payees=tuple(low.payees),
        levels=tuple((word, roster) for word, roster in low.scope.levels.items() if roster in frames),
        refusals=tuple(low.refusals),
        assertions=tuple(low.assertions),
        requirements=tuple(low.requirements),
        controls=tuple(low.controls),
        assumptions=tuple(_assumptions(low)),
        reports=reports,
        year_starts=scope.first_month,
    )


def _scanned(low: Lowering, relation: Relation) -> Relation:
    """Of the results of another contract the reduce stage reads what is bound."""
    if not isinstance(relation, Scan) or (table := low.declared.inputs[relation.table]).results is None:
        return relation
    return Scan(relation.table, (*(k.name for k in table.keys), *sorted(low.read_results.get(table.name, ()))))


def _read_alone(low: Lowering, table: TableSchema) -> TableSchema:
    """Of the results of another contract the columns that this one reads."""
    if table.results is None:
        return table
    read = low.read_results.get(table.name, set())
    return replace(table, columns=tuple(c for c in table.columns if c.name in read))


def _reduction(low: Lowering) -> Reduction:
    rebuilt = {output.table for output in rebuilt_outputs(low)}
    steps = (replace(s, relation=_scanned(low, s.relation)) for s in low.steps)
    outputs = (replace(output, rebuilt=output.table in rebuilt) for output in low.outputs)
    return Reduction(tuple(steps), tuple(outputs), tuple(low.accounts), tuple(low.checks))


def _tables(low: Lowering, document: ast.Document) -> tuple[TableSchema, ...]:
    """The tables that data must be bound to: the contract's own, and those of libraries that something reads."""
    own = {id(item) for item in document.items}
    return tuple(
        replace(_read_alone(low, table), member_level=table.name in low.row_tables or table.member_level)
        for name, table in low.declared.inputs.items()
        if name in low.used or table.kind == "exhibit" or id(low.scope.items[name]) in own
    )


def _statement_order(low: Lowering, document: ast.Document) -> list[nodes.Named]:
    """Named values in the order in which the contract is read: libraries first, then by place."""
    own = document.span.file
    return sorted(
        low.names,
        key=lambda n: (n.origin.file is own, n.origin.file.name, _block_start(low, n), n.node),
    )


def _block_start(low: Lowering, named: nodes.Named) -> int:
    item = low.scope.items.get(named.block) if named.block else None
    return item.span.start if item is not None else named.origin.start


def _assumptions(low: Lowering) -> list[nodes.Assumption]:
    found: list[nodes.Assumption] = []
    for name, item in low.scope.items.items():
        parts: list[tuple[str, ast.Notes, Span]] = []
        if not isinstance(item, ast.Use | ast.Guarantee | ast.Example):
            parts.append((name, item.notes, item.span))
        if isinstance(item, ast.Input):
            parts += [(f"{name}.{c.name}", c.notes, c.span) for c in item.columns]
        if isinstance(item, ast.Block):
            parts += [(f"{name}.{s.label or s.word}", s.notes, s.span) for s in item.steps]
        found += [nodes.Assumption(n, notes.assumed, span) for n, notes, span in parts if notes.assumed is not None]
    return found
