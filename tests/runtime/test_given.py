"""Tables given as values are settled like tables read from files, and refused where they do not fit."""

from __future__ import annotations

import csv
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

import contractlang
from contractlang import Contract, ContractError, evaluate, evaluate_given

EXAMPLE = Path(__file__).parents[2] / "examples" / "01_shared_savings"


@pytest.fixture(scope="module")
def contract() -> Contract:
    return contractlang.compile(EXAMPLE / "contract.vbc")


def columns() -> dict[str, list[Any]]:
    """The example's file, with its marks taken off."""
    with (EXAMPLE / "results.csv").open() as file:
        rows = list(csv.DictReader(file))
    return {
        "group": [row["Group"] for row in rows],
        "year": [row["Year"] for row in rows],
        "target": [row["Target PMPM"].strip("$").replace(",", "") for row in rows],
        "cost": [row["Total cost"].strip("$").replace(",", "") for row in rows],
        "member_months": [int(row["Member months"].replace(",", "")) for row in rows],
        "quality": [row["Quality score"] for row in rows],
    }


def test_values_give_what_a_file_gives(contract: Contract) -> None:
    read = evaluate(EXAMPLE / "contract.vbc", EXAMPLE / "binding.toml")
    given = evaluate_given(contract, {"results": columns()})
    assert given.rows == read.rows
    assert given.table().to_pylist() == read.table().to_pylist()
    assert given.table(["savings", "settlement"]).column_names == [
        "group", "year", "status", "savings.amount", "settlement",
    ]  # fmt: skip


def test_rows_may_come_in_any_order(contract: Contract) -> None:
    backwards = {name: list(reversed(values)) for name, values in columns().items()}
    tables = [evaluate_given(contract, {"results": table}).table() for table in (columns(), backwards)]
    assert tables[0].equals(tables[1])


def test_arrow_decimals_and_dictionaries_are_read(contract: Contract) -> None:
    given = columns()
    arrow = pa.table(
        {
            "group": pa.array(given["group"]).dictionary_encode(),
            "year": given["year"],
            "target": pa.array([Decimal(v) for v in given["target"]], pa.decimal128(12, 4)),
            "cost": pa.array([Decimal(v) for v in given["cost"]], pa.decimal128(20, 2)),
            "member_months": pa.array(given["member_months"], pa.int32()),
            "quality": pa.array([Decimal(v.strip("%")) / 100 for v in given["quality"]], pa.decimal128(9, 6)),
        }
    )
    expected = evaluate_given(contract, {"results": given}).table()
    assert evaluate_given(contract, {"results": arrow}).table().equals(expected)
    assert evaluate_given(contract, {"results": arrow.slice(2, 2)}).table().num_rows == 2


def test_a_wide_number_is_exact(contract: Contract) -> None:
    given = {name: values[:1] for name, values in columns().items()}
    given["cost"] = ["123456789012345678.01"]
    group, period = given["group"][0], given["year"][0]
    settled = evaluate_given(contract, {"results": given})
    found = settled.value("savings.compare", group, period)
    assert isinstance(found, Fraction)
    assert found.denominator in {1, 2, 4, 5, 10, 20, 25, 50, 100}
    assert str(found + Fraction("123456789012345678.01")) == str(settled.value("budget", group, period))


def findings(contract: Contract, **changed: Any) -> list[str]:
    table = {**columns(), **changed}
    with pytest.raises(ContractError) as error:
        evaluate_given(contract, {"results": {name: v for name, v in table.items() if v != "absent"}})
    return [f"{f.code}: {f.message}" for f in error.value.findings if f.severity == "error"]


@pytest.mark.parametrize(
    ("changed", "code", "words"),
    [
        ({"cost": [1.5] * 5}, "cell-unreadable", "floating point"),
        ({"cost": pa.array([1.5] * 5)}, "cell-unreadable", "floating point"),
        ({"cost": ["1"] * 4 + [float("nan")]}, "cell-unreadable", "floating point"),
        ({"cost": ["1.234"] * 5}, "cell-unreadable", "more than the 2 decimals"),
        ({"cost": ["$1"] * 5}, "cell-unreadable", "no decimal numbers"),
        ({"cost": ["1e5"] * 5}, "cell-unreadable", "no decimal numbers"),
        ({"cost": [True] * 5}, "cell-unreadable", "decimal text"),
        ({"cost": [["1"]] * 5}, "cell-unreadable", "all of one kind"),
        ({"cost": "12345"}, "cell-unreadable", "a list of values"),
        ({"cost": ["1"] * 4}, "cell-unreadable", "different lengths"),
        ({"cost": "absent"}, "unbound-column", "is not given"),
        ({"costs": ["1"] * 5}, "binding-unknown-key", "no column `costs`"),
        ({"quality": ["100.1%"] * 5}, "out-of-range", "outside the bounds"),
        ({"quality": ["-0.001"] * 5}, "out-of-range", "outside the bounds"),
        ({"year": ["2024-01"] * 5}, "cell-unreadable", "is no year"),
        ({"year": ["twenty"] * 5}, "cell-unreadable", "is no year"),
        ({"group": ["a"] * 5}, "duplicate-key", "rows have the key of another row"),
        ({"group": ["a", "b", "c", "d", None]}, "missing-value", "without a value for this key"),
    ],
)
def test_what_does_not_fit_is_refused(contract: Contract, changed: dict[str, Any], code: str, words: str) -> None:
    found = findings(contract, **changed)
    assert any(line.startswith(f"{code}: ") and words in line for line in found), found


def test_a_missing_value_holds_its_row(contract: Contract) -> None:
    given = columns()
    given["quality"][0] = None
    settled = evaluate_given(contract, {"results": given})
    assert settled.status(given["group"][0], "2024")[0] == "held"
    assert settled.status(given["group"][1], "2024")[0] == "settled"


def test_the_name_of_a_table_is_asked_for(contract: Contract) -> None:
    with pytest.raises(ContractError, match="the contract has no table `result`"):
        evaluate_given(contract, {"result": columns()})
    with pytest.raises(ContractError, match="is not given"):
        evaluate_given(contract, {})
    with pytest.raises(KeyError):
        evaluate_given(contract, {"results": columns()}).table(["nothing"])
