"""How long reading a contract of 300 lines takes."""

from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from contractlang.diagnostics.diagnostic import Sink
from contractlang.source import SourceFile
from contractlang.syntax.formatter import format_source
from contractlang.syntax.parser import parse
from contractlang.syntax.tables import load_tables

pytestmark = pytest.mark.benchmark


@pytest.fixture(scope="module")
def contract() -> SourceFile:
    """A contract of at least 300 lines in which every clause of the language occurs."""
    everything = (Path(__file__).parents[1] / "syntax" / "everything.formatted.vbc").read_text(encoding="utf-8")
    items = everything[everything.index("use std.membership") :]
    text = "contract large\n" + items * 2
    assert text.count("\n") >= 300
    return SourceFile("large.vbc", text)


def test_load_tables(benchmark: BenchmarkFixture) -> None:
    benchmark(load_tables.__wrapped__)


def test_parse_300_lines(benchmark: BenchmarkFixture, contract: SourceFile) -> None:
    sink = Sink()
    assert benchmark(parse, contract, sink) is not None
    assert not sink.failed


def test_format_300_lines(benchmark: BenchmarkFixture, contract: SourceFile) -> None:
    assert benchmark(format_source, contract, Sink()) is not None
