"""Reference and DuckDB give the same integers on random reductions of random rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, TypeVar

import duckdb
import pytest
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st

from contractlang.engines import reference
from contractlang.engines.base import Column, MemberTable, Reduced, TooWideError
from contractlang.engines.duckdb.reduce import reduce
from contractlang.plan.nodes import Plan
from contractlang.plan.relations import Account, Derive, Filter, Group, Join, Measure, Output, RowExpr, Scan
from tests.engines.reductions import col, lit, op, plan, step, times

COLUMNS = {
    "aco": ("text", 0),
    "member": ("text", 0),
    "month": ("text", 0),
    "seen": ("date", 0),
    "product": ("code", 0),
    "in_network": ("flag", 0),
    "cost": ("int", 2),
    "paid": ("int", 2),
    "visits": ("int", 0),
}
T = TypeVar("T")

TYPES = {"text": "VARCHAR", "code": "VARCHAR", "date": "DATE", "flag": "BOOLEAN", "int": "BIGINT"}
STORED = """
    SELECT * REPLACE (substr(member, 2) AS member, CASE WHEN regexp_full_match(month, '2[0-9]{5}') THEN month END AS month),
           CAST(substr(member, 2) AS SMALLINT) AS "native member",
           CAST(try_strptime(month || '01', '%Y%m%d') AS DATE) AS "native month"
    FROM rows
"""
"""The same rows as a file may store them: members as integers, months as dates."""
MONTHS = ("202012", "202101", "202106", "202107", "202112", "2021-1", "")
PRODUCTS = ("FFS", "HMO", "POS")
PRODUCT, MONTH = col("product", kind="text"), col("month", kind="text")


@dataclass
class Expressions:
    """Draws well-typed row expressions."""

    draw: st.DrawFn

    def one(self, *choices: T) -> T:
        return self.draw(st.sampled_from(choices))

    def money(self, depth: int) -> RowExpr:
        """An integer of scale 2."""
        if depth == 0:
            return self.one(col("cost", 2), col("paid", 2), lit(self.draw(st.integers(-500, 10**8)), 2))
        match self.one("+", "-", "negate", "abs", "least", "greatest", "case", "rescale"):
            case "+" | "-" | "least" | "greatest" as name:
                return op(name, self.money(depth - 1), self.money(depth - 1))
            case "negate" | "abs" as name:
                return op(name, self.money(depth - 1))
            case "rescale":
                return RowExpr("rescale", (self.whole(depth - 1),), scale=2)
            case _:
                parts = [self.flag(depth - 1), self.money(depth - 1), self.one(lit(None, 2), self.money(depth - 1))]
                return RowExpr("case", tuple(parts), scale=2)

    def whole(self, depth: int) -> RowExpr:
        """An integer of scale 0."""
        if depth == 0:
            return self.one(col("visits"), lit(3), RowExpr("year", (self.when(),)))
        return self.one(times(self.whole(depth - 1), self.whole(0)), op("-", self.whole(depth - 1), self.whole(0)))

    def when(self) -> RowExpr:
        return self.one(col("month", kind="text"), col("seen", kind="date"))

    def flag(self, depth: int) -> RowExpr:
        if depth == 0:
            products = self.draw(st.sampled_from([(), ("HMO",), ("FFS", "POS")]))
            product = RowExpr("in", (col("product", kind="text"),), products, "flag")
            return self.one(col("in_network", kind="flag"), product)
        match self.one("compare", "among", "and", "or", "not", "missing", "text"):
            case "compare":
                return op(self.one("<", "<=", ">", ">=", "is", "is not"), self.money(depth - 1), self.money(depth - 1))
            case "among":
                return RowExpr("in", (self.whole(depth - 1),), ((0, 2), 3, (2021, 2030)), "flag")
            case "and" | "or" as name:
                return op(name, self.flag(depth - 1), self.flag(depth - 1))
            case "not":
                return op("not", self.flag(depth - 1))
            case "missing":
                return op("missing", self.one(self.money(depth - 1), self.flag(depth - 1), self.when()))
            case _:
                return op(self.one("<", ">=", "is", "is not"), col("product", kind="text"), lit("HMO"))

    def reason(self) -> RowExpr:
        """The first of two reasons for which a row does not count."""
        return RowExpr("case", (self.flag(1), lit("first"), self.flag(1), lit("second"), lit(None)), kind="text")


@st.composite
def reductions(draw: st.DrawFn) -> Plan:
    """Filter, truncate per member-year, group twice; count what was left out by reason."""
    expressions = Expressions(draw)
    months = expressions.one(1, 3, 6, 12)
    derived = (
        ("year", RowExpr("period", (expressions.when(),), months, "text")),
        ("x", expressions.money(3)),
        ("w", times(expressions.money(1), expressions.whole(1))),
        ("reason", expressions.reason()),
    )
    by_member = tuple(["aco", "year", "member"][i] for i in range(3))
    limit = lit(draw(st.integers(0, 10**7)), 2)
    function = expressions.one("min", "max", "count_distinct")
    steps = (
        step("scan", Scan("rows", tuple(COLUMNS))),
        step("derived", Derive("scan", derived)),
        step("kept", Filter("derived", expressions.flag(2))),
        step("norms", Scan("norms", ("product", "norm"))),
        step("joined", Join("kept", "norms", (("product", "product"),), (("norm", "norm"),), draw(st.booleans()))),
        step(
            "member_year",
            Group(
                "joined",
                by_member,
                (
                    Measure("n", "count"),
                    Measure("x", "sum", col("x", 2)),
                    Measure("w", "sum", times(col("w", 2), col("norm"))),
                ),
            ),
        ),
        step("truncated", Derive("member_year", (("x", op("least", col("x", 2), limit)),))),
        step(
            "result",
            Group(
                "truncated",
                ("aco", "year"),
                (
                    Measure("members", "count_distinct", col("member", kind="text")),
                    Measure("n", "sum", col("n")),
                    Measure("x", "sum", col("x", 2)),
                    Measure("w", "sum", col("w", 2)),
                    Measure("z", function, col("x", 2)),
                ),
            ),
        ),
        step(
            "reasons", Group("derived", ("aco", "reason"), (Measure("rows", "count"), Measure("x", "sum", col("x", 2))))
        ),
        step("all", Group("truncated", (), (Measure("x", "sum", col("x", 2)),))),
        step("months", Group("derived", ("aco", "member", "month", "product"), ())),
        step("alone", Group("months", ("aco", "member", "month"), (Measure("product", "max", PRODUCT),))),
        step(
            "home",
            Group(
                "alone",
                ("aco", "member"),
                (Measure("product", "last", PRODUCT, MONTH), Measure("month", expressions.one("max", "min"), MONTH)),
            ),
        ),
    )
    columns = tuple((name, name, 0) for name in ("members", "n", "x", "w", "z"))
    outputs = (
        Output("result", "result", (("aco", "aco"), ("year", "year")), columns),
        Output("all", "all", (), (("x", "x", 2),)),
        Output("home", "home", (("aco", "aco"), ("member", "member")), (("last", "product", 0), ("month", "month", 0))),
    )
    return plan(steps, outputs, (Account("rows", "reasons", (("aco", "aco"),), (("x", "x", 2),), "reason"),))


def maybe(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Missing one time in eight or so."""
    return st.one_of(*[values] * 7, st.none())


