"""`payment … as fee uplift on TABLE where … = RATE`: a part of the standard fees of listed services.

The rows of the table are added up in the reduce stage: the fees of the services that count, and their number. The rows
that do not count keep the reason why.
"""

from __future__ import annotations

import calendar
from dataclasses import dataclass, replace
from fractions import Fraction

from contractlang.diagnostics import edits
from contractlang.diagnostics.diagnostic import Edit, Fix
from contractlang.plan import nodes, relations
from contractlang.plan.builder import Ref
from contractlang.plan.lowering import calls, expressions, pipeline, rows
from contractlang.plan.lowering.context import FLAG, Lowering
from contractlang.plan.lowering.reduction import (
    PERIOD,
    UNIT,
    account,
    all_columns,
    column,
    key_columns,
    mark,
    missing,
    period_of,
    settlement_keys,
    step,
    text,
    words,
)  # fmt: skip
from contractlang.plan.relations import RowExpr
from contractlang.semantics.model import ColumnSchema, TableSchema
from contractlang.semantics.schedules import month_of
from contractlang.semantics.scope import PERIODS
from contractlang.semantics.types import EVENT, USD, Kind, Type
from contractlang.semantics.typing import described
from contractlang.source import Span
from contractlang.syntax import ast
from contractlang.values import State


@dataclass(frozen=True, slots=True)
class _Fees:
    """The table of services: the key that places a row in time, and for each row its fees and its number of services."""

    table: TableSchema
    moment: str
    fees: RowExpr
    number: RowExpr | None


def lower_uplift(low: Lowering, name: str, item: ast.Payment, uplift: ast.Uplift) -> Ref | None:
    """The amount: rate times fees, rounded where the clause says so. Registers `name.fees`, `name.services`, `name.rate`."""
    rate = _rate(low, name, item)
    fees = _fees(low, uplift)
    if fees is None or rate is None:
        return None
    later = _later(low, uplift)
    listed = _listed(low, fees, uplift)
    in_force = _in_force(low, fees, uplift)
    if later is None or listed is None or in_force is None:
        return None
    number = _reduced(low, name, fees, [*listed, *in_force], later, uplift.span)
    type_ = Type(Kind.MONEY, USD, low.settled, step=Fraction(1, 10**fees.fees.scale))
    total: Ref = low.emit(nodes.Cell(name, "fees"), (), type_, uplift.span)
    total = _only_with_data(low, name, fees, uplift, total)
    total = low.register(f"{name}.fees", total, "input", "standard fees of the listed services", uplift.span, name)
    if number:
        count = Type(Kind.COUNT, EVENT, low.settled, step=Fraction(1))
        cell = low.emit(nodes.Cell(name, "services"), (), count, uplift.span)
        low.register(f"{name}.services", cell, "input", "listed services", uplift.span, name)
    rate = low.register(f"{name}.rate", rate, "argument", "fee uplift", item.body.span, name)
    amount = pipeline.product(low, total, rate, uplift.span)
    if amount is None or uplift.step is None:
        return amount
    return calls.round_node(low, amount, uplift.step, uplift.mode, uplift.span)


def rounded(uplift: ast.Uplift) -> Fix:
    """Rounding written where the clause ends."""
    clause = ", round to cents, half away from zero"
    return Fix("round to cents", (edits.after(uplift.span, clause),))


def _rate(low: Lowering, name: str, item: ast.Payment) -> Ref | None:
    rate = expressions.lower_body(low, item.body)
    if rate is None:
        return None
    type_ = low.type(rate)
    if not type_.numeric or type_.unit.powers:
        low.error(
            "unit-mismatch",
            f"a fee uplift is a rate, here is {described(type_)}",
            item.body.span,
            "write the part of the fees that is paid on top: `15%`",
            fixes=[edits.instead(item.body.span, f"{item.body.value}%")] if isinstance(item.body, ast.Number) else [],
        )
        return None
    if extra := low.beyond(rate):
        low.too_fine(rate, item.body, f"the rate of `{name}`", extra)
        return None
    return rate


