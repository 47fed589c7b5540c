"""The reduce stage in DuckDB: its SQL, and results on rows by hand."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

import duckdb
import pytest
from syrupy.assertion import SnapshotAssertion

from contractlang.engines import reference
from contractlang.engines.base import MemberTable, Reduced, TooWideError, exact
from contractlang.engines.duckdb.reduce import reduce, statements
from contractlang.plan.nodes import Plan
from contractlang.plan.relations import Account, Derive, Filter, Group, Join, Measure, Output, RowExpr, Scan
from tests.engines.reductions import col, lit, op, plan, step, times, total

Members = dict[str, MemberTable]

ROWS = """
    ('A', 'm1', '202101', 'HMO', 10000), ('A', 'm1', '202102', 'HMO', 26000000),
    ('A', 'm2', '202101', 'FFS', 500), (NULL, 'm3', '202103', 'HMO', 700), ('B', 'm4', '202112', 'POS', NULL)
"""


@pytest.fixture
def members() -> Iterator[Members]:
    with duckdb.connect() as connection:
        connection.execute(
            f"CREATE TEMP VIEW member_month AS FROM (VALUES {ROWS}) AS t(aco, member, month, product, cost)"
        )
        connection.execute(
            "CREATE TEMP VIEW norms AS SELECT * FROM (VALUES ('HMO', 150), ('POS', 50)) AS t(product, norm)"
        )
        text = ("text", 0)
        columns = {"aco": text, "member": text, "month": text, "product": text, "cost": ("int", 2)}
        norms = {"product": text, "norm": ("int", 2)}
        yield {
            "member_month": MemberTable("member_month", connection, "member_month", columns),
            "norms": MemberTable("norms", connection, "norms", norms),
        }


def spending() -> Plan:
    """Spending of the products HMO and POS truncated per member-year, with an account of the rows left out."""
    year = RowExpr("period", (col("month", kind="text"),), 12, "text")
    counted = RowExpr("in", (col("product", kind="text"),), ("HMO", "POS"), "flag")
    reason = RowExpr("case", (counted, lit(None), lit("product")), kind="text")
    steps = (
        step("member_month", Scan("member_month", ("aco", "member", "month", "product", "cost"))),
        step("dated", Derive("member_month", (("year", year), ("reason", reason)))),
        step("counted", Filter("dated", op("missing", col("reason", kind="text")))),
        step("weights", Scan("norms", ("product", "norm"))),
        step("weighted", Join("counted", "weights", (("product", "product"),), (("norm", "norm"),), left=True)),
        step(
            "member_year",
            Group(
                "weighted",
                ("aco", "year", "member"),
                (
                    Measure("months", "count"),
                    total("cost", col("cost", 2)),
                    total("weighted_cost", times(col("cost", 2), col("norm", 2))),
                ),
            ),
        ),
        step("truncated", Derive("member_year", (("cost", op("least", col("cost", 2), lit(25000000, 2))),))),
        step(
            "group_year",
            Group(
                "truncated",
                ("aco", "year"),
                (
                    Measure("members", "count_distinct", col("member", kind="text")),
                    total("months", col("months")),
                    total("cost", col("cost", 2)),
                    total("weighted_cost", col("weighted_cost", 4)),
                ),
            ),
        ),
        step(
            "reasons",
            Group("dated", ("aco", "year", "reason"), (Measure("rows", "count"), total("cost", col("cost", 2)))),
        ),
        step("largest", Group("truncated", ("aco", "year"), (Measure("largest", "max", col("cost", 2)),))),
    )
    keys = (("aco", "aco"), ("year", "year"))
    outputs = (
        Output(
            "spending",
            "group_year",
            keys,
            (("members", "members", 0), ("months", "months", 0), ("cost", "cost", 2), ("weighted", "weighted_cost", 4)),
        ),
        Output("extremes", "largest", keys, (("largest", "largest", 2),)),
    )
    accounts = (Account("spending", "reasons", keys, (("cost", "cost", 2),), "reason"),)
    return plan(steps, outputs, accounts)


def test_the_sql(members: Members, snapshot: SnapshotAssertion) -> None:
    """One named query per step, integers only; a grouped step that several results need is kept in a table."""
    text = ";\n\n".join(statements(spending(), members))
    assert text == snapshot
    assert not any(word in text for word in ("DOUBLE", "DECIMAL", "ROUND", "AVG", "/"))


def test_spending(members: Members) -> None:
    found = reduce(spending(), members)
    table = found.tables["spending"]
    assert list(table.keys["aco"].values) == ["A", "B"]
    rows = [[exact(column, row) for column in table.columns.values()] for row in range(2)]
    assert rows[0] == [1, 2, Fraction(250_000), Fraction(260_100) * Fraction(3, 2)]
    assert [str(value) for value in rows[1]] == ["1", "1"] + ["missing (a missing value in `spending`)"] * 2
    assert found.accounts["spending"] == [
        {"aco": None, "year": "2021", "reason": None, "rows": 1, "cost": 7},
        {"aco": "A", "year": "2021", "reason": None, "rows": 2, "cost": 260_100},
        {"aco": "A", "year": "2021", "reason": "product", "rows": 1, "cost": 5},
        {"aco": "B", "year": "2021", "reason": None, "rows": 1, "cost": None},
    ]


def test_the_reference_engine_agrees(members: Members) -> None:
    mine, other = reduce(spending(), members), reference.reduce(spending(), members)
    assert mine.accounts == other.accounts
    assert contents(mine) == contents(other)


def contents(reduced: Reduced) -> dict[str, dict[str, list[object]]]:
    """Every cell of every table."""
    return {
        name: {
            c: [exact(column, row) for row in range(len(table))]
            for c, column in {**table.keys, **table.columns}.items()
        }
        for name, table in reduced.tables.items()
    }


def test_nothing_is_left_behind(members: Members) -> None:
    connection = members["norms"].connection
    assert isinstance(connection, duckdb.DuckDBPyConnection)
    reduce(spending(), members)
    reduce(spending(), members)
    assert connection.execute("SELECT count(*) FROM duckdb_tables()").fetchall() == [(0,)]


def one_row(members: Members, expression: RowExpr, value: int) -> object:
    connection = members["norms"].connection
    assert isinstance(connection, duckdb.DuckDBPyConnection)
    connection.execute(f"CREATE OR REPLACE TEMP VIEW big AS SELECT 'A' AS aco, '2021' AS year, {value}::BIGINT AS x")
    table = MemberTable("big", connection, "big", {"aco": ("text", 0), "year": ("text", 0), "x": ("int", 0)})
    keys = (("aco", "aco"), ("year", "year"))
    steps = (
        step("s", Scan("big", ("aco", "year", "x"))),
        step("g", Group("s", ("aco", "year"), (total("y", expression),))),
    )
    return exact(
        reduce(plan(steps, (Output("t", "g", keys, (("y", "y", 0),)),)), {"big": table}).tables["t"].columns["y"], 0
    )


def test_products_beyond_64_bits_are_exact(members: Members) -> None:
    x = 2**62 + 1
    assert one_row(members, times(col("x"), col("x")), x) == x * x
    assert one_row(members, RowExpr("rescale", (col("x"),), scale=9), x) == x * 10**9
    assert one_row(members, op("-", times(col("x"), lit(-3)), col("x")), x) == -4 * x


def test_products_beyond_128_bits_are_refused(members: Members) -> None:
    cube = times(times(col("x"), col("x")), col("x"))
    with pytest.raises(TooWideError, match="128 bits"):
        one_row(members, cube, 2**62)
