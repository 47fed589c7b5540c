"""From a file to plans: load, consolidate, check and lower every edition. The one door for everything that compiles."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from contractlang.diagnostics.diagnostic import Diagnostic, Severity, Sink
from contractlang.library import imports
from contractlang.library.amendments import term_of
from contractlang.library.edition import Edition, Loaded
from contractlang.library.trial import override
from contractlang.plan.checks.examples import check_example
from contractlang.plan.lowering.contract import Lowered, lower
from contractlang.plan.nodes import Named, Plan
from contractlang.plan.soundness import check_soundness
from contractlang.semantics.fiscal import first_month, fiscal_year
from contractlang.semantics.header import check_header, paid_in
from contractlang.semantics.model import Period, TableSchema
from contractlang.semantics.published import Published
from contractlang.semantics.scope import PERIODS
from contractlang.semantics.types import Kind
from contractlang.source import Span
from contractlang.syntax import ast


@dataclass(frozen=True)
class Compiled:
    """A contract ready to run: one lowered plan per edition, and the periods that each governs."""

    loaded: Loaded
    lowered: tuple[Lowered, ...]
    overrides: Mapping[str, str]
    known_on: dt.date | None = None

    @property
    def editions(self) -> tuple[Edition, ...]:
        return self.loaded.editions

    @property
    def plans(self) -> tuple[Plan, ...]:
        return tuple(lowered.plan for lowered in self.lowered)

    @property
    def unit(self) -> str:
        return self.plans[-1].unit

    @property
    def period(self) -> str:
        return self.plans[-1].period

    @property
    def tables(self) -> tuple[TableSchema, ...]:
        """The tables of all editions; where several declare one name, the latest. A ledger has the payments of all."""
        found: dict[str, TableSchema] = {}
        for plan in self.plans:
            found |= {t.name: _with_payments(found.get(t.name), t) for t in plan.tables}
        return tuple(found.values())

    @property
    def term(self) -> tuple[dt.date, dt.date]:
        """First and last day."""
        return term_of(self.editions[0].document)

    def periods(self) -> tuple[Period, ...]:
        """All settlement periods of the term, in order of time."""
        return periods_of(self.term, self.period, first_month(self.editions[0].document.header))

    def paid_in(self, period: Period) -> tuple[dt.date, dt.date] | None:
        """The first and the last day on which a period is paid, where the contract says so by `pays`."""
        header = self.editions[0].document.header
        if header.pays is None or header.term is None:
            return None
        return paid_in(header, period.start, period.end - dt.timedelta(days=1))

    def edition_for(self, period: str) -> Edition | None:
        """The edition in force on the first day of a period."""
        found = next((p for p in self.periods() if p.label == period), None)
        return None if found is None else self.loaded.edition_on(found.start)

    def plan_for(self, period: str) -> Plan | None:
        edition = self.edition_for(period)
        return None if edition is None else self.plans[self.editions.index(edition)]


def _with_payments(before: TableSchema | None, table: TableSchema) -> TableSchema:
    """A ledger with the payments that an earlier text had, too: they were made, whatever became of them."""
    if before is None or not any(key.role == "date" for key in table.keys):
        return table
    known = {key.name: key.labels or () for key in before.keys}
    keys = tuple(
        replace(key, labels=tuple(dict.fromkeys((*known.get(key.name, ()), *(key.labels or ())))))
        if key.role == "category"
        else key
        for key in table.keys
    )
    return replace(table, keys=keys)


def periods_of(term: tuple[dt.date, dt.date], word: str, year_starts: int = 1) -> tuple[Period, ...]:
    """Half-open periods of a calendar word from the first day of the term; labels 2021, 2021-H1, 2021-Q1, 2021-01."""
    months = PERIODS[word]
    start, last = term
    found: list[Period] = []
    while start <= last:
        ahead = start.month - 1 + months
        end = dt.date(start.year + ahead // 12, ahead % 12 + 1, 1)
        found.append(Period(_label(start, months, year_starts), start, end))
        start = end
    return tuple(found)


def _label(start: dt.date, months: int, year_starts: int) -> str:
    year, month = divmod(start.year * 12 + start.month - year_starts, 12)
    match months:
        case 12:
            return f"{year}"
        case 6:
            return f"{year}-H{month // 6 + 1}"
        case 3:
            return f"{year}-Q{month // 3 + 1}"
        case _:
            return f"{start.year}-{start.month:02d}"


def compile_file(
    path: Path,
    sink: Sink,
    *,
    overrides: Mapping[str, ast.Expr] | None = None,
    roots: Sequence[Path] = (),
    known_on: dt.date | None = None,
) -> Compiled | None:
    """Compile a contract or library with everything it uses; None when there is nothing to run. All problems go to the sink.

    Amendments that were published after `known_on` are left out.
    """
    loaded = imports.load(path, sink, roots=roots, known_on=known_on)
    if loaded is None:
        return None
    if overrides:
        loaded = replace(loaded, editions=tuple(override(e, overrides, sink) for e in loaded.editions))
    lowered: list[Lowered] = []
    for edition in loaded.editions:
        if edition.document.kind == "contract" and not check_header(edition.document, sink):
            return None
        foreign = [(use, p) for use, path in edition.foreign if (p := _published(use, path, sink, roots)) is not None]
        found = Sink()
        found.extend(sink)
        result = lower(edition.document, edition.merged, _years(edition.document), found, foreign)
        # What a trial value stands in for is not read, and yet is part of the contract.
        sink.extend(d for d in found if not (overrides and d.code == "unused-definition"))
        lowered.append(result)
        if not any(d.code == "contract-too-large" for d in sink):
            check_soundness(result, _years(edition.document), sink)
    if not lowered:
        return None
    _check_examples(lowered, _years(loaded.editions[0].document), sink)
    return Compiled(loaded, tuple(lowered), {n: e.span.text for n, e in (overrides or {}).items()}, known_on)


def _published(use: ast.Use, path: Path, sink: Sink, roots: Sequence[Path]) -> Published | None:
    """What a contract that is used for its results publishes; None after a report."""
    own = Sink()
    compiled = compile_file(path, own, roots=roots)
    if compiled is None or own.failed:
        first = next((d for d in own if d.severity is Severity.ERROR), None)
        sink.report(
            Diagnostic(
                "results-unusable",
                f"`{use.name.text}` does not check, so nobody can say what its results are",
                use.span,
                notes=() if first is None else (first.message,),
                help="check that contract first",
            )
        )
        return None
    plan = compiled.plans[-1]
    values = tuple((n.name, plan.nodes[n.node].type) for n in plan.names if _is_published(plan, n))
    meanings = tuple(edition.meaning_hash for edition in compiled.editions)
    return Published(plan.contract, plan.version, meanings, plan.unit, plan.period, values)


def _is_published(plan: Plan, named: Named) -> bool:
    """Whether a value stands in the table of results: it has one value for each settled row, and a name of its own."""
    type_ = plan.nodes[named.node].type
    return type_.grain <= plan.settled and named.role != "hidden" and type_.kind is not Kind.PERIOD


def _check_examples(lowered: Sequence[Lowered], years: tuple[int, int], sink: Sink) -> None:
    """Every example under the last text that it stands in: what it gives and expects must be there."""
    if sink.failed:
        return
    seen: set[Span] = set()
    for edition in reversed(lowered):
        for example in edition.examples:
            if example.span not in seen:
                seen.add(example.span)
                check_example(edition, example, years, sink)


def _years(document: ast.Document) -> tuple[int, int]:
    if document.header.term is None:
        return 1900, 2200
    first, last = document.header.term
    starts = first_month(document.header)
    return fiscal_year(first.value, starts), fiscal_year(last.value, starts)
