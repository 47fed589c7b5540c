"""Payments never reach a value that is not applicable or not reportable without saying what is paid then."""

from __future__ import annotations

from contractlang.diagnostics import edits
from contractlang.diagnostics.diagnostic import Diagnostic, Edit, Fix, Label, Sink
from contractlang.plan import nodes
from contractlang.plan.builder import Ref
from contractlang.plan.checks.places import Place, below
from contractlang.plan.lowering.context import Lowering
from contractlang.plan.ranges import Facts, Ranges
from contractlang.syntax import ast
from contractlang.values import Absent, State

ABSENT = frozenset({State.NOT_APPLICABLE, State.NOT_REPORTABLE})
MOST_STEPS = 2_000


def check_payment(ranges: Ranges, low: Lowering, name: str, facts: Facts, sink: Sink) -> None:
    """`facts` hold for every unit that is settled."""
    named = ranges.plan.named(name)
    item = low.scope.items[name]
    assert isinstance(item, ast.Payment)
    if named is None:
        return
    bad = ranges.of(named.node, facts).states & ABSENT
    if not bad:
        return
    state = max(bad)
    label = _culprit(ranges, low, Place(named.node, named.origin, facts), state)
    sink.report(
        Diagnostic(
            "absence-in-payment",
            f"payment `{name}` can be {state.words}",
            item.body.span,
            labels=(label,) if label else (),
            help="say what is paid then: `x else $0` where the value is read, or a `when` case before it",
            fixes=_fixes(ranges, named.node, item.body, facts),
        )
    )


def _culprit(ranges: Ranges, low: Lowering, place: Place, state: State) -> Label | None:
    """The words from which the state can come, found by walking down under the facts of each branch."""
    for _ in range(MOST_STEPS):
        towards = next(
            (p for p in below(ranges, low.builder, place) if state in ranges.of(p.ref, p.facts).states), None
        )
        if towards is None:
            return Label(place.span, _why(ranges.plan.nodes[place.ref], state))
        place = towards
    return None


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
        case nodes.Root():
            return "the root of a negative number is not reportable"
        case nodes.Limit():
            return "an interval of nothing is not reportable"
        case nodes.Round():
            return "the step may be zero"
        case nodes.Power():
            return "a power below zero of what may be zero"
        case _:
            return f"may be {state.words}"


def _fixes(ranges: Ranges, payment: Ref, body: ast.Body, facts: Facts) -> tuple[Fix, ...]:
    if not isinstance(body, ast.Cases):
        return (Fix("pay $0 where it is absent", otherwise(body, "$0")),)
    (choice,) = ranges.plan.nodes[payment].args
    node = ranges.plan.nodes[choice]
    changed: list[Edit] = []
    for condition, value, here in ranges.branches(node, facts):
        case = body.cases[node.args.index(value) // 2 if condition is None else node.args.index(condition) // 2]
        taken = ranges.taken(condition, here)
        if condition is not None and case.condition and ranges.of(condition, here).states & ABSENT:
            changed += otherwise(case.condition, "no")
        if taken is not None and ranges.of(value, taken).states & ABSENT:
            changed += otherwise(case.value, "$0")
    return (Fix("say what counts where it is absent", tuple(changed)),) if changed else ()


def otherwise(e: ast.Expr, value: str) -> tuple[Edit, ...]:
    """The edits that put `else` behind an expression."""
    if isinstance(e, ast.Name | ast.Call | ast.Round | ast.Number | ast.Aggregate | ast.Lookup):
        return (edits.after(e.span, f" else {value}"),)
    return (edits.before(e.span, "("), edits.after(e.span, f") else {value}"))
