"""The plot of `growth.py`, from `docs/reduce_growth.json`: python -m tests.benchmarks.reduce.growth_plot

Two panels of points, CPU seconds over rows and over measures, each series with its straight line of least squares.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Sequence
from pathlib import Path

DOCS = Path(__file__).parents[3] / "docs"

WIDTH, HEIGHT, LEFT, TOP, GAP = 320, 220, 50, 40, 70
SERIES = (("reduce", "reduce", "#1f5fa8"), ("bind", "read and check every cell", "#b4561d"))

Point = tuple[float, float]


def plot() -> None:
    found = json.loads((DOCS / "reduce_growth.json").read_text(encoding="utf-8"))
    rows = found["million_rows_of_measures"]
    panels = [
        _panel(found["by_million_rows"], 0, "million member-months, 25 measures", (0, 5, 10, 15, 20, 25)),
        _panel(found["by_measures"], 1, f"measures, {rows:.1f} million member-months", (0, 5, 10, 15, 20, 25)),
    ]
    width, height = 2 * (LEFT + WIDTH) + GAP, TOP + HEIGHT + 50
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}"'
    back = f'<rect width="{width}" height="{height}" fill="white"/>\n'
    text = f'{head} font-family="sans-serif" font-size="12">\n{back}{"".join(panels)}</svg>\n'
    (DOCS / "reduce_growth.svg").write_text(text, encoding="utf-8")


def _panel(cells: Sequence[dict[str, float]], number: int, title: str, ticks: Sequence[int]) -> str:
    most_x = max([*ticks, *(cell["x"] for cell in cells)]) * 1.03
    step, most_y = _scale(max(cell[name] for cell in cells for name, _, _ in SERIES))
    shift = LEFT + number * (LEFT + WIDTH + GAP / 2)

    def place(x: float, y: float) -> Point:
        return shift + x / most_x * WIDTH, TOP + HEIGHT * (1 - y / most_y)

    left, bottom = place(0, 0)
    right, top = place(most_x, most_y)
    parts = [f'<text x="{left - 30:.1f}" y="{TOP - 22}">CPU seconds</text>', *_legend(right)]
    for line in range(round(most_y / step) + 1):
        _, y = place(0, line * step)
        parts.append(f'<path d="M{left:.1f} {y:.1f}H{right:.1f}" stroke="#ddd"/>')
        parts.append(f'<text x="{left - 6:.1f}" y="{y + 4:.1f}" text-anchor="end">{line * step:g}</text>')
    for tick in ticks:
        x, _ = place(tick, 0)
        parts.append(f'<path d="M{x:.1f} {bottom:.1f}v4" stroke="black"/>')
        parts.append(f'<text x="{x:.1f}" y="{bottom + 17:.1f}" text-anchor="middle">{tick}</text>')
    parts.append(f'<path d="M{left:.1f} {top:.1f}V{bottom:.1f}H{right:.1f}" fill="none" stroke="black"/>')
    parts.append(f'<text x="{(left + right) / 2:.1f}" y="{bottom + 38:.1f}" text-anchor="middle">{title}</text>')
    for name, _, colour in SERIES:
        points = [(cell["x"], cell[name]) for cell in cells]
        slope, start = statistics.linear_regression(*zip(*points, strict=True))
        (x0, y0), (x1, y1) = place(0, start), place(most_x, start + slope * most_x)
        parts.append(f'<path d="M{x0:.1f} {y0:.1f}L{x1:.1f} {y1:.1f}" stroke="{colour}" stroke-dasharray="4 3"/>')
        parts += [
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{colour}"/>' for x, y in (place(*p) for p in points)
        ]
    return "\n".join(parts) + "\n"


def _legend(right: float) -> list[str]:
    """The words of the series above a panel, from the right."""
    parts = []
    for (_, words, colour), end in zip(SERIES, (right - 165, right), strict=True):
        parts.append(f'<text x="{end:.1f}" y="{TOP - 22}" text-anchor="end" fill="{colour}">{words}</text>')
    return parts


def _scale(most: float) -> tuple[float, float]:
    """A round distance of lines, and the top of the axis above all points."""
    step = next(s for s in (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50) if most * 1.15 / s <= 6)
    return step, step * (int(most * 1.15 / step) + 1)


if __name__ == "__main__":
    plot()
