"""The public interface: what a program that uses the language may rely on."""

from __future__ import annotations

import json
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import pytest

import contractlang
from contractlang import ContractError, check, evaluate, explain, reconcile
from tests.cli.files import write_files
from tests.runtime.settling import CONTRACT


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    write_files(tmp_path)
    return tmp_path / "contract.vbc", tmp_path / "binding.toml"


def test_importing_is_cheap() -> None:
    code = "import contractlang, sys; print([m for m in ('numpy', 'duckdb', 'rich', 'click', 'lark', 'server', 'fastapi') if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "[]\n"


def test_every_public_name_exists_and_is_documented() -> None:
    for name in contractlang.__all__:
        assert getattr(contractlang, name).__doc__, name
    assert set(contractlang.__all__) <= set(dir(contractlang))
    with pytest.raises(AttributeError, match="no attribute `nothing`"):
        _ = contractlang.nothing


def test_check(files: tuple[Path, Path]) -> None:
    assert check(files[0]).ok
    files[0].write_text(CONTRACT.replace("terms.share * quality", "terms.shore * quality"), encoding="utf-8")
    found = check(files[0])
    assert not found.ok
    (finding,) = found
    assert (finding.code, finding.file, finding.line) == ("unknown-name", str(files[0]), 34)
    assert str(finding).startswith(f"{files[0]}:34:35: error[unknown-name]: ")
    assert "^" in finding.frame
    assert found.to_json()["errors"] == 1


def test_compile(files: tuple[Path, Path]) -> None:
    contract = contractlang.compile(files[0])
    assert (contract.name, contract.version, contract.unit) == ("demo.savings", "1", "group")
    assert contract.periods == ("2021", "2022")
    assert contract.payments == ("settlement",)
    rate = next(value for value in contract.values if value.name == "sharing_rate")
    assert (rate.kind, rate.unit, rate.grain) == ("percent", "percent", frozenset({"group", "year"}))
    assert contract.meaning == contractlang.compile(files[0]).meaning


def test_compile_raises_all_findings(files: tuple[Path, Path]) -> None:
    files[0].write_text(CONTRACT.replace("benchmark to expenditure", "bench to spend"), encoding="utf-8")
    with pytest.raises(ContractError) as raised:
        contractlang.compile(files[0])
    assert [finding.code for finding in raised.value.findings] == ["unknown-name", "unknown-name"]


def test_evaluate(files: tuple[Path, Path]) -> None:
    settled = evaluate(*files)
    assert settled.rows == [("Hillside", "2021"), ("Lakeside", "2021"), ("Hillside", "2022"), ("Lakeside", "2022")]
    assert settled.value("settlement", "Lakeside", "2021") == Fraction(276_180)
    assert settled.value("earned", "Hillside", "2021") == Fraction(-240_000)
    assert settled.status("Lakeside", "2021") == ("settled", "")
    assert [(total.period, total.net) for total in settled.totals] == [
        ("2021", Fraction(36_180)),
        ("2022", Fraction(294_000)),
    ]
    assert settled.findings == ()
    assert "paid settlement" in settled.statement("Lakeside", "2021")
    assert json.dumps(settled.statement_json("Lakeside", "2021"))
    with pytest.raises(KeyError, match="no row for Nowhere"):
        settled.value("settlement", "Nowhere", "2021")
    with pytest.raises(KeyError, match="no value `nothing`"):
        settled.value("nothing", "Lakeside", "2021")


def test_evaluate_some(files: tuple[Path, Path]) -> None:
    settled = evaluate(*files, periods=["2022"], groups=["Lakeside"], overrides={"fee_cap": "$5.00"})
    assert settled.rows == [("Lakeside", "2022")]
    assert settled.value("settlement", "Lakeside", "2022") == 5
    assert "not the contract: fee_cap = $5.00" in settled.statement("Lakeside", "2022")


def test_write(files: tuple[Path, Path], tmp_path: Path) -> None:
    written = evaluate(*files).write(tmp_path / "out")
    assert sorted(path.name for path in written) == ["results.csv", "results.parquet", "run.json"]


def test_explain(files: tuple[Path, Path]) -> None:
    settled = evaluate(*files)
    found = explain(settled, "settlement", "Lakeside", "2021")
    assert found.trace.value == 276_180
    assert str(found).startswith("demo.savings 1: group Lakeside, 2021\n")
    assert found.to_json()["trace"]["name"] == "settlement"


def test_format() -> None:
    laid_out = contractlang.format(CONTRACT)
    assert contractlang.format(laid_out) == laid_out
    with pytest.raises(ContractError):
        contractlang.format("define x = = 1\n")


def test_reconcile(files: tuple[Path, Path]) -> None:
    found = reconcile(*files, "Stated")
    assert (found.comparison.rows, found.comparison.within, found.agrees) == (4, 3, False)
    (difference,) = found.comparison.differences
    assert (difference.group, difference.period, difference.theirs) == ("Lakeside", "2022", Fraction(300_000))
    assert found.to_json()["rows"] == 4


def test_data_that_cannot_be_used_raise_findings(files: tuple[Path, Path]) -> None:
    (files[1].parent / "results.csv").unlink()
    with pytest.raises(ContractError, match="file-not-found"):
        evaluate(*files)
