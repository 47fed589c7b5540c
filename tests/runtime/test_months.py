"""Payments by the month in a contract that settles by the year: amounts by hand, and every engine the same."""

from __future__ import annotations

import datetime as dt
import json
from fractions import Fraction
from pathlib import Path

import pytest

from contractlang.diagnostics.diagnostic import Sink
from contractlang.diagnostics.render import report
from contractlang.runtime.executor import Engines
from contractlang.runtime.export import export
from contractlang.runtime.result import Result, Status
from contractlang.runtime.runs import Opened, open_run, settle
from contractlang.runtime.statement import statement
from contractlang.runtime.statement_forms import as_text
from contractlang.values import Value

FEES = """\
contract demo.months
title    "A fee by the month"
version  "1"
settles  practice per year
term     2024-01-01 to 2025-12-31

category level { L1, L2 }

input recognition per practice, month {
  level    category in level  when missing not applicable "not recognised"
  members  members
}

table care_management per level {
  | level | fee        |
  | L1    | $4.00 pmpm |
  | L2    | $6.00 pmpm |
}

schedule uplift per month { 2024-01-01..2024-06-30: 100%, 2024-07-01..: 110% }

define everybody monthly = sum(members over network)

payment care_fee to practice monthly =
  round((care_management.fee else $0 pmpm) * uplift * members * 1 month
    * 150 members / max(everybody, 150 members) to cents, half away from zero)

payment quarter_fee to practice quarterly = round($100.01 / 3 * quarter to cents, half away from zero)

define most = max(recognition.members over month)

payment bonus to practice = max($4_000.00 - sum(care_fee over month) - care_fee.total, $0)
"""

LEVELS = {"North": {6: "L1", 7: "L2", 12: "L2"}, "South": {6: "L2"}}
MEMBERS = {"North": 100, "South": 101}
"""Per practice; together 201, so that a third of the fee above 150 members is not paid."""


def binding(folder: Path, *, without: tuple[str, int] | None = None) -> Path:
    rows = [
        f"{practice},{year}-{month:02},{LEVELS[practice].get(month, '') if year == 2024 else ''},{count}"
        for practice, count in MEMBERS.items()
        for year in (2024, 2025)
        for month in range(1, 13)
        if (practice, month) != without or year != 2024
    ]
    (folder / "recognition.csv").write_text("\n".join(["practice,month,level,members", *rows]) + "\n", "utf-8")
    path = folder / "binding.toml"
    path.write_text('[tables.recognition]\nfile = "recognition.csv"\nsame_names = true\n', "utf-8")
    return path


def run(folder: Path, text: str, data: Path, engine: str, reduce: str = "auto") -> tuple[Opened, Result]:
    (folder / "contract.vbc").write_text(text, "utf-8")
    sink = Sink()
    opened = open_run(folder / "contract.vbc", data, sink)
    assert opened is not None, report(sink)
    result = settle(opened, sink, engines=Engines(settle=engine, reduce=reduce))
    assert result is not None, report(sink)
    return opened, result


def months(result: Result, name: str, group: str, period: str) -> dict[str, Value]:
    row = result.find(group, period)
    assert row is not None
    return {
        next(v for k, v in key.items() if k in ("month", "quarter")): value for key, value in result.finer(name, row)
    }


