"""Joins on days and joins with several matches: reference and DuckDB agree on random rows, stored as text or as dates."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contractlang.engines import reference
from contractlang.engines.base import MemberTable
from contractlang.engines.duckdb.reduce import reduce
from contractlang.plan.relations import Account, Check, Derive, Filter, Group, Join, Measure, Output, RowExpr, Scan
from tests.differential.test_reduce import contents
from tests.engines.plans import PLACE
from tests.engines.reductions import col, op, plan, step

ROWS = {"practice": ("text", 0), "month": ("text", 0), "cost": ("int", 2)}
ROSTER = {"practice": ("text", 0), "from": ("date", 0), "to": ("date", 0), "group": ("text", 0)}


def day(months: int, years: int, end: str) -> RowExpr:
    return RowExpr("day", (col("month", kind="text"),), value=(months, years, end), kind="date")


def reductions(months: int, years: int, end: str, *, left: bool) -> Any:
    columns = (("group", "group"), ("from", "since"))
    on = (("practice", "practice"),)
    total = (
        Measure("rows", "count"),
        Measure("cost", "sum", col("cost", 2)),
        Measure("first", "min", col("day", kind="date")),
    )
    different = op("is not", col("from", kind="date"), col("other", kind="date"))
    steps = (
        step("rows", Scan("rows", tuple(ROWS))),
        step("roster", Scan("roster", tuple(ROSTER))),
        step("days", Derive("rows", (("day", day(months, years, end)),))),
        step("joined", Join("days", "roster", on, columns, left=left, many=True, within=("day", "from", "to"))),
        step("all", Join("days", "roster", on, columns, left=left, many=True)),
        step("twice", Join("roster", "roster", on, (("from", "other"),), many=True, within=("from", "from", "to"))),
        step("overlapping", Filter("twice", different)),
        step("totals", Group("joined", ("group",), total[:2])),
        step("pairs", Group("all", ("group", "since"), total[:2])),
        step("by day", Group("joined", ("practice", "day"), total[:2])),
    )  # fmt: skip
    outputs = (Output("totals", "totals", (("aco", "group"),), (("cost", "cost", 2), ("rows", "rows", 0))),)
    accounts = (
        Account("pairs", "pairs", (("group", "group"), ("since", "since")), (("cost", "cost", 2),)),
        Account("days", "by day", (("practice", "practice"), ("day", "day")), (("cost", "cost", 2),)),
    )
    checks = (Check("roster-overlap", "overlapping", ("practice", "from", "other"), "twice", "once", PLACE),)
    made = plan(steps, outputs, accounts)
    return replace(made, reduction=replace(made.reduction, checks=checks))


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        connection.execute("SET threads = 1")
        connection.execute("CREATE TABLE rows (practice VARCHAR, month VARCHAR, cost BIGINT)")
        connection.execute('CREATE TABLE roster (practice VARCHAR, "from" DATE, "to" DATE, "group" VARCHAR)')
        connection.execute(
            "CREATE VIEW stored AS SELECT practice, CASE WHEN regexp_full_match(month, '2[0-9]{5}') THEN month END AS month, "
            """cost, CAST(try_strptime(month || '01', '%Y%m%d') AS DATE) AS "native month" FROM rows"""
        )
        yield connection


practices = st.sampled_from(("P1", "P2", None))
months = st.sampled_from(("202012", "202101", "202102", "202107", "202112", "2021-1", None))
days = st.dates(date(2020, 6, 1), date(2023, 2, 1))
rows = st.lists(st.tuples(practices, months, st.integers(-500, 10**9) | st.none()), max_size=8)
spans = st.lists(st.tuples(practices, days, days | st.none(), st.sampled_from(("A", "B", None))), max_size=6)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(
    rows=rows,
    roster=spans,
    place=st.tuples(st.sampled_from((1, 3, 12)), st.integers(0, 2), st.sampled_from(("start", "end"))),
    left=st.booleans(),
)
def test_reference_and_duckdb_agree(
    connection: duckdb.DuckDBPyConnection,
    rows: Sequence[tuple[Any, ...]],
    roster: Sequence[tuple[Any, ...]],
    place: tuple[int, int, str],
    left: bool,
) -> None:
    connection.execute("DELETE FROM rows; DELETE FROM roster")
    if rows:
        connection.executemany("INSERT INTO rows VALUES (?, ?, ?)", rows)
    if roster:
        connection.executemany("INSERT INTO roster VALUES (?, ?, ?, ?)", roster)
    made = reductions(*place, left=left)
    text = {
        "rows": MemberTable("rows", connection, "rows", ROWS),
        "roster": MemberTable("roster", connection, "roster", ROSTER),
    }
    stored = {**text, "rows": replace(text["rows"], view="stored", natives={"month": "month"})}
    for bound in (text, stored):
        found, meant = reduce(made, bound), reference.reduce(made, bound)
        assert contents(found) == contents(meant)
        assert [(n, [tuple(map(str, e)) for e in shown]) for n, shown in found.breaches] == [
            (n, [tuple(map(str, e)) for e in shown]) for n, shown in meant.breaches
        ]


def test_the_days_of_a_period() -> None:
    from contractlang.engines.reference.rows import evaluate

    assert evaluate(day(1, 0, "start"), {"month": "202402"}) == date(2024, 2, 1)
    assert evaluate(day(1, 0, "end"), {"month": "202402"}) == date(2024, 2, 29)
    assert evaluate(day(12, 3, "start"), {"month": "202007"}) == date(2023, 1, 1)
    assert evaluate(day(12, 0, "end"), {"month": "202007"}) == date(2020, 12, 31)
    assert evaluate(day(6, 0, "start"), {"month": "202008"}) == date(2020, 7, 1)
    assert evaluate(day(1, 0, "start"), {"month": "2020-8"}) is None
