"""How the cost of the reduce stage grows: python -m tests.benchmarks.reduce.growth FOLDER

Makes data of several sizes in FOLDER, times the compiled contract on each, then on the largest with fewer measures, each
run in a process of its own (the median of three), and writes `docs/reduce_growth.json` and the plot
`docs/reduce_growth.svg`.
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
DOCS = Path(__file__).parents[3] / "docs"
MEMBERS = (50_000, 100_000, 200_000, 400_000, 600_000)
MEASURES = (1, 5, 10, 15, 20, 25)
REPEATS = 3
Point = tuple[float, float]


def main(folder: str) -> None:
    by_rows: list[Point] = []
    for members in MEMBERS:
        data = Path(folder) / str(members)
        if not (data / "norms.parquet").exists():
            subprocess.run([sys.executable, str(HERE / "generate.py"), str(data), str(members)], check=True)
        rows = pq.read_metadata(data / "member_months.parquet").num_rows
        by_rows.append((rows / 1e6, _cpu(data, MEASURES[-1])))
    by_measures: list[Point] = [(n, _cpu(Path(folder) / str(MEMBERS[-1]), n)) for n in MEASURES]
    DOCS.mkdir(exist_ok=True)
    found = {"million_rows_cpu_s": by_rows, "measures_cpu_s": by_measures}
    (DOCS / "reduce_growth.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    (DOCS / "reduce_growth.svg").write_text(_svg(by_rows, by_measures), encoding="utf-8")


def _cpu(data: Path, measures: int) -> float:
    command = [sys.executable, "-m", "tests.benchmarks.reduce.run_contract", str(data), "1", "", str(measures)]
    seconds = []
    for _ in range(REPEATS):
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
        seconds.append(float(found["cpu_s"]))
    return statistics.median(seconds)


# The plot: two panels of points, each with the straight line of least squares ----------------------------------------

WIDTH, HEIGHT, LEFT, TOP = 330, 220, 60, 30


def _svg(by_rows: list[Point], by_measures: list[Point]) -> str:
    panels = [
        _panel(by_rows, 0, "million member-months (25 measures)"),
        _panel(by_measures, WIDTH + LEFT + 30, f"measures ({by_rows[-1][0]:.1f} million member-months)"),
    ]
    size = f'width="{2 * (WIDTH + LEFT) + 60}" height="{HEIGHT + TOP + 50}"'
    style = 'font-family="sans-serif" font-size="12"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size} {style}>\n{"".join(panels)}</svg>\n'


def _panel(points: list[Point], shift: float, title: str) -> str:
    most_x, most_y = max(x for x, _ in points) * 1.05, max(y for _, y in points) * 1.15
    slope, start = statistics.linear_regression(*zip(*points, strict=True))

    def place(x: float, y: float) -> tuple[float, float]:
        return shift + LEFT + x / most_x * WIDTH, TOP + HEIGHT * (1 - y / most_y)

    (x0, y0), (x1, y1) = place(0, start), place(most_x, start + slope * most_x)
    left, bottom = place(0, 0)
    right, top = place(most_x, most_y)
    parts = [
        f'<path d="M{left:.1f} {top:.1f}V{bottom:.1f}H{right:.1f}" fill="none" stroke="black"/>',
        f'<path d="M{x0:.1f} {y0:.1f}L{x1:.1f} {y1:.1f}" stroke="gray" stroke-dasharray="4 3"/>',
        f'<text x="{(left + right) / 2:.1f}" y="{bottom + 36:.1f}" text-anchor="middle">{title}</text>',
        f'<text x="{left:.1f}" y="{top - 12:.1f}">CPU seconds</text>',
    ]
    for x, y in points:
        px, py = place(x, y)
        parts.append(f'<circle cx="{px:.1f}" cy="{py:.1f}" r="3.5"/>')
        parts.append(f'<text x="{px:.1f}" y="{bottom + 16:.1f}" text-anchor="middle" font-size="10">{x:.3g}</text>')
        parts.append(f'<text x="{px:.1f}" y="{py - 8:.1f}" text-anchor="middle" font-size="10">{y:.2f}</text>')
    return "\n".join(parts) + "\n"


if __name__ == "__main__":
    main(sys.argv[1])
