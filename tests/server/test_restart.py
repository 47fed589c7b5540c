"""A run that lost its worker goes on after its last finished stage."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from server.jobs import computing

EXAMPLE = Path(__file__).parents[2] / "examples" / "02_member_months"


@pytest.fixture
def job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A job whose folder is the working folder."""
    for name in ("contract.vbc", "binding.toml", "members.csv", "terms.csv"):
        (tmp_path / name).write_bytes((EXAMPLE / name).read_bytes())
    monkeypatch.chdir(tmp_path)
    parameters: dict[str, Any] = {
        "periods": [], "groups": [], "overrides": {}, "engine": "auto", "known_on": None, "reconcile": None
    }  # fmt: skip
    return {
        "contract": "contract.vbc", "binding": "binding.toml", "tables": {}, "mode": "run", "parameters": parameters,
        "memory": "500MB", "kept": str(tmp_path / "kept"),
    }  # fmt: skip


def stages(capsys: pytest.CaptureFixture[str]) -> list[str]:
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    return list(dict.fromkeys(line["stage"] for line in lines))


def test_what_was_reduced_is_not_reduced_again(job: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    assert computing.compute(job) == "succeeded"
    assert stages(capsys) == ["reducing", "settling", "writing"]
    first = {path.name: path.read_bytes() for path in Path("out").iterdir()}
    Path("members.csv").unlink()  # the second half needs no data
    assert computing.compute(job) == "succeeded"
    assert stages(capsys) == ["settling", "writing"]
    assert {path.name: path.read_bytes() for path in Path("out").iterdir()} == first


def test_a_stage_that_was_cut_is_done_again(job: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    computing.compute(job)
    capsys.readouterr()
    stage = Path("kept") / "stage.json"
    stage.write_text(stage.read_text(encoding="utf-8")[:-20], encoding="utf-8")
    computing.compute(job)
    assert stages(capsys)[0] == "reducing"
