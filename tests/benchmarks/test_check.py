"""How long `vbc check` takes for a contract of about 300 lines with its libraries: warm in a process, and cold."""

import subprocess
import sys
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from contractlang.diagnostics.diagnostic import Sink
from contractlang.locations import contracts_folder
from contractlang.plan.compiler import compile_file

pytestmark = pytest.mark.benchmark

CONTRACT = contracts_folder() / "bcbsma" / "aqc_2009.vbc"


def _lines() -> int:
    """Lines of the contract and of every document it uses."""
    compiled = compile_file(CONTRACT, Sink())
    assert compiled is not None
    return sum(file.text.count("\n") for file in compiled.loaded.files)


def _check(path: Path) -> Sink:
    sink = Sink()
    compile_file(path, sink)
    return sink


def test_check_warm(benchmark: BenchmarkFixture) -> None:
    benchmark.extra_info["lines"] = _lines()
    assert not benchmark(_check, CONTRACT).failed


def test_check_cold(benchmark: BenchmarkFixture) -> None:
    command = [sys.executable, "-c", "from contractlang.cli import main; main()", "check", str(CONTRACT)]
    benchmark.extra_info["lines"] = _lines()
    benchmark(subprocess.run, command, check=True, capture_output=True)
