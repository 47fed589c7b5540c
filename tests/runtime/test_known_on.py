"""Runs as known on a day: rows, payments and amendments of that day, and outputs that say so."""

from __future__ import annotations

import datetime as dt
import json
from fractions import Fraction
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from contractlang.diagnostics.diagnostic import Sink
from contractlang.diagnostics.render import report
from contractlang.runtime.executor import Engines
from contractlang.runtime.export import export
from contractlang.runtime.result import Result
from contractlang.runtime.runs import Opened, open_run, settle
from contractlang.runtime.statement import statement
from contractlang.values import Value

CONTRACT = """\
contract demo.known
version  "1"
settles  group per year
term     2024-01-01 to 2025-12-31

input results per group, year {
  saving  USD
}

exhibit signed per group {
  share  percent
}

constant largest = $1_000_000.00

payment settlement to group = round(min(signed.share * saving, largest) to cents, half away from zero),
  net of ledger.settlement
"""

AMENDMENT = """\
amendment demo.known.late to demo.known version "1"
effective 2025-01-01
published 2025-06-01

set largest = $100.00
"""

BINDING = """\
[tables.results]
file = "results.csv"
same_names = true

[tables.signed]
file = "signed.csv"
same_names = true
known = { from = { column = "Entered", format = "%m/%d/%Y" } }

[tables.ledger]
file = "ledger.csv"
same_names = true
"""

FILES = {
    "contract.vbc": CONTRACT,
    "late.vbc": AMENDMENT,
    "binding.toml": BINDING,
    "results.csv": "group,year,saving,known_from,known_to\n"
    "North,2024,1000.00,2024-06-01,2025-03-01\n"
    "North,2024,800.00,2025-03-01,\n"
    "North,2025,500.00,2025-03-01,\n",
    "signed.csv": "group,share,Entered\nNorth,50%,1/31/2024\n",
    "ledger.csv": "payment,group,year,date,amount\nsettlement,North,2024,2024-07-15,500.00\n",
}


def write(folder: Path, **changed: str) -> Path:
    for name, text in {**FILES, **{k.replace("_", "."): v for k, v in changed.items()}}.items():
        (folder / name).write_text(text, "utf-8")
    return folder


def opened_on(folder: Path, day: str | None, sink: Sink) -> Opened | None:
    known_on = None if day is None else dt.date.fromisoformat(day)
    return open_run(folder / "contract.vbc", folder / "binding.toml", sink, known_on=known_on)


def run(folder: Path, day: str | None, engine: str = "reference") -> tuple[Opened, Result]:
    sink = Sink()
    opened = opened_on(folder, day, sink)
    assert opened is not None, report(sink)
    result = settle(opened, sink, engines=Engines(settle=engine))
    assert result is not None, report(sink)
    return opened, result


def paid(result: Result) -> dict[str, Value]:
    return {result.period(row): result.value("settlement", row) for row in result.rows.tolist()}


@pytest.mark.parametrize("engine", ["reference", "vector"])
@pytest.mark.parametrize(
    ("day", "expected"),
    [
        ("2024-06-30", {"2024": 500}),  # the first figures, nothing paid yet
        ("2024-07-15", {"2024": 0}),  # paid on that day
        ("2025-02-28", {"2024": 0}),
        ("2025-03-01", {"2024": -100, "2025": 250}),  # half of 800 less 500; the later cap is not published
        ("2025-06-01", {"2024": -100, "2025": 100}),
        (None, {"2024": -100, "2025": 100}),  # the newest rows and all amendments
    ],
)
def test_what_was_known(tmp_path: Path, day: str | None, expected: dict[str, int], engine: str) -> None:
    _, result = run(write(tmp_path), day, engine)
    assert paid(result) == expected


def test_rows_left_out_are_counted_by_reason(tmp_path: Path) -> None:
    opened, _ = run(write(tmp_path), "2025-03-01")
    lines = "\n".join(opened.dataset.report.lines())
    assert "left out: 1 row (replaced by 2025-03-01)" in lines
    opened, _ = run(write(tmp_path), "2024-06-30")
    lines = "\n".join(opened.dataset.report.lines())
    assert "left out: 2 rows (not known on 2024-06-30)" in lines
    assert "ledger: 0 rows" in lines
    assert "left out: 1 row (not paid by 2024-06-30)" in lines
    opened, _ = run(write(tmp_path), None)
    assert "left out: 1 row (replaced)" in "\n".join(opened.dataset.report.lines())


