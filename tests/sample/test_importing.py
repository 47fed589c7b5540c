"""`vbc import`: other layouts to the fast one, with everything that was seen, changed and refused."""

from __future__ import annotations

import csv
import datetime as dt
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import click
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import contractlang
from contractlang.sample import importing
from tests.sample.sampling import make
from tests.sample.test_command import run

MONTHS = """\
Person ID,Year-Month,payer_attributed_provider_organization,Medical Allowed,pharmacy_allowed,risk_score,SSN,Plan name,ED Visits
20,202102,North,"$1,200.50",10.00,1.1042,1,Gold,0
20,202101,North,($3.25),0,1.1042,1,Gold,1
3,202101,South,0,7.5,,2,Silver,0
"""


def table(folder: Path, name: str = "member_month") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = pq.read_table(folder / f"{name}.parquet").to_pylist()
    return found


@pytest.fixture
def months(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "months.csv").write_text(MONTHS, encoding="utf-8")
    return tmp_path


def test_months_of_a_csv_file(months: Path) -> None:
    status, said, err = run("import", "months.csv", "--to", "out")
    assert (status, err) == (0, "")
    rows = table(months / "out")
    assert [(row["member"], row["month"]) for row in rows] == [
        (3, dt.date(2021, 1, 1)), (20, dt.date(2021, 1, 1)), (20, dt.date(2021, 2, 1)),
    ]  # fmt: skip
    assert rows[2] == {
        "member": 20, "month": dt.date(2021, 2, 1), "group": "North", "medical_allowed": Decimal("1200.50"),
        "pharmacy_allowed": Decimal("10.00"), "risk_score": Decimal("1.1042"), "plan_name": "Gold", "ed_visits": 0,
    }  # fmt: skip
    assert rows[1]["medical_allowed"] == Decimal("-3.25")
    assert rows[0]["risk_score"] is None
    lines = said.splitlines()
    assert lines[0] == "member_month: 3 of 3 rows, 3 written into out"
    assert "  risk_score (risk_score): decimal, 4 places; 1 without a value" in lines
    assert "  left out: SSN: identifies a person" in lines


def test_decimals_are_stored_as_integers_and_texts_as_codes(months: Path) -> None:
    run("import", "months.csv", "--to", "out")
    file = pq.ParquetFile(months / "out" / "member_month.parquet")
    stored = {column.name: column.physical_type for column in file.schema}
    assert (stored["medical_allowed"], stored["risk_score"], stored["member"]) == ("INT64", "INT64", "INT64")
    encodings = {
        file.metadata.row_group(0).column(i).path_in_schema: file.metadata.row_group(0).column(i).encodings
        for i in range(8)
    }
    assert any("DICTIONARY" in word for word in encodings["group"])


def test_what_was_imported_settles_like_the_source(tmp_path: Path) -> None:
    made = make(tmp_path / "data", "demo", members=200, groups=2)
    for name in ("member_month", "measure_result"):
        assert run("import", str(tmp_path / "data" / f"{name}.parquet"), "--to", str(tmp_path / name))[0] == 0
    source = contractlang.evaluate(made.contract, tmp_path / "data" / "binding.toml")
    imported = contractlang.evaluate(
        made.contract,
        tmp_path / "data" / "binding.toml",
        tables={name: tmp_path / name / f"{name}.parquet" for name in ("member_month", "measure_result")},
    )
    assert imported.rows == source.rows
    assert imported.totals == source.totals


def test_binding_of_the_new_file(months: Path) -> None:
    run("import", "months.csv", "--to", "out")
    (months / "own.vbc").write_text(OWN, encoding="utf-8")
    settled = contractlang.evaluate(months / "own.vbc", months / "out" / "binding.toml")
    assert settled.value("cost.amount", "North", "2021") == Decimal("1197.25")


OWN = """\
contract imported
version "1"
settles group per year
term 2021-01-01 to 2021-12-31
input member_month per member, month {
  group key when missing not applicable
  medical_allowed USD
}
population panel from member_month { attribute to group by group }
spending cost of panel { amount medical_allowed }
payment settlement to group = round(10% of cost to cents, half away from zero)
"""

