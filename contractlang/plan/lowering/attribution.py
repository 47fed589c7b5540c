"""`attribute to UNIT by …`: a given column, the plurality of visits, or an area; and a roster between that and the unit."""

from __future__ import annotations

from dataclasses import dataclass

from contractlang.diagnostics import edits
from contractlang.plan import relations
from contractlang.plan.lowering import rows
from contractlang.plan.lowering.context import Lowering
from contractlang.plan.lowering.reduction import (
    ENTRY,
    MEMBER_KEY,
    PERIOD,
    UNIT,
    all_columns,
    column,
    member_keys,
    member_table,
    missing,
    period_of,
    step,
    text,
)  # fmt: skip
from contractlang.plan.lowering.rosters import Roster, below, roster_named, through
from contractlang.plan.lowering.shifts import base_years
from contractlang.plan.relations import RowExpr
from contractlang.semantics.model import TableSchema
from contractlang.semantics.scope import PERIODS
from contractlang.semantics.types import Kind
from contractlang.source import Span
from contractlang.syntax import ast

OFF = "not on roster "


@dataclass(frozen=True, slots=True)
class Attributed:
    """Rows with their unit. `reasons` are pairs of condition and reason why a row belongs to none.

    Rows of an area have no unit yet: `spread` gives them one, or several.
    """

    rows: str
    reasons: list[RowExpr]
    roster: Roster | None = None
    area: Area | None = None

    @property
    def left_roster(self) -> str:
        """The reason of rows that no unit of the roster has."""
        return f"{OFF}{self.roster.name}" if self.roster is not None else ""


@dataclass(frozen=True, slots=True)
class Area:
    """A table of the places that belong to each unit: (column of the rows, key of the table) pairs."""

    table: TableSchema
    places: tuple[tuple[str, str], ...]


def attribute(
    low: Lowering,
    name: str,
    clause: ast.Step,
    table: TableSchema,
    placed: str,
    moment: str,
    rebuild: ast.Step | None,
    levels: tuple[ast.Name, ...],
) -> Attributed | None:
    """The step whose rows carry their unit, and the `levels` below it; None after a report."""
    by, word = clause.get("by"), clause.get("through")
    roster = roster_named(low, word) if isinstance(word, ast.Name) else None
    if word is not None and roster is None:
        return None
    if rebuild is not None and not _can_rebuild(low, clause, rebuild, roster):
        return None
    for level in levels:
        if roster is None or level.text not in below(low, roster):
            low.error(
                "grain-mismatch",
                f"population `{name}` is per {level.text}, and its rows do not go through a roster that knows each {level.text}",
                level.span,
                f"write `{' '.join(clause.span.text.split())} through {low.scope.levels[level.text]}`",
            )
            return None
    area = _area(low, by, table)
    if isinstance(area, Area):
        return _of_area(low, clause, area, placed)
    given = UNIT if roster is None else ENTRY
    if by is None:
        rows_ = _plurality(low, name, clause, placed, given)
    else:
        unit = rows.lower_row(low, table, by)
        rows_ = None
        if unit is not None:
            derived = relations.Derive(placed, ((given, unit.expr),))
            what = "the unit of each row" if roster is None else f"the {roster.levels[0]} of each row"
            rows_ = step(low, f"{name}.attributed" if roster is None else f"{name}.entered", derived, clause.span, what)
    if rows_ is None:
        return None
    reasons = [missing(column(given, "text"), clause.span), text("not attributed")]
    if roster is not None:
        bases = base_years(low) if rebuild is not None else ()
        rows_ = through(low, name, roster, rows_, moment, bases, tuple(n.text for n in levels), clause.span)
        reasons += [missing(column(UNIT, "text"), clause.span), text(f"{OFF}{roster.name}")]
    return Attributed(rows_, reasons, roster)


def _can_rebuild(low: Lowering, clause: ast.Step, rebuild: ast.Step, roster: Roster | None) -> bool:
    if roster is None:
        low.error(
            "missing-clause",
            "a baseline is rebuilt on a roster, and the population is attributed without one",
            rebuild.span,
            f"write `{' '.join(clause.span.text.split())} through ROSTER`",
            fixes=[edits.without(rebuild.span, "leave the clause out")],
        )
    elif low.scope.period != "year":
        what = f"a baseline is a number of years, and this contract settles per {low.scope.period}"
        low.error("unsupported", what, rebuild.span, "settle per year")
    else:
        return True
    return False


# Areas ---------------------------------------------------------------------------------------------------------------


def _area(low: Lowering, by: ast.Expr | None, table: TableSchema) -> Area | None:
    """`by service_area.hospital`: a table whose keys are the unit and columns of the rows."""
    if not isinstance(by, ast.Name) or len(by.parts) != 2:
        return None
    found = low.declared.inputs.get(by.parts[0])
    if found is None or found is table or by.parts[1] != low.scope.unit:
        return None
    others = [k for k in found.keys if k.role != "unit"]
    if len(others) == len(found.keys) or not others:
        return None
    low.used.add(found.name)
    low.row_tables.add(found.name)
    known = {*(k.name for k in table.keys), *(c.name for c in table.columns)}
    return Area(found, tuple((k.name if k.name in known else "", k.name) for k in others))


def _of_area(low: Lowering, clause: ast.Step, area: Area, placed: str) -> Attributed | None:
    for own, key in area.places:
        if not own:
            low.error(
                "grain-mismatch",
                f"`{area.table.name}` is keyed by `{key}`, and the rows have no such column",
                clause.span,
                f"declare `{key} key` in the table of the population",
            )
            return None
    reasons = [missing(column(UNIT, "text"), clause.span), text(f"not in {area.table.name}")]
    return Attributed(placed, reasons, area=area)


def spread(low: Lowering, name: str, attributed: Attributed, source: str, span: Span) -> str:
    """Rows of an area, once for each unit whose area they lie in; other rows as they are."""
    area = attributed.area
    if area is None:
        return source
    names = (*(k.name for k in area.table.keys), *(c.name for c in area.table.columns))
    scan = step(low, f"{name}.areas", relations.Scan(area.table.name, names), span, f"rows of {area.table.name}")
    columns = ((low.scope.unit, UNIT),)
    join = relations.Join(source, scan, area.places, columns, left=True, many=True)
    return step(low, f"{name}.attributed", join, span, f"each row for each {low.scope.unit} of its area")


# Visits --------------------------------------------------------------------------------------------------------------


def _plurality(low: Lowering, name: str, clause: ast.Step, placed: str, given: str) -> str | None:
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
    return _winner(low, name, clause, placed, (all_visits, moment), given)


def _winner(low: Lowering, name: str, clause: ast.Step, placed: str, seen: tuple[str, str], given: str) -> str:
    """Per member and period the unit with most visits; ties by latest visit, then by name.

    `seen`: the step with the visits, and the column with their moment. The unit goes into column `given`.
    """
    visits, moment = seen
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
        placed, f"{name}.winner", tuple((k, k) for k in member_period), (("won_by", given),), left=True
    )
    suffix = "attributed" if given == UNIT else "entered"
    return step(low, f"{name}.{suffix}", join, span, "who was seen most, for each row")


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
