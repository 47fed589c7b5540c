"""Small cells are hidden, and so is what would give them away."""

from __future__ import annotations

from fractions import Fraction
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contractlang.runtime.suppression import ALL, Cell, Line, hidden, small


@pytest.mark.parametrize(("count", "shown"), [(0, True), (1, False), (10, False), (11, True)])
def test_cells_from_1_to_10(count: int, shown: bool) -> None:
    """CMS Cell Size Suppression Policy, ResDAC, 26 January 2024 (P28)."""
    assert small(Fraction(count), 11) is not shown


def row(*counts: int) -> tuple[dict[Cell, Fraction], list[Line]]:
    """Cells `a`, `b` … and their total."""
    cells: tuple[Cell, ...] = tuple((chr(ord("a") + i),) for i in range(len(counts)))
    values: dict[Cell, Fraction] = dict(zip(cells, map(Fraction, counts), strict=True))
    values[ALL,] = Fraction(sum(counts))
    return values, [Line(cells, (ALL,))]


def names(found: set[Cell]) -> str:
    return " ".join(sorted(label for (label,) in found))


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ((20, 30, 40), ""),
        ((5, 30, 40), "a b"),  # the total gives 5 away: the smallest other cell goes, too
        ((5, 6, 40), "a b"),  # two cells of 11 together
        ((2, 3, 40, 50), "a b c"),  # two cells of 5 together are still small
        ((5, 0, 0), "a all"),  # zero hides nothing: the total goes
        ((0, 0, 0), ""),
        ((5, 0, 12), "a c"),
    ],
)
def test_one_line(counts: tuple[int, ...], expected: str) -> None:
    assert names(hidden(*row(*counts), 11)) == expected


def test_without_a_total_only_the_small_cells_are_hidden() -> None:
    counts, _ = row(5, 30)
    assert names(hidden({k: v for k, v in counts.items() if k != (ALL,)}, [], 11)) == "a"


tables = st.integers(2, 4).flatmap(
    lambda width: st.lists(st.lists(st.integers(0, 30), min_size=width, max_size=width), min_size=2, max_size=4)
)


@given(tables)
@settings(max_examples=150, deadline=None)
def test_no_line_of_a_table_with_margins_gives_a_cell_away(rows: list[list[int]]) -> None:
    units, kinds = [f"u{i}" for i in range(len(rows))], [f"k{i}" for i in range(len(rows[0]))]
    counts: dict[Cell, Fraction] = {
        (u, k): Fraction(rows[i][j]) for (i, u), (j, k) in product(enumerate(units), enumerate(kinds))
    }
    lines = [Line(tuple((u, k) for u in units), (ALL, k)) for k in kinds]
    lines += [Line(tuple((u, k) for k in kinds), (u, ALL)) for u in units]
    for line in lines:
        counts[line.total] = sum((counts[c] for c in line.cells), Fraction(0))
    grand = Line(tuple((ALL, k) for k in kinds), (ALL, ALL))
    counts[ALL, ALL] = sum((counts[c] for c in grand.cells), Fraction(0))
    found = hidden(counts, [*lines, grand], 11)
    assert {c for c, n in counts.items() if small(n, 11)} <= found
    for line in [*lines, grand]:
        inside = [c for c in line.cells if c in found]
        if line.total not in found:
            assert not inside or (len(inside) > 1 and sum(counts[c] for c in inside) >= 11)
        elif not inside:
            assert all(not counts[c] for c in line.cells)