# The table of services -----------------------------------------------------------------------------------------------


def _fees(low: Lowering, uplift: ast.Uplift) -> _Fees | None:
    name = uplift.fees
    table = low.declared.inputs.get(name.text)
    wanted = ""
    if table is None and len(name.parts) > 1:
        table = low.declared.inputs.get(".".join(name.parts[:-1]))
        wanted = name.parts[-1]
    if table is None:
        known = [n for n, t in low.declared.inputs.items() if t.member_level]
        low.scope.unknown(name, known, "input")
        return None
    low.used.add(table.name)
    keys = {k.role: k.name for k in table.keys}
    if "unit" not in keys or "period" not in keys or not table.member_level:
        low.error(
            "grain-mismatch",
            f"`{table.name}` does not list services: it is keyed by {', '.join(k.name for k in table.keys)}",
            name.span,
            f"key it `per {low.scope.unit}, month, code`",
            fixes=[edits.instead(name.span, spelling) for spelling in _services(low)],
        )
        return None
    moment = keys["period"]
    if PERIODS[moment] > PERIODS[low.scope.period]:
        low.error("grain-mismatch", f"`{table.name}` is per {moment}, the settlement per {low.scope.period}", name.span)
        return None
    money = _money_column(low, table, wanted, name)
    if money is None:
        return None
    number = _number_column(table)
    counted = None if number is None else _cell(number)
    fees = _cell(money)
    if money.type.unit != USD:  # a fee for each service
        if number is None or counted is None or money.type.unit * number.type.unit != USD:
            low.error(
                "unit-mismatch",
                f"`{money.name}` is {described(money.type)}, and `{table.name}` has no column that says how many",
                name.span,
                "declare one column in `events`, or fees in `USD`",
            )
            return None
        fees = RowExpr("*", (fees, counted), scale=fees.scale + counted.scale)
    return _Fees(table, moment, fees, counted)


def _services(low: Lowering) -> list[str]:
    """The columns of money of all tables that list services."""
    tables = [t for t in low.declared.inputs.values() if t.member_level]
    tables = [t for t in tables if {"unit", "period"} <= {k.role for k in t.keys}]
    return [f"{t.name}.{c.name}" for t in tables for c in t.columns if c.type.kind is Kind.MONEY]


def _money_column(low: Lowering, table: TableSchema, wanted: str, name: ast.Name) -> ColumnSchema | None:
    """The column that is named, or the only one that holds money."""
    money = [c for c in table.columns if c.type.kind is Kind.MONEY]
    if wanted:
        found = next((c for c in money if c.name == wanted), None)
        if found is None:
            low.scope.unknown(name, [f"{table.name}.{c.name}" for c in money], "column of money")
        return found
    if len(money) == 1:
        return money[0]
    listed = [f"{table.name}.{c.name}" for c in money]
    what = f"several columns of money: {', '.join(listed)}" if money else "no column of money"
    low.error(
        "ambiguous-name",
        f"`{table.name}` has {what}",
        name.span,
        f"say which are the fees: `on {listed[0]}`" if listed else "declare the fees in `USD`",
        fixes=[edits.instead(name.span, spelling) for spelling in listed],
    )
    return None


def _number_column(table: TableSchema) -> ColumnSchema | None:
    """The only column that says how many services a row stands for."""
    found = [c for c in table.columns if c.type.unit == EVENT]
    return found[0] if len(found) == 1 else None


def _cell(schema: ColumnSchema) -> RowExpr:
    return RowExpr("column", value=schema.name, scale=schema.scale)


# Which rows count ----------------------------------------------------------------------------------------------------


def _in_the_same_period(later: ast.Number) -> Fix:
    """`paid in year + N` left out, with the blank before it."""
    start = later.span.file.text.rfind("paid", 0, later.span.start)
    place = Span(later.span.file, start - 1, later.span.end)
    return edits.instead(place, "", f"leave `{place.text.strip()}` out")


