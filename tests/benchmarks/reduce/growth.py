"""How the cost of member rows grows: python -m tests.benchmarks.reduce.growth FOLDER [REPEATS]

Makes data of several sizes in FOLDER and times the compiled contract on each, then on one of them with fewer measures.
Every run is a process of its own; all sizes take turns, so that a busy hour of the machine meets all of them; medians
are kept. Writes `docs/reduce_growth.json` and the plot `docs/reduce_growth.svg`.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from tests.benchmarks.reduce.growth_plot import DOCS, plot
from tests.benchmarks.reduce.run_contract import HERE, MEASURES

MEMBERS = (50_000, 100_000, 200_000, 400_000, 600_000, 1_200_000)
FEWER = (1, 5, 10, 15, 20, 25)
FEWER_OF = 600_000

Case = tuple[int, int]
"""Members and measures."""


def main(folder: str, repeats: int = 3) -> None:
    cases = list(dict.fromkeys([*((m, MEASURES) for m in MEMBERS), *((FEWER_OF, n) for n in FEWER)]))
    rows = {members: _data(Path(folder), members) for members in MEMBERS}
    found: dict[Case, list[dict[str, float]]] = {case: [] for case in cases}
    for _ in range(repeats):
        for case in cases:
            found[case].append(_once(Path(folder), *case))
    seconds = {
        case: {what: statistics.median(run[what] for run in runs) for what in runs[0]} for case, runs in found.items()
    }
    DOCS.mkdir(exist_ok=True)
    measured = {
        "by_million_rows": [{"x": rows[m] / 1e6, **seconds[m, MEASURES]} for m in MEMBERS],
        "by_measures": [{"x": n, **seconds[FEWER_OF, n]} for n in FEWER],
        "million_rows_of_measures": rows[FEWER_OF] / 1e6,
    }
    (DOCS / "reduce_growth.json").write_text(json.dumps(measured, indent=1) + "\n", encoding="utf-8")
    plot()


def _data(folder: Path, members: int) -> int:
    """The number of rows of a size, made if it is not there."""
    data = folder / str(members)
    if not (data / "norms.parquet").exists():
        subprocess.run([sys.executable, str(HERE / "generate.py"), str(data), str(members)], check=True)
    return int(pq.read_metadata(data / "member_months.parquet").num_rows)


def _once(folder: Path, members: int, measures: int) -> dict[str, float]:
    command = ["-m", "tests.benchmarks.reduce.run_contract", str(folder / str(members)), "1", "", str(measures)]
    done = subprocess.run([sys.executable, *command], capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return {"reduce": float(found["cpu_s"]), "bind": float(found["bind_cpu_s"])}


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
