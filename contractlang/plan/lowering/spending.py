"""`spending`: dollars of a population, step by step, and per member per month."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction

from contractlang.plan import nodes, relations
from contractlang.plan.builder import Ref
from contractlang.plan.lowering import expressions, rows
from contractlang.plan.lowering.context import Lowering
from contractlang.plan.lowering.lookups import with_lookups
from contractlang.plan.lowering.privacy import may_read
from contractlang.plan.lowering.reduction import (
    BEFORE,
    ENTRY,
    MEMBER_KEY,
    MONTHS,
    OWN_PERIOD,
    PERIOD,
    UNIT,
    Population,
    account,
    all_columns,
    column,
    grain,
    key_columns,
    mark,
    member_keys,
    member_table,
    missing,
    one,
    output,
    per_column,
    period_of,
    reasons,
    settlement_keys,
    step,
    text,
)  # fmt: skip
from contractlang.plan.lowering.rosters import moved
from contractlang.plan.relations import RowExpr
from contractlang.semantics import typing
from contractlang.semantics.model import TableSchema
from contractlang.semantics.types import USD, Kind, Type
from contractlang.syntax import ast


def lower_spending(low: Lowering, name: str, block: ast.Block) -> bool:
    """Register the running values, `name.total` and `name.pmpm`; False after a report."""
    written = block
    if block.like is not None:
        like = low.scope.items.get(block.like.text)
        if not isinstance(like, ast.Block) or like.kind != "spending":
            known = [n for n, i in low.scope.items.items() if isinstance(i, ast.Block) and i.kind == "spending"]
            low.scope.unknown(block.like, known, "spending")
            return False
        low.used.add(block.like.text)
        written = ast.Block(
            "spending", block.name, like.steps, like.source, block.subject, None, like.per, block.notes, span=block.span
        )
    population = population_of(low, written)
    amount_clause = one(low, written, "amount")
    if population is None or amount_clause is None:
        return False
    found = _rows(low, name, written, population)
    if found is None:
        return False
    assert amount_clause.argument is not None
    amount = rows.lower_row(low, found.table, amount_clause.argument)
    if amount is None:
        return False
    if amount.type.unit != USD:
        what = f"spending adds up money, here is `{amount.type.unit}`"
        low.error("unit-mismatch", what, amount_clause.argument.span, "name columns in `USD`")
        return False
    scale = amount.expr.scale
    counted = _carved_out(low, name, written, population, found, amount.expr)
    if counted is None:
        return False
    derived = relations.Derive(counted, (("amount", amount.expr),))
    step(low, f"{name}.rows", derived, amount_clause.span, "the amount of each row")
    if population.roster is not None:
        sums = (("amount", column("amount", scale=scale)),)
        moved(low, name, population.roster, f"{name}.rows", population.per, sums, amount_clause.span)
    truncate = next((s for s in written.steps if s.word == "truncate"), None)
    values = [("amount", "before any step" if truncate else "total", amount_clause)]
    if truncate is not None:
        if not _truncated(low, name, truncate, found.table, population, scale):
            return False
        values.append(("truncate", "after truncation", truncate))
    else:
        measures = (relations.Measure("amount", "sum", column("amount", scale=scale)),)
        group = relations.Group(f"{name}.rows", key_columns(population.per), measures)
        step(low, f"{name}.totals", group, block.span, "total amount")
    prorated = truncate is not None and truncate.get("mode") is not None
    scales = {"amount": scale, "truncate": scale + (population.months_scale if prorated else 0)}
    columns = tuple((c, c, scales[c]) for c, _, _ in values)
    output(low, population, name, f"{name}.totals", columns, tuple(c for c, _, _ in values))
    running: Ref | None = None
    for word, label, clause in values:
        type_ = Type(Kind.MONEY, USD, grain(low, population.per), step=Fraction(1, 10**scale))
        cell = low.emit(nodes.Cell(name, word), (), type_, clause.span)
        if word == "truncate" and prorated:
            twelfth = low.constant(Fraction(1, 12), Type(Kind.NUMBER), clause.span)
            cell = low.emit(nodes.Arithmetic("*"), (cell, twelfth), replace(type_, step=None), clause.span)
        running = low.register(f"{name}.{word}", cell, "input", f"{name} {label}", clause.span, name, clause.word)
    assert running is not None
    return _totals(low, name, written, running)


def population_of(low: Lowering, block: ast.Block) -> Population | None:
    assert block.subject is not None
    low.used.add(block.subject.text)
    found = low.populations.get(block.subject.text)
    if found is None and block.subject.text not in low.broken:
        low.scope.unknown(block.subject, list(low.populations), "population")
    return found if found is None or may_read(low, block, found.name) else None


@dataclass(frozen=True, slots=True)
class _Rows:
    """The step whose rows may carry the spending, and their table.

    `moment` is the column that places a row in time where the rows come from another table than the population's: they
    then hold rows, too, that meet no member-month that counts.
    """

    step: str
    table: TableSchema
    moment: str | None = None


def _rows(low: Lowering, name: str, block: ast.Block, population: Population) -> _Rows | None:
    """The population's own rows that count, or those of another table beside the member-months that count."""
    if block.source is None or block.source.text == population.table.name:
        return _Rows(population.counted, population.table)
    table = member_table(low, block.source)
    keys = None if table is None else member_keys(low, table, ast.Block("spending", name, (), span=block.source.span))
    if table is None or keys is None:
        return None
    member, moment = keys
    span = block.source.span
    scan = step(low, f"{name}.scan", relations.Scan(table.name, all_columns(table)), span, f"rows of {table.name}")
    placed = ((MEMBER_KEY, column(member, "text")), ("moment", column(moment, "text")))
    step(low, f"{name}.placed", relations.Derive(scan, placed), span, "member and month of each row")
    wanted = (UNIT, PERIOD, OWN_PERIOD, MONTHS, *(per_column(k) for k in population.per))
    wanted += () if population.roster is None else (ENTRY, BEFORE)
    on = ((MEMBER_KEY, MEMBER_KEY), ("moment", population.moment))
    added = tuple((c, c) for c in wanted)
    join = relations.Join(f"{name}.placed", population.counted, on, added, left=True, many=not population.once)
    return _Rows(step(low, f"{name}.covered", join, span, f"member-months of {population.name}"), table, "moment")


