"""`population`: who counts, when, and for whom.

Every row of the member table is marked with its unit, period and, if it does not count, the first reason why. Nothing
is dropped without a reason: accounts keep the numbers of rows left out.
"""

from __future__ import annotations

from fractions import Fraction

from contractlang.diagnostics import edits
from contractlang.plan import nodes, relations
from contractlang.plan.lowering import attribution, overlaps, rows
from contractlang.plan.lowering.context import Lowering
from contractlang.plan.lowering.privacy import sees_no_money
from contractlang.plan.lowering.reduction import (
    MEMBER_KEY,
    MONTHS,
    OWN_PERIOD,
    PERIOD,
    REASON,
    Population,
    account,
    all_columns,
    column,
    counts,
    grain,
    key_columns,
    mark,
    member_keys,
    member_table,
    one,
    output,
    per_column,
    per_keys,
    period_of,
    reasons,
    step,
    text,
)  # fmt: skip
from contractlang.plan.lowering.rosters import moved
from contractlang.plan.relations import RowExpr
from contractlang.semantics.model import TableSchema
from contractlang.semantics.types import MEMBER, MEMBER_MONTH, Kind, Type
from contractlang.source import Span
from contractlang.syntax import ast


def lower_population(low: Lowering, name: str, block: ast.Block) -> bool:
    """Register `name.member_months` and `name.members`; False after a report."""
    assert block.source is not None
    table = member_table(low, block.source)
    keys = None if table is None else member_keys(low, table, block)
    attribute = one(low, block, "attribute")
    overlap = overlaps.wanted(low, block)
    if not _unconditional(low, block) or overlap is None or table is None or keys is None or attribute is None:
        return False
    if not sees_no_money(low, block, table):
        return False
    member, moment = keys
    levels = tuple(n for n in block.per if n.text in low.scope.levels)
    per = per_keys(low, table, tuple(n for n in block.per if n not in levels))
    months = _months(low, table, block)
    left_out = reasons(low, table, block)
    if per is None or months is None or left_out is None or not _settles(low, attribute):
        return False
    span = block.span
    scan = step(low, f"{name}.scan", relations.Scan(table.name, all_columns(table)), span, f"rows of {table.name}")
    derived = (
        (PERIOD, period_of(low, moment, span)),
        (OWN_PERIOD, period_of(low, moment, span)),
        (MEMBER_KEY, column(member, "text")),
        (MONTHS, months),
        *((per_column(k), e) for k, e in per),
    )
    placed = step(low, f"{name}.placed", relations.Derive(scan, derived), span, "period, member and months of each row")
    rebuild = next((s for s in block.steps if s.word == "rebuild"), None)
    attributed = attribution.attribute(low, name, attribute, table, placed, moment, rebuild, levels)
    if attributed is None:
        return False
    source, eligible = _eligibility(low, name, block, attributed.rows, months.scale)
    source = attribution.spread(low, name, attributed, source, attribute.span)
    counted = mark(low, name, source, [*attributed.reasons, *left_out, *eligible], span)
    words = (*(k for k, _ in per), *(n.text for n in levels))
    counted_months = (("months", column(MONTHS, scale=months.scale)),)
    account(low, name, words, span, counted_months)
    if attributed.roster is not None:
        gone = RowExpr("is", (column(REASON, "text"), text(attributed.left_roster)), kind="flag")
        stays = RowExpr("or", (counts(), gone), kind="flag")
        known = step(
            low, f"{name}.known", relations.Filter(f"{name}.marked", stays), span, "rows on the roster, or not"
        )
        moved(low, name, attributed.roster, known, words, counted_months, attribute.span)
    several = attributed.area is not None or sum(k.role == "open" for k in table.keys) > 1
    rebuilt = rebuild is not None
    home = _home(low, name, span, moment)
    by_area = attributed.area is not None
    population = Population(
        name, table, member, moment, words, counted, home, months.scale, attributed.roster, rebuilt, several, by_area
    )
    low.populations[name] = population
    _outputs(low, population, span)
    return overlaps.lower_overlap(low, population, overlap, attribute)


