"""Schedules: values by year, by year of the contract, or by date, without gap or overlap over the term."""

from __future__ import annotations

import calendar
import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

from contractlang.diagnostics import edits
from contractlang.diagnostics.diagnostic import Diagnostic, Edit, Fix, Label, Sink
from contractlang.semantics.cells import literal
from contractlang.semantics.fiscal import fiscal_year
from contractlang.semantics.scope import Scope, unknown
from contractlang.semantics.terms import Pattern, TermsTable, terms_column
from contractlang.semantics.types import Kind, Type
from contractlang.source import Span
from contractlang.syntax import ast

BY_NUMBER = ("year", "contract_year")
KEYS = (*BY_NUMBER, "month")
"""What a schedule may be keyed by: entries of years are numbers, entries by month are dates."""


def schedule_table(scope: Scope, name: str, item: ast.Schedule, sink: Sink) -> TermsTable | None:
    """A schedule as a table with one column `value`; None after a report."""
    if not _keyed(item, sink):
        return None
    entries = [_interval(item, entry, scope, sink) for entry in item.entries]
    column = terms_column(scope, name, [e.value for e in item.entries], sink)
    if column is None or any(e is None for e in entries):
        return None
    known = [e for e in entries if e is not None]
    if not _ordered(name, item, known, sink):
        return None
    complete = _covers_term(scope, name, item, known, sink)
    return TermsTable(
        name,
        (item.key.text,),
        (Type(Kind.DATE) if item.key.text == "month" else Type(Kind.NUMBER, literal=True),),
        tuple((e.pattern,) for e in known),
        {"value": column},
        tuple(e.span for e in item.entries),
        complete=complete,
    )


def _keyed(item: ast.Schedule, sink: Sink) -> bool:
    word = item.key.text
    if word in KEYS:
        return True
    if word in ("half", "quarter"):
        sink.report(
            Diagnostic(
                "unsupported",
                f"a schedule per {word} is not read yet",
                item.key.span,
                help="write it `per month` with dates: `2024-01-01..2024-06-30: 2%`",
            )
        )
        return False
    sink.report(unknown(word, item.key.span, KEYS, "key of a schedule"))
    return False


# Entries -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Interval:
    """What an entry covers, both ends included (None: open); months are counted from year 0."""

    low: int | None
    high: int | None
    by_date: bool
    entry: ast.Entry

    @property
    def pattern(self) -> Pattern:
        if not self.by_date:
            return tuple(None if x is None else Fraction(x) for x in (self.low, self.high))  # type: ignore[return-value]
        return (
            None if self.low is None else first_day(self.low),
            None if self.high is None else first_day(self.high + 1) - dt.timedelta(days=1),
        )


