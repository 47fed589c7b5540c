"""`vbc run`."""

from __future__ import annotations

import json
from pathlib import Path

import click
import pytest

from tests.cli.conftest import Vbc
from tests.cli.files import BINDING, RESULTS, write_files
from tests.runtime.settling import CONTRACT

RUN = ("run", "contract.vbc", "--data", "binding.toml")


def test_summary(folder: Path, run_vbc: Vbc) -> None:
    said = run_vbc(*RUN)
    assert said.status == 0
    lines = said.out.splitlines()
    assert lines[0] == "demo.savings 1: Shared savings"
    assert "illustrative terms: minimum_rate (only two points are published)" in lines
    assert [line.split() for line in lines if line.startswith("202")] == [
        ["2021", "settlement", "2", "$276,180.00", "$240,000.00", "$36,180.00", "0", "0"],
        ["2022", "settlement", "2", "$294,000.00", "$0.00", "$294,000.00", "0", "0"],
    ]
    assert lines[-1] == "guarantee `savings are bounded`: held on 4 of 4 rows; not proved"
    assert said.err == ""


def test_statement_per_group(folder: Path, run_vbc: Vbc) -> None:
    said = run_vbc(*RUN, "--statement", "--group", "Lakeside", "--period", "2021")
    assert said.out.count("Statement for group Lakeside, 2021") == 1
    assert "Hillside" not in said.out


def test_out_writes_complete_files(folder: Path, run_vbc: Vbc) -> None:
    said = run_vbc(*RUN, "--out", "out")
    assert sorted(path.name for path in (folder / "out").iterdir()) == ["results.csv", "results.parquet", "run.json"]
    assert "written: out/run.json" in said.out
    run = json.loads((folder / "out" / "run.json").read_text(encoding="utf-8"))
    assert run["binding"]["tables"][0]["rows"] == 4


def test_out_that_cannot_be_written(folder: Path, run_vbc: Vbc) -> None:
    (folder / "out").write_text("a file", encoding="utf-8")
    said = run_vbc(*RUN, "--out", "out")
    assert said.status == 1
    assert "error[output-unwritable]" in said.err


def test_set_is_not_the_contract(folder: Path, run_vbc: Vbc) -> None:
    said = run_vbc(*RUN, "--set", "fee_cap=$100_000.00", "--statement", "--out", "out")
    assert said.status == 0
    assert said.out.count("not the contract: fee_cap = $100_000.00") == 5  # four statements and the summary
    assert "not the contract" in (folder / "out" / "results.csv").read_text(encoding="utf-8")


def test_set_of_nothing_is_an_error(folder: Path, run_vbc: Vbc) -> None:
    said = run_vbc(*RUN, "--set", "fee_cup=$5")
    assert said.status == 1
    assert "error[override-of-nothing]" in said.err
    assert "fee_cap" in said.err


@pytest.mark.parametrize("option", [("--set", "fee_cap"), ("--set", "=5"), ("--table", "results"), ("--set", "a=")])
def test_wrong_usage(folder: Path, run_vbc: Vbc, option: tuple[str, str]) -> None:
    with pytest.raises(click.BadParameter, match="is not NAME=VALUE"):
        run_vbc(*RUN, *option)


def test_table_gives_another_file(folder: Path, run_vbc: Vbc) -> None:
    (folder / "other.csv").write_text(RESULTS.split("\n")[0] + "\n" + RESULTS.split("\n")[1] + "\n", encoding="utf-8")
    said = run_vbc(*RUN, "--table", "results=other.csv")
    assert "from other.csv" in said.out


def test_missing_data_hold_one_group_and_settle_the_others(folder: Path, run_vbc: Vbc) -> None:
    write_files(folder, results=RESULTS.replace("8400000.00,10000,80,-240000", ",10000,80,-240000"))
    said = run_vbc(*RUN)
    assert said.status == 1
    assert "held: Hillside, 2021: settlement is missing" in said.out
    assert ["2021", "settlement", "1", "$276,180.00", "$0.00", "$276,180.00", "1", "0"] in [
        line.split() for line in said.out.splitlines()
    ]
    assert "error[held]: 1 payment is held: `results.expenditure` is missing" in said.err
    assert "results.csv, row 2, column Total cost" in said.err


def test_a_guarantee_that_fails_is_a_finding_with_its_dollars(folder: Path, run_vbc: Vbc) -> None:
    write_files(folder, CONTRACT.replace("settlement <= 10% of benchmark", "settlement <= $280_000"))
    said = run_vbc(*RUN)
    assert said.status == 1
    assert "guarantee `savings are bounded`: held on 3 of 4 rows; not proved" in said.out
    assert "error[guarantee-failed]" in said.err
    assert "group Lakeside, 2022: `settlement` is $294,000.00" in said.err


