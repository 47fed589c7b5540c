"""Gaps between strata: what `gap` measures, and the operations over strata that it is made of.

Every metric is zero where all strata are alike and grows with the gap; which rate is the better one is the measure's.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from difflib import get_close_matches
from fractions import Fraction

from contractlang.diagnostics import edits
from contractlang.diagnostics.diagnostic import Fix
from contractlang.plan import nodes
from contractlang.plan.builder import Ref
from contractlang.plan.lowering import expressions, pipeline
from contractlang.plan.lowering.context import FLAG, Lowering
from contractlang.semantics import typing
from contractlang.semantics.types import NONE, Kind, Type
from contractlang.source import Span
from contractlang.syntax import ast
from contractlang.values import Absent, State

ALONE = ("between_group_variance", "range", "index_of_disparity")
"""Metrics of one word, which an author may misspell."""
MIXED = ("between_group_variance", "to best", "to reference")
FRAMED = ("ratio", "index_of_disparity")
REFERRED = ("to reference", "index_of_disparity")


@dataclass(frozen=True, slots=True)
class Strata:
    """The strata of an equity block: their key, the key of its measures, and the measures for which lower is better."""

    key: str
    labels: tuple[str, ...]
    measure: str | None
    falling: tuple[str, ...]
    all_fall: bool

    @property
    def keys(self) -> frozenset[str]:
        return frozenset({self.key})


@dataclass(frozen=True, slots=True)
class Rates:
    """Rates and shares of the mix by stratum, of one year; only those of strata that are compared are there."""

    rate: Ref
    mix: Ref


# Over strata ---------------------------------------------------------------------------------------------------------


def over(
    low: Lowering,
    strata: Strata,
    function: str,
    ref: Ref,
    span: Span,
    weight: Ref | None = None,
    where: Ref | None = None,
) -> Ref:
    """`function(ref [weighted by weight] over the strata [where …])`."""
    args = tuple(a for a in (ref, weight, where) if a is not None)
    types = [low.type(a) for a in args]
    grain = typing.union(types) - strata.keys
    missing = frozenset({State.MISSING}) & typing.absences(types)
    op = nodes.Aggregate(function, (strata.key,), weight is not None, where is not None)
    if function == "count":
        return low.emit(op, args, Type(Kind.COUNT, NONE, grain, step=Fraction(1), absent=missing), span)
    empty = frozenset() if function == "sum" else frozenset({State.NOT_REPORTABLE})
    kept = low.type(ref).step if function in ("sum", "min", "max") else None
    return low.emit(
        op, args, replace(low.type(ref), grain=grain, absent=missing | empty, step=kept, literal=False), span
    )


def is_stratum(low: Lowering, strata: Strata, label: str, span: Span) -> Ref:
    key = low.emit(nodes.Key(strata.key), (), Type(Kind.CATEGORY, scheme=strata.key, grain=strata.keys), span)
    own = low.constant(label, Type(Kind.CATEGORY, scheme=strata.key), span)
    return low.emit(nodes.Compare("is"), (key, own), replace(FLAG, grain=strata.keys), span)


def label_of(low: Lowering, strata: Strata, written: ast.Expr) -> str | None:
    """A value of the dimension; None after a report."""
    word = written.value if isinstance(written, ast.Text) else written.text if isinstance(written, ast.Name) else ""
    if word in strata.labels:
        return word
    name = written if isinstance(written, ast.Name) else ast.Name((word,), span=written.span)
    low.scope.unknown(name, list(strata.labels), f"value of category `{strata.key}`")
    return None


def directed(low: Lowering, strata: Strata, ref: Ref, span: Span) -> Ref:
    """The rate so that more is better: minus the rate of measures for which lower is better."""
    if not strata.falling and not strata.all_fall:
        return ref
    if strata.all_fall:
        return low.emit(nodes.Negate(), (ref,), low.type(ref), span)
    assert strata.measure is not None
    rows = (
        *(nodes.TermsRow((label,), Fraction(-1), span) for label in strata.falling),
        nodes.TermsRow((None,), Fraction(1), span),
    )
    grain = frozenset({strata.measure})
    key = low.emit(nodes.Key(strata.measure), (), Type(Kind.CATEGORY, scheme=strata.measure, grain=grain), span)
    sign = low.emit(
        nodes.Terms(strata.measure, "direction", rows), (key,), Type(Kind.NUMBER, NONE, grain, step=Fraction(1)), span
    )
    found = expressions.operate(low, "*", ref, sign, span)
    assert found is not None
    return found


def plus(low: Lowering, a: Ref, b: Ref, span: Span) -> Ref:
    return _operated(low, "+", a, b, span)


def minus(low: Lowering, a: Ref, b: Ref, span: Span) -> Ref:
    return _operated(low, "-", a, b, span)


def times(low: Lowering, a: Ref, b: Ref, span: Span) -> Ref:
    return _operated(low, "*", a, b, span)


def divided(low: Lowering, a: Ref, b: Ref, span: Span) -> Ref:
    return _operated(low, "/", a, b, span)


def _operated(low: Lowering, op: str, a: Ref, b: Ref, span: Span) -> Ref:
    found = expressions.operate(low, op, a, b, span)
    assert found is not None, "rates of one measure have one unit"
    return found


def compared(low: Lowering, op: str, a: Ref, b: Ref, span: Span) -> Ref:
    found = typing.comparison(op, low.type(a), low.type(b))
    assert isinstance(found, Type), "values of one measure can be compared"
    return low.emit(nodes.Compare(op), (a, b), found, span)


def one(low: Lowering, span: Span) -> Ref:
    return low.constant(Fraction(1), Type(Kind.NUMBER, step=Fraction(1)), span)


def not_below_zero(low: Lowering, ref: Ref, span: Span) -> Ref:
    zero = pipeline.zero_like(low, ref, span)
    return low.emit(nodes.Extreme("max"), (ref, zero), low.type(ref), span)


def as_percent(low: Lowering, ref: Ref, span: Span) -> Ref:
    type_ = low.type(ref)
    if type_.kind is not Kind.NUMBER or type_.unit != NONE:
        return ref
    return low.emit(nodes.Alias(), (ref,), replace(type_, kind=Kind.PERCENT), span)


# Metrics -------------------------------------------------------------------------------------------------------------


def checked(low: Lowering, clause: ast.Step, strata: Strata) -> bool:
    """Whether the parts of a `gap` clause go together; reports what is lacking or has no place."""
    metric = metric_of(clause)
    if metric is None:
        return True
    lacking = {
        "mix": (
            metric in MIXED,
            "say what the strata weigh: `mix frozen at baseline`, `mix of each year` or `each stratum alike`",
        ),
        "framing": (metric in FRAMED, f"say of what: `{metric} of rates` or `{metric} of complements`"),
        "reference": (
            metric in REFERRED,
            f"name the stratum to compare with: `{metric} … to reference {strata.labels[0]}`",
        ),
    }
    for part, (needed, help_) in lacking.items():
        written = clause.get(part)
        if needed and written is None:
            low.error(
                "missing-clause",
                f"`gap {metric}` does not say all that it needs",
                clause.span,
                help_,
                fixes=[Fix("freeze the mix", (edits.after(clause.span, ", mix frozen at baseline"),))]
                if part == "mix"
                else [],
            )
            return False
        if written is not None and not needed:
            what = {"mix": "weighs no strata", "framing": "is taken of rates alone", "reference": "has no reference"}
            low.error(
                "unsupported",
                f"`gap {metric}` {what[part]}",
                written.span,
                "leave it out",
                fixes=_without(part, written),
            )
            return False
    reference = clause.get("reference")
    return reference is None or label_of(low, strata, reference) is not None


def _without(part: str, written: ast.Expr) -> list[Fix]:
    """The clause without its mix; the other parts have words between them and the metric."""
    if part != "mix":
        return []
    span = written.span
    comma = span.file.text.rindex(",", 0, span.start)
    return [edits.instead(Span(span.file, comma, span.end), "", "leave it out")]


def metric_of(clause: ast.Step) -> str | None:
    """The name of the metric; None where the gap is an expression of the contract's own."""
    found = clause.get("metric")
    if isinstance(found, ast.Text):
        return found.value
    return "to reference" if clause.get("reference") is not None else None


