"""What the checker proves over the whole plan: payments never reach absence, scales hold every argument, cases are reached."""

from __future__ import annotations

from contractlang.diagnostics.diagnostic import Diagnostic, Edit, Fix, Label, Severity, Sink
from contractlang.plan import nodes
from contractlang.plan.abstract import inside
from contractlang.plan.builder import Ref
from contractlang.plan.lowering.contract import Lowered
from contractlang.plan.ranges import Facts, Ranges
from contractlang.source import Span
from contractlang.syntax import ast
from contractlang.values import Absent, State


def check_soundness(lowered: Lowered, years: tuple[int, int], sink: Sink) -> None:
    """Report what the ranges of the values rule out; run only on plans without other errors."""
    ranges = Ranges(lowered.plan, years)
    for ref, cases in lowered.lowering.case_tables:
        _cases(ranges, ref, cases, sink)
    for named in lowered.plan.names:
        ranges.of(named.node)
    _scales(ranges, lowered, sink)
    if sink.failed:
        return
    facts: Facts = {}
    for requirement in lowered.plan.requirements:
        facts = ranges.narrow(requirement.condition, True, facts) or facts
    for name in lowered.plan.payments:
        _payment(ranges, lowered, name, facts, sink)


# Cases ---------------------------------------------------------------------------------------------------------------


def _cases(ranges: Ranges, ref: Ref, cases: ast.Cases, sink: Sink) -> None:
    """A case that cannot be reached is an error; without `otherwise` the cases must cover everything."""
    node = ranges.plan.nodes[ref]
    here: Facts | None = {}
    for position, case in enumerate(cases.cases):
        if case.condition is None:
            if here is None:
                _unreachable(sink, case, "the cases above cover everything")
            return
        condition = node.args[2 * position]
        truth = frozenset() if here is None else ranges.of(condition, here).truth
        if True not in truth:
            _unreachable(
                sink, case, "it can never be true here" if here is not None else "the cases above cover everything"
            )
            if here is None:
                return
            continue
        assert here is not None
        here = ranges.narrow(condition, False, here) if False in truth else None
    if here is None:
        return
    last = cases.cases[-1]
    assert last.condition is not None
    text = last.span.file.text
    head = text.rfind("when", 0, last.condition.span.start)
    sink.report(
        Diagnostic(
            "otherwise-missing",
            "the cases do not cover everything",
            last.span,
            help="add `otherwise: VALUE`, or let the last case be `otherwise`",
            fixes=(
                Fix(
                    "let the last case be `otherwise`",
                    (Edit(Span(last.span.file, head, last.condition.span.end), "otherwise"),),
                ),
            ),
        )
    )


def _unreachable(sink: Sink, case: ast.Case, why: str) -> None:
    text = case.span.file.text
    line = text.rfind("\n", 0, case.span.start)
    what = "`otherwise`" if case.condition is None else f"`{' '.join(case.condition.span.text.split())}`"
    sink.report(
        Diagnostic(
            "unreachable-case",
            f"the case {what} is never reached: {why}",
            case.span,
            help="remove it, or change the conditions above it",
            fixes=(Fix("remove the case", (Edit(Span(case.span.file, max(line, 0), case.span.end), ""),)),),
        )
    )


# Scales --------------------------------------------------------------------------------------------------------------


def _scales(ranges: Ranges, lowered: Lowered, sink: Sink) -> None:
    reported: set[str] = set()
    for ref, argument in ranges.arguments.items():
        op = ranges.plan.nodes[ref].op
        assert isinstance(op, nodes.Curve)
        span = lowered.lowering.curve_uses.get(ref, ranges.plan.nodes[ref].origin)
        if not inside(op, argument):
            if op.name not in reported:
                reported.add(op.name)
                _outside(lowered, op, span, sink)
            continue
        for piece in op.pieces:
            below = piece.high is not None and argument.low is not None and argument.low > piece.high
            above = piece.low is not None and argument.high is not None and argument.high < piece.low
            if (below or above) and piece.span is not None and piece.low is not None and piece.high is not None:
                sink.report(
                    Diagnostic(
                        "unreachable-band",
                        f"no value of `{span.text}` reaches the band `{piece.span.text}`",
                        piece.span,
                        labels=(Label(span, "the argument"),),
                        help="remove the band, or widen the range of the argument",
                        severity=Severity.WARNING,
                    )
                )