def test_unknown_group_and_period(folder: Path, run_vbc: Vbc) -> None:
    said = run_vbc(*RUN, "--period", "2031")
    assert (said.status, "error[period-unknown]: there is no year `2031`" in said.err) == (1, True)
    said = run_vbc(*RUN, "--group", "Lakesid", "--group", "Hillside")
    assert (said.status, "error[group-unknown]: there is no group `Lakesid`" in said.err) == (1, True)
    assert "did you mean `Lakeside`?" in said.err


def test_json(folder: Path, run_vbc: Vbc) -> None:
    said = run_vbc(*RUN, "--json", "--statement")
    found = json.loads(said.out)
    assert (found["format"], found["settled"], found["not_the_contract"]) == ("vbc-run/1", True, False)
    assert found["groups"][1] == {
        "group": "Lakeside",
        "period": "2021",
        "status": "settled",
        "payments": {"settlement": "276180.00"},
    }
    assert len(found["statements"]) == 4
    assert found["payments"][0]["net"] == "36180.00"


def test_json_of_a_contract_that_does_not_check(folder: Path, run_vbc: Vbc) -> None:
    write_files(folder, "define x = \n")
    said = run_vbc(*RUN, "--json")
    assert said.status == 1
    assert json.loads(said.out)["settled"] is False


def test_both_engines_give_the_same_bytes(folder: Path, run_vbc: Vbc) -> None:
    for engine in ("reference", "vector"):
        assert run_vbc(*RUN, "--engine", engine, "--out", engine).status == 0
    for name in ("results.csv", "results.parquet"):
        assert (folder / "reference" / name).read_bytes() == (folder / "vector" / name).read_bytes()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("contract.vbc", bytes(range(256)) * 4),
        ("contract.vbc", b""),
        ("binding.toml", b"[tables.results"),
        ("binding.toml", b"[tables.other]\nfile = 'results.csv'\n"),
        ("results.csv", b""),
        ("results.csv", b"Group,Year\n"),
        ("results.csv", RESULTS.encode().replace(b"9400000.50", b"a lot")),
        ("results.csv", RESULTS.encode().replace(b"Hillside,2021", b"Lakeside,2021")),
        ("results.csv", RESULTS.encode().replace(b"TWO_SIDED", b"THREE_SIDED")),
        ("results.csv", b"PAR1\x00\x01\x02"),
    ],
)
def test_bad_input_is_diagnosed_and_writes_nothing(folder: Path, run_vbc: Vbc, name: str, content: bytes) -> None:
    (folder / name).write_bytes(content)
    said = run_vbc(*RUN, "--out", "out")
    assert said.status == 1
    assert "error[" in said.err
    assert said.out == ""
    assert not (folder / "out").exists()


def test_truncated_parquet(folder: Path, run_vbc: Vbc) -> None:
    run_vbc(*RUN, "--out", "out")
    whole = (folder / "out" / "results.parquet").read_bytes()
    (folder / "half.parquet").write_bytes(whole[: len(whole) // 2])
    said = run_vbc(*RUN, "--table", "results=half.parquet", "--out", "second")
    assert said.status == 1
    assert "error[file-unreadable]" in said.err
    assert not (folder / "second").exists()


def test_rows_of_other_periods_are_told(folder: Path, run_vbc: Vbc) -> None:
    write_files(folder, results=RESULTS + "Lakeside,2031,ONE_SIDED,1.00,1.00,1,80,0\n")
    assert "outside the term, not settled: 1 row of 2031\n" in run_vbc(*RUN).out


def test_a_statement_says_the_rate_and_the_whole_header(folder: Path, run_vbc: Vbc) -> None:
    write_files(
        folder,
        results=RESULTS.replace("Total cost", '"Cost, total ($)"'),
        binding=BINDING.replace("Total cost", "Cost, total ($)"),
    )
    said = run_vbc(*RUN, "--statement", "--group", "Lakeside", "--period", "2021").out
    assert "share sharing_rate (46.03%)" in said
    assert "row 1, column Cost, total ($)\n" in said


def test_a_trial_leaves_no_term_unused(folder: Path, run_vbc: Vbc) -> None:
    write_files(folder)
    said = run_vbc(*RUN, "--set", "earned.share=40%", "--statement")
    assert said.err == ""  # and not that nothing reads `sharing_rate` now
    assert "share = 40% (" not in said.out
    assert "earned.share = 40%" in said.out


def test_a_memory_limit_changes_no_cent(folder: Path, run_vbc: Vbc) -> None:
    assert run_vbc(*RUN, "--memory-limit", "200MB").out == run_vbc(*RUN).out


def test_a_memory_limit_has_a_unit(folder: Path, run_vbc: Vbc) -> None:
    with pytest.raises(click.BadParameter, match="`200` is not a size such as 4GB"):
        run_vbc(*RUN, "--memory-limit", "200")