@pytest.mark.parametrize("engine", ["reference", "vector"])
class TestByTheMonth:
    def test_each_month_has_its_own_level_schedule_and_rounding(self, tmp_path: Path, engine: str) -> None:
        _, result = run(tmp_path, FEES, binding(tmp_path), engine)
        north = months(result, "care_fee", "North", "2024")
        # 4 * 100 * 150 / 201 = 298.507…; 6 * 1.1 * 100 * 150 / 201 = 492.537…
        assert north["2024-06"] == Fraction("298.51")
        assert north["2024-07"] == north["2024-12"] == Fraction("492.54")
        assert north["2024-05"] == 0
        # 6 * 101 * 150 / 201 = 452.238…
        assert months(result, "care_fee", "South", "2024")["2024-06"] == Fraction("452.24")
        row = result.find("North", "2024")
        assert row is not None
        assert result.value("care_fee.total", row) == Fraction("1283.59")
        assert result.value("bonus", row) == Fraction("4000") - 2 * Fraction("1283.59")
        assert result.value("most", row) == 100

    def test_a_quarter_knows_its_number(self, tmp_path: Path, engine: str) -> None:
        _, result = run(tmp_path, FEES, binding(tmp_path), engine)
        found = months(result, "quarter_fee", "South", "2025")
        assert found == {
            f"2025-Q{n}": Fraction(amount) for n, amount in enumerate(("33.34", "66.67", "100.01", "133.35"), 1)
        }

    def test_totals_add_up_the_months(self, tmp_path: Path, engine: str) -> None:
        _, result = run(tmp_path, FEES, binding(tmp_path), engine)
        totals = {(t.name, t.period): t.paid for t in result.totals()}
        assert totals["care_fee", "2024"] == Fraction("1283.59") + Fraction("452.24")
        assert totals["care_fee", "2025"] == 0

    def test_a_month_without_a_row_holds_its_practice_and_year_only(self, tmp_path: Path, engine: str) -> None:
        _, result = run(tmp_path, FEES, binding(tmp_path, without=("North", 3)), engine)
        status = {(result.group(r), result.period(r)): Status(int(result.status[r])) for r in result.rows.tolist()}
        # The fee of March is prorated by everybody's members, of whom one practice's are missing.
        assert status["North", "2024"] is status["South", "2024"] is Status.HELD
        assert status["North", "2025"] is status["South", "2025"] is Status.SETTLED


def test_the_statement_lists_the_months(tmp_path: Path) -> None:
    opened, result = run(tmp_path, FEES, binding(tmp_path), "reference")
    row = result.find("North", "2024")
    assert row is not None
    section = next(s for s in statement(result, opened.heading, row).sections if s.title == "care_fee")
    assert [line.text for line in section.lines] == [f"2024-{n:02}" for n in range(1, 13)]
    assert section.total is not None
    assert section.total.amount == Fraction("1283.59") == sum(line.change or 0 for line in section.lines)


def test_the_files_have_the_sum_and_the_months(tmp_path: Path) -> None:
    opened, result = run(tmp_path, FEES, binding(tmp_path), "reference")
    export(result, opened.heading, tmp_path / "out")
    head, first = (tmp_path / "out" / "results.csv").read_text("utf-8").splitlines()[:2]
    assert dict(zip(head.split(","), first.split(","), strict=True))['"care_fee.total"'] == "1283.59"
    by_month = (tmp_path / "out" / "results_by_month.csv").read_text("utf-8").splitlines()
    assert len(by_month) == 1 + 2 * 2 * 12
    described = json.loads((tmp_path / "out" / "run.json").read_text("utf-8"))
    assert {p["payment"]: p["paid"] for p in described["payments"] if p["period"] == "2024"}["care_fee"] == "1735.83"


# Member rows ----------------------------------------------------------------------------------------------------------

PANEL = """\
contract demo.panel_by_month
version  "1"
settles  practice per year
term     2024-01-01 to 2024-12-31

input member_month per member, month {
  practice  key
  risk      number 2 decimals
}

population panel from member_month {
  attribute  to practice by practice
}

define risk_of_month monthly = sum(risk over panel)

define chronic monthly = count(members over panel where risk >= 2)

payment care_fee to practice monthly = round($1.00 pmpm * panel.member_months + $10.00 / 1 members * chronic
  + $0.01 * risk_of_month to cents, half away from zero)

define of_the_year = panel.members

payment once to practice = round($1.00 / 1 members * of_the_year + $1.00 pmpm * panel.member_months to cents,
  half away from zero)
"""

ROWS = """\
member,month,practice,risk
M1,2024-01,North,1.00
M1,2024-02,North,2.00
M2,2024-02,North,0.50
M3,2024-02,South,3.00
M1,2024-12,South,1.25
"""


