"""Time the compiled contract: python -m tests.benchmarks.reduce.run_contract DATADIR [REPEATS] [MEMORY_LIMIT] [MEASURES]

Prints one JSON line per repeat, in the form of `run_baseline.py` and with the same digests: the tables of the reduce
stage, put in the form of the hand-written tables (keys as numbers, one column per measure). `bind_cpu_s` is the check of
every cell of the files, which the hand-written query does not make.
"""

from __future__ import annotations

import hashlib
import json
import resource
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from contractlang.diagnostics.diagnostic import Sink
from contractlang.engines.base import Column, Reduced, exact
from contractlang.engines.duckdb.reduce import reduce
from contractlang.plan.compiler import Compiled, compile_file
from contractlang.runtime.binding import read_binding
from contractlang.runtime.dataset import Dataset, bind

HERE = Path(__file__).parent
FILES = {"member_months": "member_months", "measures_wide": "measures", "norms": "norms"}
MEASURES = 25


def compiled(measures: int = MEASURES) -> Compiled:
    """The contract with its first measures."""
    lines = (HERE / "contract.vbc").read_text(encoding="utf-8").splitlines(keepends=True)
    later = {word for i in range(measures, MEASURES) for word in (f"d{i}", f"n{i}", f"m{i}")}
    with TemporaryDirectory() as folder:
        path = Path(folder) / "contract.vbc"
        path.write_text("".join(line for line in lines if _named(line) not in later), encoding="utf-8")
        found = compile_file(path, Sink())
    if found is None:
        raise SystemExit("the contract of the benchmark does not compile")
    return found


def _named(line: str) -> str:
    """What a line of the contract declares: the column of an input, or the measure of a row."""
    words = line.replace("|", " ").split()
    return words[0] if words else ""


def bound(contract: Compiled, data: Path, memory: str | None = None) -> Dataset:
    sink = Sink()
    binding = read_binding(HERE / "binding.toml", sink)
    files = {table: data / f"{file}.parquet" for table, file in FILES.items()}
    periods = [period.label for period in contract.periods()]
    found = binding and bind(
        contract.tables,
        binding,
        files,
        sink,
        unit=contract.unit,
        period=contract.period,
        periods=periods,
        memory=memory,
    )
    if not found:
        raise SystemExit("\n".join(d.message for d in sink))
    return found


def digests(reduced: Reduced) -> dict[str, str]:
    """The digests of the hand-written tables, from those of the contract."""
    months, cost, risk = (_by_key(reduced, name) for name in ("panel", "cost", _sums(reduced)))
    group_year = [
        (*key, _whole(m["member_months"], 2), _whole(risk[key]["value"], 12), _whole(cost[key]["amount"], 2),
         _whole(cost[key]["truncate"], 2), int(m["members"]))
        for key, m in months.items()
    ]  # fmt: skip
    by_race: dict[tuple[Any, ...], dict[str, Any]] = {}
    for (*key, measure), row in _by_key(reduced, "clinical").items():
        by_race.setdefault(tuple(key), {})[str(measure)] = row
    group_year_race = [
        (*key, *(int(found[f"m{i}"][word]) for i in range(len(found)) for word in ("denominator", "numerator")))
        for key, found in by_race.items()
    ]
    return {"group_year": _digest(group_year), "group_year_race": _digest(group_year_race)}


def _sums(reduced: Reduced) -> str:
    return next(name for name, table in reduced.tables.items() if "value" in table.columns)


def _by_key(reduced: Reduced, name: str) -> dict[tuple[Any, ...], dict[str, Any]]:
    """Rows by group and year as numbers, then race and measure as texts."""
    table = reduced.tables[name]
    keys = [_values(column) for column in table.keys.values()]
    cells = {name: _values(column) for name, column in table.columns.items()}
    return {
        (int(key[0]), int(key[1]), *key[2:]): {name: values[row] for name, values in cells.items()}
        for row, key in enumerate(zip(*keys, strict=True))
    }


def _values(column: Column) -> list[Any]:
    return [exact(column, row) for row in range(len(column))]


def _whole(value: Any, scale: int) -> int:
    found = value * 10**scale
    if found.denominator != 1:
        raise SystemExit(f"{value} has more than {scale} decimals")
    return int(found)


def _digest(rows: list[tuple[Any, ...]]) -> str:
    return f"{hashlib.md5(repr(sorted(rows)).encode(), usedforsecurity=False).hexdigest()[:12]}:{len(rows)}"


def main(data: str, repeats: int = 3, memory_limit: str | None = None, measures: int = MEASURES) -> None:
    contract = compiled(measures)
    for _ in range(repeats):
        bind_cpu = time.process_time()
        dataset = bound(contract, Path(data), memory_limit or None)
        bind_cpu = time.process_time() - bind_cpu
        bind_peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        wall, cpu = time.perf_counter(), time.process_time()
        reduced = reduce(contract.plans[-1], dataset.members)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        found = {
            "wall_s": round(wall, 2),
            "cpu_s": round(cpu, 2),
            "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
            **digests(reduced),
            "bind_cpu_s": round(bind_cpu, 2),
            "bind_peak_mb": bind_peak,
        }
        sys.stdout.write(json.dumps(found) + "\n")
        sys.stdout.flush()
        dataset.close()


if __name__ == "__main__":
    main(sys.argv[1], *(f(a) for f, a in zip((int, str, int), sys.argv[2:], strict=False)))
