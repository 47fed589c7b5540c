"""The header of a contract: what it settles, in which periods, and whether they fit into its term."""

from __future__ import annotations

import datetime as dt

from contractlang.diagnostics import edits
from contractlang.diagnostics.diagnostic import Diagnostic, Label, Sink
from contractlang.semantics.fiscal import MONTHS, first_month
from contractlang.semantics.scope import KEY_WORDS, PERIODS, unknown
from contractlang.syntax import ast

DAY = dt.timedelta(days=1)

MOST_YEARS = 200
"""A longer term is a slip of the pen, and every period of it would have to be settled."""


def check_header(document: ast.Document, sink: Sink) -> bool:
    """Whether the contract can be checked further: it says what it settles per which period."""
    header = document.header
    if header.settles is None:
        return False
    if not _year_starts(header, sink):
        return False
    unit, period = header.settles
    if unit.text in KEY_WORDS:
        sink.report(
            Diagnostic(
                "unknown-name",
                f"`{unit.text}` is a period, not somebody who is settled",
                unit.span,
                help="write who is settled per which period: `settles group per year`",
                fixes=(edits.instead(unit.span.to(period.span), f"{period.text} per {unit.text}"),)
                if unit.text in PERIODS and period.text not in PERIODS
                else (),
            )
        )
        return False
    if period.text not in PERIODS:
        sink.report(unknown(period.text, period.span, list(PERIODS), "period"))
        return False
    if header.term is not None:
        _term(*header.term, period.text, first_month(header), sink)
    if header.pays is not None:
        _pays(header, period.text, sink)
    return True


def _year_starts(header: ast.Header, sink: Sink) -> bool:
    starts = header.year_starts
    if starts is None or starts.text in MONTHS:
        return True
    sink.report(unknown(starts.text, starts.span, MONTHS, "month"))
    return False


def _pays(header: ast.Header, period: str, sink: Sink) -> None:
    """What a period has earned is paid in the period of `pays` that stands at the same place as it in the term."""
    assert header.pays is not None
    first, last = header.pays
    if last.value < first.value:
        _backwards("pays", first, last, sink)
        return
    if header.term is None or header.term[1].value < header.term[0].value:
        return
    start, end = paid_in(header, header.term[0].value, header.term[1].value)
    if (start, end) == (first.value, last.value):
        return
    sink.report(
        Diagnostic(
            "term-invalid",
            f"`pays` is not as long as the term: each {period} of the term is paid in one {period} of it",
            first.span.to(last.span),
            labels=(Label(header.term[0].span.to(header.term[1].span), "the term"),),
            help=f"write `pays {start} to {end}`",
            fixes=(edits.instead(first.span.to(last.span), f"{start} to {end}"),),
        )
    )


def paid_in(header: ast.Header, first: dt.date, last: dt.date) -> tuple[dt.date, dt.date]:
    """The first and the last day on which is paid what the days from `first` to `last` of the term have earned.

    Both ends move by the whole months between the first day of the term and that of `pays`.
    """
    assert header.pays is not None
    assert header.term is not None
    start, paid = header.term[0].value, header.pays[0].value
    months = (paid.year - start.year) * 12 + paid.month - start.month
    return _month(_index(first) + months), _month(_index(last) + months + 1) - DAY


def _index(day: dt.date) -> int:
    return day.year * 12 + day.month - 1


def _month(index: int) -> dt.date:
    """The first day of a month that is counted from year 0; the last day of all where the calendar ends before it."""
    return dt.date(index // 12, index % 12 + 1, 1) if 12 <= index < 120_000 else dt.date.max


def _backwards(word: str, first: ast.Date, last: ast.Date, sink: Sink) -> None:
    sink.report(
        Diagnostic(
            "term-invalid",
            f"`{word}` ends before it starts",
            first.span.to(last.span),
            help=f"write the earlier date first: `{word} {last.value} to {first.value}`",
            fixes=(edits.instead(first.span.to(last.span), f"{last.value} to {first.value}"),),
        )
    )


def _term(first: ast.Date, last: ast.Date, period: str, year_starts: int, sink: Sink) -> None:
    """The term holds whole periods of the contract's calendar."""
    if last.value < first.value:
        _backwards("term", first, last, sink)
        return
    if last.value.year - first.value.year >= MOST_YEARS:
        end = min(last.value.year, first.value.year + MOST_YEARS - 1)
        sink.report(
            Diagnostic(
                "term-invalid",
                f"a term of more than {MOST_YEARS} years",
                first.span.to(last.span),
                help="write the years that are settled",
                fixes=(edits.instead(last.span, str(last.value.replace(year=end))),),
            )
        )
        return
    months = PERIODS[period]
    start = _month(_index(first.value) - (first.value.month - year_starts) % months)
    end_day = _month(_index(last.value) - (last.value.month - year_starts) % months + months) - DAY
    for written, right, which in ((first, start, "start"), (last, end_day, "end")):
        if written.value != right:
            sink.report(
                Diagnostic(
                    "term-invalid",
                    f"the term does not {which} with a whole {period}",
                    written.span,
                    help=f"write `{right}`; every {period} of the term is settled as a whole",
                    fixes=(edits.instead(written.span, str(right)),),
                )
            )
