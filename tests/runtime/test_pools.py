"""What people read about a pool: the steps of the fund, the own weight, what rounding did, and why there is no share."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest
from click.testing import CliRunner

import contractlang
from contractlang.cli.main import vbc

CONTRACT = """\
contract demo.pool
title    "A pool"
version  "1"
settles  po per half
term     2016-01-01 to 2016-12-31

input results per po, half {
  allowed     USD     within $0 to $1_000_000_000
  points      number  within 0 to 1_000 when missing not applicable "not scored"
  physicians  number  within 0 to 100_000
  active      flag    when missing not applicable "nobody knows"
}

input doctors per doctor, month { po key }

population staff from doctors {
  member     doctor
  attribute  to po by po
  require    active, otherwise "has left"
}

pool incentive {
  funding   7% of sum(allowed over network), carved out
  round     to cents, half away from zero
  split     by results.points over po
  require   physicians >= 75, otherwise "too few physicians"
  exact     to cents, largest remainder, ties by po
  residual  when total weight is 0, carry to next half
}

payment distribution to po = incentive.share else $0
"""

ROWS = """\
po,half,allowed,points,physicians,active
Ann,2016-H1,100.00,0,80,yes
Beth,2016-H1,0.00,0,80,yes
Ann,2016-H2,100.00,1,80,yes
Beth,2016-H2,0.00,1,80,yes
Clara,2016-H2,0.00,1,80,yes
Dora,2016-H2,0.00,5,74,yes
Eve,2016-H2,0.00,,80,yes
Fay,2016-H2,0.00,5,80,no
Gill,2016-H2,0.00,5,80,
"""

BINDING = """\
[tables.results]
file = "results.csv"
same_names = true

[tables.doctors]
file = "doctors.csv"
same_names = true
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("pool.vbc").write_text(CONTRACT, encoding="utf-8")
    Path("results.csv").write_text(ROWS, encoding="utf-8")
    Path("doctors.csv").write_text("doctor,month,po\nd1,2016-01,Ann\n", encoding="utf-8")
    Path("binding.toml").write_text(BINDING, encoding="utf-8")
    return tmp_path


def said(command: str, *args: str) -> str:
    found = CliRunner().invoke(vbc, [command, "pool.vbc", "--data", "binding.toml", *args])
    return " ".join(found.output.split())


@pytest.mark.usefixtures("folder")
def test_units_that_are_not_settled_take_nothing_out_of_the_pool() -> None:
    """Fay has left, and of Gill nobody knows: both are not settled, and the fund goes to the others whole."""
    settled = contractlang.evaluate("pool.vbc", "binding.toml")
    paid = {po: settled.value("distribution", po, "2016-H2") for po in ("Ann", "Beth", "Clara", "Dora", "Eve")}
    # $7.00 of this half and $7.00 that nobody could claim in the one before.
    assert paid == {
        "Ann": Fraction("4.67"), "Beth": Fraction("4.67"), "Clara": Fraction("4.66"), "Dora": 0, "Eve": 0,
    }  # fmt: skip


@pytest.mark.usefixtures("folder")
def test_a_statement_says_what_was_carried_and_what_rounding_did() -> None:
    text = said("run", "--statement", "--period", "2016-H2", "--group", "Ann")
    assert "with what was carried from the half before +7.00 $14.00" in text
    assert "carved out of what this po earns $7.00" in text
    assert "(1 of 3: $4.666666…, one cent more: among the largest remainders) $4.67" in text
    assert "left over, carried to the next half $0.00" in text


@pytest.mark.usefixtures("folder")
def test_a_statement_says_why_there_is_no_share() -> None:
    assert "(no share: too few physicians) $0.00" in said(
        "run", "--statement", "--period", "2016-H2", "--group", "Dora"
    )
    assert "left out: not applicable (not scored)" in said(
        "run", "--statement", "--period", "2016-H2", "--group", "Eve"
    )
    assert "(nobody has any weight) $0.00" in said("run", "--statement", "--period", "2016-H1", "--group", "Ann")


@pytest.mark.usefixtures("folder")
def test_an_explanation_shows_the_own_weight_and_nobody_elses() -> None:
    text = said("explain", "--group", "Ann", "--period", "2016-H2", "distribution")
    assert "incentive.weight = 1" in text
    assert "results.csv, row 3, column points" in text
    for row in (4, 5, 6, 7, 8, 9):
        assert f"row {row}, column points" not in text
        assert f"row {row}, column physicians" not in text
