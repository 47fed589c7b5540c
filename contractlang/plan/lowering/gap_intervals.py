"""`interval 95% by delta, N decimals` of an equity block: the ends between which the true gap of the year lies.

The gap is a function of the observed rates y of the strata, each with the chance v = y (1 - y) / n of a proportion, n its
effective number. With the slopes d of the gap along the rates, its variance is the sum of d² v (the delta method).

    between_group_variance   d = 2 p (y - mean)
    range                    d = 1 at the largest rate, -1 at the smallest
    to reference             d = -p where the stratum lacks something, and the sum of these p at the stated one

A variance between strata grows by chance alone: its expected excess, the sum of p (1 - p) v, is taken off before the
interval is laid around it, and the curvature adds 2 (sum of p² (1 - 2p) v² + (sum of p² v)²) to the variance. Shares of the
mix are taken as given. The lower end is zero at least. Roots and quantiles are rounded to the stated decimals.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from contractlang import quantiles
from contractlang.diagnostics import edits
from contractlang.diagnostics.diagnostic import Fix
from contractlang.plan import nodes
from contractlang.plan.builder import Ref
from contractlang.plan.lowering import gaps
from contractlang.plan.lowering.context import dimensionless
from contractlang.plan.lowering.shrinkage import plain
from contractlang.plan.lowering.stratum_rates import Compared, Equity
from contractlang.semantics.types import Kind
from contractlang.source import Span
from contractlang.syntax import ast
from contractlang.values import State

METRICS = ("between_group_variance", "range", "to reference")


def interval(made: Equity, gap: ast.Step, observed: Compared) -> bool:
    """Register `standard_error`, `gap_low` and `gap_high`; False after a report."""
    clause = made.clause("interval")
    if clause is None:
        return True
    level, method, decimals = clause.get("level"), clause.get("method"), clause.get("decimals")
    assert isinstance(level, ast.Number)
    assert isinstance(method, ast.Name)
    low, span, metric = made.low, clause.span, gaps.metric_of(gap)
    if method.text != "delta":
        low.scope.unknown(method, ["delta"], "method of a gap")
        return False
    if not (0 < level.value < 1 and level.symbol == "%"):
        low.error("kind-mismatch", "a confidence level lies between 0% and 100%", level.span, "write `95%`")
        return False
    if not isinstance(decimals, ast.Number):
        low.error(
            "root-without-decimals",
            "the interval must say with how many decimals its quantiles are rounded",
            span,
            "write `, 9 decimals` behind the method",
            fixes=[Fix("round to 9 decimals", (edits.after(method.span, ", 9 decimals"),))],
        )
        return False
    if metric not in METRICS or low.type(observed.now.rate).kind is not Kind.PERCENT:
        low.error(
            "unsupported",
            "an interval is known for the variance between strata, the range and the distance to a stated stratum, of proportions",
            span,
            "leave it out, or take one of these gaps",
        )
        return False
    centre, variance = _moments(made, gap, metric, observed, span)
    places = int(decimals.value)
    error = low.emit(
        nodes.Root("sqrt", places),
        (variance,),
        replace(
            low.type(variance), step=Fraction(1, 10**places), absent=low.type(variance).absent | {State.NOT_REPORTABLE}
        ),
        span,
    )
    error = made.register(
        "standard_error", made.inside(gaps.as_percent(low, error, span)), "step", "standard error", span
    )
    z = low.constant(quantiles.normal((1 + level.value) / 2, places), dimensionless(), span)
    part = gaps.times(low, plain(low, error, span), z, span)
    below = gaps.not_below_zero(low, gaps.minus(low, centre, part, span), span)
    for word, end in (("low", below), ("high", gaps.plus(low, centre, part, span))):
        ref = made.inside(gaps.as_percent(low, end, span))
        made.register(f"gap_{word}", ref, "step", f"{word} end of the gap", span)
    return True


def _moments(made: Equity, gap: ast.Step, metric: str, observed: Compared, span: Span) -> tuple[Ref, Ref]:
    """What the interval is laid around, and the variance of it."""
    low, own = made.low, made.strata
    rates = observed.now
    y, p = plain(low, rates.rate, span), plain(low, rates.mix, span)
    rest = gaps.minus(low, gaps.one(low, span), y, span)
    number = plain(low, made.now["effective"], span)
    chance = gaps.divided(low, gaps.times(low, y, rest, span), number, span)
    found = gaps.gap(low, gap, own, rates, {})
    assert found is not None
    centre = plain(low, found, span)
    slope = _slope(made, gap, metric, y, p, span)
    variance = _sum(made, gaps.times(low, gaps.times(low, slope, slope, span), chance, span), span)
    if metric != "between_group_variance":
        return centre, variance
    left = gaps.minus(low, gaps.one(low, span), p, span)
    excess = _sum(made, gaps.times(low, gaps.times(low, p, left, span), chance, span), span)
    weighed = gaps.times(low, gaps.times(low, p, p, span), chance, span)
    twice = gaps.minus(low, left, p, span)  # 1 - 2p
    inner = _sum(made, gaps.times(low, gaps.times(low, weighed, chance, span), twice, span), span)
    whole = _sum(made, weighed, span)
    curved = gaps.plus(low, inner, gaps.times(low, whole, whole, span), span)
    two = low.constant(Fraction(2), dimensionless(), span)
    return gaps.minus(low, centre, excess, span), gaps.plus(low, variance, gaps.times(low, two, curved, span), span)


def _sum(made: Equity, ref: Ref, span: Span) -> Ref:
    return gaps.over(made.low, made.strata, "sum", ref, span)


def _slope(made: Equity, gap: ast.Step, metric: str, y: Ref, p: Ref, span: Span) -> Ref:
    low, own = made.low, made.strata
    one = gaps.one(low, span)
    none = low.constant(Fraction(0), dimensionless(), span)
    match metric:
        case "between_group_variance":
            apart = gaps.minus(low, y, gaps.over(low, own, "mean", y, span, p), span)
            two = low.constant(Fraction(2), dimensionless(), span)
            return gaps.times(low, gaps.times(low, two, p, span), apart, span)
        case "range":
            ends = [gaps.compared(low, "is", y, gaps.over(low, own, word, y, span), span) for word in ("max", "min")]
            top, bottom = (made.choose(end, one, none, span) for end in ends)
            return gaps.minus(low, top, bottom, span)
        case _:
            reference = gap.get("reference")
            assert reference is not None
            label = gaps.label_of(low, own, reference)
            assert label is not None
            at = gaps.is_stratum(low, own, label, span)
            better = gaps.directed(low, own, y, span)
            best = gaps.over(low, own, "max", better, span, None, at)
            lacks = made.choose(gaps.compared(low, "<", better, best, span), p, none, span)
            total = _sum(made, lacks, span)
            return made.choose(at, total, gaps.minus(low, none, lacks, span), span)
