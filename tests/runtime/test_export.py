"""Exported results: exact decimals, states apart from values, complete files or none."""

from __future__ import annotations

import json
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from contractlang.runtime.export import Writing, export
from contractlang.runtime.heading import Heading, heading
from contractlang.semantics.published import places
from contractlang.semantics.types import PMPM, USD, Kind, Type
from tests.runtime.settling import ROWS, Row, compiled, settled


def exported(folder: Path, rows: tuple[Row, ...] = ROWS, overrides: dict[str, str] | None = None) -> Path:
    result, _ = settled(folder, rows)
    head = heading(compiled(folder), "binding.toml")
    if overrides:
        head = Heading(head.contract, head.version, head.title, head.payer, head.texts, overrides, head.data)
    export(result, head, folder / "out")
    return folder / "out"


def test_one_parquet_and_one_csv_with_every_value(tmp_path: Path) -> None:
    out = exported(tmp_path)
    assert sorted(path.name for path in out.iterdir()) == ["results.csv", "results.parquet", "run.json"]
    table = pq.read_table(out / "results.parquet").to_pylist()
    assert [row["group"] for row in table] == ["Lakeside", "Hillside", "Lakeside", "Hillside"]
    assert table[0]["settlement"] == Decimal("276180.00")
    assert table[0]["earned.surplus.share"] == Decimal("276179.769850")
    assert table[0]["sharing_rate"] == Decimal("0.460300")
    assert [row["status"] for row in table] == ["settled"] * 4


def test_csv_has_the_same_digits(tmp_path: Path) -> None:
    header, first, *_ = (exported(tmp_path) / "results.csv").read_text(encoding="utf-8").splitlines()
    row = dict(zip(header.split(","), first.split(","), strict=True))
    assert row['"group"'] == '"Lakeside"'
    assert row['"earned.surplus.share"'] == "276179.769850"


def test_states_and_reasons_stand_apart_and_only_where_needed(tmp_path: Path) -> None:
    rows = (("Lakeside", "2021", "ONE_SIDED", "10000000", "", 7_500, "92.06"), *ROWS[1:])
    table = pq.read_table(exported(tmp_path, rows) / "results.parquet")
    first = table.to_pylist()[0]
    assert (first["status"], first["status_reason"]) == ("held", "settlement is missing (empty)")
    assert (first["settlement"], first["settlement_state"], first["settlement_reason"]) == (None, "missing", "empty")
    assert "sharing_rate_state" not in table.column_names


def test_metadata_says_what_was_run(tmp_path: Path) -> None:
    out = exported(tmp_path)
    about = json.loads(pq.read_schema(out / "results.parquet").metadata[b"vbc"])
    assert (about["contract"], about["version"], about["not_the_contract"]) == ("demo.savings", "1", False)
    assert about["texts"][0]["meaning"]
    run = json.loads((out / "run.json").read_text(encoding="utf-8"))
    assert run["payments"][0]["net"] == "36180.00"
    assert run["guarantees"][0] == {
        "title": "savings are bounded",
        "place": f"{tmp_path / 'contract.vbc'}:49",
        "held": 4,
        "failed": 0,
        "unknown": 0,
        "checked": True,
        "proved": False,
    }
    columns = {column["name"]: column for column in run["tables"]["results"]["columns"]}
    assert columns["settlement"]["unit"] == "USD"
    assert columns["settlement"]["decimals"] == 2


def test_a_run_with_overrides_says_so_in_every_row(tmp_path: Path) -> None:
    out = exported(tmp_path, overrides={"fee_cap": "$5"})
    assert json.loads(pq.read_schema(out / "results.parquet").metadata[b"vbc"])["overrides"] == {"fee_cap": "$5"}
    for line in (out / "results.csv").read_text(encoding="utf-8").splitlines()[1:]:
        assert line.endswith('"not the contract: fee_cap = $5"')
    assert json.loads((out / "run.json").read_text(encoding="utf-8"))["not_the_contract"] is True


def test_the_same_run_gives_the_same_bytes(tmp_path: Path) -> None:
    first = {path.name: path.read_bytes() for path in exported(tmp_path).iterdir()}
    second = {path.name: path.read_bytes() for path in exported(tmp_path).iterdir()}
    assert first == second


def test_texts_are_no_formulas_in_a_spreadsheet(tmp_path: Path) -> None:
    rows = (('=cmd|"/c calc"!A1', *ROWS[0][1:]),)
    text = (exported(tmp_path, rows) / "results.csv").read_text(encoding="utf-8")
    assert text.splitlines()[1].startswith("\"'=cmd")


def test_nothing_stays_behind_when_writing_fails(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="disk full"):
        _write_two(tmp_path)
    assert list(tmp_path.iterdir()) == []


def _write_two(folder: Path) -> None:
    with Writing(folder) as writing:
        writing.add("a.csv", lambda path: path.write_text("a", encoding="utf-8"))
        writing.add("b.csv", _full)


def _full(path: Path) -> None:
    path.write_text("half", encoding="utf-8")
    raise OSError("disk full")


def test_decimals_follow_the_type() -> None:
    assert places(Type(Kind.MONEY, USD, step=Fraction(1, 100))) == 2
    assert places(Type(Kind.MONEY, USD, step=Fraction(1))) == 2
    assert places(Type(Kind.MONEY, PMPM)) == 6
    assert places(Type(Kind.PERCENT)) == 9
    assert places(Type(Kind.PERCENT, step=Fraction(1, 2))) == 1
