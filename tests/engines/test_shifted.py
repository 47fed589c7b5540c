"""The row operation `shifted`: the month some months earlier, the same from both reduce engines."""

from __future__ import annotations

import datetime as dt

import duckdb
import pytest

from contractlang.engines.reference.rows import evaluate
from contractlang.engines.sql.rows import Extent, build
from contractlang.plan.relations import RowExpr

MONTHS = ["200901", "200906", "200907", "200912", "201001", "000103", "nothing", None]


@pytest.mark.parametrize("back", range(1, 12))
def test_months(back: int) -> None:
    shifted = RowExpr("shifted", (RowExpr("column", value="m", kind="text"),), value=back, kind="text")
    tree = build(shifted, {"m": Extent("text")}).tree
    rows = duckdb.execute(f"select {tree.sql(dialect='duckdb')} from (select unnest(?) as m)", [MONTHS]).fetchall()  # noqa: S608
    assert [row[0] for row in rows] == [evaluate(shifted, {"m": month}) for month in MONTHS]


def test_dates() -> None:
    days = [dt.date(2010, 6, 30), dt.date(2010, 7, 1), None]
    shifted = RowExpr("shifted", (RowExpr("column", value="d", kind="date"),), value=6, kind="text")
    tree = build(shifted, {"d": Extent("date")}).tree
    rows = duckdb.execute(f"select {tree.sql(dialect='duckdb')} from (select unnest(?) as d)", [days]).fetchall()  # noqa: S608
    found = [row[0] for row in rows]
    assert found == [evaluate(shifted, {"d": day}) for day in days] == ["200912", "201001", None]
