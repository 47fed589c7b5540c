"""Speed of the settle stage: the Shared Savings contract on a million rows in memory, beside NumPy by hand.

Nothing is asserted but that both agree. Peak memory counts the arrays that a settlement allocates.
"""

from __future__ import annotations

import statistics
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from contractlang import compile as compile_contract
from contractlang.engines import vector
from contractlang.engines.base import Programme
from tests.benchmarks.mssp_by_hand import by_hand
from tests.benchmarks.mssp_rows import mssp_inputs

pytestmark = pytest.mark.benchmark

CONTRACT = Path(__file__).parents[2] / "contracts" / "cms" / "mssp.vbc"
YEAR = "2023"
ROWS = 1_000_000


def test_settle_a_million_rows(benchmark: BenchmarkFixture) -> None:
    plan = compile_contract(CONTRACT).compiled.plan_for(YEAR)
    assert plan is not None
    rows = ROWS if benchmark.enabled else 2_000
    programme, inputs = Programme({YEAR: plan}), mssp_inputs(plan, rows, YEAR)

    found = benchmark(vector.settle, programme, inputs)

    mine, other = _interleaved(lambda: vector.settle(programme, inputs), lambda: by_hand(inputs), rows)
    named = [n for n in plan.names if plan.nodes[n.node].type.grain == plan.settled]
    benchmark.extra_info |= {
        "rows": rows,
        "named values kept": len(named),
        "rows decided exactly": found.redone,
        "million rows per second": round(rows / mine / 1e6, 1),
        "by hand, million rows per second": round(rows / other / 1e6, 1),
        "time over time by hand": round(mine / other, 2),
        "peak memory, MB": round(_peak(lambda: vector.settle(programme, inputs)) / 1e6),
        "peak memory by hand, MB": round(_peak(lambda: by_hand(inputs)) / 1e6),
    }
    ours, states = found.decimals("settlement", 0)
    theirs = np.where(states == 0, by_hand(inputs)["settlement"], 0)
    # By hand nothing is certified: a dollar of difference on a row that lies on half a dollar is what it costs.
    assert np.abs(ours - theirs).max() <= 1


def _interleaved(first: Callable[[], object], second: Callable[[], object], rows: int) -> tuple[float, float]:
    """Medians of both, measured in turn so that a busy machine slows both."""
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(7 if rows == ROWS else 1):
        for work, found in zip((first, second), times, strict=True):
            start = time.perf_counter()
            work()
            found.append(time.perf_counter() - start)
    return statistics.median(times[0]), statistics.median(times[1])


def _peak(work: Callable[[], object]) -> int:
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
