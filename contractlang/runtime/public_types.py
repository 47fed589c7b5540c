"""The types of the public interface: findings, compiled contracts, settled runs, explanations."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from contractlang.diagnostics.diagnostic import Diagnostic, Severity, Sink
from contractlang.diagnostics.render import terminal
from contractlang.library.edition import Edition
from contractlang.library.show import show as consolidate
from contractlang.plan.compiler import Compiled
from contractlang.runtime import explanation, set_aside, statement_forms
from contractlang.runtime.export import export, settled_table
from contractlang.runtime.formatting import unit_words
from contractlang.runtime.heading import Heading
from contractlang.runtime.model_json import as_json as model_json
from contractlang.runtime.reconcile import Reconciliation
from contractlang.runtime.reconcile import as_json as reconciliation_json
from contractlang.runtime.result import PaymentTotal, Result, Status
from contractlang.runtime.runs import (
    resolve_name,
)
from contractlang.runtime.statement import statement
from contractlang.runtime.trace import Trace
from contractlang.values import Value

if TYPE_CHECKING:
    import pyarrow as pa

FilePath = str | PathLike[str]


@dataclass(frozen=True, slots=True)
class Finding:
    """One problem as plain data. `file`, `line` and `column` are empty or 0 for findings about data."""

    code: str
    severity: str
    message: str
    file: str
    line: int
    column: int
    help: str
    notes: tuple[str, ...]
    frame: str = field(repr=False, default="")

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}: " if self.file else ""
        return f"{place}{self.severity}[{self.code}]: {self.message}"


class ContractError(Exception):
    """A contract, a binding or data that cannot be used; `findings` say why, with what to do about each."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        super().__init__("\n".join(str(finding) for finding in findings))
        self.findings = tuple(findings)


