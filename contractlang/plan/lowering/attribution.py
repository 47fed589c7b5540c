"""`attribute to UNIT by …`: a given column, or the plurality of visits, with dated rosters between practice and unit."""

from __future__ import annotations

from contractlang.plan import relations
from contractlang.plan.lowering import rows
from contractlang.plan.lowering.context import Lowering
from contractlang.plan.lowering.reduction import (
    MEMBER_KEY,
    PERIOD,
    UNIT,
    all_columns,
    column,
    member_keys,
    member_table,
    period_of,
    step,
)  # fmt: skip
from contractlang.plan.relations import RowExpr
from contractlang.semantics.model import TableSchema
from contractlang.semantics.scope import PERIODS
from contractlang.semantics.types import Kind
from contractlang.source import Span
from contractlang.syntax import ast


def attribute(low: Lowering, name: str, clause: ast.Step, table: TableSchema, placed: str) -> str | None:
    """The step whose rows carry their unit; None after a report."""
    by = clause.get("by")
    if by is not None:
        unit = rows.lower_row(low, table, by)
        if unit is None:
            return None
        derived = relations.Derive(placed, ((UNIT, unit.expr),))
        return step(low, f"{name}.attributed", derived, clause.span, "the unit of each row")
    return _plurality(low, name, clause, placed)


def _plurality(low: Lowering, name: str, clause: ast.Step, placed: str) -> str | None:
    """`by plurality of COLUMN from TABLE over N months`: per member and period the unit with most visits.

    Visits of the N months that end with the period count. Ties go to the unit seen latest, then to the first by name.
    """
    visited, source = clause.get("plurality"), clause.get("from")
    assert visited is not None
    assert isinstance(source, ast.Name)
    table = member_table(low, source)
    keys = None if table is None else member_keys(low, table, ast.Block("visits", source.text, (), span=clause.span))
    periods = _look_back(low, clause)
    if table is None or keys is None or periods is None:
        return None
    member, moment = keys
    unit = rows.lower_row(low, table, visited)
    weight = _weight(table)
    if unit is None:
        return None
    span = clause.span
    scan = step(low, f"{name}.visits", relations.Scan(table.name, all_columns(table)), span, f"rows of {table.name}")
    base = ((UNIT, unit.expr), (MEMBER_KEY, column(member, "text")), ("visit_count", weight))
    windows = []
    for ahead in range(periods):
        period = period_of(low, moment, span)
        if ahead:
            period = RowExpr("later", (period,), value=ahead, kind="text", origin=span)
        derived = relations.Derive(scan, (*base, (PERIOD, period)))
        windows.append(step(low, f"{name}.visits{ahead + 1}", derived, span, f"visits {ahead} periods before"))
    all_visits = windows[0]
    if len(windows) > 1:
        all_visits = step(low, f"{name}.window", relations.Union(tuple(windows)), span, "visits of the look-back")
    return _winner(low, name, clause, placed, all_visits, moment)


def _winner(low: Lowering, name: str, clause: ast.Step, placed: str, visits: str, moment: str) -> str:
    """Per member and period the unit with most visits; ties by latest visit, then by name."""
    span = clause.span
    member_period = (MEMBER_KEY, PERIOD)
    known = RowExpr("not", (RowExpr("missing", (column(UNIT, "text"),), kind="flag"),), kind="flag")
    step(low, f"{name}.named", relations.Filter(visits, known), span, "visits with a known unit")
    tally = (
        relations.Measure("tally", "sum", column("visit_count")),
        relations.Measure("latest", "max", column(moment, "text")),
    )
    step(low, f"{name}.tally", relations.Group(f"{name}.named", (*member_period, UNIT), tally), span, "visits by unit")
    ranked = f"{name}.tally"
    for column_name, kind in (("tally", "int"), ("latest", "text")):
        best = f"best_{column_name}"
        most = relations.Group(ranked, member_period, (relations.Measure(best, "max", column(column_name, kind)),))
        step(low, f"{name}.{best}", most, span, f"the highest {column_name}")
        on = (*((k, k) for k in member_period), (column_name, best))
        ranked = step(
            low, f"{name}.with_{best}", relations.Join(ranked, f"{name}.{best}", on, ()), span, "units that have it"
        )
    first = relations.Group(ranked, member_period, (relations.Measure("won_by", "min", column(UNIT, "text")),))
    step(low, f"{name}.winner", first, span, "one unit per member and period")
    join = relations.Join(
        placed, f"{name}.winner", tuple((k, k) for k in member_period), (("won_by", UNIT),), left=True
    )
    return step(low, f"{name}.attributed", join, span, "the unit of each row")


def _weight(table: TableSchema) -> RowExpr:
    """Visits of a row: the column `visits` where there is one, else one."""
    visits = table.column("visits")
    if visits is not None and visits.type.kind is Kind.COUNT:
        return column("visits", scale=visits.decimals or 0)
    return RowExpr("const", value=1)


def _look_back(low: Lowering, clause: ast.Step) -> int | None:
    """The look-back in settlement periods."""
    over = clause.get("over")
    length = PERIODS[low.scope.period]
    months = int(over.value) if isinstance(over, ast.Number) else length
    if months <= 0 or months % length:
        at: Span = over.span if over is not None else clause.span
        low.error(
            "unsupported",
            f"a look-back of {months} months is not a whole number of settlement periods",
            at,
            f"write a multiple of {length} months",
        )
        return None
    if months > length and low.scope.period != "year":
        low.error("unsupported", "a look-back beyond the own period needs a settlement per year", clause.span)
        return None
    return months // length
