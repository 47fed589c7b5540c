"""Benchmark: binding files, from the text on disk to arrays. Reported, never asserted."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from contractlang.diagnostics.diagnostic import Sink
from contractlang.runtime.binding import parse_binding
from contractlang.runtime.dataset import Dataset, bind
from contractlang.semantics.model import ColumnSchema, KeyColumn, TableSchema
from contractlang.semantics.types import USD, Kind, Type
from contractlang.source import SourceFile

MONEY = tuple(f"money_{i}" for i in range(8))
SCHEMA = TableSchema(
    "results",
    "input",
    (KeyColumn("group", "unit"), KeyColumn("year", "period")),
    (
        *(ColumnSchema(name, Type(Kind.MONEY, USD), decimals=2) for name in MONEY),
        ColumnSchema("quality", Type(Kind.PERCENT)),
        ColumnSchema("track", Type(Kind.CATEGORY, scheme="track"), labels=("A", "B", "C")),
    ),
)
BINDING = """
[tables.results]
file = "data.csv"
same_names = true
[tables.results.columns]
quality = { column = "quality", as = "percent" }
"""


def written(folder: Path, rows: int) -> Path:
    """A file with eight columns of money in the way of a spreadsheet, a percentage and a category."""
    draw = random.Random(7)
    lines = [f"group,year,{','.join(MONEY)},quality,track\n"]
    for row in range(rows):
        money = ",".join(f'"${draw.randrange(10**9):,}.{draw.randrange(100):02}"' for _ in MONEY)
        lines.append(f"G{row},2024,{money},{draw.randrange(10000) / 100}%,{draw.choice('ABC')}\n")
    path = folder / "data.csv"
    path.write_text("".join(lines), encoding="utf-8")
    return path


def bound(folder: Path) -> Dataset:
    sink = Sink()
    binding = parse_binding(SourceFile("binding.toml", BINDING), folder, sink)
    assert binding is not None
    dataset = bind([SCHEMA], binding, {}, sink, unit="group", period="year")
    assert dataset is not None
    return dataset


@pytest.mark.benchmark
@pytest.mark.parametrize("rows", [500, 200_000])
def test_csv(benchmark: BenchmarkFixture, tmp_path: Path, rows: int) -> None:
    path = written(tmp_path, rows)
    dataset = benchmark(bound, tmp_path)
    assert len(dataset.tables["results"]) == rows
    benchmark.extra_info["megabytes"] = path.stat().st_size / 1e6
