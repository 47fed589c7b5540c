"""The page on bad data: every defect is named, nothing is dropped, and a lenient run says what it did without."""

from __future__ import annotations

import json
import re
from fractions import Fraction
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from contractlang import ContractError, evaluate
from contractlang.cli.main import vbc
from contractlang.diagnostics.diagnostic import Sink
from contractlang.locations import grammar_folder
from contractlang.runtime.executor import Engines
from contractlang.runtime.runs import open_run, settle
from contractlang.runtime.set_aside import SetAside

PAGE = (grammar_folder() / "reference" / "bad-data.md").read_text(encoding="utf-8")
BLOCKS = {m[2] or m[1]: m[3] for m in re.finditer(r"^```(\w+) ?([^\n]*)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)}
RUN = ("run", "contract.vbc", "--data", "binding.toml")
WORTH = [
    ("member_month", "`product`: a value that the category lacks", 1, "30.01", 1),
    ("member_month", "the same key as another row, other `provider_group` (whose row it is)", 2, "80", 2),
    ("member_month", "`covered`: outside the bounds of the contract", 1, "70", 0),
    ("member_month", "`risk_score`: no value", 1, "80", 1),
    ("member_month", "the same as another row", 1, "90", 1),
    ("member_month", "`cost`: a cell that cannot be read", 1, "0", 1),
    ("panel", "groups that no exhibit or input lists", 1, "5", 1),
    ("terms", "no row that counts in `panel`", 1, "0", None),
]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("terms.csv", "members.csv", "binding.toml"):
        (tmp_path / name).write_text(BLOCKS[name], encoding="utf-8")
    (tmp_path / "contract.vbc").write_text(BLOCKS["vbc"], encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def as_parquet(folder: Path, kinds: dict[str, pa.DataType]) -> None:
    """The same rows in Parquet: all columns as text but those of `kinds`."""
    header = BLOCKS["members.csv"].partition("\n")[0].split(",")
    options = pyarrow.csv.ConvertOptions(
        column_types={name: kinds.get(name, pa.string()) for name in header}, strings_can_be_null=False
    )
    pq.write_table(pyarrow.csv.read_csv(folder / "members.csv", convert_options=options), folder / "members.parquet")
    binding = (folder / "binding.toml").read_text(encoding="utf-8").replace("members.csv", "members.parquet")
    (folder / "binding.toml").write_text(binding, encoding="utf-8")


def said(*args: str) -> tuple[int, str, str]:
    result: Any = CliRunner().invoke(vbc, args, standalone_mode=False)
    if result.exception is not None:
        raise result.exception
    return result.return_value, result.stdout, result.stderr


def account(found: SetAside) -> tuple[str, str, int, Fraction, Fraction | None]:
    return found.table, found.reason, found.rows, sum(found.money.values(), Fraction(0)), found.months


def test_a_run_names_every_defect_at_once_and_settles_nothing(folder: Path) -> None:
    status, out, err = said(*RUN)
    assert (status, out) == (1, "")
    assert err == BLOCKS["strict"]


def test_a_lenient_run_says_what_it_did_without(folder: Path) -> None:
    status, out, err = said(*RUN, "--lenient")
    assert (status, out) == (0, BLOCKS["lenient"])
    assert "error" not in err


@pytest.mark.parametrize("reduce", ["duckdb", "reference"])
@pytest.mark.parametrize("form", ["csv", "parquet", "typed parquet"])
def test_files_and_engines_agree_on_what_is_set_aside(folder: Path, form: str, reduce: str) -> None:
    if form == "parquet":
        as_parquet(folder, {})
    if form == "typed parquet":  # numbers are numbers, so that the amount which is none has to go
        text = (folder / "members.csv").read_text(encoding="utf-8").replace(",abc", ",1.005")
        (folder / "members.csv").write_text(text, encoding="utf-8")
        kinds = {"covered": pa.decimal128(9, 1), "risk_score": pa.decimal128(9, 2), "cost": pa.decimal128(12, 3)}
        as_parquet(folder, kinds)
    sink = Sink()
    opened = open_run(folder / "contract.vbc", folder / "binding.toml", sink, lenient=True)
    assert opened is not None, list(sink)
    result = settle(opened, sink, engines=Engines(reduce=reduce))
    assert result is not None
    assert not sink.failed, list(sink)
    assert [account(found) for found in result.set_aside] == [
        (table, reason, rows, Fraction(money), None if months is None else Fraction(months))
        for table, reason, rows, money, months in WORTH
    ]
    paid = {(result.group(row), result.period(row)): result.value("settlement", row) for row in result.rows.tolist()}
    assert paid == {
        ("North", "2024"): Fraction(100),  # half of $100 x 1.0667 x 3 months, less $120
        ("South", "2024"): Fraction(25),
        ("North", "2025"): Fraction("39.5"),
        ("South", "2025"): Fraction(39),
    }


def test_members_are_named_on_request_only(folder: Path) -> None:
    for more in ((), ("--lenient",)):
        hidden = said(*RUN, *more)
        assert not re.search(r"\bM\d", hidden[1] + hidden[2])
        shown = said(*RUN, *more, "--show-identifiers")
        assert "member `M3`, month `202401`: 2 rows" in shown[2]


def test_the_account_is_stored_with_the_result(folder: Path) -> None:
    _, out, _ = said(*RUN, "--lenient", "--json", "--statement", "--out", "results")
    document = json.loads(out)
    summary = "settled on incomplete data: 9 rows set aside"
    assert document["set_aside"]["summary"].startswith(summary)
    assert [reason["rows"] for reason in document["set_aside"]["reasons"]] == [rows for _, _, rows, _, _ in WORTH]
    assert document["set_aside"]["reasons"][0] == {
        "table": "member_month",
        "reason": "`product`: a value that the category lacks",
        "rows": 1,
        "examples": ["`members.csv`, row 3"],
        "money": {"cost": "30.01"},
        "amounts_without_value": 0,
        "member_months": "1",
    }
    stored = json.loads((folder / "results" / "run.json").read_text(encoding="utf-8"))
    assert stored["set_aside"] == document["set_aside"]
    assert all(statement["warnings"][-1].startswith(summary) for statement in document["statements"])
    _, out, _ = said(*RUN, "--lenient", "--statement", "--group", "South", "--period", "2024")
    assert out.startswith(BLOCKS["statement"])


def test_the_functions_are_strict_unless_told_otherwise(folder: Path) -> None:
    with pytest.raises(ContractError) as error:
        evaluate("contract.vbc", "binding.toml")
    assert {f.code for f in error.value.findings} == {
        "unknown-category", "out-of-range", "missing-value", "cell-unreadable", "exhibit-row-missing", "duplicate-key",
        "rows-outside-term",
    }  # fmt: skip
    settled = evaluate("contract.vbc", "binding.toml", lenient=True, keep="kept")
    assert settled.set_aside["rows"] == sum(rows for _, _, rows, _, _ in WORTH)


def test_without_defects_a_lenient_run_is_an_ordinary_one(folder: Path) -> None:
    rows = BLOCKS["members.csv"].splitlines()
    (folder / "members.csv").write_text("\n".join([*rows[:3], rows[6], *rows[-2:]]), encoding="utf-8")
    (folder / "terms.csv").write_text("group,share\nNorth,50%\nSouth,50%\n", encoding="utf-8")
    strict, lenient = said(*RUN), said(*RUN, "--lenient")
    assert strict == lenient
    assert strict[0] == 0


def test_nothing_is_settled_where_no_row_is_left(folder: Path) -> None:
    (folder / "members.csv").write_text(
        BLOCKS["members.csv"].partition("\n")[0] + "\nM2,2024-01,North,EPO,1.0,1.00,30.01\n", encoding="utf-8"
    )
    status, _, err = said(*RUN, "--lenient")
    assert status == 1
    assert "error[file-empty]: `member_month`: no row of members.csv can be used" in err


def test_numbers_that_cannot_be_true_are_a_finding_beside_the_others(folder: Path) -> None:
    """Sums are exact in 128 bits; what may pass them is refused, and the other findings are not lost."""
    largest = "92233720368547758.07"
    members = BLOCKS["members.csv"].replace(
        "M4,2024-01,South,HMO,1.0,1.00,50.00", f"M4,2024-01,South,HMO,1.0,{largest},{largest}"
    )
    contract = (
        BLOCKS["vbc"] + "\n## Shown, not paid on.\ndefine weighed = sum(risk_score * cost * covered over panel)\n"
    )
    (folder / "members.csv").write_text(members, encoding="utf-8")
    (folder / "contract.vbc").write_text(contract, encoding="utf-8")
    status, _, err = said(*RUN)
    assert status == 1
    assert "error[out-of-range]: the sums over member rows may not be exact: a value between" in err
    assert "error[duplicate-key]: `member_month`: 2 keys name more than one row" in err
    status, _, err = said(*RUN, "--lenient")
    assert status == 1
    assert err.count("error[") == 1
