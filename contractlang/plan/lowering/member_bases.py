"""Measures over the members of a population, with events of another table: visits per member, tests per patient.

The base is one row per member and period, that of the last month. `where` and `exclude` are asked of it, `members` counts
it, `member_months` adds up its months, and rows of the table named after `numerator … from` count if their member does.
"""

from __future__ import annotations

from contractlang.plan import relations
from contractlang.plan.lowering import rows
from contractlang.plan.lowering.context import Lowering
from contractlang.plan.lowering.counting import Counted, Summed, added_up, has_category, numerators, of_members
from contractlang.plan.lowering.lookups import with_lookups
from contractlang.plan.lowering.reduction import (
    MEMBER_KEY,
    MONTHS,
    OWN_PERIOD,
    PERIOD,
    UNIT,
    Population,
    all_columns,
    column,
    mark,
    member_keys,
    member_table,
    missing,
    one,
    per_column,
    per_keys,
    period_of,
    reasons,
    step,
    text,
)  # fmt: skip
from contractlang.plan.relations import RowExpr
from contractlang.semantics.types import MEMBER, MEMBER_MONTH, Kind, Type
from contractlang.syntax import ast

ALL_MONTHS = "months_of_member"
"""The months of a member in the period, all of them, beside the row of the last one."""


def over_members(block: ast.Block, population: Population) -> bool:
    """Whether a measure's base is the members of its population."""
    numerator = next((s for s in block.steps if s.word == "numerator"), None)
    return (numerator is not None and numerator.get("from") is not None) or _word(block, population) is not None


def counted_of_members(
    low: Lowering, name: str, block: ast.Block, population: Population, per: tuple[ast.Name, ...]
) -> list[Counted] | None:
    """Add numerators and denominators up over the members that count."""
    numerator, denominator = one(low, block, "numerator"), one(low, block, "denominator")
    if numerator is None or denominator is None:
        return None
    if block.source is not None:
        low.error(
            "unsupported",
            f"`{name}` counts members of `{population.name}` and reads rows of `{block.source.text}` beside them",
            block.source.span,
            "leave the `from` behind the name out, and name the table behind the numerator: `numerator X from TABLE`",
        )
        return None
    source = numerator.get("from")
    of_rows = () if source is None else tuple(n for n in per if not has_category(population.table, n.text))
    base = _base(low, name, block, population, tuple(n for n in per if n not in of_rows))
    bottom = _denominator(low, block, population, denominator)
    if base is None or bottom is None:
        return None
    counted, words = base
    below = Summed("denominator", bottom)
    if source is None:
        top = numerators(low, population.table, numerator)
        return None if top is None else added_up(low, name, block, counted, words, [*top, below])
    assert isinstance(source, ast.Name)
    above = _events(low, name, block, population, numerator, source, (counted, words), of_rows)
    return None if above is None else [*above, *added_up(low, name, block, counted, words, [below])]


def _word(block: ast.Block, population: Population) -> str | None:
    """`members` or `member_months` as denominator, where they are no column."""
    clause = next((s for s in block.steps if s.word == "denominator"), None)
    argument = None if clause is None else clause.argument
    known = isinstance(argument, ast.Name) and argument.text in ("members", "member_months")
    if block.source is not None or not known or not isinstance(argument, ast.Name):
        return None
    return argument.text if population.table.column(argument.text) is None else None


def _denominator(low: Lowering, block: ast.Block, population: Population, clause: ast.Step) -> rows.Row | None:
    word = _word(block, population)
    if word == "members":
        return rows.Row(RowExpr("const", value=1, origin=clause.span), Type(Kind.COUNT, MEMBER))
    if word == "member_months":
        months = column(ALL_MONTHS, scale=population.months_scale)
        return rows.Row(months, Type(Kind.COUNT, MEMBER_MONTH))
    assert clause.argument is not None
    return rows.lower_row(low, population.table, clause.argument)


def _base(
    low: Lowering, name: str, block: ast.Block, population: Population, per: tuple[ast.Name, ...]
) -> tuple[str, tuple[str, ...]] | None:
    """The members that count, one row each, and the further keys of the rows."""
    span = block.span
    left_out = reasons(low, population.table, block)
    keys = per_keys(low, population.table, per, population)
    if left_out is None or keys is None:
        return None
    source = population.home
    if _word(block, population) == "member_months":
        months = relations.Measure(ALL_MONTHS, "sum", column(MONTHS, scale=population.months_scale))
        one = (MEMBER_KEY, PERIOD, *((UNIT,) if population.several else ()))
        group = relations.Group(population.counted, one, (months,))
        totals = step(low, f"{name}.months", group, span, "months of each member")
        join = relations.Join(source, totals, tuple((k, k) for k in one), ((ALL_MONTHS, ALL_MONTHS),))
        source = step(low, f"{name}.with_months", join, span, "members with their months")
    source = with_lookups(low, source, population.table)
    if keys:
        derived = relations.Derive(source, tuple((per_column(k), e) for k, e in keys))
        source = step(low, f"{name}.keyed", derived, span, "further keys of each member")
    return mark(low, name, source, left_out, span), tuple(k for k, _ in keys)


def _events(
    low: Lowering,
    name: str,
    block: ast.Block,
    population: Population,
    clause: ast.Step,
    source: ast.Name,
    base: tuple[str, tuple[str, ...]],
    per: tuple[ast.Name, ...],
) -> list[Counted] | None:
    """Rows of another table, with the unit and the keys of their member."""
    counted, words = base
    table = member_table(low, source)
    if table is None:
        return None
    summed = numerators(low, table, clause)
    member = member_keys(low, table, ast.Block(block.kind, name, (), span=source.span))
    by = per_keys(low, table, per)
    if summed is None or member is None or by is None:
        return None
    span, prefix = clause.span, f"{name}.numerators"
    key, moment = member
    scan = step(low, f"{prefix}.scan", relations.Scan(table.name, all_columns(table)), span, f"rows of {table.name}")
    period = period_of(low, moment)
    placed = (
        (PERIOD, period),
        (OWN_PERIOD, period),
        (MEMBER_KEY, column(key, "text")),
        *((per_column(k), e) for k, e in by),
    )
    step(low, f"{prefix}.placed", relations.Derive(scan, placed), span, "member and period of each row")
    added = ((UNIT, UNIT), *((per_column(w), per_column(w)) for w in words))
    joined = with_lookups(low, of_members(low, prefix, population, counted, added, span), table)
    outside = [missing(column(UNIT, "text")), text(f"member does not count in `{name}`")]
    kept = mark(low, prefix, joined, outside, span)
    return added_up(low, prefix, block, kept, (*words, *(k for k, _ in by)), summed)
