"""Samples for pools, uplifts and pooled quality: what is planted is what the contracts find, and pools pay what they hold."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pyarrow.parquet as pq
import pytest

import contractlang
from tests.sample.sampling import make, read_truth, settle


def total(settled: contractlang.Settled, name: str, period: str) -> Fraction:
    values = [settled.value(name, *row) for row in settled.rows if row[1] == period]
    return sum((value for value in values if isinstance(value, Fraction)), Fraction(0))


def number(value: object) -> Fraction:
    assert isinstance(value, Fraction)
    return value


def test_oregon_pays_its_whole_pool(tmp_path: Path) -> None:
    settled = settle(make(tmp_path, "oregon", members=1_500, groups=6), tmp_path)
    fund = number(settled.value("quality.fund", *settled.rows[0]))
    assert fund > 0
    assert total(settled, "quality.share", "2019") == fund
    left = number(settled.value("challenge.residual", *settled.rows[0]))
    assert total(settled, "quality_payment", "2019") + total(settled, "challenge_payment", "2019") + left == fund


def test_the_rates_of_the_truth_file_are_those_that_were_drawn(tmp_path: Path) -> None:
    make(tmp_path, "oregon", members=1_500, groups=6)
    rows = pq.read_table(tmp_path / "measured.parquet").to_pylist()
    planted = read_truth(tmp_path).document["planted"]["supplied"]["measured"]
    place = {name: planted["columns"].index(name) for name in ("cases", "numerator", "true_rate")}
    assert [(row["eligible"], row["met"]) for row in rows] == [
        (row[place["cases"]], row[place["numerator"]]) for row in planted["rows"]
    ]
    far = [
        abs(row[place["numerator"]] - row[place["cases"]] * row[place["true_rate"]]) / row[place["cases"]] ** 0.5
        for row in planted["rows"]
    ]
    assert max(far) < 2.5  # five standard errors of a rate of one half


def test_the_incentive_pool_pays_out_or_carries(tmp_path: Path) -> None:
    """Nobody has 12,500 members here: every fund waits for the next half, and nothing is lost on the way."""
    settled = settle(make(tmp_path, "pgip", members=1_200, groups=4, years=(2015, 2016)), tmp_path)
    periods = sorted({period for _, period in settled.rows})
    funded, residual = Fraction(0), Fraction(0)
    for period in periods:
        row = next(row for row in settled.rows if row[1] == period)
        funded += number(settled.value("incentive.funding", *row))
        fund, residual = (number(settled.value(f"incentive.{name}", *row)) for name in ("fund", "residual"))
        assert total(settled, "distribution", period) + residual == fund
    assert abs(residual - funded) <= Fraction(len(periods), 200)  # rounding of the fund, half a cent each time


@pytest.mark.parametrize("programme", ["fee_uplift", "specialist_uplift"])
def test_uplifts_are_paid_on_listed_codes_only(tmp_path: Path, programme: str) -> None:
    settled = settle(make(tmp_path, programme, members=300, groups=3), tmp_path)
    rows = pq.read_table(tmp_path / "services.parquet").to_pylist()
    listed = {"99213", "99214", "99395"} if programme == "fee_uplift" else {"99213", "99214"}
    for practice, month in settled.rows:
        own = [r for r in rows if (r["practice"], r["month"]) == (practice, month) and r["code"] in listed]
        assert number(settled.value("uplift.fees", practice, month)) == sum(
            (Fraction(str(r["standard_fee"])) for r in own), Fraction(0)
        )


def test_pooled_patients_of_colorado_are_everybodys(tmp_path: Path) -> None:
    settled = settle(make(tmp_path, "colorado", members=900, groups=3, years=(2010, 2010)), tmp_path)
    months = read_truth(tmp_path).sums("totals", "member_months", lambda _row: True)
    for row in settled.rows:
        assert number(settled.value("everybody.member_months", *row)) == months[row]
        assert number(settled.value("panel.member_months", *row)) < months[row] / 2
