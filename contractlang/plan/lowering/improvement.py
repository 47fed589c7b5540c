"""`improvement over own [best] prior`: what a rate has gained on the group's own past, positive where it is better."""

from __future__ import annotations

from dataclasses import replace

from contractlang.plan import nodes
from contractlang.plan.builder import Ref
from contractlang.plan.lowering import calls, expressions
from contractlang.plan.lowering.context import Lowering
from contractlang.semantics.scope import PERIODS
from contractlang.source import Span
from contractlang.syntax import ast
from contractlang.values import State

NO_EARLIER = "no earlier period of the term"


def improvement(low: Lowering, name: str, block: ast.Block, rate: Ref, sign: Ref | None) -> bool:
    """Register `name.best` (with `best`: the best before) and `name.improvement`.

    `sign` is -1 where lower is better, 1 elsewhere (None: 1 everywhere). Periods without a reportable rate are passed
    over. Where there is nothing to improve on, as in the first period of the term, the result is not applicable.
    """
    clause = next((s for s in block.steps if s.word == "improvement"), None)
    if clause is None:
        return True
    span = clause.span
    x = rate if sign is None else _times(low, rate, sign, span)
    low.register(f"{name}.signed", x, "step", f"{name} with its direction", span, name)
    back = range(1, _periods(low) + 1) if clause.get("best") is not None else range(1, 2)
    found = [_earlier(low, f"{name}.signed", x, periods, span) for periods in back]
    before = found[0]
    if len(found) > 1:
        before = low.emit(nodes.Extreme("max"), tuple(found), low.type(found[0]), span)
    if clause.get("best") is not None:
        before = low.register(f"{name}.best", before, "step", f"{name} best before", span, name)
    gain = expressions.operate(low, "-", x, before, span)
    step, mode = clause.get("step"), clause.get("mode")
    if gain is not None and step is not None and isinstance(mode, ast.Text):
        gain = calls.round_node(low, gain, step, mode.value, span)
    if gain is None:
        return False
    low.register(f"{name}.improvement", gain, "step", f"{name} improvement", span, name)
    return True


def _times(low: Lowering, rate: Ref, sign: Ref, span: Span) -> Ref:
    found = expressions.operate(low, "*", rate, sign, span)
    assert found is not None
    return low.emit(nodes.Alias(), (found,), replace(low.type(found), kind=low.type(rate).kind), span)


def _nothing(low: Lowering, like: Ref, span: Span) -> Ref:
    return low.absent(State.NOT_APPLICABLE, NO_EARLIER, low.type(like), span)


def _periods(low: Lowering) -> int:
    """How many periods of the term may lie before the last one; at least one."""
    years = low.term_years[1] - low.term_years[0] + 1
    return max(years * 12 // PERIODS[low.scope.period] - 1, 1)


def _earlier(low: Lowering, name: str, x: Ref, periods: int, span: Span) -> Ref:
    """The value so many periods before; not applicable before the term, without data, and where it is not reportable."""
    type_ = replace(low.type(x), step=None)
    absent = type_.absent | {State.NOT_APPLICABLE, State.MISSING}
    start = _nothing(low, x, span)
    previous = low.emit(nodes.Previous(name, periods), (start,), replace(type_, absent=absent), span)
    there = low.emit(nodes.Fallback(missing=True), (previous, start), replace(type_, absent=absent), span)
    only = replace(type_, absent=frozenset({State.NOT_APPLICABLE}))
    return low.emit(nodes.Fallback(missing=False), (there, start), only, span)
