"""Runs on member rows: accounts of who counts, truncation in explanations, both reduce engines."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from contractlang.diagnostics.diagnostic import Sink
from contractlang.diagnostics.render import report
from contractlang.runtime.executor import Engines
from contractlang.runtime.member_accounts import account_lines, report_unplaced
from contractlang.runtime.result import Result
from contractlang.runtime.runs import Opened, open_run, settle
from contractlang.runtime.statement import statement
from contractlang.runtime.trace import Trace, trace

CONTRACT = """\
contract demo.members
title    "Members"
version  "1"
settles  group per year
term     2024-01-01 to 2025-12-31

category lob { commercial, medicare }

input member_month per member, month {
  provider_group  key   when missing not applicable "not attributed"
  lob             category in lob
  cost            USD
}

constant attachment = $1_000  assumed "negotiated"

population panel from member_month {
  where      lob is commercial
  attribute  to group by provider_group
  require    panel.members >= 2 members, otherwise "fewer than two members"
}

spending expense of panel {
  amount    cost
  truncate  at attachment per member per year
}

budget target of panel {
  base  $600 pmpm
}

sharing risk {
  compare  target to expense
  share    50%
  round    to cents, half away from zero
}

payment settlement to group = risk
"""

BINDING = """\
[tables.member_month]
file = "members.csv"

[tables.member_month.keys]
member = "Member"
month  = "Month"

[tables.member_month.columns]
provider_group = "Group"
lob            = "Line"
cost           = "Cost"
"""

MEMBERS = """\
Member,Month,Group,Line,Cost
M1,2024-01,North,commercial,700.00
M1,2024-02,North,commercial,800.00
M2,2024-01,North,commercial,100.01
M3,2024-01,North,medicare,900.00
M4,2024-01,South,commercial,10.00
M5,2024-01,,commercial,10.00
M1,2025-01,North,commercial,50.00
M2,2025-01,North,commercial,50.00
"""


@pytest.fixture
def opened(tmp_path: Path) -> Opened:
    for name, text in (("contract.vbc", CONTRACT), ("binding.toml", BINDING), ("members.csv", MEMBERS)):
        (tmp_path / name).write_text(text, encoding="utf-8")
    sink = Sink()
    found = open_run(tmp_path / "contract.vbc", tmp_path / "binding.toml", sink)
    assert found is not None, report(sink)
    return found


def settled(opened: Opened, reduce: str = "auto") -> Result:
    sink = Sink()
    result = settle(opened, sink, engines=Engines(reduce=reduce))
    assert result is not None, report(sink)
    assert not list(sink), report(sink)
    return result


def everything(found: Trace) -> Iterator[Trace]:
    yield found
    for line in found.inputs:
        yield from everything(line)


@pytest.mark.parametrize("reduce", ["duckdb", "reference"])
def test_amounts(opened: Opened, reduce: str) -> None:
    result = settled(opened, reduce)
    rows = {(result.group(row), result.period(row)): row for row in result.rows.tolist()}
    assert sorted(rows) == [("North", "2024"), ("North", "2025"), ("South", "2024")]
    north = rows["North", "2024"]
    assert result.value("expense.total", north) == Fraction("1100.01")
    assert result.value("settlement", north) == Fraction(350)  # half of $699.99, rounded
    assert result.reasons == {rows["South", "2024"]: "fewer than two members"}


def test_nobody_is_left_out_silently(opened: Opened) -> None:
    (line,) = account_lines(settled(opened))
    assert line.startswith("panel: 6 rows counted; left out: 1 not attributed, 1 not lob is commercial")


def test_the_explanation_counts_rows_and_shows_what_was_cut(opened: Opened) -> None:
    result = settled(opened)
    row = result.find("North", "2024")
    assert row is not None
    found = trace(result, "settlement", row)
    assert found is not None
    months = next(line for line in everything(found) if line.name == "panel.member_months")
    assert months.kind == "members"
    assert months.notes == ("3 rows used", "1 row left out: not lob is commercial")
    assert months.cell is not None
    assert Path(str(months.cell)).name == "members.csv"
    cut = next(line for line in everything(found) if line.clause.startswith("truncate"))
    assert cut.value == Fraction("1100.01")
    assert cut.notes == ("1 member cut, $1,600.01 before", "$500.00 removed")
    assert [line.name for line in cut.inputs] == ["attachment"]


def test_the_statement_shows_the_dollars_truncated(opened: Opened) -> None:
    result = settled(opened)
    row = result.find("North", "2024")
    assert row is not None
    expense = next(s for s in statement(result, opened.heading, row).sections if s.title == "expense")
    assert statement(result, opened.heading, row).warnings == ("illustrative terms: attachment (negotiated)",)
    assert [line.change for line in expense.lines[:2]] == [Fraction("1600.01"), Fraction(-500)]


def test_rows_outside_the_term_are_no_mistake(tmp_path: Path, opened: Opened) -> None:
    """They may serve a baseline."""
    (tmp_path / "members.csv").write_text(MEMBERS + "M9,2019-01,North,commercial,5.00\n", encoding="utf-8")
    sink = Sink()
    again = open_run(tmp_path / "contract.vbc", tmp_path / "binding.toml", sink)
    assert again is not None, report(sink)
    assert settled(again).periods == settled(opened).periods


def test_rows_that_count_and_belong_to_no_period_are_a_finding(opened: Opened) -> None:
    result = settled(opened)
    lost = [{"group": "North", "year": None, "reason": None, "rows": 3}]
    sink = Sink()
    report_unplaced(replace(result, accounts={id(result.plan): {"panel": lost}}), sink)
    assert [d.message for d in sink] == ["`panel` counts 3 rows that belong to no year"]


def test_too_little_memory_is_said(opened: Opened) -> None:
    opened.dataset.connection.execute("SET memory_limit = '1MB'")
    sink = Sink()
    assert settle(opened, sink) is None
    assert [d.code for d in sink] == ["memory-exceeded"], report(sink)
