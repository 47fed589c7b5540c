"""`vbc explain`, `vbc show` and `vbc test`."""

from __future__ import annotations

import json
from pathlib import Path

import click
import pytest

from tests.cli.conftest import Vbc
from tests.cli.files import write_files
from tests.runtime.settling import CONTRACT

EXPLAIN = ("explain", "contract.vbc", "--data", "binding.toml")

EXAMPLE = """
example "a surplus above the minimum rate" {
  given   track = ONE_SIDED, year = 2021, benchmark = $1_000_000, expenditure = $900_000
  given   beneficiaries = 10_000 members, quality = 80%
  expect  sharing_rate = 40%, earned = $40_000
}
"""

CASE = """\
title    = "two groups"
contract = "../../contract.vbc"
data     = "../../binding.toml"

[[expect]]
group  = "Lakeside"
period = 2021
status = "settled"

[expect.values]
settlement   = "$276_180.00"
sharing_rate = "46.03%"
"earned.surplus.share" = "$276_179.77 within $0.01"

[[expect]]
group  = "Lakeside"
period = 2022

[expect.values]
quality_seen = "no"
"""


def test_explain_every_payment(folder: Path, run_vbc: Vbc) -> None:
    said = run_vbc(*EXPLAIN, "--group", "Lakeside", "--period", "2021")
    assert said.status == 0
    assert "settlement = $276,180.00" in said.out
    assert "results.csv, row 1, column Total cost" in said.out


def test_explain_one_value_to_a_depth(folder: Path, run_vbc: Vbc) -> None:
    said = run_vbc(*EXPLAIN, "--group", "Lakeside", "--period", "2021", "--depth", "1", "earned")
    assert "earned = $276,180.00" in said.out
    assert "terms.share" not in said.out


def test_explain_json(folder: Path, run_vbc: Vbc) -> None:
    found = json.loads(run_vbc(*EXPLAIN, "--group", "Lakeside", "--period", "2021", "--json").out)
    assert found["format"] == "vbc-trace/1"
    assert found["trace"]["value"] == "276180"


def test_explain_needs_a_period_where_there_are_several(folder: Path, run_vbc: Vbc) -> None:
    said = run_vbc(*EXPLAIN, "--group", "Lakeside")
    assert said.status == 1
    assert "add `--period`: 2021, 2022" in said.err


def test_explain_what_is_not_there(folder: Path, run_vbc: Vbc) -> None:
    said = run_vbc(*EXPLAIN, "--group", "Lakeside", "--period", "2021", "ernd")
    assert said.status == 1
    assert "error[value-unknown]: the contract has no value `ernd`" in said.err
    assert "error[group-unknown]" in run_vbc(*EXPLAIN, "--group", "Lake", "--period", "2021").err


def test_show_is_a_contract_again(folder: Path, run_vbc: Vbc) -> None:
    said = run_vbc("show", "contract.vbc")
    assert said.status == 0
    (folder / "shown.vbc").write_text(said.out, encoding="utf-8")
    first, second = (run_vbc("show", name, "--hash").out.splitlines()[1] for name in ("contract.vbc", "shown.vbc"))
    assert first == second


def test_show_lists(folder: Path, run_vbc: Vbc) -> None:
    assert "minimum_rate  only two points are published" in run_vbc("show", "contract.vbc", "--assumptions").out
    grain = run_vbc("show", "contract.vbc", "--grain").out
    line = next(line.split() for line in grain.splitlines() if line.startswith("sharing_rate"))
    assert line[:4] == ["sharing_rate", "percent", "{group,", "year}"]
    assert line[-1] == "contract.vbc:32"
    plan = run_vbc("show", "contract.vbc", "--plan").out
    assert "cell results.benchmark" in plan
    assert "pay settlement" in plan


def test_show_outside_the_term(folder: Path, run_vbc: Vbc) -> None:
    said = run_vbc("show", "contract.vbc", "--on", "2031-01-01")
    assert said.status == 1
    assert "the term is 2021-01-01 to 2022-12-31" in said.err


def test_examples_as_stated(folder: Path, run_vbc: Vbc) -> None:
    write_files(folder, CONTRACT + EXAMPLE)
    said = run_vbc("test", "contract.vbc")
    assert said.status == 0
    assert said.out.splitlines() == [
        "ok      a surplus above the minimum rate  (contract.vbc:51)",
        "1 run, all as stated",
    ]


def test_a_failing_example_shows_where_it_parts(folder: Path, run_vbc: Vbc) -> None:
    write_files(folder, CONTRACT + EXAMPLE.replace("earned = $40_000", "earned = $50_000"))
    said = run_vbc("test", "contract.vbc")
    assert said.status == 1
    assert "        earned = $50,000.00, got $40,000.00" in said.out
    assert "error[example-failed]" in said.out
    assert "the expected value comes out at `sharing_rate` case 1 of 3: 50% (contract.vbc:32)" in said.out


def test_cases_of_a_folder(folder: Path, run_vbc: Vbc) -> None:
    case = folder / "cases" / "two"
    case.mkdir(parents=True)
    (case / "case.toml").write_text(
        CASE.split('[[expect]]\ngroup  = "Lakeside"\nperiod = 2022', maxsplit=1)[0], encoding="utf-8"
    )
    said = run_vbc("test", ".", "-v")
    assert said.status == 0, said.out
    assert "sharing_rate of Lakeside, 2021 = 46.03%" in said.out


def test_a_case_with_an_unknown_value(folder: Path, run_vbc: Vbc) -> None:
    case = folder / "cases" / "two"
    case.mkdir(parents=True)
    (case / "case.toml").write_text(CASE, encoding="utf-8")
    said = run_vbc("test", str(case / "case.toml"))
    assert said.status == 1
    assert "the contract has no value `quality_seen`" in said.out


def test_a_case_that_fails(folder: Path, run_vbc: Vbc) -> None:
    case = folder / "cases" / "two"
    case.mkdir(parents=True)
    (case / "case.toml").write_text(
        CASE.replace("$276_180.00", "$300_000.00").split('[[expect]]\ngroup  = "Lakeside"\nperiod = 2022')[0],
        encoding="utf-8",
    )
    found = json.loads(run_vbc("test", ".", "--json").out)
    assert (found["run"], found["failed"]) == (1, 1)
    wrong = next(check for check in found["outcomes"][0]["checks"] if not check["passed"])
    assert (wrong["name"], wrong["expected"], wrong["got"]) == (
        "settlement of Lakeside, 2021",
        "$300,000.00",
        "$276,180.00",
    )
    assert "case 1 of 3" in wrong["parts"]


def test_a_bad_case_file(folder: Path, run_vbc: Vbc) -> None:
    (folder / "case.toml").write_text('contract = "x"\nexpct = 1\n', encoding="utf-8")
    said = run_vbc("test", "case.toml")
    assert said.status == 1
    assert "error[case-invalid]" in said.out
    assert "`expct` means nothing here; did you mean `expect`?" in said.out
    (folder / "case.toml").write_text("contract = [", encoding="utf-8")
    assert "is no valid TOML" in run_vbc("test", "case.toml").out


def test_nothing_to_test(folder: Path, run_vbc: Vbc) -> None:
    said = run_vbc("test", "contract.vbc")
    assert (said.status, "error[nothing-to-test]" in said.out) == (1, True)


def test_show_on_what_is_no_day(folder: Path, run_vbc: Vbc) -> None:
    with pytest.raises(click.BadParameter, match="write year, month and day"):
        run_vbc("show", "contract.vbc", "--on", "01/31/2022")