@pytest.mark.parametrize(("engine", "reduce"), [("reference", "reference"), ("vector", "duckdb")])
def test_a_population_counts_the_members_of_each_month(tmp_path: Path, engine: str, reduce: str) -> None:
    (tmp_path / "rows.csv").write_text(ROWS, "utf-8")
    data = tmp_path / "binding.toml"
    data.write_text('[tables.member_month]\nfile = "rows.csv"\nsame_names = true\n', "utf-8")
    _, result = run(tmp_path, PANEL, data, engine, reduce)
    north = months(result, "care_fee", "North", "2024")
    # January: one member, risk 1.00. February: two, of whom one has a risk of 2 or more, 2.50 together.
    assert [north[f"2024-{n:02}"] for n in (1, 2, 3)] == [Fraction("1.01"), Fraction("12.03"), Fraction(0)]
    south = months(result, "care_fee", "South", "2024")
    assert [south[f"2024-{n:02}"] for n in (1, 2, 12)] == [Fraction(0), Fraction("11.03"), Fraction("1.01")]
    paid = {result.group(r): result.value("once", r) for r in result.rows.tolist()}
    assert paid == {"North": Fraction(2 + 3), "South": Fraction(2 + 2)}


# Paid in another period ------------------------------------------------------------------------------------------------

LATER = """\
contract demo.paid_later
version  "1"
settles  practice per half
term     2015-01-01 to 2015-12-31
pays     2016-07-01 to 2017-06-30

input results per practice, half {
  earned  USD
}

payment reward to practice = earned
"""


def test_statements_say_when_a_period_is_paid(tmp_path: Path) -> None:
    (tmp_path / "results.csv").write_text("practice,half,earned\nNorth,2015-H1,10.00\nNorth,2015-H2,20.00\n", "utf-8")
    data = tmp_path / "binding.toml"
    data.write_text('[tables.results]\nfile = "results.csv"\nsame_names = true\n', "utf-8")
    opened, result = run(tmp_path, LATER, data, "reference")
    days = {result.period(r): statement(result, opened.heading, r).paid_in for r in result.rows.tolist()}
    assert days == {"2015-H1": ("2016-07-01", "2016-12-31"), "2015-H2": ("2017-01-01", "2017-06-30")}
    assert "paid from 2016-07-01 to 2016-12-31" in as_text(statement(result, opened.heading, 0))
    export(result, opened.heading, tmp_path / "out")
    described = json.loads((tmp_path / "out" / "run.json").read_text("utf-8"))
    assert described["paid_in"]["2015-H2"] == ["2017-01-01", "2017-06-30"]


# Months that have not begun --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ["reference", "vector"])
def test_an_interim_run_pays_the_months_that_have_begun(tmp_path: Path, engine: str) -> None:
    data = binding(tmp_path)
    head, *rows = (tmp_path / "recognition.csv").read_text("utf-8").splitlines()
    known = [row for row in rows if ",2024-0" in row]  # nothing from October on
    (tmp_path / "recognition.csv").write_text("\n".join([head, *known]), "utf-8")
    (tmp_path / "contract.vbc").write_text(FEES, "utf-8")
    found = {}
    for day in ("2024-09-30", "2024-10-01"):
        sink = Sink()
        opened = open_run(tmp_path / "contract.vbc", data, sink, known_on=dt.date.fromisoformat(day))
        assert opened is not None, report(sink)
        result = settle(opened, sink, engines=Engines(settle=engine))
        assert result is not None, report(sink)
        row = result.find("North", "2024")
        assert row is not None
        found[day] = Status(int(result.status[row])), result.value("care_fee.total", row)
        if day == "2024-09-30":
            october = months(result, "care_fee", "North", "2024")["2024-10"]
            assert str(october) == "not applicable (not begun on 2024-09-30)"
    # 298.51 in June and 492.54 in July; October began and has no row.
    assert found["2024-09-30"] == (Status.SETTLED, Fraction("791.05"))
    assert found["2024-10-01"][0] is Status.HELD
