"""Percentages that add up to 100%: weighted base years, domains of a score."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from contractlang.diagnostics import edits
from contractlang.diagnostics.diagnostic import Fix, Label
from contractlang.plan.lowering.context import Lowering
from contractlang.semantics.literals import amount
from contractlang.semantics.types import Kind, Type
from contractlang.source import Span
from contractlang.syntax import ast


def lower_baseline(low: Lowering, name: str, item: ast.Baseline) -> bool:
    """Base years, each once, with percentages that add up to 100%."""
    years: dict[Fraction, Span] = {}
    weights: list[ast.Number] = []
    for entry in item.entries:
        year = entry.low
        if not isinstance(entry.value, ast.Number) or entry.value.symbol != "%" or not isinstance(year, ast.Number):
            low.error(
                "kind-mismatch",
                f"baseline `{name}` needs a percentage per year",
                entry.span,
                "write `2007: 40%, 2008: 60%`",
            )
            return False
        if year.value in years:
            low.error(
                "duplicate-key",
                f"baseline `{name}` has the year {year.value} twice",
                entry.span,
                "leave one of the two out",
                labels=[Label(years[year.value], "the first one")],
                fixes=[edits.without(entry.span, "leave it out")],
            )
            return False
        years[year.value] = entry.span
        weights.append(entry.value)
    return adds_up(low, f"the weights of baseline `{name}`", weights, item.span)


def adds_up(low: Lowering, what: str, weights: Sequence[ast.Number], span: Span) -> bool:
    """Whether percentages add up to 100%; the fix changes the last one, or all in proportion."""
    total = sum((w.value for w in weights), Fraction(0))
    if total == 1:
        return True
    percent = Type(Kind.PERCENT)
    last = weights[-1].value + 1 - total
    if last > 0:
        fix = edits.instead(weights[-1].span, amount(last, percent))
    else:
        shares = [amount(w.value / total, percent) for w in weights[:-1]]
        known = sum((Fraction(s.rstrip("%").replace("_", "")) for s in shares), Fraction(0)) / 100
        shares.append(amount(1 - known, percent))
        changed = tuple(edits.instead(w.span, s).edits[0] for w, s in zip(weights, shares, strict=True))
        fix = Fix("keep the proportions", changed)
    low.error(
        "weights-not-100",
        f"{what} add up to {amount(total, percent)}, not 100%",
        span,
        "let them add up to 100%",
        fixes=[fix] if total > 0 else [],
    )
    return False