def test_a_table_that_cannot_tell_says_so(tmp_path: Path) -> None:
    plain = BINDING.replace('known = { from = { column = "Entered", format = "%m/%d/%Y" } }\n', "")
    opened, _ = run(write(tmp_path, binding_toml=plain), "2025-06-01")
    lines = list(opened.dataset.report.lines())
    assert lines[lines.index(next(line for line in lines if line.startswith("signed"))) + 1] == (
        "  no column says when a row was known: all are used"
    )
    opened, _ = run(write(tmp_path, binding_toml=plain), None)
    assert not any("no column says" in line for line in opened.dataset.report.lines())


def test_columns_of_these_names_may_mean_something_else(tmp_path: Path) -> None:
    results = "group,year,saving,known_from,known_to\nNorth,2024,1000.00,somebody,\nNorth,2025,500.00,else,\n"
    other = BINDING.replace('file = "results.csv"\n', 'file = "results.csv"\nknown = {}\n')
    _, result = run(write(tmp_path, results_csv=results, binding_toml=other), "2025-02-28")
    assert paid(result) == {"2024": 0, "2025": 250}


def test_a_cell_without_a_date_is_found(tmp_path: Path) -> None:
    results = FILES["results.csv"].replace("2025-03-01,\nNorth,2025", "spring,\nNorth,2025")
    sink = Sink()
    assert opened_on(write(tmp_path, results_csv=results), "2025-06-01", sink) is None
    (found,) = [d for d in sink if d.code == "cell-unreadable"]
    assert found.message == "`results`, column `known_from`: 1 cell without a date"
    assert found.notes == ("`spring`, the first in row 2",)


def test_a_first_period_has_an_empty_ledger(tmp_path: Path) -> None:
    _, result = run(write(tmp_path, ledger_csv="payment,group,year,date,amount\n"), None)
    assert paid(result) == {"2024": 400, "2025": 100}


def test_every_output_says_the_day(tmp_path: Path) -> None:
    opened, result = run(write(tmp_path), "2025-03-01")
    words = "as known on 2025-03-01, without amendment demo.known.late"
    assert opened.heading.as_known == words
    assert statement(result, opened.heading, int(result.rows[0])).warnings[0] == words
    export(result, opened.heading, tmp_path / "out")
    described = json.loads((tmp_path / "out" / "run.json").read_text("utf-8"))
    assert (described["as_known_on"], described["not_known_yet"]) == ("2025-03-01", ["demo.known.late"])
    table = pq.read_table(tmp_path / "out" / "results.parquet")
    assert table.column("as_known_on").to_pylist() == ["2025-03-01", "2025-03-01"]
    assert json.loads(table.schema.metadata[b"vbc"])["as_known_on"] == "2025-03-01"
    opened, result = run(write(tmp_path), None)
    export(result, opened.heading, tmp_path / "now")
    assert "as_known_on" not in json.loads((tmp_path / "now" / "run.json").read_text("utf-8"))


MEMBERS = """\
contract demo.known_members
version  "1"
settles  group per year
term     2024-01-01 to 2024-12-31

input member_month per member, month {
  provider_group  key
  cost            USD
}

population panel from member_month {
  attribute  to group by provider_group
}

spending expense of panel {
  amount  cost
}

payment settlement to group = round(expense to cents, half away from zero)
"""


@pytest.mark.parametrize("reduce", ["reference", "duckdb"])
def test_member_rows_by_the_day_they_were_paid(tmp_path: Path, reduce: str) -> None:
    """Native dates of a Parquet file, and two versions of one member-month."""
    days = [dt.date(2024, 2, 1), dt.date(2024, 2, 1), None, dt.date(2024, 5, 1)]
    rows = {
        "member": ["M1", "M2", "M3", "M1"],
        "month": ["2024-01", "2024-01", "2024-01", "2024-01"],
        "provider_group": ["North"] * 4,
        "cost": pa.array(["10.00", "20.00", "40.00", "11.00"]).cast(pa.decimal128(9, 2)),
        "paid_on": pa.array(days, pa.date32()),
        "known_to": pa.array([dt.date(2024, 5, 1), None, None, None], pa.date32()),
    }
    pq.write_table(pa.table(rows), tmp_path / "members.parquet")
    (tmp_path / "contract.vbc").write_text(MEMBERS, "utf-8")
    (tmp_path / "binding.toml").write_text(
        '[tables.member_month]\nfile = "members.parquet"\nsame_names = true\n'
        'known = { to = "known_to", paid = "paid_on" }\n',
        "utf-8",
    )
    found = {}
    for day in ("2024-03-31", "2024-05-01", None):
        sink = Sink()
        opened = opened_on(tmp_path, day, sink)
        assert opened is not None, report(sink)
        result = settle(opened, sink, engines=Engines(reduce=reduce))
        assert result is not None, report(sink)
        found[day] = result.value("settlement", int(result.rows[0]))
    # What has no day of payment is known now, and was not paid by any day.
    assert found == {"2024-03-31": Fraction(30), "2024-05-01": Fraction(31), None: Fraction(71)}
