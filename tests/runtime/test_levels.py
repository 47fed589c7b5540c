"""Levels below the settled unit, whose members the roster lists: values, sums, payments, and the way back up."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from contractlang.diagnostics.diagnostic import Sink
from contractlang.diagnostics.render import report
from contractlang.runtime.executor import Engines
from contractlang.runtime.payees import payee_lines
from contractlang.runtime.result import Result
from contractlang.runtime.runs import open_run, settle
from contractlang.values import Value

CONTRACT = """\
contract demo.levels
title    "Levels"
version  "1"
settles  po per year
term     2024-01-01 to 2025-12-31

input member_month per member, month {
  physician  key   when missing not applicable "no physician"
  cost       USD
  met        flag  when missing no
}

input stay per physician, from {
  until     date  when missing not applicable "no end"
  practice  key
  po        key
}

input recognition per practice, year {
  designated  flag      when missing no
  fee         USD pmpm  when missing $0 pmpm
}

roster physicians from stay {
  levels  physician < practice < po
  as of   month
}

population panel from member_month per practice {
  attribute  to po by physician through physicians
  rebuild    baseline on the current roster
}

spending expense of panel {
  amount  cost
}

measure met_rate of panel per practice {
  numerator    met
  denominator  met is not missing
}

define members = sum(panel.member_months over practice)
define whole_rate = sum(met_rate.numerator over practice) / sum(met_rate.denominator over practice) else 0%
define designated = count(practice where recognition.designated)
define place = percentile_rank(met_rate over network, practice) else 0%
define base = sum(expense.total over practice) at 2023

payment care_fee to practice
  when recognition.designated:  round(recognition.fee * panel.member_months to cents, half away from zero)
  otherwise:                    $0

payment support to po = round($1.00 pmpm * members * whole_rate to cents, half away from zero)

## Shown, not paid on.
define shown = designated * place + base / $1
"""

FILES = {
    "member_month.csv": (
        "member,month,physician,cost,met\n"
        "a,2023-01,D1,5.00,1\nd,2023-01,D4,7.00,1\nd,2023-08,D4,9.00,1\n"
        "a,2024-01,D1,10.00,1\na,2024-02,D1,10.00,1\nb,2024-01,D2,20.00,0\nc,2024-01,D3,30.00,1\n"
        "d,2024-01,D4,40.00,0\nd,2024-08,D4,40.00,0\ne,2024-01,D9,1.00,1\n"
    ),
    "stay.csv": (
        "physician,from,until,practice,po\n"
        "D1,2020-01-01,,P1,North\nD2,2020-01-01,,P2,North\nD3,2020-01-01,,P2,North\n"
        "D4,2020-01-01,2024-07-01,P3,North\nD4,2024-07-01,,P3,South\nD5,2026-01-01,,P5,South\n"
    ),
    "recognition.csv": "practice,year,designated,fee\nP1,2024,1,5.00\nP2,2024,0,6.00\nP3,2024,1,7.00\n",
    "binding.toml": "".join(
        f'[tables.{name}]\nfile = "{name}.csv"\nsame_names = true\n\n' for name in ("member_month", "stay", "recognition")
    ),
}  # fmt: skip


def run(folder: Path, text: str, files: Mapping[str, str], reduce: str) -> Result:
    for name, content in {**files, "contract.vbc": text}.items():
        (folder / name).write_text(content, encoding="utf-8")
    sink = Sink()
    opened = open_run(folder / "contract.vbc", folder / "binding.toml", sink)
    assert opened is not None, report(sink)
    result = settle(opened, sink, engines=Engines(reduce=reduce))
    assert result is not None, report(sink)
    return result


@pytest.fixture(params=["duckdb", "reference"])
def result(request: pytest.FixtureRequest, tmp_path: Path) -> Result:
    return run(tmp_path, CONTRACT, FILES, str(request.param))


def of_practices(result: Result, name: str) -> dict[tuple[str, str], Value]:
    return {
        (result.group(row), key["practice"]): value
        for row in result.rows.tolist()
        if result.period(row) == "2024"
        for key, value in result.finer(name, row)
    }


def of_pos(result: Result, name: str) -> dict[str, Value]:
    return {result.group(row): result.value(name, row) for row in result.rows.tolist() if result.period(row) == "2024"}


def test_each_po_has_the_practices_of_its_roster(result: Result) -> None:
    assert of_practices(result, "panel.member_months") == {
        ("North", "P1"): 2, ("North", "P2"): 2, ("North", "P3"): 1, ("South", "P3"): 1,
    }  # fmt: skip
    assert of_pos(result, "designated") == {"North": 2, "South": 1}


def test_rates_are_rolled_up_by_sums(result: Result) -> None:
    from fractions import Fraction

    assert of_pos(result, "members") == {"North": 5, "South": 1}
    assert of_pos(result, "whole_rate") == {"North": Fraction(3, 5), "South": 0}
    assert of_pos(result, "support") == {"North": 3, "South": 0}


def test_practices_of_all_are_compared(result: Result) -> None:
    from fractions import Fraction

    assert of_practices(result, "place") == {
        ("North", "P1"): 1, ("North", "P2"): Fraction(2, 3), ("North", "P3"): Fraction(1, 6), ("South", "P3"): Fraction(1, 6),
    }  # fmt: skip


def test_each_practice_is_paid(result: Result) -> None:
    assert of_practices(result, "care_fee") == {
        ("North", "P1"): 10, ("North", "P2"): 0, ("North", "P3"): 7, ("South", "P3"): 7,
    }  # fmt: skip
    assert of_pos(result, "care_fee.total") == {"North": 17, "South": 7}


def test_base_years_of_practices_on_the_current_roster(result: Result) -> None:
    # 2023: North had P1 with $5 and P3 with $16; on the roster of 2024, August of P3 is South's.
    assert of_pos(result, "base") == {"North": 12, "South": 9}


UPWARD = """\
contract demo.upward
title    "Practices are settled, their organisation is paid"
version  "1"
settles  practice per year
term     2024-01-01 to 2025-12-31

input results per practice, year {
  saved  USD
}

input stay per practice, from {
  until  date  when missing not applicable "no end"
  po     key
}

roster practices from stay {
  levels  practice < po
  as of   period start
}

payment share to po by practices.po = round(10% of saved to cents, half away from zero)
"""

UPWARD_FILES = {
    "results.csv": "practice,year,saved\nP1,2024,100\nP2,2024,50\nP1,2025,10\nP2,2025,20\nP3,2025,70\n",
    "stay.csv": "practice,from,until,po\nP1,2020-01-01,,North\nP2,2020-01-01,2024-06-01,North\nP2,2024-06-01,,South\n",
    "binding.toml": "".join(
        f'[tables.{name}]\nfile = "{name}.csv"\nsame_names = true\n\n' for name in ("results", "stay")
    ),
}


@pytest.mark.parametrize("reduce", ["duckdb", "reference"])
def test_the_level_above_is_paid(tmp_path: Path, reduce: str) -> None:
    result = run(tmp_path, UPWARD, UPWARD_FILES, reduce)
    assert list(payee_lines(result)) == [
        "share, 2024, to each po: North $15.00, for 2 practices",
        "share, 2025, to each po: South $2.00, for 1 practice; North $1.00, for 1 practice",
    ]
    row = result.find("P3", "2025")
    assert row is not None
    assert result.reasons == {row: "the po of share is missing (not on roster `practices`)"}
