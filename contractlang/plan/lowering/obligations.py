"""`obligation`: what a unit has to do, who says so, how long it may take to cure, and what holds while nobody knows.

An obligation is judged on the last day of each settled period. Evidence (`met`) wins over the unit's own word (`attested`);
where neither is known the obligation is unknown, which is not failed.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from contractlang.plan import nodes
from contractlang.plan.builder import Ref
from contractlang.plan.lowering import expressions, pipeline, remedies
from contractlang.plan.lowering.context import FLAG, Lowering, dimensionless
from contractlang.plan.lowering.reduction import one
from contractlang.plan.lowering.reports import count_of
from contractlang.semantics import typing
from contractlang.semantics.scope import PERIODS
from contractlang.semantics.types import Kind, Type
from contractlang.semantics.typing import described
from contractlang.source import Span
from contractlang.syntax import ast
from contractlang.values import State

WORDS = ("met", "attested", "cure", "unknown")


def lower_obligation(low: Lowering, name: str, block: ast.Block) -> bool:
    """Register `name.known`, `.until`, `.in_cure`, `.state` and, as the value of the name, `.satisfied`."""
    clauses = {s.word: s for s in block.steps}
    for word in WORDS:
        if sum(s.word == word for s in block.steps) > 1:
            one(low, block, word)
            return False
    unknown = clauses.get("unknown")
    if unknown is None:
        low.error(
            "missing-clause",
            f"obligation `{name}` does not say what holds while nobody knows",
            block.span,
            "write `unknown held`, and payments wait, or `unknown continues`",
            fixes=[remedies.new_line(block, "unknown held")],
        )
        return False
    if "met" not in clauses and "attested" not in clauses:
        one(low, block, "met")
        return False
    said = [_flag(low, clauses[word]) for word in ("met", "attested") if word in clauses]
    if any(s is None for s in said):
        return False
    answers = [s for s in said if s is not None]
    span = next(clauses[word].span for word in ("met", "attested") if word in clauses)
    answer = answers[0] if len(answers) == 1 else _first_known(low, answers[0], answers[1], span)
    known = low.register(f"{name}.known", _reportable(low, answer, span), "step", f"{name} known", span, name)
    cured = _cure(low, name, block, clauses.get("cure"))
    if cured is None:
        return False
    yes, no = low.flag(True, span), low.flag(False, span)
    mode = unknown.get("mode")
    if isinstance(mode, ast.Text) and mode.value == "held":
        open_ = low.absent(State.MISSING, f"`{name}` is unknown", FLAG, unknown.span)
    else:
        open_ = yes
    failed_or_cure = pipeline.choose(low, cured, yes, no, span)
    judged = pipeline.choose(low, answer, yes, failed_or_cure, span)
    held = low.type(open_).absent
    satisfied = _there(low, pipeline.choose(low, known, judged, open_, span), held, span)
    state = _there(low, _state(low, known, answer, cured, span), frozenset(), span)
    low.register(f"{name}.state", state, "step", f"{name} state", span, name)
    found = low.register(f"{name}.satisfied", satisfied, "amount", name, span, name)
    low.also(name, found)
    return True


def _there(low: Lowering, ref: Ref, absent: frozenset[State], span: Span) -> Ref:
    """What is asked of an answer that is known is always there."""
    return low.emit(nodes.Alias(), (ref,), replace(low.type(ref), absent=absent), span)


def _flag(low: Lowering, clause: ast.Step) -> Ref | None:
    assert clause.argument is not None
    ref = expressions.flag(low, clause.argument)
    if ref is not None and (extra := low.beyond(ref)):
        low.too_fine(ref, clause.argument, f"`{clause.word}`", extra)
        return None
    return ref


def _reportable(low: Lowering, ref: Ref, span: Span) -> Ref:
    return low.emit(nodes.Test("reportable"), (ref,), replace(FLAG, grain=low.type(ref).grain), span)


def _first_known(low: Lowering, evidence: Ref, word: Ref, span: Span) -> Ref:
    return pipeline.choose(low, _reportable(low, evidence, span), evidence, word, span)


def _cure(low: Lowering, name: str, block: ast.Block, clause: ast.Step | None) -> Ref | None:
    """Whether the cure period reaches beyond the settled one; no where there is none, or nothing has begun it."""
    if clause is None:
        return low.flag(False, block.span)
    assert clause.argument is not None
    start = expressions.lower_expression(low, clause.argument)
    count = count_of(low, clause)
    if start is None or count is None:
        return None
    type_ = low.type(start)
    if type_.kind is not Kind.DATE:
        low.error(
            "kind-mismatch",
            f"a cure begins with a date, here is {described(type_)}",
            clause.argument.span,
            "name a column declared as `date`",
        )
        return None
    span = clause.span
    until = low.emit(nodes.Later(count), (start,), type_, span)
    until = low.register(f"{name}.until", until, "step", f"{name} cure until", span, name)
    last = _last_month(low, span)
    ends = _month_of(low, until, span)
    if last is None or ends is None:
        return None
    found = typing.comparison(">", low.type(ends), low.type(last))
    assert isinstance(found, Type)
    beyond = low.emit(nodes.Compare(">"), (ends, last), found, span)
    open_ = low.emit(nodes.Fallback(missing=False), (beyond, low.flag(False, span)), found, span)
    return low.register(f"{name}.in_cure", open_, "step", f"{name} in cure", span, name)


def _month_of(low: Lowering, day: Ref, span: Span) -> Ref | None:
    """Months since year 0 of a date."""
    type_ = low.type(day)
    number = replace(dimensionless(), grain=type_.grain, step=Fraction(1), absent=type_.absent)
    year = low.emit(nodes.DatePart("year"), (day,), number, span)
    month = low.emit(nodes.DatePart("month"), (day,), number, span)
    twelve = low.constant(Fraction(12), dimensionless(), span)
    years = expressions.operate(low, "*", year, twelve, span)
    return None if years is None else expressions.operate(low, "+", years, month, span)


def _last_month(low: Lowering, span: Span) -> Ref | None:
    """Months since year 0 of the last month of the settled period."""
    period = low.scope.period
    number = Type(Kind.NUMBER, grain=frozenset({period}), step=Fraction(1))
    year = low.emit(nodes.Key("year"), (), number, span)
    years = expressions.operate(low, "*", year, low.constant(Fraction(12), dimensionless(), span), span)
    if years is None or period == "year":
        return None if years is None else _plus(low, years, Fraction(12), span)
    place = low.emit(nodes.Key(period), (), number, span)
    length = low.constant(Fraction(PERIODS[period]), dimensionless(), span)
    months = expressions.operate(low, "*", place, length, span)
    return None if months is None else expressions.operate(low, "+", years, months, span)


def _plus(low: Lowering, ref: Ref, number: Fraction, span: Span) -> Ref | None:
    return expressions.operate(low, "+", ref, low.constant(number, dimensionless(), span), span)


def _state(low: Lowering, known: Ref, answer: Ref, cured: Ref, span: Span) -> Ref:
    words = {w: low.constant(w, Type(Kind.TEXT), span) for w in ("met", "in cure", "failed", "unknown")}
    late = pipeline.choose(low, cured, words["in cure"], words["failed"], span)
    judged = pipeline.choose(low, answer, words["met"], late, span)
    return pipeline.choose(low, known, judged, words["unknown"], span)