def first_day(month: int) -> dt.date:
    """The first day of a month that is counted from year 0."""
    return dt.date(month // 12, month % 12 + 1, 1)


def month_of(day: dt.date) -> int:
    return day.year * 12 + day.month - 1


def _interval(item: ast.Schedule, entry: ast.Entry, scope: Scope, sink: Sink) -> _Interval | None:
    by_date = item.key.text == "month"
    ends: list[int | None] = []
    for position, end in enumerate((entry.low, entry.high)):
        if end is None:
            ends.append(None)
            continue
        found = literal(scope, end, sink)
        if found is None:
            return None
        value = found[0]
        if by_date and isinstance(value, dt.date):
            if not _whole_month(end, value, sink, last=position == 1 and end is not entry.low):
                return None
            ends.append(month_of(value))
        elif not by_date and isinstance(value, Fraction) and value.denominator == 1 and found[1].literal:
            ends.append(int(value))
        else:
            _wrong_moment(item, end, value, sink)
            return None
    if ends[0] is not None and ends[1] is not None and ends[0] > ends[1]:
        _backwards(item, entry, sink)
        return None
    return _Interval(ends[0], ends[1], by_date, entry)


def _whole_month(end: ast.Expr, day: dt.date, sink: Sink, *, last: bool) -> bool:
    good = day.replace(day=calendar.monthrange(day.year, day.month)[1] if last else 1)
    if day == good:
        return True
    sink.report(
        Diagnostic(
            "schedule-gap",
            f"`{end.span.text}` is not the {'last' if last else 'first'} day of a month",
            end.span,
            help=f"a value changes with a month: write `{good}`",
            fixes=(edits.instead(end.span, str(good)),),
        )
    )
    return False


def _wrong_moment(item: ast.Schedule, end: ast.Expr, value: object, sink: Sink) -> None:
    word = item.key.text
    fixes: tuple[Fix, ...] = ()
    if word == "month":
        help_ = "write dates: `2024-01-01..2024-06-30: 2%, 2024-07-01..: 3%`"
        if isinstance(value, Fraction) and value.denominator == 1 and 1000 <= value < 10_000:
            fixes = (edits.instead(item.key.span, "year", "write `per year`"),)
            help_ = "write `per year` for years, or dates for months"
    elif isinstance(value, dt.date):
        help_ = "write `per month` for dates, or years: `2024..2025: 2%`"
        fixes = (edits.instead(item.key.span, "month", "write `per month`"),) if word == "year" else ()
    else:
        help_ = (
            "write years: `2024..2025: 2%`" if word == "year" else "write years of the contract: `1: 50%, 2..: 100%`"
        )
    message = f"a schedule per {word} has {'dates' if word == 'month' else 'whole years'}, here is `{end.span.text}`"
    sink.report(Diagnostic("kind-mismatch", message, end.span, help=help_, fixes=fixes))


def _backwards(item: ast.Schedule, entry: ast.Entry, sink: Sink) -> None:
    assert entry.low is not None
    assert entry.high is not None
    low, high = entry.low.span, entry.high.span
    swap = Fix("swap the two", (Edit(low, high.text), Edit(high, low.text)))
    sink.report(
        Diagnostic(
            "schedule-gap",
            f"an entry of schedule `{item.name}` ends before it starts",
            low.to(high),
            help=f"write the earlier one first: `{high.text}..{low.text}`",
            fixes=(swap,),
        )
    )


def _ordered(name: str, item: ast.Schedule, entries: Sequence[_Interval], sink: Sink) -> bool:
    """Entries stand in the order of time, without overlap and without gap."""
    for before, after in pairwise(entries):
        if before.high is None or after.low is None or after.low <= before.high:
            _overlap(name, item, before, after, sink)
            return False
        if after.low > before.high + 1:
            lacking = _words(item, before.high + 1, after.low - 1)
            sink.report(
                Diagnostic(
                    "schedule-gap",
                    f"schedule `{name}` has no value for {lacking}",
                    after.entry.span,
                    labels=(Label(before.entry.span, "the entry before"),),
                    help=f"let the entry before hold until then, or add one for {lacking}",
                    fixes=(_until(before, after.low - 1),),
                )
            )
            return False
    return True


def _overlap(name: str, item: ast.Schedule, before: _Interval, after: _Interval, sink: Sink) -> None:
    fixes: tuple[Fix, ...] = (edits.without(after.entry.span, "remove the second one"),)
    if before.high is None and after.low is not None and (before.low is None or before.low < after.low):
        fixes = (_until(before, after.low - 1), *fixes)
    elif before.high is not None and after.low is not None and (after.high is None or after.high > before.high):
        moved = _written(before.by_date, before.high + 1, None if after.high is None else after.high)
        fixes = (edits.instead(_moments(after.entry), moved), *fixes)
    sink.report(
        Diagnostic(
            "schedule-overlap",
            f"two entries of schedule `{name}` cover the same {item.key.text}",
            after.entry.span,
            labels=(Label(before.entry.span, "the one before"),),
            help="write the entries in the order of time, each starting after the one before",
            fixes=fixes,
        )
    )


def _covers_term(scope: Scope, name: str, item: ast.Schedule, entries: Sequence[_Interval], sink: Sink) -> bool:
    """Whether a schedule has a value for the whole term; reports where it has not."""
    if scope.term is None or not entries:
        return True
    by_month = item.key.text == "month"
    first, last = (month_of(day) if by_month else fiscal_year(day, scope.first_month) for day in scope.term)
    if item.key.text == "contract_year":
        first, last = 1, last - first + 1
    start, end = entries[0], entries[-1]
    early = start.low is not None and start.low > first
    late = end.high is not None and end.high < last
    held: list[Edit] = []
    if start is end and (early or late):
        low = None if early and not late and start.high is not None else first if early else start.low
        held.append(
            Edit(
                _moments(start.entry),
                _written(start.by_date, first if low is None and late else low, None if late else start.high),
            )
        )
    elif early:
        held.append(Edit(_moments(start.entry), _written(start.by_date, None, start.high)))
    if start is not end and late:
        held.append(Edit(_moments(end.entry), _written(end.by_date, end.low, None)))
    lacking = [_words(item, first, start.low - 1)] if early and start.low is not None else []
    lacking += [_words(item, end.high + 1, last)] if late and end.high is not None else []
    if lacking:
        sink.report(
            Diagnostic(
                "schedule-gap",
                f"schedule `{name}` does not cover the term: no value for {' and '.join(lacking)}",
                item.span,
                help="leave an end open with `..`, or add entries",
                fixes=(Fix("let the nearest entry hold", tuple(held)),),
            )
        )
    return not lacking


def from_year(item: ast.Item, year: int) -> tuple[Fix, ...]:
    """The first entry of a schedule per year, holding from an earlier year on."""
    first = item.entries[0] if isinstance(item, ast.Schedule) and item.entries else None
    if first is None or not isinstance(first.low, ast.Number) or first.low.value <= year:
        return ()
    high = int(first.high.value) if isinstance(first.high, ast.Number) else None
    text = _written(by_date=False, low=year, high=high)
    return (edits.instead(_moments(first), text, f"let the first entry hold from {year} on"),)


def _until(entry: _Interval, high: int) -> Fix:
    """The entry, holding until a later (or earlier) end."""
    return edits.instead(_moments(entry.entry), _written(entry.by_date, entry.low, high))


def _moments(entry: ast.Entry) -> Span:
    """The years or dates of an entry, without its value."""
    head = entry.span.text.partition(":")[0].rstrip()
    return Span(entry.span.file, entry.span.start, entry.span.start + len(head))


def _written(by_date: bool, low: int | None, high: int | None) -> str:
    if low is not None and low == high and not by_date:
        return str(low)
    start, end = (str(x) if x is not None else "" for x in (low, high))
    if by_date:
        start = "" if low is None else str(first_day(low))
        end = "" if high is None else str(first_day(high + 1) - dt.timedelta(days=1))
    return f"{start}..{end}"


def _words(item: ast.Schedule, low: int, high: int) -> str:
    if item.key.text == "month":
        low_text, high_text = (f"{m // 12}-{m % 12 + 1:02d}" for m in (low, high))
    else:
        low_text, high_text = str(low), str(high)
        if item.key.text == "contract_year":
            low_text = f"year {low_text}"
    return low_text if low == high else f"{low_text} to {high_text}"
