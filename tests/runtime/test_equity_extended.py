"""A dimension and a gap of one's own are added in a contract file alone, and the dollars move."""

from __future__ import annotations

import csv
from fractions import Fraction
from pathlib import Path

import pytest

import contractlang
from contractlang import Settled
from contractlang.locations import contracts_folder

CASE = contracts_folder() / "bcbsma" / "cases" / "pay_for_equity"

CITY = """\
contract city.equity extends bcbsma.equity version "2023.1"
title    "Pay for equity, by neighbourhood too"
version  "1"

category neighbourhood { hills, plains }

input home per member {
  area  category in neighbourhood
}

equity place of panel {
  dimension  home.area in neighbourhood
  measures   quality
  stratum    reportable when denominator >= minimum_cases
  gap        max(rate over neighbourhood) - median(rate over neighbourhood)
  compare    own baseline 2022
  guard      every stratum at least its baseline rate
}

define closed = mean(place weighted by weight over measure) else 0%

payment place_equity to group = round(closed * $1.00 pmpm * panel.member_months to cents, half away from zero)
"""


@pytest.fixture(scope="module")
def settled(tmp_path_factory: pytest.TempPathFactory) -> Settled:
    folder = tmp_path_factory.mktemp("city")
    (folder / "city.vbc").write_text(CITY, encoding="utf-8")
    with (CASE / "member_answer.csv").open(encoding="utf-8") as file:
        members = [row["member"] for row in csv.DictReader(file)]
    homes = [f"{m},{'hills' if m[1] == 'w' else 'plains'}" for m in members]
    (folder / "home.csv").write_text("\n".join(["member,area", *homes]) + "\n", encoding="utf-8")
    binding = (CASE / "binding.toml").read_text(encoding="utf-8").replace('file = "', f'file = "{CASE.as_posix()}/')
    binding += f'\n[tables.home]\nfile = "{(folder / "home.csv").as_posix()}"\nsame_names = true\n'
    (folder / "binding.toml").write_text(binding, encoding="utf-8")
    return contractlang.evaluate(
        folder / "city.vbc",
        folder / "binding.toml",
        roots=[contracts_folder()],
        overrides={"minimum_cases": "9 events", "minimum_persons": "9 members"},
    )


def test_the_new_dimension_pays_by_its_own_gap(settled: Settled) -> None:
    """Hills 8 of 9 in both years; plains 7 of 22, then 8 of 22 for one measure and 11 of 22 for the other.

    With two strata the median is their mean, so the gap is half of the difference: 113/198 at the baseline, of which 9/198
    and 36/198 closed. Weights 3 and 1 make 63/452 of 31 member-months at $1.00.
    """
    assert settled.value("place_equity", "Elm", "2023") == Fraction("4.32")


def test_what_was_there_before_is_paid_as_before(settled: Settled) -> None:
    assert settled.value("equity", "Elm", "2023") == Fraction("49.03")
    assert settled.value("equity", "Oak", "2023") == 0


def test_the_guard_holds_in_the_new_dimension(settled: Settled) -> None:
    """White members of Oak live on the hills, and they became worse off."""
    assert settled.value("place_equity", "Oak", "2023") == 0


def test_another_measure_moves_the_dollars(tmp_path: Path) -> None:
    """Without colorectal screening the whole weight is on blood pressure: 763 / 1058 of $62.00."""
    weights = tmp_path / "equity_measures.csv"
    weights.write_text("group,measure,weight\nElm,bp_control,1\nOak,bp_control,1\n", encoding="utf-8")
    settled = contractlang.evaluate(
        contracts_folder() / "bcbsma" / "pay_for_equity.vbc",
        CASE / "binding.toml",
        tables={"equity_measures": weights},
        overrides={"minimum_cases": "10 events", "minimum_persons": "9 members"},
    )
    assert settled.value("equity", "Elm", "2023") == Fraction("44.71")