def gap(low: Lowering, clause: ast.Step, strata: Strata, rates: Rates, names: dict[str, Ref]) -> Ref | None:
    """The gap of one year. `names` are the values that an expression of the contract's own may use."""
    span, y = clause.span, rates.rate
    reference = clause.get("reference")
    label = None if reference is None else label_of(low, strata, reference)
    match metric_of(clause):
        case None:
            return _own(low, clause, strata, names)
        case "between_group_variance":
            mean = over(low, strata, "mean", y, span, rates.mix)
            apart = minus(low, y, mean, span)
            return over(low, strata, "mean", times(low, apart, apart, span), span, rates.mix)
        case "range":
            return minus(low, over(low, strata, "max", y, span), over(low, strata, "min", y, span), span)
        case "to best":
            better = directed(low, strata, y, span)
            short = minus(low, over(low, strata, "max", better, span), better, span)
            return over(low, strata, "mean", short, span, rates.mix)
        case "to reference":
            assert label is not None
            better = directed(low, strata, y, span)
            short = minus(low, _at(low, strata, better, label, span), better, span)
            return over(low, strata, "mean", not_below_zero(low, short, span), span, rates.mix)
        case "ratio":
            z = _framed(low, clause, y)
            ratio = divided(low, over(low, strata, "max", z, span), over(low, strata, "min", z, span), span)
            return as_percent(low, minus(low, ratio, one(low, span), span), span)
        case _:
            assert label is not None
            z = _framed(low, clause, y)
            other = low.emit(
                nodes.Logic("not"), (is_stratum(low, strata, label, span),), replace(FLAG, grain=strata.keys), span
            )
            at = _at(low, strata, z, label, span)
            size = low.emit(nodes.Absolute(), (minus(low, z, at, span),), low.type(z), span)
            apart = replace_type(low, size, typing.absences([low.type(z), low.type(at)]), span)
            return as_percent(low, over(low, strata, "mean", divided(low, apart, at, span), span, None, other), span)


