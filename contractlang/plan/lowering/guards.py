"""`guard`: when a gap that closed earns nothing, or only what those who were behind have gained."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from contractlang.diagnostics import edits
from contractlang.plan import nodes
from contractlang.plan.builder import Ref
from contractlang.plan.lowering import expressions, gaps, pipeline, shrinkage, stratum_rates
from contractlang.plan.lowering.context import FLAG, Lowering
from contractlang.plan.lowering.gaps import Rates
from contractlang.plan.lowering.stratum_rates import Compared, Equity
from contractlang.semantics import typing
from contractlang.semantics.types import NONE, Kind, Type
from contractlang.source import Span
from contractlang.syntax import ast


def guards(made: Equity, gap: ast.Step, both_years: Compared) -> tuple[Ref | None, Ref | None] | None:
    """The condition under which there is a reward, and the gap that earns it where only some gains count."""
    low, own = made.low, made.strata
    refused: list[Ref] = []
    credited: Ref | None = None
    written = [s for s in made.block.steps if s.word == "guard"]
    for clause in written:
        if clause.get("credit") is not None:
            if credited is not None:
                low.error("duplicate-clause", "the credit is said twice", clause.span, "keep one")
                return None
            credited = _credited(made, gap, both_years, clause.span)
            if credited is None:
                return None
            continue
        mix = (both_years.now.mix, both_years.base.mix)
        rates = stratum_rates.compared(made, stratum_rates.after_shrinking(made, clause), mix, clause.span)
        declined = _declined(made, clause, rates)
        if declined is None:
            return None
        refused.append(declined)
    if not refused:
        return None if credited is None else (None, credited)
    span = written[0].span
    declined = refused[0]
    if len(refused) > 1:
        types = [low.type(r) for r in refused]
        declined = low.emit(nodes.Logic("or"), tuple(refused), replace(FLAG, grain=typing.union(types)), span)
    declined = made.register("declined", made.inside(declined), "step", "declined", span)
    number = gaps.over(low, own, "count", declined, span, None, declined)
    number = made.inside(number)
    zero = low.constant(Fraction(0), Type(Kind.COUNT, NONE, step=Fraction(1)), span)
    found = typing.comparison("is", low.type(number), low.type(zero))
    assert isinstance(found, Type)
    return made.register(
        "guard", low.emit(nodes.Compare("is"), (number, zero), found, span), "step", "guard", span
    ), credited


def _declined(made: Equity, clause: ast.Step, both_years: Compared) -> Ref | None:
    """Whether a stratum is worse than at baseline by more than the tolerance; no for those that are not both_years."""
    low, own, span = made.low, made.strata, clause.span
    there = made.reportable(both_years.both, span)
    now, base = (gaps.directed(low, own, ref, span) for ref in (both_years.now.rate, both_years.base.rate))
    fall = gaps.minus(low, base, now, span)
    tolerance = clause.get("tolerance")
    limit = pipeline.zero_like(low, fall, span)
    lower: list[Ref] = [there]
    if isinstance(tolerance, ast.Number) and tolerance.unit is not None and tolerance.unit.words[:1] == ("standard",):
        variance = _variance(made, both_years, tolerance)
        if variance is None:
            return None
        square = gaps.times(low, fall, fall, span)
        lower.append(gaps.compared(low, ">", square, variance, span))
    elif tolerance is not None:
        shifted = _tolerated(low, fall, tolerance)
        if shifted is None:
            return None
        fall = shifted
    lower.append(gaps.compared(low, ">", fall, limit, span))
    written = clause.get("stratum")
    if written is not None:
        label = gaps.label_of(low, own, written)
        if label is None:
            return None
        lower.append(gaps.is_stratum(low, own, label, span))
    types = [low.type(r) for r in lower]
    return low.emit(nodes.Logic("and"), tuple(lower), replace(FLAG, grain=typing.union(types)), span)


def _tolerated(low: Lowering, fall: Ref, written: ast.Expr) -> Ref | None:
    """The fall less what is tolerated: percentage points of a percentage, else a number in the unit of the rate."""
    ref = expressions.numeric(low, written, "`tolerance`")
    if ref is None:
        return None
    found = typing.arithmetic("-", low.type(fall), low.type(ref))
    literal = isinstance(written, ast.Number) and written.symbol == "%"
    if isinstance(found, typing.Problem) or (literal and low.type(fall).kind is Kind.PERCENT):
        low.error(
            "percent-or-points" if literal else "unit-mismatch",
            "the tolerance of a rate in per cent is in percentage points or standard errors",
            written.span,
            "write `tolerance 2 pp` or `tolerance 1 standard errors`",
            fixes=[edits.instead(written.span, written.span.text.replace("%", " pp"))] if literal else [],
        )
        return None
    return low.emit(nodes.Arithmetic("-"), (fall, ref), found, written.span)


def _variance(made: Equity, both_years: Compared, written: ast.Number) -> Ref | None:
    """The squared tolerance: k² times the variance of the difference of two proportions, r(1 - r)/n of either year."""
    low, span = made.low, written.span
    if low.type(both_years.now.rate).kind is not Kind.PERCENT:
        low.error("unsupported", "standard errors are those of proportions", span, "state the tolerance as a number")
        return None
    total: Ref | None = None
    for rate, number in ((both_years.now.rate, made.now["effective"]), (both_years.base.rate, made.base["effective"])):
        rest = gaps.minus(low, gaps.one(low, span), rate, span)
        persons = shrinkage.plain(low, number, span)
        part = gaps.divided(low, gaps.times(low, rate, rest, span), persons, span)
        total = part if total is None else expressions.operate(low, "+", total, part, span)
    assert total is not None
    squared = low.constant(written.value**2, Type(Kind.NUMBER, NONE), span)
    return gaps.times(low, total, squared, span)


def _credited(made: Equity, gap: ast.Step, both_years: Compared, span: Span) -> Ref | None:
    """The gap as if the strata that began at or above the overall rate stood where they stood: gains from below alone."""
    low, own = made.low, made.strata
    base = gaps.directed(low, own, both_years.base.rate, span)
    overall = gaps.over(low, own, "mean", base, span, both_years.base.mix)
    below = gaps.compared(low, "<", base, overall, span)
    rate = made.choose(below, both_years.now.rate, both_years.base.rate, span)
    counts = made.now
    names = {
        "rate": rate,
        "mix": both_years.now.mix,
        "numerator": counts["numerator"],
        "denominator": counts["denominator"],
    }
    found = gaps.gap(low, gap, own, Rates(rate, both_years.now.mix), names)
    if found is None:
        return None
    found = made.inside(all_reported(made, of_several(made, found, both_years, span), both_years, span))
    return made.register("credited_gap", found, "step", "gap with gains from below alone", span)


def of_several(made: Equity, ref: Ref, both_years: Compared, span: Span) -> Ref:
    """A gap needs two strata: the one that is left of a group has nothing to lack."""
    low = made.low
    number = gaps.over(low, made.strata, "count", both_years.both, span)
    two = low.constant(Fraction(2), Type(Kind.COUNT, NONE, step=Fraction(1)), span)
    several = gaps.compared(low, ">=", number, two, span)
    reason = "fewer than two strata to compare"
    return made.choose(several, ref, gaps.absent_like(low, reason, ref, span), span)


def all_reported(made: Equity, ref: Ref, both_years: Compared, span: Span) -> Ref:
    """`otherwise no comparison`: one stratum with members that is not reportable leaves no gap at all."""
    low, clause = made.low, made.clause("stratum")
    otherwise = None if clause is None else clause.get("otherwise")
    if clause is None or not isinstance(otherwise, ast.Text) or otherwise.value != "no comparison":
        return ref
    total = expressions.operate(low, "+", made.now["denominator"], made.base["denominator"], span)
    assert total is not None
    lost = low.emit(
        nodes.Logic("not"),
        (made.reportable(both_years.both, span),),
        replace(FLAG, grain=made.grain | made.strata.keys),
        span,
    )
    number = gaps.over(low, made.strata, "sum", total, span, None, lost)
    zero = pipeline.zero_like(low, number, span)
    found = typing.comparison(">", low.type(number), low.type(zero))
    assert isinstance(found, Type)
    some = low.emit(nodes.Compare(">"), (number, zero), found, span)
    return made.choose(some, gaps.absent_like(low, "a stratum is not reportable", ref, span), ref, span)