def _outside(lowered: Lowered, curve: nodes.Curve, span: Span, sink: Sink) -> None:
    item = lowered.lowering.scope.items[curve.name]
    assert isinstance(item, ast.Scale)
    fixes: tuple[Fix, ...] = ()
    brace = item.span.text.find("{")
    if brace > 0 and not curve.marginal:
        before = len(item.span.text[:brace].rstrip())
        at = item.span.start + before
        fixes = (Fix("hold the last values outside", (Edit(Span(item.span.file, at, at), ", flat outside"),)),)
    first, last = curve.pieces[0].low, curve.pieces[-1].high
    ends = f"from {_number(first)} " if first is not None else ""
    ends += f"to {_number(last)}" if last is not None else "upwards"
    sink.report(
        Diagnostic(
            "scale-outside",
            f"the argument of scale `{curve.name}` may lie outside it",
            span,
            under=f"not proved to lie {ends.strip()}",
            labels=(Label(item.span, "the scale"),),
            help="write `flat outside`, list `below` and `and more`, declare the range of the input with `within`, or guard the call with `when`",
            fixes=fixes,
        )
    )


def _number(value: object) -> str:
    return f"{float(value):g}"  # type: ignore[arg-type]


# Payments ------------------------------------------------------------------------------------------------------------


def _payment(ranges: Ranges, lowered: Lowered, name: str, facts: Facts, sink: Sink) -> None:
    """A payment of a unit that meets every `require` is never absent."""
    named = lowered.plan.named(name)
    item = lowered.lowering.scope.items[name]
    assert named is not None
    assert isinstance(item, ast.Payment)
    bad = ranges.of(named.node, facts).states & {State.NOT_APPLICABLE, State.NOT_REPORTABLE}
    if not bad:
        return
    state = max(bad)
    label = _culprit(ranges, named.node, state, facts)
    body = item.body.span
    plain = isinstance(item.body, ast.Name | ast.Call | ast.Number)
    text = body.text if plain else f"({body.text})"
    fixes = (
        ()
        if isinstance(item.body, ast.Cases)
        else (Fix("pay $0 where it is absent", (Edit(body, f"{text} else $0"),)),)
    )
    sink.report(
        Diagnostic(
            "absence-in-payment",
            f"payment `{name}` can be {state.words}",
            body,
            labels=(label,) if label else (),
            help="say what is paid then: `x else $0` where the value is read, or a `when` case before it",
            fixes=fixes,
        )
    )


def _culprit(ranges: Ranges, ref: Ref, state: State, facts: Facts) -> Label | None:
    """The first place from which the state can come, found by walking down under the facts of each branch."""
    for _ in range(2000):
        node = ranges.plan.nodes[ref]
        step = _towards(ranges, node, state, facts)
        if step is None:
            return Label(node.origin, _why(node, state))
        ref, facts = step
    return None


def _towards(ranges: Ranges, node: nodes.Node, state: State, facts: Facts) -> tuple[Ref, Facts] | None:
    if isinstance(node.op, nodes.Choose):
        for condition, value, here in ranges.branches(node, facts):
            if condition is not None and state in ranges.of(condition, here).states:
                return condition, here
            taken = here if condition is None else ranges.narrow(condition, True, here)
            if taken is not None and state in ranges.of(value, taken).states:
                return value, taken
        return None
    return next(((arg, facts) for arg in node.args if state in ranges.of(arg, facts).states), None)


def _why(node: nodes.Node, state: State) -> str:
    match node.op:
        case nodes.Arithmetic(op="/"):
            return "the divisor may be zero"
        case nodes.Curve(name=name):
            return f"the argument may lie outside scale `{name}`"
        case nodes.Terms(table=table, column=column, rows=rows):
            lacking = [str(r.keys[0]) for r in rows if isinstance(r.value, Absent)]
            return f"`{table}.{column}` is `-` for {', '.join(lacking[:4])}" if lacking else f"may be {state.words}"
        case nodes.Cell(column=column):
            return f"`{column}` may be {state.words}"
        case nodes.Aggregate():
            return "there may be no rows"
        case nodes.Previous(name=name):
            return f"`{name}` may be {state.words} in that period"
        case nodes.Root():
            return "the root of a negative number is not reportable"
        case _:
            return f"may be {state.words}"