BAD = (
    MONTHS
    + """\
20,202102,North,1,1,1,1,Gold,0
,202103,North,1,1,1,1,Gold,0
7,202113,North,2.50,1,1,1,Gold,0
8,202103,North,a lot,1,1,1,Gold,0
9,202103,North,4,1,1,1,Gold,0
"""
)


def test_a_bad_row_refuses_the_file(months: Path) -> None:
    (months / "bad.csv").write_text(BAD, encoding="utf-8")
    status, said, err = run("import", "bad.csv", "--to", "out")
    assert (status, said) == (1, "")
    for code in ("cell-unreadable", "duplicate-key", "missing-value"):
        assert f"[{code}]" in err
    assert "`bad.csv`, row 7, column `Medical Allowed`: `a lot`" in err
    assert not (months / "out").exists()


def test_lenient_sets_rows_aside_and_says_what_they_were_worth(months: Path) -> None:
    (months / "bad.csv").write_text(BAD, encoding="utf-8")
    status, said, err = run("import", "bad.csv", "--to", "out", "--lenient")
    assert status == 0
    assert "error" not in err
    assert [(row["member"], row["month"].month) for row in table(months / "out")] == [(3, 1), (9, 3), (20, 1)]
    report = json.loads((months / "out" / "import.json").read_text(encoding="utf-8"))
    assert report["set_aside"] == {
        "its key names several rows": 2, "member cannot be used": 1, "month cannot be used": 1,
        "medical_allowed cannot be used": 1,
    }  # fmt: skip
    assert report["set_aside_worth"] == {"medical_allowed": "1205.00", "pharmacy_allowed": "14.00"}
    with (months / "out" / "set_aside.csv").open(encoding="utf-8", newline="") as handle:
        listed = list(csv.reader(handle))
    assert listed[1:3] == [["bad.csv", "1", "key names several rows"], ["bad.csv", "4", "key names several rows"]]
    assert [row[1] for row in listed[1:]] == ["1", "4", "5", "6", "7"]
    assert "  set aside, medical_allowed: $1,205.00" in said.splitlines()


RESULTS = """\
member_id,measurement_year,measure_id,denominator_flag,numerator_flag,exclusion_flag
b7,2021,COL,1,1,0
b7,2021,CBP,1,0,0
a1,2021,CBP,1,1,0
a1,2021,COL,1,1,1
a1,2022,COL,0,0,0
"""


@pytest.mark.parametrize(
    ("measures", "expected"),
    [
        (
            "wide",
            [
                ("a1", 2021, {"denominator_CBP", "numerator_CBP"}),
                ("a1", 2022, set()),
                ("b7", 2021, {"denominator_CBP", "denominator_COL", "numerator_COL"}),
            ],
        ),
        ("bits", [("a1", 2021, (1, 1)), ("a1", 2022, (0, 0)), ("b7", 2021, (3, 2))]),
    ],
)
def test_measures_side_by_side(months: Path, measures: str, expected: list[Any]) -> None:
    (months / "results.csv").write_text(RESULTS, encoding="utf-8")
    assert run("import", "results.csv", "--to", "out", "--measures", measures)[0] == 0
    rows = table(months / "out", "measure_result")
    found = [
        (
            row["member"],
            row["year"],
            (row["denominator_bits"], row["numerator_bits"])
            if measures == "bits"
            else {name for name, value in row.items() if value is True},
        )
        for row in rows
    ]
    assert found == expected
    report = json.loads((months / "out" / "import.json").read_text(encoding="utf-8"))
    assert (report["measures"], report["kept"], report["written"]) == (["CBP", "COL"], 5, 3)


