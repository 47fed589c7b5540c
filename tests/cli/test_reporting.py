"""`vbc report`."""

from __future__ import annotations

import json
from pathlib import Path

from contractlang.locations import contracts_folder
from tests.cli.conftest import Vbc

CONTRACT = str(contracts_folder() / "excellus" / "cardiology.vbc")
DATA = str(contracts_folder() / "excellus" / "cases" / "cardiology" / "binding.toml")


def test_all_reports(run_vbc: Vbc) -> None:
    said = run_vbc("report", CONTRACT, "--data", DATA)
    assert said.status == 0
    assert "peer_profile to cardiologist, 2014" in said.out
    assert "use_of_services to network, 2014" in said.out


def test_what_one_receives(run_vbc: Vbc) -> None:
    said = run_vbc("report", CONTRACT, "--data", DATA, "--group", "C2", "--json")
    (report,) = json.loads(said.out)["reports"]
    assert {row["cardiologist"] for row in report["rows"]} == {"C2"}


def test_files_for_each_receiver(run_vbc: Vbc, tmp_path: Path) -> None:
    said = run_vbc("report", CONTRACT, "--data", DATA, "--name", "peer_profile", "--out", str(tmp_path / "out"))
    assert said.status == 0
    names = sorted(p.name for p in (tmp_path / "out").iterdir())
    assert names[:2] == ["peer_profile_2014.csv", "peer_profile_2014_0001_C1.csv"]
    assert len(names) == 6


def test_a_report_that_is_not_there(run_vbc: Vbc) -> None:
    said = run_vbc("report", CONTRACT, "--data", DATA, "--name", "profile")
    assert said.status == 1
    assert "it has `peer_profile`, `use_of_services`" in said.err + said.out


def test_nobody_of_that_name(run_vbc: Vbc) -> None:
    said = run_vbc("report", CONTRACT, "--data", DATA, "--group", "C9")
    assert said.status == 1
    assert "no report goes to `C9`" in said.err + said.out
