"""Explanations of totals over member rows: accounts of the right period, reasons one by one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from contractlang.diagnostics.diagnostic import Sink
from contractlang.diagnostics.render import report
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
