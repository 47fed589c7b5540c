"""What was paid before, from a ledger: balances, payments by date, and money that would be forgotten."""

from __future__ import annotations

import datetime as dt
from fractions import Fraction
from pathlib import Path

import pytest

import contractlang
from contractlang.diagnostics.diagnostic import Sink
from contractlang.diagnostics.render import report
from contractlang.runtime.executor import Engines
from contractlang.runtime.export import description
from contractlang.runtime.ledger import summary
from contractlang.runtime.result import Result
from contractlang.runtime.runs import Opened, open_run, settle
from contractlang.runtime.statement import Section, statement
from contractlang.runtime.trace import Trace, trace

CONTRACT = """\
contract demo.ledger
version  "1"
settles  practice per year
term     2024-01-01 to 2025-12-31

input results per practice, year {
  budget  USD
  cost    USD
}

sharing risk {
  compare  budget to cost
  deficit  refuse when yes, "no losses"
  surplus  share 50%
  net of ledger.settlement
  round    to cents, half away from zero
}

sharing kept {
  compare  budget to cost
  surplus  net of ledger.fee
  surplus  share 50%
  round    to cents, half away from zero
}

payment settlement to practice = risk

payment fee to practice = round(1% * budget to cents, half away from zero), net of ledger.fee

payment rest to practice = kept

define carried = prior ledger.fee starting $0

payment correction to practice = carried
"""

RESULTS = "practice,year,budget,cost\nNorth,2024,1000.00,900.00\nNorth,2025,1000.00,1200.00\nSouth,2024,500.00,400.00\n"
LEDGER = """\
payment,practice,year,date,amount
settlement,North,2024,2024-05-01,10.00
settlement,North,2024,2024-08-01,50.50
settlement,North,2025,2025-08-01,20.25
fee,North,2024,2024-03-31,4.00
fee,South,2024,2024-03-31,7.00
"""
BINDING = """\
[tables.results]
file = "results.csv"
same_names = true

[tables.ledger]
file = "ledger.csv"
same_names = true
"""


def run(
    folder: Path, ledger: str = LEDGER, engine: str = "reference", reduce: str = "auto"
) -> tuple[Opened, Result, Sink]:
    for name, text in (
        ("contract.vbc", CONTRACT),
        ("binding.toml", BINDING),
        ("results.csv", RESULTS),
        ("ledger.csv", ledger),
    ):
        (folder / name).write_text(text, "utf-8")
    sink = Sink()
    opened = open_run(folder / "contract.vbc", folder / "binding.toml", sink)
    assert opened is not None, report(sink)
    result = settle(opened, sink, engines=Engines(settle=engine, reduce=reduce))
    assert result is not None, report(sink)
    return opened, result, sink


def section(opened: Opened, result: Result, title: str, group: str = "North", period: str = "2024") -> Section:
    row = result.find(group, period)
    assert row is not None
    return next(s for s in statement(result, opened.heading, row).sections if s.title == title)


@pytest.mark.parametrize(("engine", "reduce"), [("reference", "reference"), ("vector", "duckdb")])
def test_balances(tmp_path: Path, engine: str, reduce: str) -> None:
    _, result, sink = run(tmp_path, engine=engine, reduce=reduce)
    assert not sink.failed, report(sink)
    found = {(result.group(r), result.period(r)): r for r in result.rows.tolist()}

    def amount(name: str, group: str, period: str) -> object:
        return result.value(name, found[group, period])

    # Half of 100 less 60.50: what was paid too much is owed, although losses are refused.
    assert amount("settlement", "North", "2024") == Fraction("-10.50")
    assert amount("settlement", "North", "2025") == Fraction("-20.25")
    assert amount("settlement", "South", "2024") == 50
    assert amount("fee.earned", "North", "2024") == 10
    assert amount("fee", "North", "2024") == 6
    assert amount("fee", "South", "2024") == Fraction("-2.00")
    # Half of 100 less 4, before the share.
    assert amount("rest", "North", "2024") == 48
    assert amount("correction", "North", "2025") == 4
    assert amount("correction", "North", "2024") == 0


def test_the_statement_lists_the_payments_by_date_and_ends_in_the_balance_due(tmp_path: Path) -> None:
    opened, result, _ = run(tmp_path)
    lines = section(opened, result, "risk").lines
    assert [(line.text, line.change) for line in lines if "paid" in line.text] == [
        ("less what was paid on 2024-05-01", Fraction(-10)),
        ("less what was paid on 2024-08-01", Fraction("-50.50")),
    ]
    total = section(opened, result, "settlement").total
    assert total is not None
    assert (total.amount, total.notes) == (Fraction("-10.50"), ("balance due",))
    fee = section(opened, result, "fee")
    assert [(line.text, line.change) for line in fee.lines] == [
        ("fee.earned", Fraction(10)),
        ("less what was paid on 2024-03-31", Fraction(-4)),
    ]


def test_every_section_adds_up(tmp_path: Path) -> None:
    opened, result, _ = run(tmp_path)
    for row in result.rows.tolist():
        for part in statement(result, opened.heading, row).sections:
            if part.adds and part.total is not None:
                assert sum((line.change or 0 for line in part.lines), Fraction(0)) == part.total.amount, part.title


def test_a_run_says_what_it_is_net_of(tmp_path: Path) -> None:
    opened, result, _ = run(tmp_path)
    words = [before.words for before in summary(result)]
    assert "settlement, 2024: net of $60.50 paid before (2 payments, the last on 2024-08-01)" in words
    assert {"payment": "fee", "period": "2024", "amount": "11.00", "payments": 2, "last": "2024-03-31"} in description(
        result, opened.heading
    )["paid_before"]


