"""`quality`: points of each measure from its gates, weighted into domains, domains weighted into one score.

What is not reportable is dropped and the rest is reweighted: a weighted mean skips it in numerator and denominator.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from contractlang.plan import nodes
from contractlang.plan.builder import Ref
from contractlang.plan.lowering import calls, expressions, pipeline
from contractlang.plan.lowering.context import Lowering
from contractlang.plan.lowering.measures import MeasureSet, within_set
from contractlang.plan.lowering.points import POINTS, WHOLE, Scored, points_of, within
from contractlang.plan.lowering.reduction import one
from contractlang.semantics import typing
from contractlang.semantics.types import NONE, POINT, Kind, Type
from contractlang.source import Span
from contractlang.syntax import ast
from contractlang.values import State


def lower_quality(low: Lowering, name: str, block: ast.Block) -> bool:
    """Register `name.DOMAIN.points`, `name.DOMAIN` and the score; False after a report."""
    points, domains = one(low, block, "points"), one(low, block, "domains")
    if points is None or domains is None:
        return False
    scores: list[tuple[Ref, Fraction, Span]] = []
    total = Fraction(0)
    most = 0
    gains = any(s.word == "gain" for s in block.steps)
    for word, weight in domains.more:
        assert not isinstance(weight, tuple)
        if word == "most":
            continue
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
        score = _domain(low, name, block, found, points)
        if score is None:
            return False
        scores.append((score.points, op.value, weight.span))
        most = max(most, score.most)
    if total != 1:
        low.error(
            "weights-not-100",
            f"the weights of the domains of `{name}` add up to {float(total * 100):g}%, not 100%",
            domains.span,
            "let them add up to 100%",
        )
        return False
    return _score(low, name, block, scores, None if gains else most)


def _domain(low: Lowering, name: str, block: ast.Block, found: MeasureSet, clause: ast.Step) -> Scored | None:
    """Points of every measure of the set, and their weighted mean."""
    scored = points_of(low, found, clause)
    if scored is None:
        return None
    points = low.register(
        f"{name}.{found.name}.points", scored.points, "step", f"{found.name} points", clause.span, name, "points"
    )
    summed = _gained(low, name, block, found, points)
    if summed is None:
        return None
    weight = low.values.get(f"{found.name}.weight")
    args = (summed,) if weight is None else (summed, weight)
    over = nodes.Aggregate("mean", (found.key,), weighted=weight is not None)
    grain = typing.union([low.type(a) for a in args]) - {found.key}
    type_ = replace(
        POINTS, grain=grain, absent=frozenset({State.NOT_REPORTABLE, *(low.type(summed).absent & {State.MISSING})})
    )
    mean = low.emit(over, args, type_, clause.span)
    bounded = _at_most(low, mean, block)
    if bounded is None:
        return None
    ref = low.register(f"{name}.{found.name}", bounded, "step", f"{found.name} score", clause.span, name, "domain")
    return Scored(ref, scored.most)


def _at_most(low: Lowering, mean: Ref, block: ast.Block) -> Ref | None:
    """`domains …, each at most P`: improvement leads no domain beyond."""
    clause = next(s for s in block.steps if s.word == "domains")
    written = clause.get("most")
    if written is None:
        return mean
    most = expressions.numeric(low, written, "`each at most`")
    return None if most is None else calls.limited(low, "min", mean, most, (written, written), written.span)


def _gained(low: Lowering, name: str, block: ast.Block, found: MeasureSet, points: Ref) -> Ref | None:
    """`improvement POINTS when CONDITION`: points beside those that can be reached, asked of each measure of the set.

    A measure whose improvement is not known gains nothing; one without points of its own gains nothing either.
    """
    clause = next((s for s in block.steps if s.word == "gain"), None)
    if clause is None:
        return points
    written = clause.get("when")
    if written is None:
        low.error(
            "missing-clause",
            f"`{name}` does not say what improvement earns points",
            clause.span,
            "write `improvement 5 points when improvement >= TARGET`",
        )
        return None
    with low.local(found.name):
        gain = expressions.numeric(low, clause.argument, "`improvement`") if clause.argument is not None else None
        earned = expressions.flag(low, written)
    if gain is None or earned is None:
        return None
    if low.type(gain).unit != POINT:
        low.error("unit-mismatch", "improvement earns points", clause.span, "write `improvement 5 points when …`")
        return None
    type_ = low.type(earned)
    known = low.emit(nodes.Fallback(missing=False), (earned, low.flag(False, clause.span)), type_, clause.span)
    nothing = low.constant(Fraction(0), WHOLE, clause.span)
    part = within_set(low, found, clause.span)(pipeline.choose(low, known, gain, nothing, clause.span))
    part = low.register(
        f"{name}.{found.name}.improvement", part, "step", f"{found.name} improvement", clause.span, name, "gain"
    )
    return expressions.operate(low, "+", points, part, clause.span)


def _score(
    low: Lowering, name: str, block: ast.Block, scores: list[tuple[Ref, Fraction, Span]], most: int | None
) -> bool:
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
        if score is not None and most is not None:
            score = within(low, score, Fraction(0), Fraction(most), block.span)
    score = None if score is None else _steps(low, name, block, score)
    if score is None:
        return False
    score = low.register(f"{name}.score", score, "amount", name, block.span, name)
    low.also(name, score)
    return True


def _steps(low: Lowering, name: str, block: ast.Block, score: Ref) -> Ref | None:
    """`bonus`, `cap`, `floor` and `round`, in the order written; each is a value of its own."""
    words = ("bonus", "cap", "floor", "round")
    steps = replace(block, steps=tuple(s for s in block.steps if s.word in words))
    names = pipeline.step_names(low, steps)
    bounds = pipeline.Bounds()
    running: Ref | None = score
    for position, clause in enumerate(steps.steps):
        if running is None or position not in names:
            return None
        before = running
        match clause.word:
            case "bonus":
                bonus = pipeline.amount_like(low, clause, running)
                running = None if bonus is None else expressions.operate(low, "+", running, bonus, clause.span)
            case "cap" | "floor":
                running = pipeline.limit(low, clause, running, lambda ref: ref, bounds)
            case _:
                running = pipeline.rounded(low, clause, running)
        if running is not None:
            running = pipeline.conditioned(low, clause, before, running)
        if running is not None:
            label = names[position]
            running = low.register(
                f"{name}.{label}", running, "step", f"{name} {label}", clause.span, name, clause.word
            )
    return running
