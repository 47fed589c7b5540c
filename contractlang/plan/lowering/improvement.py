"""`improvement over own [best] prior`: what a rate has gained on the group's own past, positive where it is better."""

from __future__ import annotations

from dataclasses import replace

from contractlang.plan import nodes
from contractlang.plan.builder import Ref
from contractlang.plan.lowering import calls, expressions
from contractlang.plan.lowering.context import Lowering
from contractlang.source import Span
from contractlang.syntax import ast
from contractlang.values import State

NO_EARLIER = "no earlier period of the term"


def improvement(low: Lowering, name: str, block: ast.Block, rate: Ref, sign: Ref | None) -> bool:
    """Register `name.best` (with `best`) and `name.improvement`.

    `sign` is -1 where lower is better, 1 elsewhere (None: 1 everywhere). A period in which the rate is not reportable
    leaves the best as it was. In the first period of the term there is nothing to improve on: not applicable.
    """
    clause = next((s for s in block.steps if s.word == "improvement"), None)
    if clause is None:
        return True
    span = clause.span
    x = rate if sign is None else _times(low, rate, sign, span)
    if clause.get("best") is not None:
        low.register(f"{name}.signed", x, "step", f"{name} with its direction", span, name, "signed")
        before = _earlier(low, f"{name}.best", x, span)
        own = low.emit(nodes.Fallback(missing=False), (x, _nothing(low, x, span)), low.type(x), span)
        best = low.emit(nodes.Extreme("max"), (before, own), low.type(before), span)
        low.register(f"{name}.best", best, "step", f"{name} best so far", span, name, "best")
    else:
        low.register(f"{name}.signed", x, "step", f"{name} with its direction", span, name, "signed")
        before = _earlier(low, f"{name}.signed", x, span)
    gain = expressions.operate(low, "-", x, before, span)
    step, mode = clause.get("step"), clause.get("mode")
    if gain is not None and step is not None and isinstance(mode, ast.Text):
        gain = calls.round_node(low, gain, step, mode.value, span)
    if gain is None:
        return False
    low.register(f"{name}.improvement", gain, "step", f"{name} improvement", span, name, "improvement")
    return True


def _times(low: Lowering, rate: Ref, sign: Ref, span: Span) -> Ref:
    found = expressions.operate(low, "*", rate, sign, span)
    assert found is not None
    return low.emit(nodes.Alias(), (found,), replace(low.type(found), kind=low.type(rate).kind), span)


def _nothing(low: Lowering, like: Ref, span: Span) -> Ref:
    return low.absent(State.NOT_APPLICABLE, NO_EARLIER, low.type(like), span)


def _earlier(low: Lowering, name: str, x: Ref, span: Span) -> Ref:
    """The value one period before; not applicable at the start of the term and where there are no data."""
    type_ = low.type(x)
    absent = type_.absent | {State.NOT_APPLICABLE, State.MISSING}
    start = _nothing(low, x, span)
    previous = low.emit(nodes.Previous(name, 1), (start,), replace(type_, absent=absent, step=None), span)
    return low.emit(nodes.Fallback(missing=True), (previous, start), replace(type_, absent=absent, step=None), span)