def test_floating_columns_need_decimals_and_are_rounded_once(months: Path) -> None:
    floats = pa.table(
        {
            "member_id": ["x", "y"],
            "month": ["2021-01", "2021-02"],
            "medical_allowed": [1.005, 2.0],
            "bmi": [20.26, 30.0],
        }
    )
    pq.write_table(floats, months / "floats.parquet")
    status, said, _ = run("import", "floats.parquet", "--to", "out")
    assert status == 0
    assert "  left out: bmi: is floating, and nothing says to how many decimals: --decimals bmi=N" in said.splitlines()
    assert (
        "  medical_allowed (medical_allowed): decimal, 2 places; 1 rounded, largest change 0.005" in said.splitlines()
    )
    run("import", "floats.parquet", "--to", "out", "--decimals", "bmi=1")
    assert [row["bmi"] for row in table(months / "out")] == [Decimal("20.3"), Decimal("30.0")]


def test_columns_named_by_the_user(months: Path) -> None:
    (months / "odd.csv").write_text("who,when,dollars\n1,01/01/2021,5\n", encoding="utf-8")
    status, _, err = run("import", "odd.csv", "--to", "out")
    assert status == 1
    assert "error[column-not-found]" in err
    assert "--column member=HEADER" in err
    names = [word for pair in ("member=who", "month=when", "medical_allowed=dollars") for word in ("--column", pair)]
    assert run("import", "odd.csv", "--to", "out", *names)[0] == 0
    assert table(months / "out") == [{"member": 1, "month": dt.date(2021, 1, 1), "medical_allowed": Decimal("5.00")}]


def test_several_files_make_one(months: Path) -> None:
    (months / "more.csv").write_text(MONTHS.replace("2021", "2022"), encoding="utf-8")
    assert run("import", "months.csv", "more.csv", "--to", "out")[0] == 0
    assert len(table(months / "out")) == 6


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "file-empty"),
        (b"member,month\n", "file-empty"),
        (b"\xff\xfe\x00", "file-unreadable"),
        (b"PAR1\x00\x01", "file-unreadable"),
        (b"member,month\n1,202101,7\n", "file-unreadable"),
        (b"member,month,member\n1,202101,7\n", "column-not-found"),
        (b"member,month\n1,soon\n", "column-not-found"),
    ],
)
def test_bad_files(months: Path, content: bytes, code: str) -> None:
    (months / "bad").write_bytes(content)
    status, said, err = run("import", "bad", "--to", "out")
    assert (status, said) == (1, "")
    assert f"error[{code}]" in err
    assert not (months / "out").exists()


@pytest.mark.parametrize(
    "options",
    [
        ("--column", "month"),
        ("--decimals", "bmi=many"),
        ("--measures", "short"),
        ("--as", "claims"),
        ("--memory-limit", "much"),
    ],
)
def test_wrong_options(months: Path, options: tuple[str, str]) -> None:
    with pytest.raises(click.UsageError):
        run("import", "months.csv", "--to", "out", *options)


def test_a_column_that_is_not_there(months: Path) -> None:
    for option, value in (("--column", "month=Year Month"), ("--decimals", "risk_scor=2")):
        status, _, err = run("import", "months.csv", "--to", "out", option, value)
        assert status == 1
        assert "error[column-not-found]" in err
        assert "did you mean" in err


def test_measures_of_member_months(months: Path) -> None:
    status, _, err = run("import", "months.csv", "--to", "out", "--measures", "wide")
    assert status == 1
    assert "needs measure results" in err


def test_json(months: Path) -> None:
    status, said, _ = run("import", "months.csv", "--to", "out", "--json")
    found = json.loads(said)
    assert status == 0
    assert found["imported"]["format"] == "vbc-import/1"
    assert found["imported"]["left_out"] == {"SSN": "identifies a person"}


def test_large_files_are_read_without_being_held(months: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(months / "data", "demo", members=60, groups=2)
    for most, out in ((10**6, "held"), (0, "read")):
        monkeypatch.setattr(importing, "MOST_HELD", most)
        assert run("import", "data/member_month.parquet", "--to", out)[0] == 0
    assert (months / "held" / "member_month.parquet").read_bytes() == (
        months / "read" / "member_month.parquet"
    ).read_bytes()