@dataclass(frozen=True, slots=True)
class Checked:
    """The findings of a check, in the order of the text; iterating gives them one by one."""

    findings: tuple[Finding, ...]
    document: dict[str, Any] = field(repr=False, default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether there is no error; warnings do not count."""
        return all(finding.severity != Severity.ERROR for finding in self.findings)

    def __iter__(self) -> Iterator[Finding]:
        return iter(self.findings)

    def to_json(self) -> dict[str, Any]:
        """The form of `vbc check --format json`, with every place and fix."""
        return self.document


@dataclass(frozen=True, slots=True)
class ValueInfo:
    """A named value of a contract: its kind and unit in words, and the keys along which it varies."""

    name: str
    kind: str
    unit: str
    grain: frozenset[str]
    place: str


@dataclass(frozen=True, slots=True)
class Text:
    """A text of a contract in force from `start` to `end` (the last day): its amendments, files and hashes.

    `byte_hash` is over the bytes of the files, `meaning_hash` over what they say; `consolidated` is one text from all.
    """

    start: dt.date
    end: dt.date
    amendments: tuple[str, ...]
    files: tuple[str, ...]
    byte_hash: str
    meaning_hash: str
    edition: Edition = field(repr=False)

    @property
    def consolidated(self) -> str:
        return consolidate(self.edition)


@dataclass(frozen=True)
class Contract:
    """A contract that checks. `periods` are the labels of all settlement periods of its term."""

    path: Path
    compiled: Compiled = field(repr=False)
    findings: tuple[Finding, ...] = ()

    @property
    def name(self) -> str:
        return self.compiled.plans[-1].contract

    @property
    def version(self) -> str:
        return self.compiled.plans[-1].version

    @property
    def title(self) -> str:
        return self.compiled.plans[-1].title

    @property
    def unit(self) -> str:
        """The settlement unit: `group`, `aco`, `practice` …"""
        return self.compiled.unit

    @property
    def periods(self) -> tuple[str, ...]:
        return tuple(period.label for period in self.compiled.periods())

    @property
    def payments(self) -> tuple[str, ...]:
        return self.compiled.plans[-1].payments

    @property
    def meaning(self) -> str:
        """The hash of what the latest text means: untouched by layout, comments and order where order means nothing."""
        return self.compiled.editions[-1].meaning_hash

    @property
    def payer(self) -> str:
        return self.compiled.plans[-1].payer

    @property
    def tables(self) -> tuple[str, ...]:
        """The names of the tables that it reads."""
        return tuple(table.name for table in self.compiled.tables)

    @property
    def texts(self) -> tuple[Text, ...]:
        """The texts in force over the term, in order of time."""
        return tuple(
            Text(
                edition.start,
                edition.end - dt.timedelta(days=1) if edition.end < dt.date.max else edition.end,
                edition.amendments,
                tuple(file.name for file in edition.files),
                edition.byte_hash,
                edition.meaning_hash,
                edition,
            )
            for edition in self.compiled.editions
        )

    def text_on(self, day: dt.date) -> Text | None:
        """The text in force on a day; None outside the term."""
        return next((text for text in self.texts if text.start <= day <= text.end), None)

    @property
    def values(self) -> tuple[ValueInfo, ...]:
        """Every named value of the latest text."""
        plan = self.compiled.plans[-1]
        types = [(named, plan.nodes[named.node].type) for named in plan.names]
        return tuple(
            ValueInfo(named.name, type_.kind.value, unit_words(type_), type_.grain, named.origin.place)
            for named, type_ in types
        )

    def to_json(self) -> dict[str, Any]:
        """The resolved contract as plain data (`vbc-model/1`)."""
        return model_json(self.compiled)


@dataclass(frozen=True, slots=True)
class Identity:
    """What the first lines of a text say it is: `contract`, `library` or `amendment`, its name and its version."""

    kind: str
    name: str
    version: str


@dataclass(frozen=True, slots=True)
class Validated:
    """Whether data fit the tables of a contract: the findings, and the report of the binding (empty when they do not)."""

    findings: tuple[Finding, ...]
    report: Mapping[str, object]

    @property
    def ok(self) -> bool:
        return all(finding.severity != Severity.ERROR for finding in self.findings)


@dataclass(frozen=True)
class Settled:
    """A settled run. Findings say what is held and which guarantees do not hold."""

    heading: Heading = field(repr=False)
    result: Result = field(repr=False)
    findings: tuple[Finding, ...]
    report: Mapping[str, object] = field(default_factory=dict, repr=False)

    @property
    def rows(self) -> list[tuple[str, str]]:
        """(group, period) of every reported row, in order."""
        return [(self.result.group(row), self.result.period(row)) for row in self.result.rows.tolist()]

    @property
    def totals(self) -> list[PaymentTotal]:
        """What is paid and owed, per payment and period, in exact dollars."""
        return self.result.totals()

    @property
    def set_aside(self) -> dict[str, object]:
        """What a lenient run did without: `summary` (a sentence), `rows`, and `reasons` with counts, money and examples."""
        return set_aside.as_json(self.result.set_aside)

    def status(self, group: str, period: str) -> tuple[str, str]:
        """`settled`, `held` or `not settled`, and why. Raises KeyError for a row that does not exist."""
        left = next((o for o in self.result.left_out if (o.group, o.period) == (group, period)), None)
        if left is not None:
            return Status.NOT_SETTLED.words, left.reason
        row = self.row(group, period)
        return Status(int(self.result.status[row])).words, self.result.reasons.get(row, "")

    def value(self, name: str, group: str, period: str) -> Value:
        """An exact named value: a Fraction (dollars, a plain fraction for percentages), bool, date, text, or `Absent`.

        A block's name stands for its amount or total. Raises KeyError for an unknown name, group or period.
        """
        return self.result.value(self.full_name(name), self.row(group, period))

    def statement(self, group: str, period: str) -> str:
        """The statement as text."""
        return statement_forms.as_text(statement(self.result, self.heading, self.row(group, period)))

    def statement_json(self, group: str, period: str) -> dict[str, Any]:
        """The statement as plain data (`vbc-statement/1`)."""
        return statement_forms.as_json(statement(self.result, self.heading, self.row(group, period)))

    def table(self, values: Sequence[str] | None = None) -> pa.Table:
        """One row per group and period, as `results.parquet` has them: keys, status, and the given values (None: all).

        Raises KeyError for an unknown name, and for one that varies by more than group and period.
        """
        names = None if values is None else {self.full_name(value) for value in values}
        settled = self.result.plan.settled
        for name in names or ():
            if not self.result.names[name].type.grain <= settled:
                raise KeyError(f"`{name}` has a value for each {', '.join(sorted(self.result.names[name].type.grain))}")
        return settled_table(self.result, self.heading, names)

    def write(self, folder: FilePath) -> list[Path]:
        """Write `results.parquet`, `results.csv` and `run.json`; the files appear together or not at all."""
        return export(self.result, self.heading, Path(folder), {"binding": self.report})

    def row(self, group: str, period: str) -> int:
        found = self.result.find(group, period)
        if found is None:
            raise KeyError(f"no row for {group}, {period}")
        return found

    def full_name(self, name: str) -> str:
        sink = Sink()
        found = resolve_name(self.result, name, sink)
        if found is None:
            raise KeyError(next(iter(sink)).message)
        return found


@dataclass(frozen=True)
class Explanation:
    """Why a value is what it is, as a tree of `Trace`."""

    settled: Settled = field(repr=False)
    row: int
    trace: Trace

    def text(self, width: int = 118) -> str:
        """The tree as text."""
        return explanation.as_text(self.settled.result, self.settled.heading, self.trace, self.row, width)

    def to_json(self) -> dict[str, Any]:
        """The tree as plain data (`vbc-trace/1`)."""
        return explanation.as_json(self.settled.result, self.settled.heading, self.trace, self.row)

    def __str__(self) -> str:
        return self.text()


@dataclass(frozen=True, slots=True)
class Reconciled:
    """Our amounts beside stated ones, row by row."""

    comparison: Reconciliation
    findings: tuple[Finding, ...]

    @property
    def agrees(self) -> bool:
        """Whether every row lies within the tolerance (or within what the printed digits allow)."""
        return self.comparison.agrees

    def to_json(self) -> dict[str, Any]:
        """The form of `vbc reconcile --json`."""
        return reconciliation_json(self.comparison)


def findings_of(sink: Sink) -> tuple[Finding, ...]:
    return tuple(finding_of(diagnostic) for diagnostic in sink)


def finding_of(diagnostic: Diagnostic) -> Finding:
    span = diagnostic.span
    file, line, column = ("", 0, 0) if span is None else (span.file.name, span.line, span.column)
    return Finding(
        diagnostic.code,
        diagnostic.severity.value,
        diagnostic.message,
        file,
        line,
        column,
        diagnostic.help,
        diagnostic.notes,
        terminal(diagnostic),
    )