def _carved_out(
    low: Lowering, name: str, block: ast.Block, population: Population, found: _Rows, amount: RowExpr
) -> str | None:
    """The rows that count; an account keeps rows and dollars of the others, by reason. None after a report."""
    cases = reasons(low, found.table, block)
    if cases is None:
        return None
    source = with_lookups(low, found.step, found.table)
    if found.moment is not None:
        outside = text(f"no member-month that counts in `{population.name}`")
        cases = [missing(column(UNIT, "text"), block.span), outside, *cases]
    if not cases:
        return source
    counted = mark(low, f"{name}.exclude", source, cases, block.span)
    if found.moment is not None:
        # Rows without a member-month belong to no group, yet lie in a period.
        own = period_of(low, found.moment, block.span)
        period = RowExpr(
            "case", (missing(column(PERIOD, "text")), own, column(PERIOD, "text")), kind="text", origin=block.span
        )
        derived = relations.Derive(f"{name}.exclude.marked", ((PERIOD, period),))
        step(low, f"{name}.exclude.dated", derived, block.span, "the period of each row")
    account(
        low,
        f"{name}.exclude",
        population.per,
        block.span,
        (("amount", amount),),
        source=f"{name}.exclude.dated" if found.moment is not None else None,
    )
    return counted


def _truncated(
    low: Lowering, name: str, clause: ast.Step, table: TableSchema, population: Population, scale: int
) -> bool:
    """`truncate at X per member per year`: the member's total in the period, not above X, per unit.

    Prorated: a member with m months counts to at most X * m / 12. Both sides are taken times 12, so that nothing is
    divided before the sum; the settle stage divides the total.
    """
    assert clause.argument is not None
    limit = rows.lower_row(low, table, clause.argument)
    if limit is None:
        return False
    if limit.expr.op not in ("const", "rescale") or limit.type.unit != USD:
        found = "one that varies by row" if limit.type.unit == USD else typing.described(limit.type)
        what = f"`truncate at` needs an amount of money, this is {found}"
        low.error(
            "unit-mismatch", what, clause.argument.span, "write an amount like `$250_000`, also where it is declared"
        )
        return False
    if low.scope.period != "year":
        what = f"truncation per year needs a settlement per year, this one is per {low.scope.period}"
        low.error("grain-mismatch", what, clause.span)
        return False
    by = (*key_columns(population.per), MEMBER_KEY)
    prorated = clause.get("mode") is not None
    months = population.months_scale
    per_member = (
        relations.Measure("amount", "sum", column("amount", scale=scale)),
        relations.Measure("months", "sum", column(MONTHS, scale=months)),
    )
    step(low, f"{name}.member", relations.Group(f"{name}.rows", by, per_member), clause.span, "total of each member")
    top, cost = rows.aligned(limit.expr, column("amount", scale=scale))
    if cost.scale != scale:
        low.error("unit-mismatch", "the limit has more decimals than the amounts", clause.span)
        return False
    if prorated:
        twelve = RowExpr("const", value=12 * 10**months, scale=months)
        cost = RowExpr("*", (cost, twelve), scale=scale + months)
        top = RowExpr("*", (top, column("months", scale=months)), scale=scale + months)
    kept = RowExpr("least", (cost, top), scale=cost.scale, origin=clause.span)
    one_row, none = RowExpr("const", value=1), RowExpr("const", value=0)
    cut = RowExpr("case", (RowExpr(">", (cost, top), kind="flag"), one_row, none))
    derived = relations.Derive(f"{name}.member", (("truncate", kept), ("cut", cut)))
    step(low, f"{name}.cut", derived, clause.span, "not above the limit")
    sums = (
        relations.Measure("amount", "sum", column("amount", scale=scale)),
        relations.Measure("truncate", "sum", column("truncate", scale=kept.scale)),
        relations.Measure("rows", "sum", column("cut")),
    )
    group = relations.Group(f"{name}.cut", key_columns(population.per), sums)
    step(low, f"{name}.totals", group, clause.span, "totals before and after truncation")
    columns = (("amount", "amount", scale), ("truncate", "truncate", kept.scale))
    keys = settlement_keys(low, population.per)
    low.accounts.append(relations.Account(f"{name}.truncate", f"{name}.totals", keys, columns))
    return True


def _totals(low: Lowering, name: str, block: ast.Block, running: Ref) -> bool:
    for clause in block.steps:
        if clause.word == "complete":
            assert clause.argument is not None
            factor = expressions.numeric(low, clause.argument, "`complete`")
            after = None if factor is None else expressions.operate(low, "/", running, factor, clause.span)
            if after is None:
                return False
            label = f"{name} completed for run-out"
            running = low.register(f"{name}.complete", after, "step", label, clause.span, name, "complete")
    total = low.register(f"{name}.total", running, "amount", f"{name} total", block.span, name)
    low.also(name, total)
    assert block.subject is not None
    months = low.values[f"{block.subject.text}.member_months"]
    pmpm = expressions.operate(low, "/", total, months, block.span)
    if pmpm is None:
        return False
    low.register(f"{name}.pmpm", pmpm, "step", f"{name} pmpm", block.span, name)
    return True