def _listed(low: Lowering, fees: _Fees, uplift: ast.Uplift) -> list[RowExpr] | None:
    """Pairs of condition and reason for services that are not listed."""
    if uplift.listed is None:
        return []
    condition = rows.lower_row(low, fees.table, uplift.listed, FLAG)
    if condition is None:
        return None
    unknown = missing(condition.expr, uplift.listed.span)
    other = RowExpr("not", (condition.expr,), kind="flag", origin=uplift.listed.span)
    said = words(uplift.listed)
    return [unknown, text(f"unknown whether {said}"), other, text(f"not {said}")]


def _in_force(low: Lowering, fees: _Fees, uplift: ast.Uplift) -> list[RowExpr] | None:
    """Pairs of condition and reason for services before and after the days on which the uplift is in force."""
    if uplift.term is None:
        return []
    first, last = uplift.term
    months = PERIODS[fees.moment]
    if low.scope.first_month > 1 and months > 1:
        low.error(
            "unsupported",
            f"`{fees.table.name}` is per {fees.moment} of a year that does not start in January: days are not told apart",
            first.span.to(last.span),
            "bind the services per month",
        )
        return None
    begins, ends = first.value, last.value
    whole = begins.day == 1 and (begins.month - 1) % months == 0
    whole = whole and ends.day == calendar.monthrange(ends.year, ends.month)[1] and ends.month % months == 0
    if not whole or begins > ends:
        low.error(
            "mid-period-change" if begins <= ends else "cap-below-floor",
            f"`{fees.table.name}` knows services by {fees.moment}, and these days are no whole {fees.moment}s"
            if begins <= ends
            else "the last day lies before the first",
            first.span.to(last.span),
            f"begin with the first and end with the last day of a {fees.moment}",
            fixes=[_whole_periods(first, last, months)],
        )
        return None
    month = RowExpr("period", (column(fees.moment, "text"),), value=1, kind="text")
    early, late = f"{begins.year}-{begins.month:02d}", f"{ends.year}-{ends.month:02d}"
    # A longer period is compared by its first month, which lies inside exactly when the period does.
    before = RowExpr("<", (month, text(early)), kind="flag", origin=first.span)
    after = RowExpr(">", (month, text(late)), kind="flag", origin=last.span)
    return [before, text(f"before {first.span.text}"), after, text(f"after {last.span.text}")]


