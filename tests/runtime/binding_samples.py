"""A small contract table, a binding and a file that fit together; tests change one of the three."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path

from contractlang.diagnostics.diagnostic import Diagnostic, Sink
from contractlang.runtime.binding import parse_binding
from contractlang.runtime.dataset import Dataset, bind
from contractlang.semantics.model import ColumnSchema, KeyColumn, TableSchema
from contractlang.semantics.types import USD, Kind, Type
from contractlang.source import SourceFile
from contractlang.values import Absent, State

RESULTS = TableSchema(
    "results",
    "input",
    (KeyColumn("aco", "unit"), KeyColumn("year", "period")),
    (
        ColumnSchema("cost", Type(Kind.MONEY, USD), decimals=2),
        ColumnSchema("rate", Type(Kind.PERCENT), low=Fraction(0), high=Fraction(1)),
        ColumnSchema("track", Type(Kind.CATEGORY, scheme="track"), labels=("A", "B")),
        ColumnSchema("met", Type(Kind.FLAG), missing=False),
        ColumnSchema("start", Type(Kind.DATE), missing=Absent(State.NOT_APPLICABLE, "not dated")),
    ),
)

TERMS = TableSchema(
    "terms", "exhibit", (KeyColumn("aco", "unit"),), (ColumnSchema("share", Type(Kind.PERCENT)),), dated=True
)

BINDING = """\
[tables.results]
file = "data.csv"

[tables.results.keys]
aco = "ACO"
year = "Year"

[tables.results.columns]
cost = "Cost"
rate = { column = "Rate", as = "percent" }
track = "Track"
"""

TERMS_BINDING = """
[tables.terms]
file = "terms.csv"
[tables.terms.keys]
aco = "ACO"
from = "From"
[tables.terms.columns]
share = "Share"
"""

DATA = """\
ACO,Year,Cost,Rate,Track,Met
X1,2021,"$1,000.50",50%,A,1
X2,2021,7,12,B,0
"""


def bound(
    folder: Path,
    data: str | bytes = DATA,
    binding: str = BINDING,
    *,
    tables: Sequence[TableSchema] = (RESULTS,),
    files: Mapping[str, str | bytes] | None = None,
    name: str = "data.csv",
    overrides: Mapping[str, Path] | None = None,
    periods: Sequence[str] = (),
) -> tuple[Dataset | None, list[Diagnostic]]:
    """Write the files, bind them, and give the data with everything that was reported."""
    for file, content in {name: data, **(files or {})}.items():
        (folder / file).write_bytes(content.encode() if isinstance(content, str) else content)
    sink = Sink()
    parsed = parse_binding(SourceFile("binding.toml", binding), folder, sink)
    dataset = None
    if parsed is not None:
        dataset = bind(tables, parsed, overrides or {}, sink, unit="aco", period="year", periods=periods)
    return dataset, list(sink)


def finding(found: Sequence[Diagnostic]) -> Diagnostic:
    """The only finding."""
    assert len(found) == 1, [d.message for d in found]
    return found[0]