amounts = st.integers(-(10**6), 10**9) | st.integers(-(2**62), 2**62) | st.just(250_000_00)
row = st.tuples(
    maybe(st.sampled_from(("A", "B"))),
    st.sampled_from(("m1", "m2", "m3")),
    maybe(st.sampled_from(MONTHS)),
    maybe(st.dates(date(1999, 12, 1), date(2030, 1, 31))),
    maybe(st.sampled_from(PRODUCTS)),
    maybe(st.booleans()),
    maybe(amounts),
    maybe(st.integers(0, 10**6)),
    maybe(st.integers(0, 5)),
)


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        connection.execute("SET threads = 1")
        connection.execute("CREATE TABLE norms AS FROM (VALUES ('HMO', 2), ('POS', NULL)) AS t(product, norm)")
        connection.execute(
            f"CREATE TABLE rows ({', '.join(f'{name} {TYPES[form]}' for name, (form, _) in COLUMNS.items())})"
        )
        connection.execute(f"CREATE VIEW stored AS {STORED}")
        yield connection


def tables(connection: duckdb.DuckDBPyConnection, rows: Sequence[tuple[object, ...]]) -> Mapping[str, MemberTable]:
    connection.execute("DELETE FROM rows")
    if rows:
        connection.executemany("INSERT INTO rows VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
    return {
        "rows": MemberTable("rows", connection, "rows", COLUMNS),
        "norms": MemberTable("norms", connection, "norms", {"product": ("text", 0), "norm": ("int", 0)}),
    }


def contents(reduced: Reduced) -> object:
    """Everything in comparable form."""
    cells = {
        name: {c: _cells(column) for c, column in {**table.keys, **table.columns}.items()}
        for name, table in reduced.tables.items()
    }
    return cells, reduced.accounts


def _cells(column: Column) -> tuple[list[object], list[int]]:
    states = [] if column.states is None else column.states.tolist()
    return column.values.tolist(), states


def check(connection: duckdb.DuckDBPyConnection, reduction: Plan, rows: Sequence[tuple[object, ...]]) -> None:
    members = tables(connection, rows)
    natives = {"member": "int", "month": "month"}
    stored = {
        **members,
        "rows": replace(members["rows"], view="stored", natives=natives, complete=frozenset({"member"})),
    }
    for bound in (members, stored):
        try:
            found = reduce(reduction, bound)
        except TooWideError:
            reject()
        assert contents(found) == contents(reference.reduce(reduction, bound))


health = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]


@settings(deadline=None, suppress_health_check=health, max_examples=60)
@given(reduction=reductions(), rows=st.lists(row, max_size=12))
def test_reference_and_duckdb_agree(
    connection: duckdb.DuckDBPyConnection, reduction: Plan, rows: Sequence[tuple[object, ...]]
) -> None:
    check(connection, reduction, rows)


@pytest.mark.slow
@settings(deadline=None, suppress_health_check=health, max_examples=1500)
@given(reduction=reductions(), rows=st.lists(row, max_size=30))
def test_reference_and_duckdb_agree_at_length(
    connection: duckdb.DuckDBPyConnection, reduction: Plan, rows: Sequence[tuple[object, ...]]
) -> None:
    check(connection, reduction, rows)
