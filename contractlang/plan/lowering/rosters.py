"""`roster`: which member of a level belongs to which of the next one, from a day on and until another.

A roster is a table keyed by its lowest level and the day from which a row is in force. Attribution goes through it: the
column that a population names holds the lowest level, and the roster says to which unit that belongs on the day of the row.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from itertools import pairwise

from contractlang.diagnostics import edits
from contractlang.diagnostics.diagnostic import Fix
from contractlang.plan import relations
from contractlang.plan.lowering.context import Lowering
from contractlang.plan.lowering.reduction import (
    BEFORE,
    DAY,
    ENTRY,
    PERIOD,
    UNIT,
    all_columns,
    column,
    key_columns,
    member_table,
    missing,
    one,
    per_column,
    settlement_keys,
    step,
)
from contractlang.plan.lowering.shifts import base_years
from contractlang.plan.rebuilding import rebuilt_label
from contractlang.plan.relations import RowExpr
from contractlang.semantics.inputs import FROM
from contractlang.semantics.model import TableSchema
from contractlang.semantics.scope import PERIODS
from contractlang.semantics.types import Kind
from contractlang.source import Span
from contractlang.syntax import ast

TRUE = RowExpr("const", value=True, kind="flag")

UNTIL = "until"
"""The column of a roster with the first day on which a row is not in force any more."""

FIRST_DAY = "first_roster_day"


@dataclass(frozen=True, slots=True)
class Roster:
    """A lowered roster: its table, its levels from the lowest on, and the day that decides (`month`, `period start`,
    `period end`)."""

    name: str
    table: TableSchema
    levels: tuple[str, ...]
    as_of: str

    @property
    def scan(self) -> str:
        return f"{self.name}.scan"


def lower_roster(low: Lowering, name: str, block: ast.Block) -> bool:
    """Register the roster and what must hold of its rows; False after a report."""
    assert block.source is not None
    if low.scope.first_month != 1:
        low.error("unsupported", "a roster needs years that start in January", block.span, "leave `year starts` out")
        return False
    table = member_table(low, block.source)
    levels, as_of = one(low, block, "levels"), one(low, block, "as")
    if table is None or levels is None or as_of is None:
        return False
    words = levels.names("levels")
    if not _table_fits(low, table, block.source.span) or not _levels_fit(low, table, words):
        return False
    day = as_of.get("mode")
    assert isinstance(day, ast.Text)
    roster = Roster(name, table, tuple(w.text for w in words), day.value)
    step(low, roster.scan, relations.Scan(table.name, all_columns(table)), block.span, f"rows of {table.name}")
    _checks(low, roster, block.span)
    if _is_grain(low, roster):
        _frame(low, roster, block.span)
    low.rosters[name] = roster
    return True


def below(low: Lowering, roster: Roster) -> tuple[str, ...]:
    """The levels below the settled unit, from the lowest on."""
    if low.scope.unit not in roster.levels:
        return ()
    return roster.levels[: roster.levels.index(low.scope.unit)]


def _is_grain(low: Lowering, roster: Roster) -> bool:
    """Whether the contract keeps values by a level of the roster."""
    words = set(below(low, roster))
    for item in low.scope.items.values():
        match item:
            case ast.Input(keys=keys) if any(k.text in words and low.scope.level_key(item, k.text) for k in keys):
                return True
            case ast.Block(per=per) if any(k.text in words for k in per):
                return True
            case ast.Payment(payee=payee) if payee.text in words:
                return True
            case _:
                pass
    return False


MARKS = {"year": "{0:04}", "half": "{0:04}-H{1}", "quarter": "{0:04}-Q{1}", "month": "{0:04}-{1:02}"}
"""Labels of periods by year and ordinal."""


def _frame(low: Lowering, roster: Roster, span: Span) -> None:
    """What belongs to each unit in each period: a table called as the roster."""
    rows = _by_period(low, roster, span)
    levels = below(low, roster)
    counted = (relations.Measure("rows", "count"),)
    group = relations.Group(rows, (*key_columns(), *levels), counted)
    step(low, f"{roster.name}.members", group, span, "what belongs to each unit in each period")
    keys = (*settlement_keys(low), *((level, level) for level in levels))
    columns = (("rows", "rows", 0),)
    low.outputs.append(relations.Output(roster.name, f"{roster.name}.members", keys, columns, ("rows",), roster=True))


def above(low: Lowering, roster: Roster, level: str, span: Span) -> str:
    """The table that says to which of a higher level each unit belongs in each period; made once."""
    table = f"{roster.name}.{level}"
    if any(output.table == table for output in low.outputs):
        return table
    rows = _by_period(low, roster, span)
    own = (relations.Measure(level, "min", column(level, "text")),)  # all rows of a unit name the same one
    step(
        low, f"{table}.units", relations.Group(rows, key_columns(), own), span, f"the {level} of each {low.scope.unit}"
    )
    columns = ((level, level, 0),)
    low.outputs.append(relations.Output(table, f"{table}.units", settlement_keys(low), columns, roster=True))
    return table


def _by_period(low: Lowering, roster: Roster, span: Span) -> str:
    """The rows of the roster with unit and period, from the year before the first that the contract reads.

    Those of the day that decides, or of any day of the period where each month has its own. Made once.
    """
    name = f"{roster.name}.all"
    if any(made.name == name for made in low.steps):
        return name
    word, _, place = roster.as_of.partition(" ")
    length = PERIODS[low.scope.period]
    first = min([low.term_years[0], *(int(year) for year in base_years(low))]) - 1
    parts: list[str] = []
    for year in range(first, low.term_years[1] + 1):
        for ordinal in range(1, 12 // length + 1):
            starts, ends = _day_of(year, (ordinal - 1) * length), _day_of(year, ordinal * length)
            day = starts if place == "start" else ends - dt.timedelta(days=1)
            held = (starts, ends) if word == "month" else (day, day + dt.timedelta(days=1))
            label = MARKS[low.scope.period].format(year, ordinal)
            rows = relations.Filter(roster.scan, _meets(*held))
            inside = step(low, f"{roster.name}.{label}.rows", rows, span, f"rows of {label}")
            period = RowExpr("const", value=label, kind="text", origin=span)
            derived = relations.Derive(inside, ((PERIOD, period), (UNIT, column(low.scope.unit, "text"))))
            parts.append(step(low, f"{roster.name}.{label}", derived, span, f"the roster of {label}"))
    return step(low, name, relations.Union(tuple(parts)), span, "the rosters of all periods")


def _day_of(year: int, month: int) -> dt.date:
    """The first day of a month counted from January of a year, from 0."""
    return dt.date(year + month // 12, month % 12 + 1, 1)


def _meets(first: dt.date, end: dt.date) -> RowExpr:
    """Whether a row holds on some day from `first` until `end`."""
    until = column(UNTIL, "date")
    starts = RowExpr("<", (column(FROM, "date"), RowExpr("const", value=end, kind="date")), kind="flag")
    lasts = RowExpr(">", (until, RowExpr("const", value=first, kind="date")), kind="flag")
    open_end = RowExpr("or", (missing(until), lasts), kind="flag")
    return RowExpr("and", (starts, open_end), kind="flag")


def _table_fits(low: Lowering, table: TableSchema, span: Span) -> bool:
    """Whether a table says from when until when its rows hold."""
    until = table.column(UNTIL)
    example = f'`input {table.name} per practice, {FROM} {{ {UNTIL} date when missing not applicable "no end" … }}`'
    if all(k.role != FROM for k in table.keys):
        low.error("missing-clause", f"`{table.name}` does not say from when a row holds", span, f"write {example}")
    elif until is None or until.type.kind is not Kind.DATE:
        low.error(
            "missing-clause",
            f"`{table.name}` has no date `{UNTIL}`: the first day on which a row does not hold any more",
            span,
            f"write {example}",
        )
    elif until.missing is None:
        low.error(
            "missing-clause",
            f"`{table.name}.{UNTIL}` does not say what an empty cell means",
            until.span or span,
            f'write `{UNTIL} date when missing not applicable "no end"`',
            fixes=[Fix("an empty cell has no end", (edits.after(until.span, ' when missing not applicable "no end"'),))]
            if until.span is not None
            else [],
        )
    else:
        return True
    return False


def _levels_fit(low: Lowering, table: TableSchema, words: tuple[ast.Name, ...]) -> bool:
    keys = [k.name for k in table.keys if k.role != FROM]
    texts = [c.name for c in table.columns if c.type.kind is Kind.TEXT]
    lowest, *others = words
    if [lowest.text] != keys:
        turned = len(keys) == 1 and keys[0] in {w.text for w in others}
        low.error(
            "grain-mismatch",
            f"the lowest level is `{lowest.text}`, and `{table.name}` has a row per {' and '.join(keys)}",
            lowest.span,
            f"name the lowest level first: `levels {keys[0]} < …`"
            if turned
            else f"key the table `per {lowest.text}, {FROM}`",
            fixes=[edits.instead(lowest.span, keys[0])] if len(keys) == 1 and not turned else [],
        )
        return False
    for number, word in enumerate(others):
        if word.text not in texts or word.text in {w.text for w in words[: number + 1]}:
            low.scope.unknown(word, [t for t in texts if t not in {w.text for w in words}], f"level of `{table.name}`")
            return False
    return True


def _checks(low: Lowering, roster: Roster, span: Span) -> None:
    """Spans of one key must not overlap, no span may end before it begins, and each level lies in one of the next."""
    scan, table, lowest = roster.scan, roster.table.name, roster.levels[0]
    first, until = column(FROM, "date"), column(UNTIL, "date")
    ended = RowExpr("<=", (until, first), kind="flag")
    step(low, f"{roster.name}.ended", relations.Filter(scan, ended), span, "rows that end before they begin")
    low.checks.append(
        relations.Check(
            "roster-interval",
            f"{roster.name}.ended",
            (lowest, FROM, UNTIL),
            f"`{table}` that end on the day they begin, or before",
            f"`{UNTIL}` is the first day on which the row does not hold any more; leave it empty where there is none",
            span,
        )
    )
    later = RowExpr("is not", (first, column("other", "date")), kind="flag")
    pairs = relations.Join(scan, scan, ((lowest, lowest),), ((FROM, "other"),), many=True, within=(FROM, FROM, UNTIL))
    step(low, f"{roster.name}.pairs", pairs, span, f"rows that begin while another of the same {lowest} holds")
    step(low, f"{roster.name}.overlaps", relations.Filter(f"{roster.name}.pairs", later), span, "overlapping rows")
    low.checks.append(
        relations.Check(
            "roster-overlap",
            f"{roster.name}.overlaps",
            (lowest, "other", FROM),
            f"`{table}` that begin while an earlier one of the same {lowest} still holds",
            f"end the earlier row on the day the later one begins: on each day a {lowest} belongs to one {roster.levels[1]}",
            span,
        )
    )
    for inner, outer in pairwise(roster.levels[1:]):
        base = f"{roster.name}.{inner}"
        split = RowExpr("is not", (column(outer, "text"), column("other", "text")), kind="flag")
        met = relations.Join(scan, scan, ((inner, inner),), ((outer, "other"),), many=True, within=(FROM, FROM, UNTIL))
        step(low, f"{base}.pairs", met, span, f"rows that begin while another of the same {inner} holds")
        step(low, f"{base}.split", relations.Filter(f"{base}.pairs", split), span, f"a {inner} in two {outer}s")
        low.checks.append(
            relations.Check(
                "roster-overlap",
                f"{base}.split",
                (inner, FROM, "other", outer),
                f"`{table}` by which a {inner} belongs to two {outer}s on a day",
                f"on each day a {inner} belongs to one {outer}",
                span,
            )
        )


def roster_named(low: Lowering, name: ast.Name) -> Roster | None:
    """The roster behind `through`, if it leads to the settled unit; None after a report."""
    low.used.add(name.text)
    roster = low.rosters.get(name.text)
    if roster is None:
        if name.text not in low.broken:
            low.scope.unknown(name, list(low.rosters), "roster")
        return None
    if low.scope.unit not in roster.levels[1:]:
        low.error(
            "grain-mismatch",
            f"roster `{name.text}` does not lead to each {low.scope.unit}: its levels are {' < '.join(roster.levels)}",
            name.span,
            f"add `< {low.scope.unit}` to its levels",
        )
        return None
    return roster


# Rows through a roster -----------------------------------------------------------------------------------------------


def through(
    low: Lowering,
    name: str,
    roster: Roster,
    source: str,
    moment: str,
    bases: tuple[str, ...],
    levels: tuple[str, ...],
    span: Span,
) -> str:
    """The rows of a step with their unit by the roster, and the unit that it gave on the first day; gives the last step.

    `bases` are the base periods that are rebuilt: their rows are taken once more for each later period of the term, on
    the roster of the same day so many years later, and under the label of both. `levels` become further keys of the rows.
    """
    own = relations.Derive(source, _days(low, roster, moment, 0, span))
    parts = [step(low, f"{name}.own", own, span, "the day of each row on the roster")]
    for base in bases:
        for year in range(low.term_years[0], low.term_years[1] + 1):
            if int(base) < year:
                parts.append(_rebuilt(low, name, roster, parts[0], (base, year), moment, span))
    rows = parts[0]
    if len(parts) > 1:
        rows = step(low, f"{name}.all", relations.Union(tuple(parts)), span, "own rows and rebuilt ones")
    above = tuple((level, per_column(level)) for level in levels if level != roster.levels[0])
    for suffix, day, given in (("first", FIRST_DAY, BEFORE), ("attributed", DAY, UNIT)):
        join = relations.Join(
            rows,
            roster.scan,
            ((ENTRY, roster.levels[0]),),
            ((low.scope.unit, given), *(above if given == UNIT else ())),
            left=True,
            within=(day, FROM, UNTIL),
        )
        what = "the unit of each row" if given == UNIT else "its unit on the first day"
        rows = step(low, f"{name}.{suffix}", join, span, f"{what} by {roster.name}")
    if roster.levels[0] not in levels:
        return rows
    entry = ((per_column(roster.levels[0]), column(ENTRY, "text")),)
    return step(low, f"{name}.levels", relations.Derive(rows, entry), span, f"the {roster.levels[0]} of each row")


def _rebuilt(
    low: Lowering, name: str, roster: Roster, own: str, base_year: tuple[str, int], moment: str, span: Span
) -> str:
    """Rows of a base year on the roster of a later one. What they are compared with is the roster of their own day."""
    base, year = base_year
    lies = RowExpr("is", (column(PERIOD, "text"), RowExpr("const", value=base, kind="text")), kind="flag", origin=span)
    of_base = step(low, f"{name}.{base}", relations.Filter(own, lies), span, f"rows of {base}")
    label = RowExpr("const", value=rebuilt_label(base, str(year)), kind="text", origin=span)
    columns = ((PERIOD, label), (FIRST_DAY, column(DAY, "date")), _days(low, roster, moment, year - int(base), span)[0])
    return step(
        low, f"{name}.{base}.{year}", relations.Derive(of_base, columns), span, f"{base} on the roster of {year}"
    )


def _days(low: Lowering, roster: Roster, moment: str, years: int, span: Span) -> tuple[tuple[str, RowExpr], ...]:
    """The day that decides for a row, so many years later, and the first day of its own period."""
    length = PERIODS[low.scope.period]
    word, _, place = roster.as_of.partition(" ")
    at = (RowExpr("column", value=moment, kind="text"),)
    months = 1 if word == "month" else length
    day = RowExpr("day", at, value=(months, years, place or "start"), kind="date", origin=span)
    first = RowExpr("day", at, value=(length, 0, "start"), kind="date", origin=span)
    return (DAY, day), (FIRST_DAY, first)


def negated(e: RowExpr) -> RowExpr:
    return RowExpr("not", (e,), kind="flag")


def moved(
    low: Lowering,
    name: str,
    roster: Roster,
    source: str,
    per: tuple[str, ...],
    sums: tuple[tuple[str, RowExpr], ...],
    span: Span,
) -> None:
    """An account of the rows that the roster moved: their unit is not the one of the first day, or of their own day.

    `source` may have rows that are left out: those that left the roster are moved, others are not.
    """
    now, before = column(UNIT, "text"), column(BEFORE, "text")
    same = RowExpr("is", (now, before), kind="flag")
    gone, fresh = missing(now), missing(before)
    other = RowExpr("case", (gone, negated(fresh), fresh, TRUE, negated(same)), kind="flag")
    step(low, f"{name}.moved", relations.Filter(source, other), span, f"rows that roster {roster.name} moved")
    measures = (relations.Measure("rows", "count"), *(relations.Measure(n, "sum", e) for n, e in sums))
    by = (*key_columns(per), ENTRY, BEFORE)
    step(low, f"{name}.moves", relations.Group(f"{name}.moved", by, measures), span, "moved rows")
    keys = (*settlement_keys(low, per), ("entry", ENTRY), ("before", BEFORE))
    low.accounts.append(
        relations.Account(f"{name}.moved", f"{name}.moves", keys, tuple((n, n, e.scale) for n, e in sums))
    )
