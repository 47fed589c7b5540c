"""Values of the last month's row: one number carries moment and values, and every gap stays a gap."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import duckdb
import pytest
from syrupy.assertion import SnapshotAssertion

from contractlang.engines import reference
from contractlang.engines.base import MemberTable
from contractlang.engines.duckdb.reduce import reduce, statements
from contractlang.plan.nodes import Plan
from contractlang.plan.relations import Group, Measure, Output, Scan
from contractlang.semantics.model import ColumnSchema, TableSchema
from contractlang.semantics.types import Kind, Type
from tests.engines.duckdb.test_reduce import contents
from tests.engines.reductions import col, plan, step

RACES = ("White", "Black", "Asian")
LINES = ("HMO", "POS")
ROWS = """
    ('A', DATE '2021-01-01', 'White', 'POS', 'x'), ('A', DATE '2021-03-01', 'Black', 'HMO', 'y'),
    ('A', DATE '2021-02-01', 'Asian', 'POS', 'z'), ('B', DATE '0001-01-01', NULL, 'POS', 'x'),
    ('C', DATE '9999-12-01', 'Asian', 'POS', NULL), ('C', DATE '1969-12-01', 'White', 'HMO', 'x')
"""


@pytest.fixture
def members() -> Iterator[dict[str, MemberTable]]:
    with duckdb.connect() as connection:
        stored = f"FROM (VALUES {ROWS}) AS t(aco, month, race, line, site)"
        connection.execute(
            'CREATE TEMP VIEW rows AS SELECT aco, month AS "native month", '
            f"strftime(month, '%Y%m') AS month, race, line, site {stored}"
        )
        columns = dict.fromkeys(("aco", "month", "site"), ("text", 0)) | dict.fromkeys(("race", "line"), ("code", 0))
        complete = frozenset({"aco", "month", "line"})
        table = MemberTable("rows", connection, "rows", columns, natives={"month": "month"}, complete=complete)
        yield {"rows": table}


def last(*names: str) -> Plan:
    """The last month of each group, and values on its row."""
    moment = col("month", kind="text")
    measures = [Measure("month", "max", moment)]
    measures += [Measure(name, "last", col(name, kind="text"), moment) for name in names]
    steps = (
        step("scan", Scan("rows", ("aco", "month", *names))),
        step("last", Group("scan", ("aco",), tuple(measures))),
    )
    shown = tuple((m.name, m.name, 0) for m in measures)
    made = plan(steps, (Output("last", "last", (("aco", "aco"),), shown),))
    categories = tuple(
        ColumnSchema(name, Type(Kind.CATEGORY, scheme=name), labels=labels)
        for name, labels in (("race", RACES), ("line", LINES))
    )
    return replace(made, tables=(TableSchema("rows", "input", (), categories),))


def values(found: object) -> list[list[str]]:
    return [[str(value) for value in column] for column in contents(found)["last"].values()]  # type: ignore[arg-type]


def test_one_number_for_moment_and_values(members: dict[str, MemberTable], snapshot: SnapshotAssertion) -> None:
    plan = last("race", "line")
    assert ";\n\n".join(statements(plan, members)) == snapshot
    nothing = "missing (a missing value in `last`)"
    assert values(reduce(plan, members)) == [
        ["A", "B", "C"],
        ["202103", "000101", "999912"],
        ["Black", nothing, "Asian"],
        ["HMO", "POS", "POS"],
    ]


@pytest.mark.parametrize("names", [("race",), ("line", "race"), ("site",), ("site", "line"), ("race", "site", "line")])
def test_the_reference_engine_agrees(members: dict[str, MemberTable], names: tuple[str, ...]) -> None:
    assert contents(reduce(last(*names), members)) == contents(reference.reduce(last(*names), members))


def test_a_month_that_is_missing_leaves_no_last_row(members: dict[str, MemberTable]) -> None:
    connection = members["rows"].connection
    assert isinstance(connection, duckdb.DuckDBPyConnection)
    connection.execute(
        'CREATE TEMP VIEW gaps AS SELECT * REPLACE (nullif("native month", DATE \'1969-12-01\') AS "native month", '
        "nullif(month, '196912') AS month) FROM rows"
    )
    gaps = {"rows": replace(members["rows"], view="gaps", complete=frozenset({"aco", "line"}))}
    found = reduce(last("race", "line"), gaps)
    assert contents(found) == contents(reference.reduce(last("race", "line"), gaps))
    assert values(found)[2][2] == "missing (a missing value in `last`)"
