"""The contract of the benchmark computes what the hand-written query computes, however the machine is set up."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from contractlang.engines.duckdb.reduce import reduce
from tests.benchmarks.reduce.run_contract import HERE, bound, compiled, digests

MEMBERS = 3_000


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("reduce")
    _script("generate.py", str(folder), str(MEMBERS))
    return folder


@pytest.fixture(scope="module")
def by_hand(data: Path) -> dict[str, str]:
    found: dict[str, Any] = json.loads(_script("run_baseline.py", str(data), "1"))
    return {name: found[name] for name in ("group_year", "group_year_race")}


def _script(name: str, *arguments: str) -> str:
    done = subprocess.run([sys.executable, str(HERE / name), *arguments], check=True, capture_output=True, text=True)
    return done.stdout


@pytest.mark.parametrize(("threads", "memory"), [(1, None), (2, None), (5, None), (2, "64MB")])
def test_the_same_numbers(data: Path, by_hand: dict[str, str], threads: int, memory: str | None) -> None:
    contract = compiled()
    dataset = bound(contract, data, memory)
    dataset.connection.execute(f"SET threads = {threads}")
    try:
        assert digests(reduce(contract.plans[-1], dataset.members)) == by_hand
    finally:
        dataset.close()


def test_rows_in_another_order(data: Path, by_hand: dict[str, str], tmp_path: Path) -> None:
    for path in data.glob("*.parquet"):
        table = pq.read_table(path)
        order = pc.sort_indices(pc.random(len(table), initializer=1))
        pq.write_table(table.take(order), tmp_path / path.name)
    contract = compiled()
    dataset = bound(contract, tmp_path)
    try:
        assert digests(reduce(contract.plans[-1], dataset.members)) == by_hand
    finally:
        dataset.close()
