"""`vbc check` and `vbc fmt`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Vbc
from tests.cli.files import write_files
from tests.runtime.settling import CONTRACT

COMMA = CONTRACT.replace("$1_000_000.00", "$1,000,000.00")


def test_a_good_contract(folder: Path, run_vbc: Vbc) -> None:
    said = run_vbc("check", "contract.vbc")
    assert (said.status, said.out, said.err) == (0, "1 file checked, no problems\n", "")


def test_all_problems_of_all_files(folder: Path, run_vbc: Vbc) -> None:
    write_files(folder, CONTRACT.replace("benchmark to expenditure", "bench to spend"))
    (folder / "other.vbc").write_text(
        CONTRACT.replace("demo.savings", "demo.other").replace("to cents", "to sense"), encoding="utf-8"
    )
    said = run_vbc("check", "contract.vbc", "nowhere.vbc", "--format", "concise")
    assert said.status == 1
    lines = said.out.splitlines()
    assert [line.split(": ")[1] for line in lines if line.startswith("contract.vbc")] == ["error[unknown-name]"] * 2
    assert any("error[file-not-found]" in line for line in lines)


def test_frames_go_to_standard_output(folder: Path, run_vbc: Vbc) -> None:
    write_files(folder, COMMA)
    said = run_vbc("check", "contract.vbc")
    assert "error[thousands-comma]" in said.out
    assert "--> contract.vbc:30:20" in said.out
    assert said.err == ""


def test_json_and_sarif(folder: Path, run_vbc: Vbc) -> None:
    write_files(folder, COMMA)
    found = json.loads(run_vbc("check", "contract.vbc", "--format", "json").out)
    assert (found["errors"], found["diagnostics"][0]["place"]["line"]) == (1, 30)
    log = json.loads(run_vbc("check", "contract.vbc", "--format", "sarif").out)
    assert log["runs"][0]["results"][0]["ruleId"] == "thousands-comma"
    write_files(folder)
    assert json.loads(run_vbc("check", "contract.vbc", "--format", "json").out)["diagnostics"] == []


def test_fix_writes_the_first_fix_of_every_error(folder: Path, run_vbc: Vbc) -> None:
    write_files(folder, COMMA)
    said = run_vbc("check", "contract.vbc", "--fix")
    assert said.status == 0
    assert (folder / "contract.vbc").read_text(encoding="utf-8") == CONTRACT
    assert said.err.startswith("contract.vbc:30: ")
    assert "is written with thousands commas: write `$" in said.err
    assert sorted(path.name for path in folder.iterdir()) == ["binding.toml", "contract.vbc", "results.csv"]


def test_fix_takes_no_agreed_term_away(folder: Path, run_vbc: Vbc) -> None:
    text = CONTRACT + "\nconstant agreed = 2%\n"
    write_files(folder, text)
    said = run_vbc("check", "contract.vbc", "--fix")
    assert "nothing reads `agreed`" in said.out
    assert (folder / "contract.vbc").read_text(encoding="utf-8") == text


def test_bad_files_are_diagnosed(folder: Path, run_vbc: Vbc) -> None:
    (folder / "bytes.vbc").write_bytes(bytes(range(256)) * 40)
    (folder / "empty.vbc").write_text("", encoding="utf-8")
    (folder / "deep.vbc").write_text("define x = " + "(" * 10_000 + "1" + ")" * 10_000 + "\n", encoding="utf-8")
    (folder / "large.vbc").write_text("# x\n" * 2_700_000, encoding="utf-8")
    for name in ("bytes.vbc", "empty.vbc", "deep.vbc", "large.vbc", "."):
        said = run_vbc("check", name, "--format", "concise")
        assert said.status == 1, name
        assert "error[" in said.out, name


def test_fmt_lays_out_files(folder: Path, run_vbc: Vbc) -> None:
    (folder / "contract.vbc").write_text(CONTRACT.replace("version  ", "version        "), encoding="utf-8")
    assert run_vbc("fmt", "contract.vbc", "--check").status == 1
    said = run_vbc("fmt", "contract.vbc", "--diff")
    assert said.status == 1
    assert '-version        "1"' in said.out
    assert run_vbc("fmt", "contract.vbc").status == 0
    assert run_vbc("fmt", "contract.vbc", "--check").status == 0
    assert run_vbc("check", "contract.vbc").status == 0


def test_fmt_leaves_a_broken_file_alone(folder: Path, run_vbc: Vbc) -> None:
    text = CONTRACT + "define x = = 1\n"
    (folder / "contract.vbc").write_text(text, encoding="utf-8")
    said = run_vbc("fmt", "contract.vbc", "nowhere.vbc")
    assert said.status == 1
    assert "error[syntax]" in said.err
    assert "error[file-not-found]" in said.err
    assert (folder / "contract.vbc").read_text(encoding="utf-8") == text


def test_fmt_reads_standard_input(run_vbc: Vbc) -> None:
    said = run_vbc("fmt", "-", stdin=CONTRACT)
    assert said.status == 0
    assert said.out.startswith("contract demo.savings\n")


@pytest.mark.parametrize(
    ("written", "meant", "says"),
    [
        ("refuse when not terms.losses", "refuse when track = ONE_SIDED", "write `is` to compare"),
        ("when quality >= 40%: ", "if quality >= 40% then ", "write the choice as lines"),
        ("missing not applicable", "missing 0 percent # not applicable", "write `0%`"),
    ],
)
def test_words_of_other_languages(folder: Path, run_vbc: Vbc, written: str, meant: str, says: str) -> None:
    assert written in CONTRACT
    write_files(folder, CONTRACT.replace(written, meant))
    said = run_vbc("check", "contract.vbc")
    assert says in said.out
    assert said.out.endswith("\n1 error\n")


def test_columns_of_an_input_that_cannot_be_read_are_not_unknown(folder: Path, run_vbc: Vbc) -> None:
    write_files(folder, CONTRACT.replace("benchmark    USD\n", "benchmark    USD USD USD {\n"))
    said = run_vbc("check", "contract.vbc", "--format", "concise").out
    assert "error[syntax]" in said
    assert "unknown-name" not in said
