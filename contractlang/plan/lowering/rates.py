"""The values of a measure: its sums, and its rate where it is reportable."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from contractlang.plan import nodes
from contractlang.plan.builder import Ref
from contractlang.plan.lowering import expressions, pipeline
from contractlang.plan.lowering.context import Lowering
from contractlang.plan.lowering.counting import Counted
from contractlang.semantics.types import EVENT, NONE, Grain, Kind, Type
from contractlang.source import Span
from contractlang.syntax import ast
from contractlang.values import State


@dataclass(frozen=True, slots=True)
class Rate:
    """What the clauses behind a rate read: its sums, pooled where they are, and the rate where it is reportable."""

    numerator: Ref
    denominator: Ref
    rate: Ref


def register_values(
    low: Lowering, name: str, block: ast.Block, sums: Sequence[Counted], grain: Grain, inside: Callable[[Ref], Ref]
) -> Rate | None:
    """Register the sums and the rate of a measure."""
    for counted in sums:
        register_sum(low, name, block, counted, grain, inside)
    return register_rate(low, name, block, low.values[f"{name}.numerator"], low.values[f"{name}.denominator"])


def register_sum(
    low: Lowering, name: str, block: ast.Block, counted: Counted, grain: Grain, inside: Callable[[Ref], Ref]
) -> Ref:
    """One column of sums as a value of the measure."""
    word = counted.word
    unit = counted.type.unit if counted.type.unit.powers else EVENT
    kind = counted.type.kind if counted.type.kind is Kind.MONEY else Kind.COUNT
    type_ = Type(kind, unit, grain, step=Fraction(1, 10**counted.scale))
    span = next((s.span for s in block.steps if s.word == word), block.span)
    cell = inside(low.emit(nodes.Cell(counted.table, word), (), type_, span))
    return low.register(f"{name}.{word}", cell, "input", f"{name} {word.replace('_', ' ')}", span, name, word)


def register_rate(low: Lowering, name: str, block: ast.Block, numerator: Ref, denominator: Ref) -> Rate | None:
    """The principal value, where it is reportable."""
    scaled = next((s for s in block.steps if s.word == "rate_per"), None)
    rate = ratio(low, numerator, denominator, scaled, block.span)
    if rate is None:
        return None
    found = Rate(numerator, denominator, rate)
    clause = next((s for s in block.steps if s.word == "reportable"), None)
    if clause is not None:
        checked = _where_reportable(low, name, clause, scaled, found)
        if checked is None:
            return None
        found = checked
    rate = low.register(f"{name}.rate", found.rate, "amount", f"{name} rate", block.span, name)
    low.also(name, rate)
    return replace(found, rate=rate)


def ratio(low: Lowering, numerator: Ref, denominator: Ref, scaled: ast.Step | None, span: Span) -> Ref | None:
    """Sum over sum: a proportion, or a rate per so many units where the measure says `rate per 1_000 …`."""
    rate = expressions.operate(low, "/", numerator, denominator, span)
    if rate is None:
        return None
    if low.type(rate).kind is Kind.NUMBER and low.type(rate).unit == NONE:
        rate = low.emit(nodes.Alias(), (rate,), replace(low.type(rate), kind=Kind.PERCENT), span)
    if scaled is None or scaled.argument is None:
        return rate
    size = expressions.numeric(low, scaled.argument, "`rate per`")
    return None if size is None else expressions.operate(low, "*", rate, size, scaled.span)


def _where_reportable(low: Lowering, name: str, clause: ast.Step, scaled: ast.Step | None, found: Rate) -> Rate | None:
    """`reportable when C [, pooling N years]`: else the same ratio of the sums of up to N periods, else not reportable."""
    written = clause.get("when")
    assert written is not None
    pooling = clause.get("pooling")
    years = int(pooling.value) if isinstance(pooling, ast.Number) else 1
    rates: list[Ref] = []
    pooled: list[list[Ref]] = [[], []]
    sums = [found.numerator, found.denominator]
    for back in range(years):
        if back:
            for i, word in enumerate(("numerator", "denominator")):
                before = earlier(low, f"{name}.{word}", back, clause.span)
                total = expressions.operate(low, "+", sums[i], before, clause.span)
                if total is None:
                    return None
                sums[i] = total
        with low.local(name):
            low.locals |= {"numerator": sums[0], "denominator": sums[1]}
            condition = expressions.flag(low, written)
        value = found.rate if not back else ratio(low, sums[0], sums[1], scaled, clause.span)
        if condition is None or value is None:
            return None
        rates += [condition, value]
        for i in range(2):
            pooled[i] += [condition, sums[i]]
    reason = f"`{name}` is {' '.join(clause.span.text.split())}"

    def chosen(cases: list[Ref], like: Ref) -> Ref:
        absent = low.absent(State.NOT_REPORTABLE, reason, low.type(like), clause.span)
        type_ = replace(low.type(like), absent=low.type(like).absent | {State.NOT_REPORTABLE})
        return low.emit(nodes.Choose(), (*cases, absent), type_, clause.span)

    numerator, denominator = found.numerator, found.denominator
    if years > 1 and needs_sums(low, name):
        numerator, denominator = chosen(pooled[0], numerator), chosen(pooled[1], denominator)
    return Rate(numerator, denominator, chosen(rates, found.rate))


def only_reportable(low: Lowering, name: str, block: ast.Block, value: Ref) -> Ref | None:
    """A value where the `reportable` clause of its measure holds, without pooling; the value itself without the clause."""
    clause = next((s for s in block.steps if s.word == "reportable"), None)
    written = None if clause is None else clause.get("when")
    if clause is None or written is None:
        return value
    with low.local(name):
        condition = expressions.flag(low, written)
    if condition is None:
        return None
    reason = f"`{name}` is {' '.join(clause.span.text.split())}"
    absent = low.absent(State.NOT_REPORTABLE, reason, low.type(value), clause.span)
    type_ = replace(low.type(value), absent=low.type(value).absent | {State.NOT_REPORTABLE})
    return low.emit(nodes.Choose(), (condition, value, absent), type_, clause.span)


def needs_sums(low: Lowering, name: str) -> bool:
    """Whether a clause behind the rate reads its sums, which are then pooled as the rate is."""
    item = low.scope.items.get(name)
    return isinstance(item, ast.Block) and any(s.word in ("shrink", "interval") for s in item.steps)


def earlier(low: Lowering, name: str, back: int, span: Span) -> Ref:
    """The value so many periods before; nothing where there is no data."""
    type_ = low.type(low.values[name])
    previous = low.emit(nodes.Previous(name, back), (), replace(type_, absent=type_.absent | {State.MISSING}), span)
    zero = pipeline.zero_like(low, previous, span)
    return low.emit(nodes.Fallback(missing=True), (previous, zero), type_, span)
