"""Both sides of the reduce benchmark in turn: python -m tests.benchmarks.reduce.compare DATADIR [PAIRS] [MEMORY_LIMIT]

Each run is a process of its own, so that its peak memory is its own. Prints every pair, then medians, ratios and the
member-months per second of both; exits with 1 where the digests differ.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

HERE = Path(__file__).parent
FIGURES = ("wall_s", "cpu_s", "peak_mb")


def once(command: list[str]) -> dict[str, Any]:
    done = subprocess.run([sys.executable, *command], capture_output=True, text=True, check=True)
    return dict(json.loads(done.stdout.strip().splitlines()[-1]))


def main(data: str, pairs: int = 7, memory_limit: str | None = None) -> int:
    limit = [memory_limit] if memory_limit else []
    sides: dict[str, list[dict[str, Any]]] = {"baseline": [], "contract": []}
    for _ in range(pairs):
        sides["baseline"].append(once([str(HERE / "run_baseline.py"), data, "1", *limit]))
        sides["contract"].append(once(["-m", "tests.benchmarks.reduce.run_contract", data, "1", *limit]))
        sys.stdout.write(json.dumps({side: runs[-1] for side, runs in sides.items()}) + "\n")
        sys.stdout.flush()
    medians = {side: {f: statistics.median(run[f] for run in runs) for f in FIGURES} for side, runs in sides.items()}
    ratios = {f: round(medians["contract"][f] / medians["baseline"][f], 3) for f in FIGURES}
    rows = pq.read_metadata(Path(data) / "member_months.parquet").num_rows
    speed = {side: round(rows / found["cpu_s"] / 1e6, 2) for side, found in medians.items()}
    same = all(
        run[table] == sides["baseline"][0][table]
        for runs in sides.values()
        for run in runs
        for table in ("group_year", "group_year_race")
    )
    total = {"rows": rows, "million_rows_per_cpu_s": speed, "medians": medians, "ratios": ratios}
    sys.stdout.write(json.dumps({"same_numbers": same, **total}) + "\n")
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], *(f(a) for f, a in zip((int, str), sys.argv[2:], strict=False))))
