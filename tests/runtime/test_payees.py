"""Payments to somebody else than the settled unit: who receives what, and what is held without a payee."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from contractlang.diagnostics.diagnostic import Sink
from contractlang.diagnostics.render import report
from contractlang.runtime.executor import Engines
from contractlang.runtime.export import export
from contractlang.runtime.payees import payee_lines
from contractlang.runtime.result import Result
from contractlang.runtime.runs import Opened, open_run, settle
from contractlang.runtime.statement import statement
from contractlang.runtime.statement_forms import as_text

CONTRACT = """\
contract demo.payees
title    "Payees"
version  "1"
settles  group per year
term     2024-01-01 to 2025-12-31

input results per group, year {
  saved  USD
}

input place per group, year {
  hospital  key
}

payment reward to hospital by place.hospital = round(10% of saved to cents, half away from zero)
"""

FILES = {
    "results.csv": "group,year,saved\nA,2024,100.05\nB,2024,200.00\nC,2024,-50.00\nD,2024,70.00\nA,2025,10.00\n",
    "place.csv": "group,year,hospital\nA,2024,South\nB,2024,South\nC,2024,North\nD,2024,\nA,2025,North\n",
    "binding.toml": (
        '[tables.results]\nfile = "results.csv"\nsame_names = true\n\n[tables.place]\nfile = "place.csv"\nsame_names = true\n'
    ),
}


def run(folder: Path, engine: str) -> tuple[Opened, Result]:
    for name, content in {**FILES, "contract.vbc": CONTRACT}.items():
        (folder / name).write_text(content, encoding="utf-8")
    sink = Sink()
    opened = open_run(folder / "contract.vbc", folder / "binding.toml", sink)
    assert opened is not None, report(sink)
    result = settle(opened, sink, engines=Engines(settle=engine))
    assert result is not None, report(sink)
    return opened, result


@pytest.mark.parametrize("engine", ["reference", "vector"])
def test_payees_receive_what_all_their_units_earn(tmp_path: Path, engine: str) -> None:
    _, result = run(tmp_path, engine)
    assert list(payee_lines(result)) == [
        "reward, 2024, to each hospital: South $30.01, for 2 groups; North -$5.00, for 1 group",
        "reward, 2025, to each hospital: North $1.00, for 1 group",
    ]


@pytest.mark.parametrize("engine", ["reference", "vector"])
def test_a_payment_to_nobody_is_held(tmp_path: Path, engine: str) -> None:
    _, result = run(tmp_path, engine)
    row = result.find("D", "2024")
    assert row is not None
    assert result.reasons[row] == "the hospital of reward is missing (no value in `place.hospital`)"
    assert sorted(result.reasons) == [row]


def test_statement_and_files_name_the_payee(tmp_path: Path) -> None:
    opened, result = run(tmp_path, "auto")
    row = result.find("C", "2024")
    assert row is not None
    assert "reward to hospital North" in as_text(statement(result, opened.heading, row))
    export(result, opened.heading, tmp_path / "out")
    with (tmp_path / "out" / "payees.csv").open(encoding="utf-8") as file:
        rows = [tuple(r.values()) for r in csv.DictReader(file)]
    assert rows == [
        ("reward", "2024", "hospital", "North", "1", "-5.00"),
        ("reward", "2024", "hospital", "South", "2", "30.01"),
        ("reward", "2025", "hospital", "North", "1", "1.00"),
    ]
