"""Member rows from Parquet: what column types and sorted keys answer must be what a look at every cell would say."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from contractlang.diagnostics.diagnostic import Diagnostic, Sink
from contractlang.runtime.binding import parse_binding
from contractlang.runtime.dataset import Dataset, bind
from contractlang.semantics.model import ColumnSchema, KeyColumn, TableSchema
from contractlang.semantics.types import USD, Kind, Type
from contractlang.source import SourceFile
from contractlang.values import Absent, State

ROWS = TableSchema(
    "rows",
    "input",
    (KeyColumn("member", "open"), KeyColumn("month", "period")),
    (
        ColumnSchema("practice", Type(Kind.TEXT), missing=Absent(State.NOT_APPLICABLE, "none")),
        ColumnSchema("product", Type(Kind.CATEGORY, scheme="product"), labels=("HMO", "PPO")),
        ColumnSchema("cost", Type(Kind.MONEY, USD), decimals=2),
        ColumnSchema("met", Type(Kind.FLAG)),
    ),
    member_level=True,
)
GOOD: dict[str, list[Any]] = {
    "member": [7, 7, 10, 12],
    "month": [dt.date(2024, 1, 1), dt.date(2024, 2, 1), dt.date(2024, 1, 1), dt.date(2024, 1, 1)],
    "practice": [3, 3, None, 20],
    "product": ["HMO", "HMO", "PPO", "HMO"],
    "cost": [12345, 0, -500, 2**40],
    "met": [True, False, True, False],
}


def bound(folder: Path, cells: dict[str, list[Any]], where: str = "") -> tuple[Dataset | None, list[Diagnostic]]:
    pq.write_table(pa.table(cells), folder / "rows.parquet")
    text = f"""
        [tables.rows]
        file = "rows.parquet"
        same_names = true
        {where}
        [tables.rows.columns]
        cost = {{ column = "cost", as = "cents" }}
    """
    sink = Sink()
    binding = parse_binding(SourceFile("binding.toml", text), folder, sink)
    assert binding is not None
    dataset = bind([ROWS], binding, {}, sink, unit="group", period="year", periods=("2024",))
    return dataset, list(sink)


def view(dataset: Dataset | None) -> list[tuple[Any, ...]]:
    assert dataset is not None
    connection: Any = dataset.members["rows"].connection
    relation = connection.view("rows").select(*(f'"{name}"' for name in dataset.members["rows"].columns))
    return sorted(relation.fetchall())


EXPECTED = [
    ("10", "202401", None, "PPO", -500, True),
    ("12", "202401", "20", "HMO", 2**40, False),
    ("7", "202401", "3", "HMO", 12345, True),
    ("7", "202402", "3", "HMO", 0, False),
]


class TestGoodRows:
    def test_the_values(self, tmp_path: Path) -> None:
        dataset, findings = bound(tmp_path, GOOD)
        assert [d.code for d in findings if d.code != "missing-value"] == []
        assert view(dataset) == EXPECTED
        assert dataset is not None
        table = dataset.members["rows"]
        assert table.natives == {"member": "int", "month": "month", "practice": "int"}
        assert "practice" not in table.complete
        assert {"member", "month", "product", "cost", "met"} <= table.complete

    def test_in_any_order(self, tmp_path: Path) -> None:
        dataset, _ = bound(tmp_path, {name: values[::-1] for name, values in GOOD.items()})
        assert view(dataset) == EXPECTED

    def test_spaces_around_a_category(self, tmp_path: Path) -> None:
        dataset, _ = bound(tmp_path, {**GOOD, "product": ["HMO ", " HMO", "PPO", "HMO"]})
        assert view(dataset) == EXPECTED

    def test_rows_left_out_by_the_binding(self, tmp_path: Path) -> None:
        dataset, _ = bound(tmp_path, GOOD, 'where = { product = ["PPO"] }')
        assert view(dataset) == EXPECTED[:1]


@pytest.mark.parametrize("order", [[0, 1, 2, 3], [3, 1, 0, 2]])
def test_a_doubled_key_is_found(tmp_path: Path, order: list[int]) -> None:
    months = [dt.date(2024, 1, 1), dt.date(2024, 1, 1), dt.date(2024, 1, 1), dt.date(2024, 1, 1)]
    cells = {**GOOD, "month": months}
    dataset, findings = bound(tmp_path, {name: [values[i] for i in order] for name, values in cells.items()})
    assert dataset is None
    assert [d.code for d in findings if d.code == "duplicate-key"] == ["duplicate-key"]


def test_a_row_without_a_key_is_found(tmp_path: Path) -> None:
    dataset, findings = bound(tmp_path, {**GOOD, "member": [None, 7, 10, 12]})
    assert dataset is None
    assert "missing-value" in {d.code for d in findings}


def test_an_unknown_category_is_found(tmp_path: Path) -> None:
    dataset, findings = bound(tmp_path, {**GOOD, "product": ["HMO", "POS", "PPO", "HMO"]})
    assert dataset is None
    assert "unknown-category" in {d.code for d in findings}