def test_an_explanation_names_the_days(tmp_path: Path) -> None:
    _, result, _ = run(tmp_path)
    row = result.find("North", "2024")
    assert row is not None
    found = trace(result, "settlement", row)
    assert found is not None

    def lines(part: Trace) -> list[Trace]:
        return [part, *(line for below in part.inputs for line in lines(below))]

    (line,) = [line for line in lines(found) if line.name == "ledger.settlement"]
    assert line.notes == ("$10.00 on 2024-05-01", "$50.50 on 2024-08-01")


def test_money_paid_to_somebody_who_is_not_settled_is_found(tmp_path: Path) -> None:
    _, _, sink = run(tmp_path, LEDGER + "settlement,West,2024,2024-05-01,7.00\n")
    (found,) = [d for d in sink if d.code == "rows-unplaced"]
    assert (
        "$7.00 were paid before as `settlement` for 2024 to 1 practice(s) that are not settled in it: `West`"
        in found.message
    )


@pytest.mark.parametrize(
    ("row", "code"),
    [
        ("settlement,North,2024,2024-05-01,10.00", "duplicate-key"),
        ("bonus,North,2024,2024-05-01,10.00", "unknown-category"),
        ("settlement,North,2024,,10.00", "missing-value"),
        ("settlement,North,2024,2024-06-01,", "held"),
    ],
)
def test_a_ledger_that_cannot_be_right_is_refused(tmp_path: Path, row: str, code: str) -> None:
    (tmp_path / "contract.vbc").write_text(CONTRACT, "utf-8")
    (tmp_path / "binding.toml").write_text(BINDING, "utf-8")
    (tmp_path / "results.csv").write_text(RESULTS, "utf-8")
    (tmp_path / "ledger.csv").write_text(LEDGER + row + "\n", "utf-8")
    sink = Sink()
    opened = open_run(tmp_path / "contract.vbc", tmp_path / "binding.toml", sink)
    result = None if opened is None else settle(opened, sink)
    held = result is not None and bool(result.status.any())
    assert opened is None or held, report(sink)
    assert code in {d.code for d in sink}, report(sink)


# Amended texts ---------------------------------------------------------------------------------------------------------

BASE = """\
contract demo.netted
version  "1"
settles  group per year
term     2024-01-01 to 2026-12-31

input results per group, year {
  budget  USD  within $0 to $1_000_000
  cost    USD  within $0 to $1_000_000
}

sharing risk {
  compare  budget to cost
  share    50%
  round    to cents, half away from zero
}

payment advance to group = round(1% * budget to cents, half away from zero)

payment settlement to group = risk

guarantee "bounded" always settlement <= $500_000.00
"""

FIRST = """\
amendment demo.netted.a1 to demo.netted version "1"
effective 2025-01-01

insert net of ledger.advance as advances after risk.share
"""

SECOND = """\
amendment demo.netted.a2 to demo.netted version "1"
effective 2026-01-01

remove risk.advances
remove advance

insert surplus net of ledger.settlement as interim after risk.round
"""


def test_each_text_nets_what_it_says(tmp_path: Path) -> None:
    """A payment that a later text drops stays in the ledger of the years in which it was made."""
    files = {
        "contract.vbc": BASE,
        "a1.vbc": FIRST,
        "a2.vbc": SECOND,
        "binding.toml": BINDING,
        "results.csv": "group,year,budget,cost\n" + "".join(f"North,{year},1000,800\n" for year in (2024, 2025, 2026)),
        "ledger.csv": "payment,group,year,date,amount\nadvance,North,2024,2024-03-01,10\n"
        "advance,North,2025,2025-03-01,10\nsettlement,North,2026,2026-12-01,30\n",
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text, "utf-8")
    sink = Sink()
    opened = open_run(tmp_path / "contract.vbc", tmp_path / "binding.toml", sink)
    assert opened is not None, report(sink)
    result = settle(opened, sink)
    assert result is not None, report(sink)
    assert not sink.failed, report(sink)
    paid = {result.period(row): result.value("settlement", row) for row in result.rows.tolist()}
    assert paid == {"2024": 100, "2025": 90, "2026": 70}
    assert [(b.payment, b.period) for b in summary(result)] == [("advance", "2025"), ("settlement", "2026")]


def test_a_run_that_starts_again_knows_the_days(tmp_path: Path) -> None:
    for name, text in (
        ("contract.vbc", CONTRACT),
        ("binding.toml", BINDING),
        ("results.csv", RESULTS),
        ("ledger.csv", LEDGER),
    ):
        (tmp_path / name).write_text(text, "utf-8")
    contract, data, day = tmp_path / "contract.vbc", str(tmp_path / "binding.toml"), dt.date(2024, 6, 30)
    first = contractlang.evaluate(contract, data, keep=tmp_path / "kept", known_on=day)
    again = contractlang.reopen(contract, data, tmp_path / "kept", known_on=day)
    assert again is not None
    assert "less what was paid on 2024-05-01" in again.statement("North", "2024")
    assert "2024-08-01" not in again.statement("North", "2024")
    assert "as known on 2024-06-30" in again.statement("North", "2024")
    assert again.statement("North", "2024") == first.statement("North", "2024")
    assert contractlang.reopen(contract, data, tmp_path / "kept") is None
