"""Lookups in tables of terms and schedules, for keys that are nodes."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from fractions import Fraction

from contractlang.diagnostics import edits
from contractlang.diagnostics.diagnostic import Fix, Label
from contractlang.plan import nodes
from contractlang.plan.builder import Ref
from contractlang.plan.lowering.context import Lowering
from contractlang.semantics import typing
from contractlang.semantics.cells import with_unit
from contractlang.semantics.schedules import first_day, month_of
from contractlang.semantics.scope import PERIODS
from contractlang.semantics.terms import Pattern, TermsTable
from contractlang.semantics.types import NONE, Kind, Type
from contractlang.semantics.typing import Problem, described
from contractlang.source import Span
from contractlang.syntax import ast
from contractlang.values import Absent, State, Value

ONE = Fraction(1)


def terms(low: Lowering, table: TermsTable, column: str, keys: list[Ref | None], span: Span) -> Ref | None:
    """One column of a table of terms for keys that are nodes."""
    args: list[Ref] = []
    for position, (ref, type_, word) in enumerate(zip(keys, table.key_types, table.keys, strict=True)):
        if ref is None:
            return None
        given = replace(low.type(ref), literal=False)
        found = typing.unify((given, type_), "")
        if isinstance(found, Problem):
            bare = found.adapt[1] if found.adapt is not None else None
            low.error(
                found.code,
                f"table `{table.name}` is keyed by `{word}`, {described(type_)}; here is {described(given)}",
                span,
                f"write the keys with their unit: `{bare}`" if bare else found.help,
                fixes=_keys_with_unit(table, position, bare) if bare else (),
            )
            return None
        args.append(ref)
    found_column = table.columns[column]
    if found_column.type.literal:
        low.error(
            "kind-mismatch",
            f"no row of table `{table.name}` says what `{column}` holds",
            span,
            "write a value with its unit in one row; `-` alone has neither kind nor unit",
            labels=[Label(found_column.spans[0], f"`{column}` is `-` in every row")],
        )
        return None
    grain = typing.union([low.type(a) for a in args])
    absent = found_column.type.absent | typing.absences([low.type(a) for a in args])
    if not _total(table):
        absent = absent | {State.MISSING}
    type_ = replace(found_column.type, grain=grain, absent=absent)
    return low.emit(_lookup(low, table, column), tuple(args), type_, span)


def _lookup(low: Lowering, table: TermsTable, column: str) -> nodes.Terms:
    """The operation that reads a column: one object for all its readers."""
    key = (table.name, column)
    if key not in low.tables:
        found = table.columns[column]
        rows = tuple(map(nodes.TermsRow, map(_patterns, table.patterns), found.values, found.spans))
        low.tables[key] = nodes.Terms(table.name, column, rows)
    return low.tables[key]


def _keys_with_unit(table: TermsTable, position: int, word: str) -> tuple[Fix, ...]:
    numbers: list[ast.Expr | None] = []
    for row in table.cells:
        cell = row[position]
        numbers += [cell.low, cell.high] if isinstance(cell, ast.Range) else [cell]
    changed = tuple(e for n in numbers if n is not None for f in with_unit(n, word) for e in f.edits)
    return (Fix("write the unit of the keys", changed),) if changed else ()


def moment(low: Lowering, word: str) -> str:
    """The key at which a shorter period is read: its own, or the still shorter one that is evaluated."""
    inside = low.inside
    return inside if inside is not None and PERIODS[inside] < PERIODS[word] else word


def monthly(low: Lowering, table: TermsTable, span: Span) -> Ref | None:
    """A schedule per month: the value in force on the first day of the settlement period, or of the month inside it.

    The months around the term in its first and last year have rows as well: where no entry holds, the value is missing.
    """
    item = low.scope.items[table.name]
    if low.scope.term is None or not isinstance(item, ast.Schedule):
        return None
    period = low.inside or low.scope.period
    low.coarse += low.inside is None
    months = PERIODS[period]
    column = table.columns["value"]
    rows: list[nodes.TermsRow] = []
    first, last = (month_of(day) for day in low.scope.term)
    gone: frozenset[State] = frozenset()
    starts = low.scope.first_month - 1
    for month in range(first - (first - starts) % 12, last - (last - starts) % 12 + 12, months):
        at = _entry_on(table, first_day(month))
        year, place = divmod(month - starts, 12)
        keys: tuple[Fraction, ...] = (Fraction(year),)
        if months < 12:
            keys = (*keys, Fraction(month % 12 + 1 if months == 1 else place // months + 1))
        if at is not None:
            rows.append(nodes.TermsRow(keys, column.values[at], column.spans[at]))
            if first <= month <= last:
                _changes_inside(low, table, item, month, period)
        elif not first <= month <= last:
            rows.append(nodes.TermsRow(keys, Absent(State.MISSING, f"`{table.name}` says nothing outside the term")))
            gone = frozenset({State.MISSING})
    words = ("year",) if months == 12 else ("year", period)
    grains = [frozenset({low.scope.period}) if low.scope.contains(w) else low.timed({w}) for w in words]
    args = [
        low.emit(nodes.Key(w), (), Type(Kind.NUMBER, NONE, g, step=ONE), span)
        for w, g in zip(words, grains, strict=True)
    ]
    type_ = replace(column.type, grain=typing.union([low.type(a) for a in args]), absent=column.type.absent | gone)
    return low.emit(nodes.Terms(table.name, "value", tuple(rows)), tuple(args), type_, span)


def _entry_on(table: TermsTable, day: dt.date) -> int | None:
    for position, (ends,) in enumerate(table.patterns):
        assert isinstance(ends, tuple)
        low, high = ends
        if (low is None or low <= day) and (high is None or day <= high):  # type: ignore[operator]
            return position
    return None


def _changes_inside(low: Lowering, table: TermsTable, item: ast.Schedule, month: int, period: str) -> None:
    """A change inside a period is not seen at its grain: the value of the first day counts."""
    months = PERIODS[period]
    for position, (ends,) in enumerate(table.patterns):
        assert isinstance(ends, tuple)
        start = ends[0]
        if not isinstance(start, dt.date) or not month < month_of(start) < month + months:
            continue
        entry, before = item.entries[position], item.entries[position - 1] if position else None
        following = first_day(month + months)
        changed = [edits.instead(entry.low.span, str(following)).edits[0]] if entry.low is not None else []
        if before is not None and before.high is not None:
            end = following - dt.timedelta(days=1)
            changed.append(edits.instead(before.high.span, str(end)).edits[0])
        low.warn(
            "mid-period-change",
            f"schedule `{table.name}` changes on {start}, inside a settled {period}",
            entry.span,
            f"the value in force on the first day of each {period} counts; let the entry start with a period to say so",
            fixes=[Fix(f"let it start on {following}", tuple(changed))],
        )


def _patterns(pattern: tuple[Pattern, ...]) -> tuple[Value | tuple[Value | None, Value | None] | None, ...]:
    return pattern


def _total(table: TermsTable) -> bool:
    """Whether every key value has a row (checked for one closed category, and for schedules by their cover)."""
    if len(table.keys) != 1:
        return all(p is None for p in table.patterns[-1])
    if table.key_types[0].kind is Kind.CATEGORY:
        return True
    return all(isinstance(p[0], tuple) for p in table.patterns) or table.patterns[-1][0] is None
