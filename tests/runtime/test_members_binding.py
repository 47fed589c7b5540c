"""The binding of the demonstration reads the member rows exactly."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import duckdb
import pytest

from contractlang.diagnostics.diagnostic import Sink
from contractlang.runtime.binding import read_binding
from contractlang.runtime.dataset import Dataset, bind
from contractlang.semantics.model import ColumnSchema, KeyColumn, TableSchema
from contractlang.semantics.types import EVENT, USD, Kind, Type
from contractlang.values import Absent, State

BINDING = Path(__file__).parents[2] / "contracts" / "demo" / "bindings" / "members.toml"
ABSENT = Absent(State.NOT_APPLICABLE, "")
LOBS = ("commercial", "medicaid", "medicare", "dual")
CODES = ("COL", "WCV", "AAP", "CBP", "GSD_LT8", "BCS", "HBA1C_TEST")

MONTHS = TableSchema(
    "member_month",
    "input",
    (KeyColumn("member", "open"), KeyColumn("month", "period")),
    (
        ColumnSchema("provider_group", Type(Kind.TEXT), missing=ABSENT),
        ColumnSchema("lob", Type(Kind.CATEGORY, scheme="lob"), labels=LOBS),
        ColumnSchema("medical_allowed", Type(Kind.MONEY, USD), decimals=2),
        ColumnSchema("pharmacy_allowed", Type(Kind.MONEY, USD), decimals=2),
        ColumnSchema("risk_score", Type(Kind.NUMBER), decimals=4, missing=ABSENT),
        ColumnSchema("ed_visits", Type(Kind.COUNT, EVENT)),
        ColumnSchema("period_start", Type(Kind.DATE)),
    ),
    member_level=True,
)
MEASURES = TableSchema(
    "measure_result",
    "input",
    (KeyColumn("member", "open"), KeyColumn("year", "period"), KeyColumn("measure", "category", CODES)),
    tuple(ColumnSchema(name, Type(Kind.FLAG)) for name in ("numerator", "denominator", "excluded")),
    member_level=True,
)


@pytest.fixture
def files(shared: Path) -> dict[str, Path]:
    return {name: shared / "data" / "members" / f"{name}.parquet" for name in ("member_month", "measure_result")}


def bound(files: dict[str, Path]) -> Dataset:
    sink = Sink()
    binding = read_binding(BINDING, sink)
    assert binding is not None
    dataset = bind([MONTHS, MEASURES], binding, files, sink, unit="group", period="year")
    assert [(d.message, d.notes) for d in sink] == []
    assert dataset is not None
    return dataset


def test_member_months(files: dict[str, Path]) -> None:
    dataset = bound(files)
    rows, *sums = dataset.connection.execute(
        "SELECT count(*), sum(medical_allowed), sum(pharmacy_allowed), sum(ed_visits), count(provider_group), "
        "count(risk_score), count(DISTINCT member), min(month), max(month) FROM member_month"
    ).fetchall()[0]
    medical, pharmacy, visits = duckdb.execute(
        "SELECT sum(medical_allowed) * 100, sum(pharmacy_allowed) * 100, sum(ed_visits) FROM read_parquet(?)",
        [str(files["member_month"])],
    ).fetchall()[0]
    assert rows == 59_509
    assert sums == [int(medical), int(pharmacy), int(visits), 59_509 - 3_558, 59_509 - 166, 1882, "200801", "202112"]
    report = {column.name: column for column in dataset.report.tables[0].columns}
    assert report["provider_group"].without_value == 3_558
    rounded = report["risk_score"].rounded
    assert rounded is not None
    assert (rounded.places, rounded.changed) == (4, 0)


def test_scores_are_those_of_the_file(files: dict[str, Path]) -> None:
    dataset = bound(files)
    found = dataset.connection.execute("SELECT sum(risk_score) FROM member_month").fetchall()[0][0]
    texts = duckdb.execute(
        "SELECT sum(CAST(CAST(risk_score AS VARCHAR) AS DECIMAL(18, 4))) * 10000 FROM read_parquet(?)",
        [str(files["member_month"])],
    ).fetchall()[0][0]
    assert found == int(texts)


def test_measures(files: dict[str, Path]) -> None:
    dataset = bound(files)
    rows = dataset.connection.execute(
        "SELECT measure, count(*), count_if(numerator), count_if(excluded), bool_and(denominator), max(year) "
        "FROM measure_result WHERE measure IN ('GSD_LT8', 'HBA1C_TEST') GROUP BY ALL ORDER BY ALL"
    ).fetchall()
    assert [(name, count) for name, count, *_ in rows] == [("GSD_LT8", 91), ("HBA1C_TEST", 230)]
    assert rows[0][-1] == "202101"
    total = dataset.connection.execute("SELECT count(*), count_if(excluded) FROM measure_result").fetchall()
    assert total == [(6_861, 23)]


def test_a_floating_score_needs_its_decimals(files: dict[str, Path]) -> None:
    """Without the line of the binding, the contract has to say them."""
    sink = Sink()
    binding = read_binding(BINDING, sink)
    assert binding is not None
    months = replace(binding.tables["member_month"], columns={})
    plain = replace(binding, tables={"member_month": months})
    undeclared = replace(MONTHS, columns=(ColumnSchema("risk_score", Type(Kind.NUMBER), missing=ABSENT),))
    only = {"member_month": files["member_month"]}
    assert bind([undeclared], plain, only, sink, unit="group", period="year") is None
    assert [d.code for d in sink] == ["float-without-scale"]
