"""The rows behind totals: the page's example, its forms, and agreement with the totals and accounts of whole contracts."""

from __future__ import annotations

import json
import re
from fractions import Fraction
from pathlib import Path
from typing import Any

import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from contractlang.cli.main import vbc
from contractlang.diagnostics.diagnostic import Sink
from contractlang.diagnostics.render import report
from contractlang.locations import contracts_folder, grammar_folder
from contractlang.runtime.row_ledger import RowLedger, row_ledgers
from contractlang.runtime.runs import open_run, settle

PAGE = (grammar_folder() / "reference" / "trace.md").read_text(encoding="utf-8")
BLOCKS = {m[2] or m[1]: m[3] for m in re.finditer(r"^```(\w+) ?([^\n]*)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)}
EXPLAIN = ("explain", "contract.vbc", "--data", "binding.toml", "--group", "North")
CASES = contracts_folder() / "bcbsma" / "cases"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("member_month.csv", "claim.csv", "binding.toml"):
        (tmp_path / name).write_text(BLOCKS[name], encoding="utf-8")
    (tmp_path / "contract.vbc").write_text(BLOCKS["vbc"], encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def said(*args: str) -> str:
    result: Any = CliRunner().invoke(vbc, args, standalone_mode=False)
    if result.exception is not None:
        raise result.exception
    assert result.return_value == 0, result.stderr
    return str(result.stdout)


def test_the_page_shows_what_is_printed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "118")
    assert said(*EXPLAIN, "--rows", "1") == BLOCKS["rows"]
    lines = said("run", "contract.vbc", "--data", "binding.toml").splitlines(keepends=True)
    assert "".join(line for line in lines if "counted" in line) == BLOCKS["run"]


def test_parquet_gives_the_same_rows(folder: Path) -> None:
    binding = BLOCKS["binding.toml"]
    before = said(*EXPLAIN, "--rows", "9")
    for name in ("member_month", "claim"):
        pq.write_table(pyarrow.csv.read_csv(folder / f"{name}.csv"), folder / f"{name}.parquet")
        binding = binding.replace(f"{name}.csv", f"{name}.parquet")
    lines = 'cost = { column = "cost", round = 2 }'
    binding = binding.replace("[tables.claim]", f"[tables.member_month.columns]\n{lines}\n[tables.claim]")
    binding = binding.replace("same_names = true\n\n[tables.member", "same_names = true\n[tables.member_month.keys]\n"
                              'month = "month"\n[tables.member')  # fmt: skip
    (folder / "binding.toml").write_text(binding, encoding="utf-8")
    after = said(*EXPLAIN, "--rows", "9")
    behind = "rows behind"
    assert after.partition(behind)[2] == before.partition(behind)[2].replace(".csv", ".parquet")


def test_members_are_named_on_request_only(folder: Path) -> None:
    hidden = said(*EXPLAIN, "--rows", "9", "--json")
    assert '"member"' not in hidden
    shown = json.loads(said(*EXPLAIN, "--rows", "9", "--json", "--show-identifiers"))
    cut = shown["rows"][0]["parts"][1]
    assert cut == {
        "kind": "truncated",
        "reason": "",
        "rows": 1,
        "member_months": None,
        "amount": "500",
        "largest": [
            {
                "place": "member_month.csv, row 1",
                "month": "",
                "rows": 2,
                "amount": "1500",
                "removed": "500",
                "member": "A",
            }
        ],
    }


def test_without_rows_asked_for_no_row_is_shown(folder: Path) -> None:
    counted = said(*EXPLAIN, "--rows", "0")
    assert "  counted: 3 rows, 3 member-months, $1,600.01\n" in counted
    assert ", row " not in counted


@pytest.mark.parametrize("case", ["aqc_2009", "aqc_2011_members", "south_shore_2018"])
def test_ledgers_agree_with_the_totals_of_contracts(case: str) -> None:
    contract = contracts_folder() / "bcbsma" / f"{case.removesuffix('_members')}.vbc"
    sink = Sink()
    opened = open_run(contract, CASES / case / "binding.toml", sink)
    assert opened is not None, report(sink)
    result = settle(opened, sink)
    assert result is not None, report(sink)
    checked = 0
    for row in result.rows.tolist()[:3]:
        key = (result.group(row), result.period(row))
        plan = result.programme.plans[key[1]]
        for ledger in row_ledgers(plan, opened.dataset.members, key, 2):
            for name in (f"{ledger.block}.amount", f"{ledger.block}.member_months"):
                if name in result.names and result.names[name].type.grain <= plan.settled:
                    assert _counted(ledger, name) == result.value(name, row), (name, key)
                    checked += 1
            amount, after = (f"{ledger.block}.{word}" for word in ("amount", "truncate"))
            if after in result.names and result.names[after].type.grain <= plan.settled:
                removed = sum((p.amount or Fraction(0) for p in ledger.parts if p.kind == "truncated"), Fraction(0))
                first, last = result.value(amount, row), result.value(after, row)
                assert isinstance(first, Fraction)
                assert isinstance(last, Fraction)
                assert removed == first - last
    assert checked


def _counted(ledger: RowLedger, name: str) -> Fraction:
    part = next((p for p in ledger.parts if p.kind == "counted"), None)
    if part is None:
        return Fraction(0)
    found = part.months if name.endswith(".member_months") else part.amount
    assert found is not None
    return found
