"""From a text to settled dollars, over HTTP only."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

import contractlang
from tests.server.conftest import EXAMPLE, Settled, ok


def test_a_run_gives_the_bytes_of_the_command_line(settled: Settled, tmp_path: Path) -> None:
    shutil.copytree(EXAMPLE, tmp_path / "here", dirs_exist_ok=True)
    (tmp_path / "here" / "data").mkdir()
    shutil.copy(EXAMPLE / "results.csv", tmp_path / "here" / "data" / "results.csv")
    command = ["run", "contract.vbc", "--data", "binding.toml", "--table", "results=data/results.csv", "--out", "out"]
    subprocess.run(
        [sys.executable, "-c", "from contractlang.cli import main; main()", *command], cwd=tmp_path / "here", check=True
    )
    for name in ("results.parquet", "results.csv", "run.json"):
        found = settled.client.get(f"/runs/{settled.run['id']}/files/{name}")
        assert found.content == (tmp_path / "here" / "out" / name).read_bytes()


def test_a_statement_and_an_explanation_are_those_of_the_language(settled: Settled) -> None:
    client, made = settled.client, settled
    here = contractlang.evaluate(EXAMPLE / "contract.vbc", EXAMPLE / "binding.toml")
    group, period = here.rows[0]
    asked = {"group": group, "period": period}
    found = client.get(f"/runs/{made.run['id']}/statement", params=asked)
    assert found.json()["format"] == "vbc-statement/1"
    text = client.get(f"/runs/{made.run['id']}/statement", params=asked, headers={"Accept": "text/plain"}).text
    assert text.splitlines()[3:20] == here.statement(group, period).splitlines()[3:20]
    why = ok(client.get(f"/runs/{made.run['id']}/explanation", params={**asked, "value": "settlement"}))
    assert why["format"] == "vbc-trace/1"
    assert "/tmp" not in str(why)  # noqa: S108


@pytest.mark.parametrize("path", ["/runs/run_1", "/datasets/dat_1", "/contracts/nothing/versions/latest"])
def test_what_does_not_exist_is_a_problem(client: httpx.Client, path: str) -> None:
    found = client.get(path)
    assert found.status_code == 404
    assert found.headers["content-type"] == "application/problem+json"
    assert found.json()["type"] == "urn:vbc:problem:not-found"
