"""Shrinkage of small rates toward a prior, with the variance between the rows estimated from the rows themselves.

    R      = tau2 / (tau2 + s2 / n)         reliability of a row; 0 where both variances are 0
    shrunk = prior + R * (rate - prior)

`s2` is the variance of one case around its row's rate, `n` the size of the row, `tau2` the variance between the true
rates of the rows, by the method of moments (Buehlmann and Straub), never below zero. With k rows that have a rate,
N = sum(n) and Q = sum(n * (rate - prior)^2):

    prior is the mean of the rows   tau2 = (Q - (k - 1) * s2) / (N - sum(n^2) / N)
    prior is stated from outside    tau2 = (Q - k * s2) / N

All of it is rational, so nothing is rounded. With a single row the first form has no answer, and tau2 is 0.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction

from contractlang.plan import nodes
from contractlang.plan.builder import Ref
from contractlang.plan.lowering import expressions, pipeline
from contractlang.plan.lowering.aggregates import emit_aggregate
from contractlang.plan.lowering.context import FLAG, Lowering, dimensionless
from contractlang.semantics.types import NONE, Kind, Type
from contractlang.source import Span


@dataclass(frozen=True, slots=True)
class Shrunk:
    """The shrunk rate in the unit of the rate, the reliability of each row, and the variance between the rows."""

    rate: Ref
    reliability: Ref
    between: Ref


def shrink(
    low: Lowering, rate: Ref, size: Ref, prior: Ref, noise: Ref, over: tuple[str, ...], *, known: bool, span: Span
) -> Shrunk | None:
    """Shrink `rate` toward `prior`.

    `rate` and `size` vary by the keys `over` (`network` for the settled units); `prior`, in the unit of the rate, and
    `noise` (s2, see `proportion_noise` and `plain`) do not. Rows whose rate is not reportable or not applicable stay so
    and count for nothing; a missing one makes all results missing. `known` says that the prior is stated from outside.
    """
    y, n, p = (plain(low, ref, span) for ref in (rate, size, prior))
    between = _between(low, y, n, p, plain(low, noise, span), over, known=known, span=span)
    reliability = None if between is None else _reliability(low, between, y, n, plain(low, noise, span), span)
    if between is None or reliability is None:
        return None
    away = expressions.operate(low, "-", y, p, span)
    part = None if away is None else expressions.operate(low, "*", reliability, away, span)
    shrunk = None if part is None else expressions.operate(low, "+", p, part, span)
    if shrunk is None:
        return None
    found = low.type(rate)
    like = replace(low.type(shrunk), kind=found.kind, unit=found.unit, shown=found.shown, step=None)
    return Shrunk(low.emit(nodes.Alias(), (shrunk,), like, span), reliability, between)


def proportion_noise(low: Lowering, prior: Ref, span: Span) -> Ref | None:
    """The variance of one case of a proportion: `prior * (1 - prior)`."""
    p = plain(low, prior, span)
    rest = expressions.operate(low, "-", low.constant(Fraction(1), dimensionless(), span), p, span)
    return None if rest is None else expressions.operate(low, "*", p, rest, span)


def plain(low: Lowering, ref: Ref, span: Span) -> Ref:
    """The number of a quantity in base units, without its unit: variances mix units that no contract can name."""
    type_ = low.type(ref)
    if type_.kind is Kind.NUMBER and not type_.unit.powers:
        return ref
    return low.emit(nodes.Alias(), (ref,), replace(type_, kind=Kind.NUMBER, unit=NONE, shown=None), span)


def _between(
    low: Lowering, y: Ref, n: Ref, p: Ref, noise: Ref, over: tuple[str, ...], *, known: bool, span: Span
) -> Ref | None:
    one = low.constant(Fraction(1), dimensionless(), span)
    away = expressions.operate(low, "-", y, p, span)
    square = None if away is None else expressions.operate(low, "*", away, away, span)
    weighed = None if square is None else expressions.operate(low, "*", n, square, span)
    squared = expressions.operate(low, "*", n, n, span)
    if weighed is None or squared is None:
        return None
    there = _has_rate(low, y, span)
    spread = emit_aggregate(low, "sum", over, weighed, span)
    rows = emit_aggregate(low, "count", over, y, span)
    total = emit_aggregate(low, "sum", over, n, span, where=there)
    free, effective = plain(low, rows, span), total
    if not known:
        less = expressions.operate(low, "-", free, one, span)
        again = expressions.operate(low, "/", emit_aggregate(low, "sum", over, squared, span, where=there), total, span)
        kept = None if again is None else expressions.operate(low, "-", total, again, span)
        if less is None or kept is None:
            return None
        free, effective = less, kept
    chance = expressions.operate(low, "*", free, noise, span)
    top = None if chance is None else expressions.operate(low, "-", spread, chance, span)
    ratio = None if top is None else _ratio_or_zero(low, top, effective, span)
    if ratio is None:
        return None
    zero = low.constant(Fraction(0), dimensionless(), span)
    return low.emit(nodes.Extreme("max"), (ratio, zero), replace(low.type(ratio), step=None), span)


def _has_rate(low: Lowering, y: Ref, span: Span) -> Ref:
    """Whether a row has a rate. Where one is missing the sum of squares is missing, and with it all that follows."""
    grain = low.type(y).grain
    return low.emit(nodes.Test("reportable"), (y,), replace(FLAG, grain=grain), span)


def _reliability(low: Lowering, between: Ref, y: Ref, n: Ref, noise: Ref, span: Span) -> Ref | None:
    top = expressions.operate(low, "*", between, n, span)
    bottom = None if top is None else expressions.operate(low, "+", top, noise, span)
    ratio = None if top is None or bottom is None else _ratio_or_zero(low, top, bottom, span)
    if ratio is None:
        return None
    kept = pipeline.choose(low, _has_rate(low, y, span), ratio, y, span)
    return low.emit(nodes.Alias(), (kept,), replace(low.type(kept), kind=Kind.PERCENT, step=None), span)


def _ratio_or_zero(low: Lowering, top: Ref, bottom: Ref, span: Span) -> Ref | None:
    """`top / bottom`, and 0 where `bottom` is 0."""
    zero = low.constant(Fraction(0), dimensionless(), span)
    type_ = low.type(bottom)
    nothing = low.emit(
        nodes.Compare("is"), (bottom, zero), Type(Kind.FLAG, grain=type_.grain, absent=type_.absent), span
    )
    ratio = expressions.operate(low, "/", top, bottom, span)
    if ratio is None:
        return None
    return pipeline.choose(low, nothing, zero, ratio, span)
