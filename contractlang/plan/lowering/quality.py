"""`quality`: points of each measure from its gates, weighted into domains, domains weighted into one score.

What is not reportable is dropped and the rest is reweighted: a weighted mean skips it in numerator and denominator.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from contractlang.diagnostics.diagnostic import Label
from contractlang.plan import nodes
from contractlang.plan.builder import Ref
from contractlang.plan.lowering import expressions, pipeline
from contractlang.plan.lowering.context import Lowering
from contractlang.plan.lowering.measures import MeasureSet
from contractlang.plan.lowering.reduction import one
from contractlang.semantics import typing
from contractlang.semantics.types import NONE, POINT, Kind, Type
from contractlang.source import Span
from contractlang.syntax import ast
from contractlang.values import Absent, State, Value

POINTS = Type(Kind.COUNT, POINT)


def lower_quality(low: Lowering, name: str, block: ast.Block) -> bool:
    """Register `name.DOMAIN.points`, `name.DOMAIN` and the score; False after a report."""
    points, domains = one(low, block, "points"), one(low, block, "domains")
    if points is None or domains is None:
        return False
    scores: list[tuple[Ref, Fraction, Span]] = []
    total = Fraction(0)
    most = 0
    for word, weight in domains.more:
        assert not isinstance(weight, tuple)
        found = low.sets.get(word)
        if found is None:
            low.scope.unknown(ast.Name((word,), span=weight.span), list(low.sets), "set of measures")
            return False
        low.used.add(word)
        share = expressions.lower_expression(low, weight)
        op = None if share is None else low.builder.nodes[share].op
        if not isinstance(op, nodes.Const) or not isinstance(op.value, Fraction):
            low.error("kind-mismatch", "the weight of a domain is a percentage", weight.span, "write `50%`")
            return False
        total += op.value
        score = _domain(low, name, found, points)
        if score is None:
            return False
        scores.append((score, op.value, weight.span))
        most = max(most, found.gates)
    if total != 1:
        low.error(
            "weights-not-100",
            f"the weights of the domains of `{name}` add up to {float(total * 100):g}%, not 100%",
            domains.span,
            "let them add up to 100%",
        )
        return False
    return _score(low, name, block, scores, most)


def _domain(low: Lowering, name: str, found: MeasureSet, clause: ast.Step) -> Ref | None:
    """Points of every measure of the set, and their weighted mean."""
    if not found.gates:
        low.error(
            "missing-clause",
            f"`{found.name}` has no gates",
            clause.span,
            "add columns `gate 1`, `gate 2` … to its table",
            labels=[Label(low.scope.items[found.name].span, "the set")],
        )
        return None
    points = _points(low, found, clause)
    if points is None:
        return None
    points = low.register(
        f"{name}.{found.name}.points", points, "step", f"{found.name} points", clause.span, name, "points"
    )
    weight = low.values.get(f"{found.name}.weight")
    args = (points,) if weight is None else (points, weight)
    over = nodes.Aggregate("mean", (found.key,), weighted=weight is not None)
    grain = typing.union([low.type(a) for a in args]) - {found.key}
    type_ = replace(
        POINTS, grain=grain, absent=frozenset({State.NOT_REPORTABLE, *(low.type(points).absent & {State.MISSING})})
    )
    mean = low.emit(over, args, type_, clause.span)
    return low.register(f"{name}.{found.name}", mean, "step", f"{found.name} score", clause.span, name, "domain")


def _points(low: Lowering, found: MeasureSet, clause: ast.Step) -> Ref | None:
    """Points from gates: `linear` between them or in `step`s; falling gates are read upside down."""
    span = clause.span
    mode = clause.get("mode")
    linear = isinstance(mode, ast.Text) and mode.value == "linear"
    below_written = clause.get("below")
    below: Ref | None = low.constant(Fraction(0), replace(POINTS, step=Fraction(1)), span)
    if below_written is not None:
        below = expressions.numeric(low, below_written, "`below gate 1`")
        if below is None:
            return None
        below = low.constant(_constant(low, below), replace(POINTS, step=Fraction(1)), span)
    rate = low.values[f"{found.name}.rate"]
    signs = {label: Fraction(-1 if label in found.falling else 1) for label in found.labels}
    sign = _terms(low, found, "direction", signs, Type(Kind.NUMBER, NONE), span)
    x = pipeline.product(low, rate, sign, span)
    if x is None:
        return None
    gates = [
        {
            label: signs[label] * _number(found.table.columns[f"gate_{i}"].values[row])
            for row, label in enumerate(found.labels)
        }
        for i in range(1, found.gates + 1)
    ]
    args: list[Ref] = []
    percent = low.type(rate)
    for i, gate in enumerate(gates):
        border = _terms(low, found, f"gate {i + 1}", gate, replace(percent, absent=frozenset()), span)
        compared = typing.comparison("<", low.type(x), low.type(border))
        assert not isinstance(compared, typing.Problem)
        args.append(low.emit(nodes.Compare("<"), (x, border), compared, span))
        value = below
        if i:
            start = low.constant(Fraction(i), replace(POINTS, step=Fraction(1)), span)
            value = start if not linear else _between(low, found, x, start, gates[i - 1], gate, i, span)
        if value is None:
            return None
        args.append(value)
    args.append(low.constant(Fraction(found.gates), replace(POINTS, step=Fraction(1)), span))
    types = [low.type(a) for a in args]
    return low.emit(
        nodes.Choose(), tuple(args), replace(POINTS, grain=typing.union(types), absent=typing.absences(types)), span
    )


def _between(
    low: Lowering,
    found: MeasureSet,
    x: Ref,
    start: Ref,
    lower: dict[str, Fraction],
    upper: dict[str, Fraction],
    i: int,
    span: Span,
) -> Ref | None:
    slopes = {label: 1 / (upper[label] - lower[label]) for label in found.labels}
    border = _terms(low, found, f"gate {i}", lower, replace(low.type(x), absent=frozenset()), span)
    slope = _terms(low, found, f"points per unit above gate {i}", slopes, POINTS, span)
    above = expressions.operate(low, "-", x, border, span)
    part = None if above is None else pipeline.product(low, above, slope, span)
    total = None if part is None else expressions.operate(low, "+", start, part, span)
    return None if total is None else _within(low, total, Fraction(i), Fraction(i + 1), span)


def _within(low: Lowering, ref: Ref, least: Fraction, most: Fraction, span: Span) -> Ref:
    """States bounds that hold anyway, so that the checker knows them: points between two gates lie between their numbers."""
    whole = replace(POINTS, step=Fraction(1))
    above = low.emit(nodes.Extreme("max"), (ref, low.constant(least, whole, span)), low.type(ref), span)
    return low.emit(nodes.Extreme("min"), (above, low.constant(most, whole, span)), low.type(ref), span)


def _terms(low: Lowering, found: MeasureSet, column: str, values: dict[str, Fraction], like: Type, span: Span) -> Ref:
    """A value per measure of the set, as a lookup by the key."""
    rows = [nodes.TermsRow((label,), value, span) for label, value in values.items()]
    outside = nodes.TermsRow((None,), Absent(State.NOT_APPLICABLE, f"not one of the measures of `{found.name}`"), span)
    key = low.emit(nodes.Key(found.key), (), Type(Kind.CATEGORY, scheme=found.key, grain=frozenset({found.key})), span)
    type_ = replace(
        like, grain=frozenset({found.key}), step=None, absent=frozenset({State.NOT_APPLICABLE}), literal=False
    )
    return low.emit(nodes.Terms(found.name, column, (*rows, outside)), (key,), type_, span)


def _number(value: Value) -> Fraction:
    assert isinstance(value, Fraction)
    return value


def _constant(low: Lowering, ref: Ref) -> Fraction:
    op = low.builder.nodes[ref].op
    return op.value if isinstance(op, nodes.Const) and isinstance(op.value, Fraction) else Fraction(0)


def _score(low: Lowering, name: str, block: ast.Block, scores: list[tuple[Ref, Fraction, Span]], most: int) -> bool:
    """The weighted mean of the domains that are reportable."""
    if len(scores) == 1:
        score: Ref | None = scores[0][0]
    else:
        top: Ref | None = None
        bottom: Ref | None = None
        for ref, weight, span in scores:
            share = low.constant(weight, Type(Kind.PERCENT, NONE, step=Fraction(1, 100)), span)
            none = low.constant(Fraction(0), Type(Kind.PERCENT, NONE, step=Fraction(1, 100)), span)
            test = low.test("reportable", ref, span)
            counted = pipeline.choose(low, test, share, none, span)
            zero = pipeline.zero_like(low, ref, span)
            kept = low.emit(
                nodes.Fallback(missing=False),
                (ref, zero),
                replace(low.type(ref), absent=low.type(ref).absent & {State.MISSING}),
                span,
            )
            part = pipeline.product(low, kept, share, span)
            top = part if top is None or part is None else expressions.operate(low, "+", top, part, span)
            bottom = counted if bottom is None else expressions.operate(low, "+", bottom, counted, span)
        if top is None or bottom is None:
            return False
        score = expressions.operate(low, "/", top, bottom, block.span)
        if score is not None:
            score = _within(low, score, Fraction(0), Fraction(most), block.span)
    if score is None:
        return False
    score = low.register(f"{name}.score", score, "amount", name, block.span, name)
    low.also(name, score)
    return True
