"""Amendments: finding them, deciding from when they are in force, and laying them over the contract in order.

An amendment governs the settlement periods that start on or after its effective date. A date inside a period is an error,
unless everything that the amendment touches is a schedule by month: then the months before the date keep their entries.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from contractlang.diagnostics import edits
from contractlang.diagnostics.diagnostic import Diagnostic, Edit, Fix, Label, Sink
from contractlang.library.addresses import item_key, item_text
from contractlang.library.edition import Consolidated, Read
from contractlang.library.overrides import amend
from contractlang.source import Span
from contractlang.syntax import ast

_MONTHS = {"year": 12, "half": 6, "quarter": 3, "month": 1}
_HEADER = {"version", "title", "effective", "published"}  # what an amendment's own header may say
_DAY = dt.timedelta(days=1)

_Path = tuple[str, ...]  # an item, a step of it, the value of the step or a place beside it
_Touch = tuple[Span, str]  # where, and by which amendment


@dataclass(frozen=True, slots=True)
class Stage:
    """The text in force from a date on, and the names of all amendments in it, oldest first."""

    text: Consolidated
    start: dt.date
    amendments: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Dated:
    read: Read
    effective: dt.date
    start: dt.date  # of the first settlement period with the amended text


def stages(base: Consolidated, amendments: Sequence[Read], sink: Sink) -> tuple[Stage, ...]:
    """The texts of a contract in order of time, the first from the start of the term.

    Amendments apply in order of effective date, then of file name. One whose date is wrong is reported and left out.
    """
    term = term_of(base.document)
    header = base.document.header
    dated = [d for read in amendments if (d := _dated(read, header, term, sink)) is not None]
    dated.sort(key=lambda d: (d.effective, d.read.path.name, str(d.read.path)))
    for _, group in groupby(dated, key=lambda d: d.effective):
        _check_conflicts(list(group), sink)
    done = [Stage(base, term[0])]
    for one in dated:
        last = done[-1]
        read = one.read if one.start == one.effective else _spliced(last.text, one)
        text = amend(last.text, read, sink)
        if one.start == last.start and last.amendments:
            text = _with_examples_of(text, last.text)
        stage = Stage(text, one.start, (*last.amendments, read.document.name.text))
        done = [*done[:-1], stage] if one.start == last.start else [*done, stage]
    return tuple(done)


def published(read: Read, known_on: dt.date | None) -> bool:
    """Whether an amendment was known on a day: from its publication, or, where it states none, from its effective date."""
    header = read.document.header
    day = header.published or header.effective
    return known_on is None or day is None or day.value <= known_on


def term_of(document: ast.Document) -> tuple[dt.date, dt.date]:
    """The first and the last day of the term; all of time where the header states none."""
    term = document.header.term
    if term is None or term[1].value < term[0].value:
        return dt.date.min, dt.date.max
    return term[0].value, term[1].value


# Dates ---------------------------------------------------------------------------------------------------------------


def _dated(read: Read, header: ast.Header, term: tuple[dt.date, dt.date], sink: Sink) -> _Dated | None:
    document = read.document
    effective = document.header.effective
    name = document.name.text
    for field in dataclasses.fields(document.header):
        if field.name not in _HEADER and getattr(document.header, field.name) is not None:
            sink.report(
                Diagnostic(
                    "amendment-header",
                    f"amendment `{name}` states `{field.name.replace('_', ' ')}`, which an amendment cannot change",
                    document.name.span,
                    help="write a contract that extends the amended one, or another version of it",
                    fixes=_without_clause(document, field.name.replace("_", " ")),
                )
            )
    if effective is None:
        sink.report(
            Diagnostic(
                "missing-header",
                f"amendment `{name}` does not say from when it is in force",
                document.name.span,
                help="write `effective DATE` below the first line",
            )
        )
        return None
    day = effective.value
    if not term[0] <= day <= term[1]:
        sink.report(
            Diagnostic(
                "amendment-outside-term",
                f"amendment `{name}` takes effect on {day}, outside the term {term[0]} to {term[1]}",
                effective.span,
                labels=(Label(header.term[0].span.to(header.term[1].span), "the term"),) if header.term else (),
                help="name the first day of a settlement period of the term",
                fixes=(edits.instead(effective.span, str(_nearest_start(day, term, header))),),
            )
        )
        return None
    start = max(_period_start(day, header), term[0])
    if start == day:
        return _Dated(read, day, day)
    rough = [span for span, by_month in _touched(document) if not by_month]
    if day.day == 1 and not rough:
        return _Dated(read, day, start)
    period = header.settles[1].text if header.settles else "year"
    following = _next_start(day, header)
    sink.report(
        Diagnostic(
            "amendment-inside-period",
            f"amendment `{name}` takes effect on {day}, inside the {period} that starts on {start}",
            effective.span,
            labels=tuple(Label(span, "in force for whole periods") for span in rough[:3]),
            notes=("only a schedule by month can change inside a settlement period, on the first day of a month",),
            help=f"write `effective {following}`, or put what changes into a `schedule … per month`",
            fixes=(Fix(f"write {following}", (Edit(effective.span, str(following)),)),) if following <= term[1] else (),
        )
    )
    return None


def _nearest_start(day: dt.date, term: tuple[dt.date, dt.date], header: ast.Header) -> dt.date:
    """The first day of the settlement period of the term that lies nearest to a day outside it."""
    return term[0] if day < term[0] else max(_period_start(term[1], header), term[0])


def _without_clause(document: ast.Document, word: str) -> tuple[Fix, ...]:
    """A header clause left out: the line that starts with its word."""
    found = re.search(rf"^{word}\b.*$", document.span.file.text, re.MULTILINE)
    if found is None:
        return ()
    return (edits.without(Span(document.span.file, *found.span()), "leave it out"),)


def _period_start(day: dt.date, header: ast.Header) -> dt.date:
    months, first = _calendar(header)
    back = (day.month - first) % months
    index = day.year * 12 + day.month - 1 - back
    return dt.date(index // 12, index % 12 + 1, 1) if index >= 12 else dt.date.min


def _next_start(day: dt.date, header: ast.Header) -> dt.date:
    months, _ = _calendar(header)
    start = _period_start(day, header)
    index = start.year * 12 + start.month - 1 + months
    return dt.date(index // 12, index % 12 + 1, 1) if index < 120_000 else dt.date.max


def _calendar(header: ast.Header) -> tuple[int, int]:
    """The months of a settlement period, and the month in which the first one starts: periods count from the term."""
    months = _MONTHS.get(header.settles[1].text, 12) if header.settles else 12
    return months, header.term[0].value.month if header.term else 1


def _touched(document: ast.Document) -> Iterator[tuple[Span, bool]]:
    """Every place where an amendment touches the contract, and whether the value there is kept by month."""
    for item in document.items:
        if not isinstance(item, ast.Example):
            yield _head(item), isinstance(item, ast.Schedule) and item.replace and item.key.text == "month"
    for change in document.changes:
        yield change.span, False


def _spliced(text: Consolidated, one: _Dated) -> Read:
    """The amendment with schedules that also hold the entries in force before its date, so that it can stand from the
    start of the settlement period on."""
    before = {item.name: item for item in text.document.items if isinstance(item, ast.Schedule)}
    document = one.read.document
    items = tuple(
        _joined(before[item.name], item, one.effective)
        if isinstance(item, ast.Schedule) and item.name in before
        else item
        for item in document.items
    )
    return dataclasses.replace(one.read, document=dataclasses.replace(document, items=items))


def _joined(old: ast.Schedule, new: ast.Schedule, effective: dt.date) -> ast.Schedule:
    """The entries of one schedule up to a date, and those of another from then on."""
    cut, eve = ast.Date(effective, span=new.span), ast.Date(effective - _DAY, span=new.span)
    before = (_until(entry, eve) for entry in old.entries)
    after = (_since(entry, cut) for entry in new.entries)
    return dataclasses.replace(new, entries=tuple(entry for entry in (*before, *after) if entry is not None))


def _until(entry: ast.Entry, eve: ast.Date) -> ast.Entry | None:
    """An entry without the days after a date; None when nothing is left."""
    low, high = _first_day(entry.low), _last_day(entry.high)
    if low is not None and low > eve.value:
        return None
    return entry if high is not None and high <= eve.value else dataclasses.replace(entry, high=eve)


def _since(entry: ast.Entry, cut: ast.Date) -> ast.Entry | None:
    """An entry without the days before a date; None when nothing is left."""
    low, high = _first_day(entry.low), _last_day(entry.high)
    if high is not None and high < cut.value:
        return None
    return entry if low is not None and low >= cut.value else dataclasses.replace(entry, low=cut)


def _first_day(edge: ast.Expr | None) -> dt.date | None:
    match edge:
        case ast.Date(value):
            return value
        case ast.Number(value) if value.denominator == 1 and 1 <= value <= 9999:
            return dt.date(int(value), 1, 1)
        case _:
            return None


def _last_day(edge: ast.Expr | None) -> dt.date | None:
    first = _first_day(edge)
    return dt.date(first.year, 12, 31) if first is not None and isinstance(edge, ast.Number) else first


# Conflicts -----------------------------------------------------------------------------------------------------------


def _check_conflicts(group: list[_Dated], sink: Sink) -> None:
    """Two amendments of one date that touch the same thing: which is meant must not hang on a file name.

    Inside one amendment the order is written, so only the same target twice, or a whole item and a part of it, conflict.
    """
    others: dict[_Path, _Touch] = {}
    parts_of_others: dict[_Path, _Touch] = {}
    for one in group:
        document = one.read.document
        own: dict[_Path, _Touch] = {}
        parts_of_own: dict[_Path, _Touch] = {}
        for path, span in _targets(document):
            inner = [path[:length] for length in range(1, len(path) + 1)]
            found = own.get(path) or own.get(path[:1]) or (parts_of_own.get(path) if len(path) == 1 else None)
            found = found or next((others[p] for p in inner if p in others), None) or parts_of_others.get(path)
            if found is not None:
                _report_conflict(document, span, found, sink)
            touch = (span, document.name.text)
            own.setdefault(path, touch)
            for shorter in inner[:-1]:
                parts_of_own.setdefault(shorter, touch)
        others |= own
        parts_of_others |= parts_of_own


def _targets(document: ast.Document) -> Iterator[tuple[_Path, Span]]:
    """What an amendment touches."""
    for item in document.items:
        kind, name = item_key(item)
        if kind == "item":
            yield (name,), _head(item)
        elif kind != "example":
            yield (item_text(item),), _head(item)
    for change in document.changes:
        match change:
            case ast.Set(path):
                yield (*_path(path), "value"), change.span
            case ast.Remove(path):
                yield _path(path), change.span
            case ast.Insert(_, after, before):
                yield (*_path(after), "before" if before else "after"), change.span


def _path(name: ast.Name) -> _Path:
    return (name.parts[0], ".".join(name.parts[1:])) if len(name.parts) > 1 else name.parts


def _report_conflict(document: ast.Document, span: Span, earlier: _Touch, sink: Sink) -> None:
    where, name = earlier
    if name == document.name.text:
        message = f"amendment `{name}` touches the same place twice"
        remedy = "keep one of the two"
    else:
        message = f"amendments `{name}` and `{document.name.text}` of the same date touch the same place"
        remedy = "merge them, or give one of them another date"
    sink.report(
        Diagnostic("amendment-conflict", message, span, labels=(Label(where, "touched here too"),), help=remedy)
    )


def _head(item: ast.Item) -> Span:
    first = item.span.text.split("\n", 1)[0].rstrip()
    return Span(item.span.file, item.span.start, item.span.start + len(first))


def _with_examples_of(text: Consolidated, earlier: Consolidated) -> Consolidated:
    """The examples of two amendments that begin together stand side by side."""
    examples = tuple(item for item in earlier.document.items if isinstance(item, ast.Example))
    document = dataclasses.replace(text.document, items=(*text.document.items, *examples))
    return dataclasses.replace(text, document=document)
