"""What the truth file states is what the engines find, to the cent and the member."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

import contractlang
from tests.sample.sampling import Totals, Truth, make, read_truth, settle


def found(settled: contractlang.Settled, name: str, times: int = 1) -> Totals:
    """A value on every settled row, times a power of ten."""
    values = {row: settled.value(name, *row) for row in settled.rows}
    assert all(isinstance(value, Fraction) for value in values.values())
    return {row: int(value * times) for row, value in values.items() if isinstance(value, Fraction)}


def only(totals: Totals, settled: contractlang.Settled) -> Totals:
    return {row: totals.get(row, 0) for row in settled.rows}


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[contractlang.Settled, Truth]:
    folder = tmp_path_factory.mktemp("demo")
    return settle(make(folder, "demo"), folder), read_truth(folder)


def in_panel(row: dict[str, Any]) -> bool:
    return row["product"] in {"commercial", "medicaid"}


def test_every_group_with_enough_members_is_settled(demo: tuple[contractlang.Settled, Truth]) -> None:
    settled, truth = demo
    expected = {row for row, months in truth.sums("totals", "member_months", in_panel).items() if months >= 120}
    assert set(settled.rows) == expected
    assert len(expected) >= 9


@pytest.mark.parametrize(
    ("value", "column", "times"),
    [
        ("panel.member_months", "member_months", 1),
        ("medical_expense.truncate", "truncated", 100),
    ],
)
def test_totals(demo: tuple[contractlang.Settled, Truth], value: str, column: str, times: int) -> None:
    settled, truth = demo
    assert found(settled, value, times) == only(truth.sums("totals", column, in_panel), settled)


def test_cost_before_truncation(demo: tuple[contractlang.Settled, Truth]) -> None:
    settled, truth = demo
    parts = [truth.sums("totals", column, in_panel) for column in ("medical_allowed", "pharmacy_allowed")]
    expected = {row: parts[0][row] + parts[1][row] for row in settled.rows}
    assert found(settled, "medical_expense.amount", 100) == expected
    assert found(settled, "medical_expense.truncate", 100) != expected, "somebody is truncated"


@pytest.mark.parametrize(("value", "column"), [("numerator", "numerator"), ("denominator", "eligible")])
def test_measure_counts(demo: tuple[contractlang.Settled, Truth], value: str, column: str) -> None:
    settled, truth = demo
    expected = truth.sums("results", column, lambda row: in_panel(row) and row["measure"] == "COL")
    assert found(settled, f"colorectal.{value}") == only(expected, settled)


def test_rates_lie_near_the_true_ones(demo: tuple[contractlang.Settled, Truth]) -> None:
    _, truth = demo
    rows = truth.table("results")
    for label in {row["measure"] for row in rows}:
        own = [row for row in rows if row["measure"] == label]
        expected = sum(row["eligible"] * row["true_rate"] for row in own)
        spread = sum(row["eligible"] * row["true_rate"] * (1 - row["true_rate"]) for row in own) ** 0.5
        assert abs(sum(row["numerator"] for row in own) - expected) < 4.5 * spread, label


PLURALITY = """\
contract sampled.plurality
version "1"
settles group per year
term 2019-01-01 to 2021-12-31
category product { a, b }
input member_month per member, month {
  product category in product
  medical_allowed USD
}
input visit per member, month, seen {
  provider_group key when missing not applicable "elsewhere"
  visits events
}
population panel from member_month {
  attribute to group by plurality of provider_group from visit over 24 months
}
spending cost of panel {
  amount medical_allowed
}
payment settlement to group = round(1% of cost to cents, half away from zero)
define months = panel.member_months
"""


def test_plurality_of_visits(tmp_path: Path) -> None:
    contract = tmp_path / "plurality.vbc"
    contract.write_text(PLURALITY, encoding="utf-8")
    made = make(tmp_path / "data", "demo", contract, members=400, groups=3)
    settled = settle(made, tmp_path / "data")
    expected = read_truth(tmp_path / "data").sums("plurality", "member_months", lambda _: True)
    assert found(settled, "panel.member_months") == dict(expected)


@pytest.fixture(scope="module")
def aqc(tmp_path_factory: pytest.TempPathFactory) -> tuple[contractlang.Settled, Truth]:
    folder = tmp_path_factory.mktemp("aqc")
    made = make(folder, "aqc", members=1_500, groups=4)
    small = {"minimum_panel": "20 members"}
    return contractlang.evaluate(made.contract, folder / "binding.toml", overrides=small), read_truth(folder)


def designated(row: dict[str, Any]) -> bool:
    return row["product"] in {"HMO", "POS"}


def test_totals_of_the_quality_contract(aqc: tuple[contractlang.Settled, Truth]) -> None:
    settled, truth = aqc
    for value, column, times in (
        ("panel.member_months", "member_months", 1),
        ("panel.members", "members", 1),
        ("medical_expense.truncate", "truncated", 100),
    ):
        assert found(settled, value, times) == only(truth.sums("totals", column, designated), settled), value


def test_the_group_that_joins_late_is_not_settled(aqc: tuple[contractlang.Settled, Truth]) -> None:
    settled, truth = aqc
    late = truth.document["planted"]["late_group"]
    assert settled.status(late["group"], str(late["from"])) == ("not settled", "no members in the base years")


def test_measure_counts_of_the_quality_contract(aqc: tuple[contractlang.Settled, Truth]) -> None:
    settled, truth = aqc
    result = settled.result
    checked = 0
    for label in ("breast_cancer", "hba1c_poor", "bp_control"):
        for value, column in (("numerator", "numerator"), ("denominator", "eligible")):
            expected = truth.sums("results", column, lambda row: designated(row) and row["measure"] == label)  # noqa: B023
            for row in settled.rows:
                plan = result.programme.plans[row[1]]
                node = next(n.node for n in plan.names if n.name == f"ambulatory.{value}")
                key = {"group": row[0], "year": row[1], "measure": label}
                assert result.settlement.evaluator.value(plan, node, key) == expected.get(row, 0), (label, value, row)
                checked += 1
    assert checked >= 18
