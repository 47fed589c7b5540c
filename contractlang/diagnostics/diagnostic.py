"""A diagnostic is data: code, headline, labelled places, help and fixes. Rendering is somebody else's job."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from contractlang.source import Span


class Severity(StrEnum):
    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Label:
    """A second place that helps to understand the first, with a few words."""

    span: Span
    text: str


@dataclass(frozen=True, slots=True)
class Edit:
    """Replace the span by the text (an empty span inserts)."""

    span: Span
    text: str


@dataclass(frozen=True, slots=True)
class Fix:
    """A suggested change of the source that can be applied mechanically."""

    title: str
    edits: tuple[Edit, ...]


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One finding.

    `code` is a stable identifier of the catalogue (`unit-mismatch`). `message` is one lower-case headline that stands
    alone, names in backticks, no full stop. `help` says what to write. `span` is None for findings about data, which
    name file, row and column in `message` and `notes` instead.
    """

    code: str
    message: str
    span: Span | None = None
    under: str = ""
    labels: tuple[Label, ...] = ()
    notes: tuple[str, ...] = ()
    help: str = ""
    fixes: tuple[Fix, ...] = ()
    severity: Severity = Severity.ERROR


class Sink:
    """Collects the diagnostics of one run. Phases report here and never raise for an author's mistake."""

    def __init__(self) -> None:
        self._found: dict[Diagnostic, None] = {}  # in the order of reporting, each once

    def report(self, diagnostic: Diagnostic) -> None:
        self._found.setdefault(diagnostic)

    def extend(self, diagnostics: Iterable[Diagnostic]) -> None:
        for diagnostic in diagnostics:
            self.report(diagnostic)

    @property
    def failed(self) -> bool:
        return any(d.severity is Severity.ERROR for d in self._found)

    def __iter__(self) -> Iterator[Diagnostic]:
        return iter(sorted(self._found, key=_order))

    def __len__(self) -> int:
        return len(self._found)


def _order(diagnostic: Diagnostic) -> tuple[str, int]:
    span = diagnostic.span
    return ("", -1) if span is None else (span.file.name, span.start)