def _unconditional(low: Lowering, block: ast.Block) -> bool:
    """Whether every clause holds always; a condition behind one would say nothing, and is reported."""
    conditional = [(s, w) for s in block.steps if (w := s.get("when")) is not None]
    for clause, when in conditional:
        tail = Span(when.span.file, clause.span.start + clause.span.text.rindex(" when "), when.span.end)
        low.error(
            "unsupported",
            f"`{clause.word}` of a population holds for all rows, and cannot stand under a condition",
            when.span,
            "put the condition into a `where` or `exclude` clause",
            fixes=[edits.instead(tail, "", "leave the condition out")],
        )
    return not conditional


def _eligibility(low: Lowering, name: str, block: ast.Block, source: str, scale: int) -> tuple[str, list[RowExpr]]:
    """`eligible at least N months`: a member's rows count only with so many member-months in the period."""
    clause = next((s for s in block.steps if s.word == "eligible"), None)
    if clause is None or not isinstance(clause.argument, ast.Number):
        return source, []
    total = (relations.Measure("covered_months", "sum", column(MONTHS, scale=scale)),)
    step(
        low,
        f"{name}.covered",
        relations.Group(source, (MEMBER_KEY, PERIOD), total),
        clause.span,
        "months of each member",
    )
    on = ((MEMBER_KEY, MEMBER_KEY), (PERIOD, PERIOD))
    join = relations.Join(source, f"{name}.covered", on, (("covered_months", "covered_months"),))
    joined = step(low, f"{name}.with_months", join, clause.span, "rows with the months of their member")
    least = RowExpr("const", value=int(clause.argument.value * 10**scale), scale=scale)
    short = RowExpr("<", (column("covered_months", scale=scale), least), kind="flag", origin=clause.span)
    return joined, [short, text(f"fewer than {clause.argument.span.text}")]


def _settles(low: Lowering, attribute: ast.Step) -> bool:
    to = attribute.get("to")
    if isinstance(to, ast.Name) and to.text not in (low.scope.unit, "network"):
        low.error(
            "unknown-name",
            f"`{to.text}` is not what the contract settles",
            to.span,
            f"write `attribute to {low.scope.unit} by …`",
        )
        return False
    return True


def _months(low: Lowering, table: TableSchema, block: ast.Block) -> RowExpr | None:
    """How many member-months a row stands for: one, unless the contract says otherwise."""
    stated = next((s for s in block.steps if s.word == "months"), None)
    if stated is None:
        return RowExpr("const", value=1, scale=0, origin=block.span)
    assert stated.argument is not None
    found = rows.lower_row(low, table, stated.argument)
    return None if found is None else found.expr


def _outputs(low: Lowering, population: Population, span: Span) -> None:
    name, scale = population.name, population.months_scale
    totals = (
        relations.Measure("member_months", "sum", column(MONTHS, scale=scale)),
        relations.Measure("members", "count_distinct", column(MEMBER_KEY, "text")),
    )
    group = relations.Group(population.counted, key_columns(population.per), totals)
    step(low, f"{name}.totals", group, span, "member-months and members")
    columns = (("member_months", "member_months", scale), ("members", "members", 0))
    output(low, population, name, f"{name}.totals", columns, ("member_months", "members"))
    for word, unit, label, decimals in (
        ("member_months", MEMBER_MONTH, "member-months", scale),
        ("members", MEMBER, "members", 0),
    ):
        type_ = Type(Kind.COUNT, unit, grain(low, population.per), step=Fraction(1, 10**decimals))
        cell = low.emit(nodes.Cell(name, word), (), type_, span)
        low.register(f"{name}.{word}", cell, "input", f"{name} {label}", span, name)


def _home(low: Lowering, name: str, span: Span, moment: str) -> str:
    """One row per member and period: that of the last month that counts."""
    last = relations.Measure("last_moment", "max", column(moment, "text"))
    group = relations.Group(f"{name}.counted", (MEMBER_KEY, PERIOD), (last,))
    step(low, f"{name}.last", group, span, "last month of each member")
    on = ((MEMBER_KEY, MEMBER_KEY), (PERIOD, PERIOD), (moment, "last_moment"))
    join = relations.Join(f"{name}.counted", f"{name}.last", on, ())
    return step(low, f"{name}.home", join, span, "the row of the last month")
