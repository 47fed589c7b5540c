"""The contract of the benchmark computes what the hand-written query computes, however the machine is set up."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from syrupy.assertion import SnapshotAssertion

from contractlang.engines.duckdb.reduce import reduce, statements
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


def test_the_sql(data: Path, snapshot: SnapshotAssertion) -> None:
    """Member rows are read once, measures once, and every result comes from what is kept of them."""
    contract = compiled(1)
    dataset = bound(contract, data)
    try:
        found = statements(contract.plans[-1], dataset.members)
    finally:
        dataset.close()
    assert ";\n\n".join(found) == snapshot
    assert [sum(f'FROM "{table}"' in text for text in found) for table in ("member_months", "measures_wide")] == [1, 1]


@pytest.mark.slow
def test_what_does_not_fit_goes_to_files(tmp_path: Path) -> None:
    """Four million rows in 56 MB: some of them wait in files, and nothing else changes."""
    _script("generate.py", str(tmp_path), "200000")
    contract = compiled()
    found, most = [], 0
    for memory in (None, "56MB"):
        dataset = bound(contract, tmp_path, memory)
        dataset.connection.execute("SET threads = 2")
        with ThreadPoolExecutor(1) as pool:
            work = pool.submit(reduce, contract.plans[-1], dataset.members)
            while not work.done():
                most = max(most, _spilled(dataset.scratch))
                time.sleep(0.005)
        found.append(digests(work.result()))
        dataset.close()
    assert found[0] == found[1]
    assert most > 1_000_000


def _spilled(folder: Path | None) -> int:
    """Bytes in the files of a folder; files come and go meanwhile."""
    sizes = 0
    for path in [] if folder is None else folder.rglob("*"):
        with suppress(OSError):
            sizes += path.stat().st_size
    return sizes
