"""The published results of the Medicare Shared Savings Program, reproduced from the published inputs."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from contractlang import reconcile
from contractlang.runtime.reconcile import Reconciliation

CMS = Path(__file__).parents[2] / "contracts" / "cms"
HALF_STEPS = {"quality": "0.005%", "benchmark": "$0.50"}


def compared(shared: Path, year: int, uncertain: dict[str, str] | None = None) -> Reconciliation:
    return reconcile(
        CMS / "mssp.vbc",
        CMS / "bindings" / f"mssp_{year}.toml",
        "EarnSaveLoss",
        tables={"results": shared / "data" / "mssp" / f"PY{year}.csv"},
        uncertain=uncertain,
    ).comparison


@pytest.mark.parametrize(("year", "rows"), [(2014, 333), (2021, 475), (2022, 482)])
def test_every_amount_within_a_dollar(shared: Path, year: int, rows: int) -> None:
    found = compared(shared, year)
    assert (found.rows, found.within, found.differences) == (rows, rows, ())


@pytest.mark.parametrize(("year", "rows", "close"), [(2016, 432, 321), (2017, 472, 336)])
def test_every_amount_within_what_the_printed_digits_allow(shared: Path, year: int, rows: int, close: int) -> None:
    found = compared(shared, year, HALF_STEPS)
    assert (found.rows, found.within, found.within_printed) == (rows, close, rows)


def test_the_three_losses_that_a_limit_on_unpublished_revenue_cut(shared: Path) -> None:
    found = compared(shared, 2023)
    assert (found.rows, found.within) == (453, 450)
    losses = {d.group: d for d in found.differences}
    assert sorted(losses) == ["A1241", "A4627", "A5293"]
    for difference in losses.values():
        assert difference.parts is not None
        assert difference.parts.name == "earned.deficit.cap"
    parts = losses["A1241"].parts
    assert parts is not None
    assert "$1,972,407.00" in parts.reading  # |EarnSaveLoss| + |DisAdj|, published to the dollar


def test_totals(shared: Path) -> None:
    found = compared(shared, 2021)
    assert abs(found.total_theirs - Fraction(1_959_433_483)) == 0
    assert abs(found.total_ours - found.total_theirs) < 475