def replace_type(low: Lowering, ref: Ref, absent: frozenset[State], span: Span) -> Ref:
    type_ = low.type(ref)
    return ref if type_.absent >= absent else low.emit(nodes.Alias(), (ref,), replace(type_, absent=absent), span)


def _at(low: Lowering, strata: Strata, ref: Ref, label: str, span: Span) -> Ref:
    """The value of one stratum."""
    return over(low, strata, "max", ref, span, None, is_stratum(low, strata, label, span))


def _framed(low: Lowering, clause: ast.Step, y: Ref) -> Ref:
    """The rate, or what is left of 100%: ratios of the two can move in opposite directions."""
    framing = clause.get("framing")
    if isinstance(framing, ast.Text) and framing.value == "of complements":
        return minus(low, one(low, clause.span), y, clause.span)
    return y


def _own(low: Lowering, clause: ast.Step, strata: Strata, names: dict[str, Ref]) -> Ref | None:
    """A gap in the contract's own words, over `rate`, `mix`, `numerator` and `denominator` of each stratum."""
    assert clause.argument is not None
    written = clause.argument
    unknown = isinstance(written, ast.Name) and written.text not in {*names, *low.scope.visible()}
    if isinstance(written, ast.Name) and unknown and get_close_matches(written.text, ALONE, 1, 0.7):
        low.scope.unknown(written, ALONE, "metric")
        return None
    low.locals = dict(names)
    found = expressions.numeric(low, clause.argument, "`gap`")
    low.locals = {}
    if found is None:
        return None
    if strata.key in low.type(found).grain:
        low.error(
            "grain-mismatch",
            f"the gap varies by {strata.key}",
            clause.argument.span,
            f"make one number of the strata: `max(rate over {strata.key}) - min(rate over {strata.key})`",
        )
        return None
    return found


def absent_like(low: Lowering, reason: str, ref: Ref, span: Span) -> Ref:
    """Not reportable, in the type of a value."""
    like = low.type(ref)
    type_ = replace(like, grain=frozenset(), absent=frozenset({State.NOT_REPORTABLE}), step=Fraction(0), literal=False)
    return low.constant(Absent(State.NOT_REPORTABLE, reason), type_, span)