def _whole_periods(first: ast.Date, last: ast.Date, months: int) -> Fix:
    """The two days moved outwards to the ends of their periods, in the order of time."""
    begins, ends = sorted((first.value, last.value))
    start = (begins.month - 1) // months * months + 1
    end = ((ends.month - 1) // months + 1) * months
    days = calendar.monthrange(ends.year, end)[1]
    early, late = f"{begins.year}-{start:02d}-01", f"{ends.year}-{end:02d}-{days}"
    return Fix(f"write `{early} to {late}`", (Edit(first.span, early), Edit(last.span, late)))


def _later(low: Lowering, uplift: ast.Uplift) -> int | None:
    """How many years after the settled one the services are rendered."""
    if uplift.later is None:
        return 0
    years = uplift.later.value
    if low.scope.period != "year" or years.denominator != 1 or years < 1:
        low.error(
            "unsupported",
            f"`paid in year + {uplift.later.span.text}` needs a settlement per year, and whole years",
            uplift.later.span,
            "settle per year and write `paid in year + 1`",
            fixes=[_in_the_same_period(uplift.later)],
        )
        return None
    return int(years)


def _reduced(low: Lowering, name: str, fees: _Fees, left_out: list[RowExpr], later: int, span: Span) -> bool:
    """Add up the rows that count; gives whether their number is known."""
    table = fees.table
    scan = step(low, f"{name}.scan", relations.Scan(table.name, all_columns(table)), span, f"rows of {table.name}")
    period = period_of(low, fees.moment, span)
    if later:
        period = RowExpr("later", (period,), value=-later, kind="text", origin=span)
    derived: tuple[tuple[str, RowExpr], ...] = ((UNIT, column(low.scope.unit, "text")), (PERIOD, period))
    derived += (("fees", fees.fees),)
    if fees.number is not None:
        derived += (("services", fees.number),)
    step(low, f"{name}.placed", relations.Derive(scan, derived), span, "period, fees and number of each row")
    counted = mark(low, name, f"{name}.placed", left_out, span)
    account(low, name, (), span, (("fees", column("fees", scale=fees.fees.scale)),))
    measures = [relations.Measure("fees", "sum", column("fees", scale=fees.fees.scale))]
    columns = [("fees", "fees", fees.fees.scale)]
    if fees.number is not None:
        measures.append(relations.Measure("services", "sum", column("services", scale=fees.number.scale)))
        columns.append(("services", "services", fees.number.scale))
    group = relations.Group(counted, key_columns(), tuple(measures))
    step(low, f"{name}.totals", group, span, "fees and number of the services that count")
    filled = tuple(c for c, _, _ in columns)
    low.outputs.append(relations.Output(name, f"{name}.totals", settlement_keys(low), tuple(columns), filled))
    rows_there = relations.Group(f"{name}.placed", (PERIOD,), (relations.Measure("rows", "count"),))
    step(low, f"{name}.there", rows_there, span, "whether anybody's services are known")
    keys = ((low.scope.period, PERIOD),)
    low.outputs.append(relations.Output(f"{name}.there", f"{name}.there", keys, (("rows", "rows", 0),), ("rows",)))
    return fees.number is not None


def _only_with_data(low: Lowering, name: str, fees: _Fees, uplift: ast.Uplift, total: Ref) -> Ref:
    """The fees are missing, not zero, as long as nobody's services of the period are known.

    A period in which the uplift is not in force needs no services: its fees are zero.
    """
    span, later = uplift.span, _later(low, uplift) or 0
    grain = frozenset({low.scope.period})
    there = low.emit(nodes.Cell(f"{name}.there", "rows"), (), Type(Kind.COUNT, grain=grain, step=Fraction(1)), span)
    none = low.constant(Fraction(0), Type(Kind.COUNT, step=Fraction(0)), span)
    known = low.emit(nodes.Compare(">"), (there, none), replace(FLAG, grain=grain), span)
    when = (
        f"{later} year{'s' if later > 1 else ''} after the {low.scope.period}" if later else f"the {low.scope.period}"
    )
    gone = low.absent(State.MISSING, f"`{fees.table.name}` has no services of {when}", low.type(total), span)
    found = pipeline.choose(low, known, total, gone, span)
    asked = _asked(low, name, uplift, later)
    return found if asked is None else pipeline.choose(low, asked, found, pipeline.zero_like(low, total, span), span)


def _asked(low: Lowering, name: str, uplift: ast.Uplift, later: int) -> Ref | None:
    """Whether the uplift is in force at all in a period; None where it is in every period of the term."""
    if uplift.term is None or low.scope.term is None:
        return None
    begins, ends = (month_of(day.value) for day in uplift.term)
    first, last = (month_of(day) for day in low.scope.term)
    months = PERIODS[low.scope.period]
    rows_: list[nodes.TermsRow] = []
    starts = low.scope.first_month - 1
    for month in range(first - (first - starts) % 12, last - (last - starts) % 12 + 12, months):
        moved = month + 12 * later
        year, place = divmod(month - starts, 12)
        keys: tuple[Fraction, ...] = (Fraction(year),)
        if months < 12:
            keys = (*keys, Fraction(month % 12 + 1 if months == 1 else place // months + 1))
        rows_.append(nodes.TermsRow(keys, moved <= ends and begins < moved + months, uplift.span))
    if all(row.value for row in rows_):
        return None
    grain = frozenset({low.scope.period})
    number = Type(Kind.NUMBER, grain=grain, step=Fraction(1))
    words_ = ("year",) if months == 12 else ("year", low.scope.period)
    args = tuple(low.emit(nodes.Key(word), (), number, uplift.span) for word in words_)
    op = nodes.Terms(f"{name} in force", "value", tuple(rows_))
    return low.emit(op, args, replace(FLAG, grain=grain), uplift.span)
