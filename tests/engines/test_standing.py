"""Rows that are not settled are named with their reasons."""

from __future__ import annotations

from contractlang.engines.reference import settle
from contractlang.engines.standing import Standing, standing
from contractlang.values import Absent, State
from tests.engines.plans import Builder, column, results, single


def test_rows_without_a_standing_are_settled() -> None:
    builder = Builder()
    members = builder.cell("members")
    builder.require(builder.compare(">=", members, builder.const(5000)), "below the minimum panel")
    builder.name("due", builder.cell("due"), "payment")
    plan = builder.plan("due")
    empty = Absent(State.MISSING, "empty")
    hidden = Absent(State.NOT_REPORTABLE, "too few")
    inputs = results({"members": column([5000, 4999, None, 6000]), "due": column([1, None, 2, hidden])})
    requirement = plan.requirements[0]
    assert standing(settle(single(plan), inputs)) == {
        1: Standing(refused=(requirement,)),
        2: Standing(undecided=((requirement, empty),)),
        3: Standing(held=(("due", hidden),)),
    }
