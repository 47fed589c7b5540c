"""Rates of strata: of the year or of pooled years, shrunk or as observed, beside those of the baseline."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from fractions import Fraction

from contractlang.diagnostics import edits
from contractlang.plan import nodes
from contractlang.plan.builder import Ref
from contractlang.plan.lowering import expressions, gaps, pipeline, shifts, shrinkage
from contractlang.plan.lowering.context import FLAG, Lowering
from contractlang.plan.lowering.gaps import Rates, Strata
from contractlang.semantics import typing
from contractlang.semantics.types import Grain, Kind
from contractlang.source import Span
from contractlang.syntax import ast
from contractlang.values import State

WORDS = ("numerator", "denominator", "persons", "squares")
ASIDE = "argument"
"""The role of values that explanations reach and statements leave out."""


@dataclass(slots=True)
class Equity:
    """An equity block while it is lowered. `now` and `base` are values of the year and of its baseline, by word."""

    low: Lowering
    name: str
    block: ast.Block
    strata: Strata
    grain: Grain
    inside: Callable[[Ref], Ref]
    now: dict[str, Ref] = field(default_factory=dict)
    base: dict[str, Ref] = field(default_factory=dict)

    def clause(self, word: str) -> ast.Step | None:
        return next((s for s in self.block.steps if s.word == word), None)

    def register(self, word: str, ref: Ref, role: str, label: str, span: Span) -> Ref:
        """A value of the block. It is no step of a pipeline: no clause changes the value of another."""
        return self.low.register(f"{self.name}.{word}", ref, role, f"{self.name} {label}", span, self.name)

    def choose(self, condition: Ref, then: Ref, otherwise: Ref, span: Span) -> Ref:
        return pipeline.choose(self.low, condition, then, otherwise, span)

    def reportable(self, ref: Ref, span: Span) -> Ref:
        flag = replace(FLAG, grain=self.low.type(ref).grain)
        return self.low.emit(nodes.Test("reportable"), (ref,), flag, span)


def values(made: Equity) -> bool:
    """Rates of the strata, now and at the baseline, observed and shrunk; False after a report."""
    stratum, compare = made.clause("stratum"), made.clause("compare")
    assert stratum is not None
    assert compare is not None
    observed = _observed(made)
    read = _baseline(made, compare)
    if observed is None or read is None:
        return False
    made.now["effective"] = made.register("effective", observed["effective"], "step", "effective number", stratum.span)
    shown = "step" if made.clause("shrink") is not None else ASIDE
    made.now["observed"] = made.register("observed", observed["observed"], shown, "observed rate", stratum.span)
    words = ["numerator", "denominator", "effective", "observed", "rate"]
    if stratum.get("pooling") is not None:
        words += (pooled := [f"pooled_{word}" for word in ("numerator", "denominator")])
        for word in pooled:
            counted = observed[word.removeprefix("pooled_")]
            made.register(word, counted, "step", word.replace("_", " "), stratum.span)
    rate = _shrunk(made, observed)
    if rate is None:
        return False
    made.now["rate"] = made.register("rate", rate, "step", "rate", stratum.span)
    for word in words:
        role, label = ASIDE if word in ("effective", "observed") else "step", word.replace("_", " ")
        found = read(word)
        if found is None:
            return False
        made.base[word] = made.register(f"baseline_{word}", found, role, f"{label} at baseline", compare.span)
    return True


def _observed(made: Equity) -> dict[str, Ref] | None:
    """The rate of each stratum where it is reportable, and the numbers behind it: of the year, or of pooled years."""
    low, clause = made.low, made.clause("stratum")
    assert clause is not None
    written = clause.get("when")
    assert written is not None
    pooling = clause.get("pooling")
    years = int(pooling.value) if isinstance(pooling, ast.Number) else 1
    if not 1 <= years <= 5 or (years > 1 and low.scope.period != "year"):
        low.error("unsupported", "years are pooled in a contract per year, five at most", clause.span, "pool 2 years")
        return None
    cases: dict[str, list[Ref]] = {"observed": [], "numerator": [], "denominator": [], "effective": []}
    sums = dict(made.now)
    for back in range(years):
        for word in WORDS if back else ():
            sums[word] = _plus_earlier(made, sums[word], word, back, clause.span)
        effective = _effective(low, sums, clause.span)
        rate = gaps.as_percent(low, gaps.divided(low, sums["numerator"], sums["denominator"], clause.span), clause.span)
        low.locals = {w: sums[w] for w in ("numerator", "denominator", "persons")} | {"effective": effective}
        condition = expressions.flag(low, written)
        low.locals = {}
        if condition is None:
            return None
        for word, ref in {**sums, "observed": rate, "effective": effective}.items():
            if word in cases:
                cases[word] += [condition, ref]
    found: dict[str, Ref] = {}
    for word, args in cases.items():
        like = low.type(args[1])
        absent = low.absent(State.NOT_REPORTABLE, "stratum below the minimum size", like, clause.span)
        types = [low.type(a) for a in args]
        type_ = replace(like, absent=typing.absences(types) | {State.NOT_REPORTABLE}, grain=typing.union(types))
        found[word] = low.emit(nodes.Choose(), (*args, absent), type_, clause.span)
    return found


def _effective(low: Lowering, counts: dict[str, Ref], span: Span) -> Ref:
    """The effective number of persons: the squared sum of the weights over the sum of their squares."""
    square = gaps.times(low, counts["denominator"], counts["denominator"], span)
    return gaps.divided(low, square, counts["squares"], span)


def _plus_earlier(made: Equity, total: Ref, word: str, back: int, span: Span) -> Ref:
    """Plus the count of an earlier year; nothing where there are no data."""
    low, name = made.low, f"{made.name}.{word}"
    type_ = low.type(low.values[name])
    previous = low.emit(nodes.Previous(name, back), (), replace(type_, absent=type_.absent | {State.MISSING}), span)
    zero = pipeline.zero_like(low, previous, span)
    earlier = low.emit(nodes.Fallback(missing=True), (previous, zero), type_, span)
    found = expressions.operate(low, "+", total, earlier, span)
    assert found is not None
    return found


def _shrunk(made: Equity, observed: dict[str, Ref]) -> Ref | None:
    """`shrink toward own overall rate`: the variance of a case is that of a proportion, its size the effective number."""
    low, clause, own = made.low, made.clause("shrink"), made.strata
    y = made.now["observed"]
    if clause is None:
        return y
    span, toward = clause.span, clause.get("toward")
    if low.type(y).kind is not Kind.PERCENT:
        low.error(
            "unsupported", "only proportions are shrunk: their variance is rate x (1 - rate)", span, "leave it out"
        )
        return None
    if isinstance(toward, ast.Text) and toward.value == "own":
        prior: Ref | None = gaps.over(low, own, "mean", y, span, observed["denominator"])
    elif isinstance(toward, ast.Text):
        low.error(
            "unsupported",
            "a group is compared with its own history, and its rates are not drawn to those of others",
            toward.span,
            "write `shrink toward own overall rate, variance estimated`",
            fixes=[edits.instead(toward.span, "own overall rate")],
        )
        return None
    else:
        assert toward is not None
        prior = expressions.numeric(low, toward, "`shrink toward`")
    if prior is None:
        return None
    known = not isinstance(toward, ast.Text)
    prior = made.register("own_rate", prior, "step", "own overall rate", span)
    noise = shrinkage.proportion_noise(low, prior, span)
    n = shrinkage.plain(low, made.now["effective"], span)
    found = None if noise is None else shrinkage.shrink(low, y, n, prior, noise, (own.key,), known=known, span=span)
    if found is None:
        return None
    made.register("between_variance", found.between, "step", "variance between strata", span)
    made.register("reliability", found.reliability, "step", "reliability", span)
    return found.rate


def _baseline(made: Equity, clause: ast.Step) -> Callable[[str], Ref | None] | None:
    """How a value of the block is read at its baseline: a stated year or weighted years, or the period before."""
    low = made.low
    prior, baseline = clause.get("prior"), clause.get("baseline")
    at: tuple[tuple[str, Fraction], ...] = ()
    if isinstance(prior, ast.Name) and prior.text != low.scope.period:
        low.error(
            "unknown-name",
            f"the contract settles per {low.scope.period}",
            prior.span,
            f"write `compare own prior {low.scope.period}`",
        )
        return None
    words, subject = clause.get("rebuilt"), made.block.subject
    population = None if subject is None else low.populations.get(subject.text)
    if words is not None and (population is None or not population.rebuilt):
        low.error(
            "missing-clause",
            f"the baseline is rebuilt where population `{'' if subject is None else subject.text}` says so, and it does not",
            words.span,
            "write `rebuild baseline on the current roster` in the population, which goes through a roster",
            fixes=[edits.without(Span(words.span.file, words.span.start - 2, words.span.end), "leave it out")],
        )
        return None
    if baseline is not None:
        found = shifts.periods_named(low, baseline)
        if found is None:
            return None
        at = found

    def read(word: str) -> Ref | None:
        name = f"{made.name}.{word}"
        type_ = low.type(low.values[name])
        if at:
            return shifts.read_at(low, name, at, replace(type_, step=type_.step if len(at) == 1 else None), clause.span)
        type_ = replace(type_, absent=type_.absent | {State.MISSING})
        return low.emit(nodes.Previous(name, 1), (), type_, clause.span)

    return read


# Both years ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Compared:
    """Both years over the strata that are reportable in both."""

    now: Rates
    base: Rates
    both: Ref
    """A number per stratum that is there where the stratum is compared."""


def after_shrinking(made: Equity, step: ast.Step) -> str:
    """Which rates a clause reads: those observed where it stands above `shrink`, else the ones after it."""
    words = [s.word for s in made.block.steps]
    above = "shrink" in words and made.block.steps.index(step) < words.index("shrink")
    return "observed" if above else "rate"


def compared(made: Equity, word: str, mix: tuple[Ref, Ref], span: Span) -> Compared:
    """The rates of either year by their word, `observed` or `rate`, where the stratum is compared."""
    both = _both(made, span)
    there = made.reportable(both, span)
    now, base = (made.choose(there, ref, both, span) for ref in (made.now[word], made.base[word]))
    return Compared(Rates(now, mix[0]), Rates(base, mix[1]), both)


def _both(made: Equity, span: Span) -> Ref:
    """There where a stratum is reportable in both years, else absent for the reason of the year in question."""
    return gaps.plus(made.low, made.now["rate"], made.base["rate"], span)


def mix(made: Equity, clause: ast.Step) -> tuple[Ref, Ref]:
    """What the strata weigh, in the year and at the baseline."""
    low, span = made.low, clause.span
    there = made.reportable(_both(made, span), span)
    written = clause.get("mix")
    words = written.value if isinstance(written, ast.Text) else "each stratum alike"
    weight = {
        "mix frozen at baseline": made.base["denominator"],
        "mix of each year": made.now["denominator"],
        "each stratum alike": gaps.one(low, span),
    }[words]
    now = base = made.register("mix", made.inside(_share(made, weight, there, span)), "step", "share of the mix", span)
    if words == "mix of each year":
        earlier = made.inside(_share(made, made.base["denominator"], there, span))
        base = made.register("baseline_mix", earlier, "step", "share of the mix at baseline", span)
    return now, base


def _share(made: Equity, weight: Ref, there: Ref, span: Span) -> Ref:
    """The share of a stratum among those that are compared."""
    low = made.low
    if made.strata.key not in low.type(weight).grain:
        none = pipeline.zero_like(low, weight, span)
        weight = made.choose(there, weight, none, span)
    total = gaps.over(low, made.strata, "sum", weight, span, None, there)
    share = gaps.as_percent(low, gaps.divided(low, weight, total, span), span)
    return made.choose(there, share, gaps.absent_like(low, "not compared", share, span), span)
