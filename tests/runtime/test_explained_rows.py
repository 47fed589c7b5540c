"""Explanations of totals over member rows: accounts of the right period, reasons one by one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from contractlang.diagnostics.diagnostic import Sink
from contractlang.diagnostics.render import report
from contractlang.runtime.executor import Engines
from contractlang.runtime.member_accounts import account_lines
from contractlang.runtime.runs import open_run, settle
from contractlang.runtime.trace import Trace, trace
from tests.runtime.test_members import BINDING, CONTRACT, MEMBERS

BASED = CONTRACT.replace(
    "base  $600 pmpm", "base  expense.pmpm at before\n  adjust  by mean(size weighted by member_months)"
).replace("population panel", "baseline before { 2023: 100% }\n\npopulation panel", 1)
BASED = BASED.replace("  cost            USD\n", "  cost            USD\n  size            number 1 decimals\n")
BASED = BASED.replace("= risk\n", "= risk else $0\n")
BEFORE = "M1,2023-01,North,commercial,60.00\nM1,2023-02,North,medicare,1.00\nM2,2023-02,North,medicare,1.00\n"


@pytest.fixture
def lines(tmp_path: Path) -> list[Trace]:
    """Everything that explains the settlement of North in 2024."""
    rows = [f"{row},{'Size' if row.startswith('Member') else '1.5'}" for row in (MEMBERS + BEFORE).splitlines()]
    binding = BINDING + 'size           = "Size"\n'
    for name, text in (("contract.vbc", BASED), ("binding.toml", binding), ("members.csv", "\n".join(rows))):
        (tmp_path / name).write_text(text, encoding="utf-8")
    sink = Sink()
    opened = open_run(tmp_path / "contract.vbc", tmp_path / "binding.toml", sink)
    assert opened is not None, report(sink)
    result = settle(opened, sink)
    assert result is not None, report(sink)
    row = result.find("North", "2024")
    assert row is not None
    found = trace(result, "settlement", row)
    assert found is not None
    return list(everything(found))


def everything(found: Trace) -> Iterator[Trace]:
    yield found
    for line in found.inputs:
        yield from everything(line)


def test_the_account_of_a_base_year_is_that_of_the_base_year(lines: list[Trace]) -> None:
    months = [line.notes for line in lines if line.name == "panel.member_months" and line.notes]
    assert months == [
        ("1 row used", "2 rows left out: not lob is commercial"),
        ("3 rows used", "1 row left out: not lob is commercial"),
    ]


def test_a_sum_over_member_rows_says_what_it_adds_up(lines: list[Trace]) -> None:
    added = [(line.name, line.shown) for line in lines if line.name.startswith("sum of")]
    assert added == [
        ("sum of size * member_months", "4.5 member_months"),
        ("sum of member_months", "3 member_months"),
    ]


CLAIMS = """\
contract demo.claims
version  "1"
settles  group per year
term     2024-01-01 to 2024-12-31

input member_month per member, month {
  provider_group  key
}

input claim per claim_id, member, month {
  paid        USD
  transplant  flag  when missing no
}

population panel from member_month {
  attribute  to group by provider_group
}

spending expense of panel from claim {
  amount    paid
  exclude   transplant, "transplant"
  truncate  at $1_000 per member per year
}

payment settlement to group = expense.total
"""
CLAIM_ROWS = """\
claim_id,member,month,paid,transplant
c1,M1,2024-01,1500.00,no
c2,M1,2024-02,7.00,no
c3,M2,2024-01,10.00,no
c4,M2,2024-01,90000.00,yes
c5,M9,2024-03,11.00,no
c6,M3,2024-01,5.00,no
c7,M1,2024-01,1.00,no
"""


@pytest.mark.parametrize("reduce", ["duckdb", "reference"])
def test_rows_of_another_table_that_meet_no_member_month_have_an_account(tmp_path: Path, reduce: str) -> None:
    files = {
        "contract.vbc": CLAIMS,
        "claim.csv": CLAIM_ROWS,
        "member_month.csv": "member,month,provider_group\nM1,2024-01,North\nM2,2024-01,North\nM3,2024-01,South\n",
        "binding.toml": "".join(
            f'[tables.{name}]\nfile = "{name}.csv"\nsame_names = true\n' for name in ("claim", "member_month")
        ),
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    sink = Sink()
    opened = open_run(tmp_path / "contract.vbc", tmp_path / "binding.toml", sink)
    assert opened is not None, report(sink)
    result = settle(opened, sink, engines=Engines(reduce=reduce))
    assert result is not None, report(sink)
    assert list(account_lines(result)) == [
        "panel: 3 rows counted",
        "expense: 4 rows counted; left out: 2 no member-month that counts in `panel` ($18.00), 1 transplant ($90,000.00)",
    ]
    row = result.find("North", "2024")
    assert row is not None
    found = trace(result, "settlement", row)
    assert found is not None
    amount, truncate = found.inputs[0].inputs
    assert amount.notes == ("3 rows used, $1,511.00", "1 row left out: transplant, $90,000.00")
    assert truncate.notes == ("1 member cut, $1,511.00 before", "$501.00 removed")
    assert found.value == 1010
