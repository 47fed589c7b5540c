"""A thousand draws of the pay-for-equity contract: how often the interval holds, and what chance alone pays.

The figures of `contracts/bcbsma/pay_for_equity.md` come from here.
"""

from __future__ import annotations

import re
from functools import cache

import numpy as np
import pytest

from tests.runtime.equity_draws import CONTRACT, RATES, Draws, draw, true_gap

SIZES = (1_000, 5_000, 20_000)
GAINS = {**RATES, "black": 0.75, "hispanic": 0.76, "asian": 0.79}
PAGE = CONTRACT.with_suffix(".md").read_text(encoding="utf-8")

pytestmark = pytest.mark.slow


@cache
def drawn(members: int) -> Draws:
    return draw(1_000, members, 7)


def stated(members: int) -> list[str]:
    """The percentages of the line of the page for a size under the strict guard."""
    line = re.search(rf"^\| {members:,} \| strict, as written \|(.*)$", PAGE, re.MULTILINE)
    assert line is not None
    return re.findall(r"([\d.]+)%", line[1])


@pytest.mark.parametrize("members", SIZES)
def test_the_true_gap_lies_in_the_interval(members: int) -> None:
    found = drawn(members)
    low, high, true = found.values("race.gap_low"), found.values("race.gap_high"), true_gap()
    share = float(np.mean((low <= true) & (true <= high)))
    assert 0.93 <= share <= 0.97
    assert f"{100 * share:.1f}%" in PAGE


@pytest.mark.parametrize("members", SIZES)
def test_the_strict_guard_pays_nothing_where_a_stratum_declined(members: int) -> None:
    found = drawn(members)
    declined = (found.rates[1] < found.rates[0]).any(axis=1)
    assert declined.sum() > 900
    assert not found.paid[declined].any()


@pytest.mark.parametrize("members", SIZES)
def test_what_chance_pays_stands_on_the_page(members: int) -> None:
    found = drawn(members)
    share, part = np.mean(found.paid > 0), found.paid.mean() / (24 * members)
    assert stated(members)[:2] == [f"{100 * share:.1f}", f"{100 * part:.1f}"]


@pytest.mark.parametrize("members", SIZES)
def test_what_true_gains_are_paid_stands_on_the_page(members: int) -> None:
    assert stated(members)[2] == f"{100 * np.mean(draw(1_000, members, 7, GAINS).paid > 0):.1f}"
