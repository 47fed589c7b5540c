"""Which counts of a table must be hidden, so that no small one is seen or can be worked out.

Primary: counts from 1 to below the limit. Complementary: cells that add up to a shown total form a line together with it.
A line with a single hidden cell gives it away, and so does one whose hidden cells together are fewer than the limit; further
cells are hidden, the smallest first, until no line does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

Cell = tuple[str, ...]
"""The labels of a cell; a total has `ALL` in place of the label that it adds up."""

ALL = "all"


@dataclass(frozen=True, slots=True)
class Line:
    """Cells that add up to a total."""

    cells: tuple[Cell, ...]
    total: Cell


def small(count: Fraction, below: int) -> bool:
    """Whether a count is hidden for itself; zero may be shown."""
    return 0 < count < below


def hidden(counts: Mapping[Cell, Fraction], lines: Sequence[Line], below: int, first: Iterable[Cell] = ()) -> set[Cell]:
    """The cells to hide: the small ones, those of `first`, and what the totals of `lines` would give away."""
    found = {cell for cell, count in counts.items() if small(count, below)} | set(first)
    changed = bool(lines)
    while changed:
        changed = False
        for line in lines:
            more = _given_away(counts, line, found, below)
            if more is not None:
                found.add(more)
                changed = True
    return found


def _given_away(counts: Mapping[Cell, Fraction], line: Line, found: set[Cell], below: int) -> Cell | None:
    """A further cell to hide, or None where the line gives nothing away."""
    inside = [cell for cell in line.cells if cell in found]
    if line.total in found:
        # The total is as unknown as a cell; alone it would follow from the cells.
        if inside or not any(counts[cell] for cell in line.cells):
            return None
        return _smallest(counts, line.cells, found)
    if not inside or (len(inside) > 1 and sum(counts[cell] for cell in inside) >= below):
        return None
    return _smallest(counts, line.cells, found) or line.total


def _smallest(counts: Mapping[Cell, Fraction], cells: Iterable[Cell], found: set[Cell]) -> Cell | None:
    """The smallest cell that is still shown and not zero; the first of equal ones."""
    open_ = [cell for cell in cells if cell not in found and counts[cell]]
    return min(open_, key=lambda cell: (counts[cell], cell), default=None)
