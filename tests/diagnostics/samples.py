"""Diagnostics for the tests of the renderers, placed by the words they underline."""

from contractlang.diagnostics.diagnostic import Diagnostic, Edit, Fix, Label, Severity
from contractlang.source import SourceFile, Span

TEXT = """\
contract demo
define fee  = $4.50 pmpm
define cost = $250,000
define x    = cost + fee
"""
FILE = SourceFile("demo.vbc", TEXT)


def span(words: str, file: SourceFile = FILE, occurrence: int = 1) -> Span:
    start = -1
    for _ in range(occurrence):
        start = file.text.index(words, start + 1)
    return Span(file, start, start + len(words))


UNITS = Diagnostic(
    "unit-mismatch",
    "`cost` is in USD and `fee` in USD pmpm, which cannot be added",
    span("cost + fee"),
    under="these two are added",
    labels=(Label(span("fee  ="), "USD pmpm"), Label(span("fee", occurrence=2), "USD pmpm")),
    notes=("`pmpm` is per member and month",),
    help="multiply by `member_months`",
)
COMMA = Diagnostic(
    "thousands-comma",
    "a number takes no thousands comma",
    span("$250,000"),
    help="write `$250_000`",
    fixes=(Fix("write `$250_000`", (Edit(span("$250,000"), "$250_000"),)),),
)
DATA = Diagnostic(
    "missing-value",
    "`results.quality` has no value in 2 rows",
    notes=("results.csv row 14, column QualScore\nresults.csv row 15, column QualScore",),
    severity=Severity.WARNING,
)
