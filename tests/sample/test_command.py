"""`vbc sample`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from contractlang.cli.main import vbc
from contractlang.sample.population import Size
from contractlang.sample.programmes import PROGRAMMES
from contractlang.sample.sampling import Request


def run(*args: str) -> tuple[int, str, str]:
    result: Any = CliRunner().invoke(vbc, args, standalone_mode=False)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return int(result.return_value or 0), result.stdout, result.stderr


@pytest.mark.parametrize("name", sorted(PROGRAMMES))
def test_from_sample_to_settled(name: str, tmp_path: Path) -> None:
    contract = Request(PROGRAMMES[name], Size(1, 1, (2020, 2020), 1)).contract_path
    out = tmp_path / "data"
    status, said, err = run("sample", "--programme", name, "--out", str(out), "--members", "2000", "--groups", "4")
    assert (status, err) == (0, "")
    command = said.splitlines()[-1].removeprefix("settle: vbc ")
    assert command == f"run {contract} --data {out / 'binding.toml'}"
    small = ("--set", "minimum_panel=50 members") if name.startswith("aqc") else ()
    status, said, err = run(*command.split(), *small)
    assert status == 0, err
    assert "settled" in said


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--programme", "acq"), "not one of"),
        (("--members", "0"), "not in the range"),
        (("--groups", "many"), "not a valid integer"),
        (("--seed", "-1"), "not in the range"),
        (("--years", "2021-2022"), "not a range of years"),
        (("--years", "2021..2019"), "does not run from an earlier year"),
        (("--years", "1950..2019"), "more than 20 years"),
        (("--members", "3", "--groups", "4"), "cannot fill 4 groups"),
        (("--also", "everything"), "not one of"),
    ],
)
def test_wrong_options(options: tuple[str, ...], words: str, tmp_path: Path) -> None:
    with pytest.raises(click.UsageError, match=words):
        run("sample", "--programme", "demo", "--out", str(tmp_path / "out"), *options)
    assert not (tmp_path / "out").exists()


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file", encoding="utf-8")
    status, said, err = run("sample", "--programme", "demo", "--out", str(tmp_path / "out"), "--members", "50")
    assert (status, said) == (1, "")
    assert "error[output-unwritable]" in err


def test_a_contract_that_does_not_check(tmp_path: Path) -> None:
    (tmp_path / "wrong.vbc").write_text("contract x\n", encoding="utf-8")
    options = ("--contract", str(tmp_path / "wrong.vbc"), "--members", "50")
    status, _, err = run("sample", "--programme", "demo", "--out", str(tmp_path / "out"), *options)
    assert status == 1
    assert "error[" in err
    assert not (tmp_path / "out").exists()
