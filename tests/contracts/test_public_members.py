"""The contract of 2009 on the public synthetic member rows, end to end, against sums taken from the files by themselves."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import duckdb
import pytest

from contractlang.diagnostics.diagnostic import Sink
from contractlang.diagnostics.render import report
from contractlang.locations import contracts_folder
from contractlang.runtime.result import Result, Status
from contractlang.runtime.runs import open_run, settle

FOLDER = contracts_folder() / "bcbsma"


@pytest.fixture(scope="module")
def settled(shared: Path) -> Result:
    members = shared / "data" / "members"
    sink = Sink()
    tables = {name: members / f"{name}.parquet" for name in ("member_month", "measure_result")}
    opened = open_run(FOLDER / "aqc_members.vbc", FOLDER / "bindings" / "members.toml", sink, tables=tables)
    assert opened is not None, report(sink)
    result = settle(opened, sink)
    assert result is not None, report(sink)
    assert not sink.failed, report(sink)
    return result


@pytest.fixture(scope="module")
def sums(shared: Path) -> dict[tuple[str, str], tuple[int, Fraction]]:
    """Member-months and dollars of commercial members by group and year, from the file alone."""
    file = shared / "data" / "members" / "member_month.parquet"
    query = f"""
        select provider_group, left(year_month, 4), count(*), sum(medical_allowed + pharmacy_allowed)
        from read_parquet('{file}') where lob = 'commercial' and provider_group is not null group by 1, 2
    """  # noqa: S608
    rows = duckdb.connect().execute(query).fetchall()
    return {(group, year): (months, Fraction(amount)) for group, year, months, amount in rows}


def test_the_contract_settles_every_group_that_is_large_enough(
    settled: Result, sums: dict[tuple[str, str], tuple[int, Fraction]]
) -> None:
    large = {key for key, (months, _) in sums.items() if key[1] in ("2020", "2021") and months >= 120}
    with_base = {key for key in large if (key[0], "2019") in sums}
    rows = [row for row in settled.rows if settled.status[row] == Status.SETTLED]
    assert {(settled.group(row), settled.period(row)) for row in rows} == with_base
    assert len(with_base) == 33


def test_member_months_and_dollars_are_those_of_the_file(
    settled: Result, sums: dict[tuple[str, str], tuple[int, Fraction]]
) -> None:
    for row in settled.rows:
        if settled.status[row] == Status.SETTLED:
            months, dollars = sums[settled.group(row), settled.period(row)]
            assert settled.value("panel.member_months", row) == months
            assert settled.value("medical_expense.amount", row) == dollars


def test_what_is_paid_is_half_of_the_difference_and_the_bonus(settled: Result) -> None:
    for row in settled.rows:
        if settled.status[row] == Status.SETTLED:
            target, expense, bonus, paid = (
                amount(settled, name, row)
                for name in ("global.total", "medical_expense.total", "quality_bonus", "settlement")
            )
            assert abs(paid - (target - expense) / 2 - bonus) <= Fraction(1, 100)


def amount(settled: Result, name: str, row: int) -> Fraction:
    value = settled.value(name, row)
    assert isinstance(value, Fraction)
    return value
