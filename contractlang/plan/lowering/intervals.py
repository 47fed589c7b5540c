"""`interval 95% by METHOD, N decimals`: the two ends of a confidence interval as values.

    wilson          a proportion: the score interval, with z and its root rounded to N decimals
    exact_binomial  a proportion of whole counts (Clopper and Pearson)
    exact_poisson   a count per exposure, or observed to expected (Garwood)
    normal          rate plus and minus z standard errors: a mean, or a proportion of many cases

Quantiles and roots are correctly rounded to the stated decimals; everything else is rational.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction

from contractlang import quantiles
from contractlang.diagnostics import edits
from contractlang.diagnostics.diagnostic import Fix
from contractlang.plan import nodes
from contractlang.plan.builder import Ref
from contractlang.plan.lowering import expressions
from contractlang.plan.lowering.context import Lowering, dimensionless
from contractlang.plan.lowering.shrinkage import plain
from contractlang.semantics.types import NONE, Kind, Type
from contractlang.source import Span
from contractlang.syntax import ast
from contractlang.values import State


@dataclass(frozen=True, slots=True)
class Sample:
    """A rate with what its chance depends on.

    `kind` is `proportion`, `count` (events per exposure), `ratio` (observed to expected) or `mean`; `exposure` is the
    denominator, the expected events, or n; `factor` is what the quotient was multiplied with (`rate per 1_000`);
    `variance` is the sample variance of a mean, in plain numbers.
    """

    kind: str
    numerator: Ref
    exposure: Ref
    rate: Ref
    factor: Fraction = Fraction(1)
    variance: Ref | None = None


METHODS = {
    "wilson": ("proportion",),
    "exact_binomial": ("proportion",),
    "exact_poisson": ("count", "ratio"),
    "normal": ("proportion", "mean"),
}
"""The methods, with the kinds of rate that each is for; the first one of a kind is suggested."""


def interval(low: Lowering, name: str, clause: ast.Step, sample: Sample, of: str) -> bool:
    """Register `name.low` and `name.high`, also as `name.OF.low` and `.high`."""
    level, method = clause.get("level"), clause.get("method")
    assert isinstance(level, ast.Number)
    assert isinstance(method, ast.Name)
    if not _known(low, name, method, sample) or not _level(low, level):
        return False
    decimals = clause.get("decimals")
    if not isinstance(decimals, ast.Number):
        low.error(
            "root-without-decimals",
            "the interval must say with how many decimals its quantiles are rounded",
            clause.span,
            "write `, 9 decimals` behind the method",
            fixes=[Fix("round to 9 decimals", (edits.after(method.span, ", 9 decimals"),))],
        )
        return False
    tail = (1 - level.value) / 2
    ends = _METHODS[method.text](low, clause.span, sample, tail, int(decimals.value))
    if ends is None:
        return False
    for word, end in zip(("low", "high"), ends, strict=True):
        ref = low.register(f"{name}.{word}", end, "step", f"{name} {word} end", clause.span, name)
        low.also(f"{name}.{of}.{word}", ref)
    return True


def _known(low: Lowering, name: str, method: ast.Name, sample: Sample) -> bool:
    kinds = METHODS.get(method.text)
    fitting = [m for m, of in METHODS.items() if sample.kind in of]
    if kinds is None:
        low.scope.unknown(method, list(METHODS), "method")
        return False
    if sample.kind not in kinds:
        what = {"count": "events per exposure", "ratio": "observed to expected", "mean": "a mean"}
        low.error(
            "kind-mismatch",
            f"`{method.text}` is no interval of `{name}`, which is {what.get(sample.kind, 'a proportion')}",
            method.span,
            f"write {' or '.join(f'`{m}`' for m in fitting)}",
            fixes=[edits.instead(method.span, m) for m in fitting],
        )
        return False
    exact = method.text.startswith("exact")
    sizes = [sample.numerator, *([sample.exposure] if sample.kind == "proportion" else [])]
    steps = [low.type(ref).step for ref in sizes]
    if exact and any(s is None or s.denominator != 1 for s in steps):
        low.error(
            "kind-mismatch",
            f"`{method.text}` needs whole counts, and those of `{name}` need not be whole",
            method.span,
            "write `wilson`" if sample.kind == "proportion" else "count whole events",
            fixes=[edits.instead(method.span, "wilson")] if sample.kind == "proportion" else [],
        )
        return False
    return True


def _level(low: Lowering, level: ast.Number) -> bool:
    if 0 < level.value < 1 and level.symbol == "%":
        return True
    low.error("kind-mismatch", "a confidence level lies between 0% and 100%", level.span, "write `95%`")
    return False


ONE = Fraction(1)

Ends = tuple[Ref, Ref] | None


def _wilson(low: Lowering, span: Span, sample: Sample, tail: Fraction, decimals: int) -> Ends:
    p, n = plain(low, sample.rate, span), plain(low, sample.exposure, span)
    z = quantiles.normal(1 - tail, decimals)
    a = _Arithmetic(low, span)
    chance = a("/", a("*", p, a("-", ONE, p)), n)
    root = _root(low, a("+", chance, a("/", z * z / 4, a("*", n, n))), decimals, span)
    centre = a("+", p, a("/", z * z / 2, n))
    whole = a("+", ONE, a("/", z * z, n))
    ends = [a("/", a(sign, centre, a("*", z, root)), whole) for sign in "-+"]
    return _as_rate(low, _inside(low, ends[0], span), sample, span), _as_rate(
        low, _inside(low, ends[1], span), sample, span
    )


def _normal(low: Lowering, span: Span, sample: Sample, tail: Fraction, decimals: int) -> Ends:
    rate, n = plain(low, sample.rate, span), plain(low, sample.exposure, span)
    a = _Arithmetic(low, span)
    variance = sample.variance if sample.variance is not None else a("*", rate, a("-", ONE, rate))
    root = _root(low, a("/", variance, n), decimals, span)
    part = a("*", quantiles.normal(1 - tail, decimals), root)
    return _as_rate(low, a("-", rate, part), sample, span), _as_rate(low, a("+", rate, part), sample, span)


def _exact(distribution: str) -> Callable[[Lowering, Span, Sample, Fraction, int], Ends]:
    def ends(low: Lowering, span: Span, sample: Sample, tail: Fraction, decimals: int) -> Ends:
        counts = [plain(low, ref, span) for ref in (sample.numerator, sample.exposure)]
        args = tuple(counts if distribution == "binomial" else counts[:1])
        grain = frozenset[str]().union(*(low.type(r).grain for r in args))
        absent = frozenset({State.NOT_REPORTABLE}).union(*(low.type(r).absent for r in args))
        type_ = Type(Kind.NUMBER, NONE, grain, step=Fraction(1, 10**decimals), absent=absent)
        found: list[Ref] = []
        for upper in (False, True):
            end = low.emit(nodes.Limit(distribution, upper, tail, decimals), args, type_, span)
            if distribution == "poisson":
                a = _Arithmetic(low, span)
                end = a("/", end if sample.factor == 1 else a("*", end, sample.factor), counts[1])
            found.append(_as_rate(low, _where_there(low, end, sample.rate, span), sample, span))
        return found[0], found[1]

    return ends


_METHODS: dict[str, Callable[[Lowering, Span, Sample, Fraction, int], Ends]] = {
    "wilson": _wilson,
    "exact_binomial": _exact("binomial"),
    "exact_poisson": _exact("poisson"),
    "normal": _normal,
}


class _Arithmetic:
    """Plain numbers: constants and nodes without unit, which always go together."""

    def __init__(self, low: Lowering, span: Span) -> None:
        self.low = low
        self.span = span

    def __call__(self, op: str, x: Ref | Fraction, y: Ref | Fraction) -> Ref:
        a, b = (self._ref(v) for v in (x, y))
        found = expressions.operate(self.low, op, a, b, self.span)
        assert found is not None
        return found

    def _ref(self, value: Ref | Fraction) -> Ref:
        if isinstance(value, Fraction):
            return self.low.constant(value, dimensionless(), self.span)
        return value


def _root(low: Lowering, radicand: Ref, decimals: int, span: Span) -> Ref:
    type_ = low.type(radicand)
    absent = type_.absent | {State.NOT_REPORTABLE}
    root = replace(type_, step=Fraction(1, 10**decimals), absent=absent)
    return low.emit(nodes.Root("sqrt", decimals), (radicand,), root, span)


def _inside(low: Lowering, ref: Ref, span: Span) -> Ref:
    """From 0 to 1: the rounded root may lead a hair beyond."""
    above = low.emit(nodes.Extreme("max"), (ref, low.constant(Fraction(0), dimensionless(), span)), low.type(ref), span)
    return low.emit(
        nodes.Extreme("min"), (above, low.constant(Fraction(1), dimensionless(), span)), low.type(above), span
    )


def _where_there(low: Lowering, end: Ref, rate: Ref, span: Span) -> Ref:
    """The end where the rate is reportable; else the rate's own absence."""
    types = low.type(end), low.type(rate)
    there = low.emit(nodes.Test("reportable"), (rate,), Type(Kind.FLAG, grain=types[1].grain), span)
    nothing = plain(low, rate, span)
    type_ = replace(
        types[0], grain=types[0].grain | types[1].grain, absent=types[0].absent | types[1].absent, step=None
    )
    return low.emit(nodes.Choose(), (there, end, nothing), type_, span)


def _as_rate(low: Lowering, ref: Ref, sample: Sample, span: Span) -> Ref:
    """A plain number in the kind and unit of the rate."""
    found, like = low.type(ref), low.type(sample.rate)
    type_ = replace(found, kind=like.kind, unit=like.unit, shown=like.shown)
    return ref if type_ == found else low.emit(nodes.Alias(), (ref,), type_, span)
