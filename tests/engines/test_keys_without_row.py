"""What a cell says where its table has no row for the key, in both settle engines."""

from __future__ import annotations

from fractions import Fraction

import pytest

from contractlang.engines import reference, vector
from contractlang.engines.base import Frame, Inputs, Programme, Settle
from contractlang.plan.nodes import Aggregate
from contractlang.semantics.model import ColumnSchema, KeyColumn, TableSchema
from contractlang.semantics.types import Kind, Type
from contractlang.values import Absent, State, Value
from tests.engines.plans import SETTLED, Builder, column, table

MEASURES = ("bp", "flu")
NOT_SUPPLIED = Absent(State.NOT_APPLICABLE, "not supplied")
NO_ROW = Absent(State.MISSING, "no row in `rates`")


@pytest.mark.parametrize("engine", [reference.settle, vector.settle], ids=["reference", "vector"])
@pytest.mark.parametrize(
    ("missing", "factor", "by_measure", "expected"),
    [
        (None, 1, True, NO_ROW),
        (Fraction(3), 1, True, Fraction("3.5")),
        (Fraction(3), 12, True, Fraction("0.75")),  # three months in a file of years
        (NOT_SUPPLIED, 1, True, Fraction("0.5")),  # a sum leaves it out
        (Fraction(3), 1, False, NO_ROW),  # a unit that a table of units lacks is no gap
    ],
)
def test_a_key_without_row(
    engine: Settle,
    missing: Value | None,
    factor: int,
    by_measure: bool,
    expected: Value,
) -> None:
    builder = Builder(categories={"measure": MEASURES})
    share = builder.cell("share", "rates", SETTLED | {"measure"} if by_measure else SETTLED)
    total = builder.aggregate(Aggregate("sum", ("measure",)), share) if by_measure else share
    builder.name("total", total)
    keys = [KeyColumn("aco", "unit"), KeyColumn("year", "period")]
    if by_measure:
        keys.append(KeyColumn("measure", "category", MEASURES))
    schema = ColumnSchema("share", Type(Kind.NUMBER), Fraction(factor), missing=missing)
    builder.tables = (TableSchema("rates", "input", tuple(keys), (schema,)),)
    values = {"aco": ["A1" if by_measure else "A2"], "year": ["2021"]} | ({"measure": ["bp"]} if by_measure else {})
    rates = table("rates", values, {"share": column(["0.5"], 1)})
    inputs = Inputs(Frame(["A1"], ["2021"]), {"rates": rates})
    assert engine(Programme({"2021": builder.plan()}), inputs).values("total") == [expected]
