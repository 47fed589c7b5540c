"""`allow overlap`, `refuse overlap`: member-months that count for more than one unit are shown, or are an error in the data."""

from __future__ import annotations

from fractions import Fraction

from contractlang.diagnostics import edits
from contractlang.diagnostics.diagnostic import Fix, Label
from contractlang.plan import nodes, relations
from contractlang.plan.lowering.context import Lowering
from contractlang.plan.lowering.reduction import (
    MEMBER_KEY,
    MONTHS,
    PERIOD,
    UNIT,
    Population,
    column,
    grain,
    key_columns,
    output,
    per_column,
    step,
)
from contractlang.plan.relations import RowExpr
from contractlang.semantics.types import MEMBER, MEMBER_MONTH, Kind, Type
from contractlang.syntax import ast

UNITS = "units_claiming"


def wanted(low: Lowering, block: ast.Block) -> str | None:
    """`allow`, `refuse`, or nothing where the population does not say; None after a report."""
    found = [s for s in block.steps if s.word in ("allow", "refuse")]
    if len(found) > 1:
        low.error(
            "duplicate-clause",
            f"population `{block.name}` speaks of overlap twice",
            found[1].span,
            "keep one",
            labels=[Label(found[0].span, "the first one")],
            fixes=[edits.without(found[1].span, "remove the second one")],
        )
        return None
    return found[0].word if found else ""


def lower_overlap(low: Lowering, population: Population, overlap: str, attribute: ast.Step) -> bool:
    """Refuse member-months that several units claim, or register how many there are."""
    name, span = population.name, attribute.span
    if overlap != "allow" and not population.several:
        return True
    if not overlap and population.area:
        low.error(
            "missing-clause",
            f"population `{name}` may count a member-month for several {low.scope.unit}s and does not say whether it shall",
            span,
            "write `allow overlap`, or `refuse overlap`, in a line of its own",
            fixes=[Fix(f"{word} it", (edits.after(span, f"\n  {word} overlap"),)) for word in ("allow", "refuse")],
        )
        return False
    one = (MEMBER_KEY, population.moment, PERIOD, *(per_column(k) for k in population.per))
    units = (relations.Measure(UNITS, "count_distinct", column(UNIT, "text")),)
    step(
        low, f"{name}.claims", relations.Group(population.counted, one, units), span, "units that claim a member-month"
    )
    several = RowExpr(">", (column(UNITS), RowExpr("const", value=1)), kind="flag", origin=span)
    if overlap != "allow":
        step(low, f"{name}.overlaps", relations.Filter(f"{name}.claims", several), span, "claimed more than once")
        low.checks.append(
            relations.Check(
                "member-overlap",
                f"{name}.overlaps",
                (MEMBER_KEY, population.moment),
                f"population `{name}` (member-months) that more than one {low.scope.unit} claims",
                f"mend the data, or let each {low.scope.unit} count them: `allow overlap`",
                span,
            )
        )
        return True
    join = relations.Join(population.counted, f"{name}.claims", tuple((k, k) for k in one), ((UNITS, UNITS),))
    step(low, f"{name}.claimed", join, span, "rows with the number of units that claim them")
    step(low, f"{name}.shared", relations.Filter(f"{name}.claimed", several), span, "rows that count more than once")
    sums = (
        relations.Measure("member_months", "sum", column(MONTHS, scale=population.months_scale)),
        relations.Measure("members", "count_distinct", column(MEMBER_KEY, "text")),
    )
    group = relations.Group(f"{name}.shared", key_columns(population.per), sums)
    step(low, f"{name}.overlap", group, span, "what other units count, too")
    columns = (("member_months", "member_months", population.months_scale), ("members", "members", 0))
    output(low, population, f"{name}.overlap", f"{name}.overlap", columns, ("member_months", "members"))
    for word, unit, label, decimals in (
        ("member_months", MEMBER_MONTH, "member-months that count twice", population.months_scale),
        ("members", MEMBER, "members who count twice", 0),
    ):
        type_ = Type(Kind.COUNT, unit, grain(low, population.per), step=Fraction(1, 10**decimals))
        cell = low.emit(nodes.Cell(f"{name}.overlap", word), (), type_, span)
        low.register(f"{name}.overlap.{word}", cell, "input", f"{name} {label}", span, name)
    low.also(f"{name}.overlap", low.values[f"{name}.overlap.member_months"])
    return True
