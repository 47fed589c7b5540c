"""The vector engine on plans by hand: exact where it can be, flagged and redone where it cannot."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction

import numpy as np
import pytest

from contractlang.engines import reference, vector
from contractlang.engines.base import Column, Frame, Inputs, Programme
from contractlang.engines.standing import standing
from contractlang.engines.vector.run import Run
from contractlang.engines.vector.shape import Cell
from contractlang.plan import nodes
from contractlang.plan.nodes import Aggregate, Plan
from contractlang.plan.relations import Output, Reduction
from contractlang.values import Absent, Rounding, State, Value, round_to
from tests.engines.plans import Builder, column, results, single, table

Q = Fraction
CENT = Fraction(1, 100)


def settled(
    build: Callable[[Builder], int], columns: dict[str, Column]
) -> tuple[vector.VectorSettlement, Sequence[Value]]:
    """The settlement of one named value `y`, which the reference engine gives too."""
    builder = Builder()
    builder.name("y", build(builder))
    plan, data = builder.plan(), results(columns)
    found = vector.settle(single(plan), data)
    assert found.values("y") == reference.settle(single(plan), data).values("y")
    for places in (0, 2):
        fast, slow = found.decimals("y", places), reference.settle(single(plan), data).decimals("y", places)
        assert [part.tolist() for part in fast] == [part.tolist() for part in slow]
    return found, found.values("y")


def rounded(builder: Builder, node: int, mode: Rounding = Rounding.HALF_AWAY) -> int:
    return builder.add(nodes.Round(mode), node, builder.const(CENT))


@pytest.mark.parametrize("mode", list(Rounding))
def test_half_cents_of_decimal_products_are_decided_without_the_reference(mode: Rounding) -> None:
    """Cents times a rate of four decimals: every product is a whole number, so no row is redone."""

    def build(builder: Builder) -> int:
        return rounded(builder, builder.math("*", builder.cell("x"), builder.cell("rate")), mode)

    cents = [Q(n, 100) for n in (1, 3, -3, 5, 12345678901, 10**12 + 1)]
    rates = ["0.5", "0.5", "0.5", "0.1", "0.0005", "0.0049"]
    found, _ = settled(build, {"x": column(cents, 2), "rate": column(rates, 4)})
    assert found.redone == 0


def test_constant_factors_only_change_the_unit() -> None:
    """A twelfth of a price in cents times member months ties on every sixth row; still no row is redone."""

    def build(builder: Builder) -> int:
        monthly = builder.math("*", builder.cell("price"), builder.const(Q(1, 12)))
        return rounded(builder, builder.math("*", monthly, builder.cell("months")))

    prices, months = [Q(n, 100) for n in range(1, 61)], list(range(1, 61))
    found, _ = settled(build, {"price": column(prices, 2), "months": column(months)})
    assert found.redone == 0


def test_a_tie_behind_a_quotient_is_redone() -> None:
    """x / n * n is x again, but no float knows that: the ties are decided by the reference engine."""

    def build(builder: Builder) -> int:
        share = builder.math("/", builder.cell("x"), builder.cell("n"))
        return rounded(builder, builder.math("*", share, builder.cell("n")))

    found, values = settled(build, {"x": column(["0.125", "0.135", "0.13"], 3), "n": column([3, 7, 7])})
    assert values == [Q("0.13"), Q("0.14"), Q("0.13")]
    assert found.redone == 2


def test_a_threshold_behind_a_quotient_is_redone() -> None:
    def build(builder: Builder) -> int:
        return builder.compare(">=", builder.math("/", builder.cell("d"), builder.cell("b")), builder.const("0.02"))

    found, values = settled(build, {"d": column([2, 1999999999, 3]), "b": column([100, 10**11, 90])})
    assert values == [True, False, True]
    assert found.redone == 1


def test_a_zero_that_is_exact_needs_no_redo() -> None:
    """Half of the rows have no savings at all; their shares are exactly zero and lie on the threshold of zero."""

    def build(builder: Builder) -> int:
        savings = builder.add(nodes.Extreme("max"), builder.cell("d"), builder.const(0))
        rate = builder.math("/", builder.cell("n"), builder.const(1))
        share = builder.math("*", savings, builder.math("/", rate, builder.cell("m")))
        return builder.compare(">", share, builder.const(0))

    d = column([n if n % 2 else -n for n in range(1000)])
    found, _ = settled(
        build, {"d": d, "n": column(list(range(1, 1001))), "m": column([n % 7 + 3 for n in range(1000)])}
    )
    assert found.redone == 0


def test_amounts_beyond_53_bits() -> None:
    def build(builder: Builder) -> int:
        total = builder.math("*", builder.math("*", builder.cell("x"), builder.cell("q")), builder.const("0.98"))
        return rounded(builder, total)

    x = column([Q(10**12 + n, 100) for n in range(50)], 2)
    settled(build, {"x": x, "q": column([Q(987654321 + n, 10**9) for n in range(50)], 9)})


@pytest.mark.parametrize("mode", list(Rounding))
def test_one_very_large_row_does_not_send_the_others_to_the_reference(mode: Rounding) -> None:
    """The product of the large row passes 53 bits; ties of ordinary rows are still decided on whole numbers."""

    def build(builder: Builder) -> int:
        return rounded(builder, builder.math("*", builder.cell("x"), builder.cell("q")), mode)

    x = column([Q(n, 100) for n in (10**15 + 1, 5, 7, 10**6, -5, 10**7 + 1)], 2)
    q = column(["0.123456789", "0.1", "0.5", "0.000000001", "0.1", "0.5"], 9)
    found, _ = settled(build, {"x": x, "q": q})
    assert found.redone == 0


def test_numbers_beyond_floats_are_left_to_the_reference() -> None:
    def build(builder: Builder) -> int:
        node = builder.cell("x")
        for _ in range(7):
            node = builder.add(nodes.Power(2), node)
        return node

    _, values = settled(build, {"x": column([10**3, 2])})
    assert values == [Q(10**384), Q(2**128)]


def test_cells_beyond_floats_are_left_to_the_reference() -> None:
    _, values = settled(lambda b: b.math("*", b.cell("x"), b.const(2)), {"x": column([10**400, 3])})
    assert values == [2 * 10**400, 6]


def test_a_deep_plan() -> None:
    builder = Builder()
    node, one = builder.cell("x"), builder.const(1)
    for _ in range(10_000):
        node = builder.math("+", node, one)
    builder.name("y", node)
    assert vector.settle(single(builder.plan()), results({"x": column([5, 6])})).values("y") == [10_005, 10_006]


def test_more_rows_than_a_block() -> None:
    """Rows are the same whatever the block they stand in."""
    count = 50_000

    def plan() -> Plan:
        builder = Builder()
        share = builder.math("/", builder.cell("x"), builder.cell("n"))
        builder.name("y", rounded(builder, share))
        mean = builder.aggregate(Aggregate("mean", ("network",)), builder.cell("x"))
        builder.name("z", builder.math("-", builder.cell("x"), mean))
        return builder.plan()

    x, n = np.arange(count) * 7 + 1, np.arange(count) % 999 + 1
    data = results({"x": Column("int", x, 2), "n": Column("int", n)})
    found = vector.settle(single(plan()), data)
    y, _ = found.decimals("y", 2)
    assert y.tolist() == [(2 * a + b) // (2 * b) for a, b in zip(x.tolist(), n.tolist(), strict=True)]
    mean = Q(int(x.sum()), count)
    z, _ = found.decimals("z", 2)
    assert z[::777].tolist() == [round_to(a - mean, Q(1), Rounding.HALF_AWAY) for a in x[::777].tolist()]


def test_rows_of_two_plans_in_any_order() -> None:
    first, second = Builder(), Builder()
    first.name("x", first.math("*", first.cell("d"), first.const(2)))
    second.name("x", second.cell("d"))
    second.name("y", second.math("-", second.cell("d"), second.previous("x", second.const(0), periods=1)))
    programme = Programme({"2021": first.plan(), "2022": second.plan()})
    units, years = ["A", "B", "B", "A"], ["2022", "2021", "2022", "2021"]
    data = Inputs(
        Frame(units, years), {"results": table("results", {"aco": units, "year": years}, {"d": column([1, 2, 3, 4])})}
    )
    found = vector.settle(programme, data)
    assert found.values("x") == [1, 4, 3, 8]
    assert found.values("y") == [
        -7,
        Absent(State.NOT_APPLICABLE, "no `y` in 2021"),
        -1,
        Absent(State.NOT_APPLICABLE, "no `y` in 2021"),
    ]
    assert [found.at("x", row) for row in range(4)] == [1, 4, 3, 8]


def test_conditions_and_standing() -> None:
    builder = Builder()
    members = builder.cell("members")
    builder.require(builder.compare(">=", members, builder.const(5000)), "below the minimum panel")
    builder.name("due", builder.cell("due"), "payment")
    plan = builder.plan("due")
    data = results({"members": column([5000, 4999, None, 6000]), "due": column([1, None, 2, None])})
    found = vector.settle(single(plan), data)
    assert standing(found) == standing(reference.settle(single(plan), data))
    rows, yes, states = found.flags(plan, plan.requirements[0].condition)
    assert (rows.tolist(), yes.tolist(), states.tolist()) == ([0, 1, 2, 3], [1, 0, 0, 1], [0, 0, 3, 0])


def test_what_is_left_to_the_reference_is_named() -> None:
    builder = Builder()
    x = builder.cell("x")
    builder.name("y", builder.add(nodes.Root("power", 2), x, builder.const("0.5")))
    builder.name("z", builder.aggregate(Aggregate("max", ("network",), except_own=True), x))
    builder.name("w", builder.add(nodes.Root("sqrt", 2), x))
    found = vector.unsupported(builder.plan())
    assert found == ["fractional powers of values that vary by unit", "`max` over the network `except own`"]
    settled(lambda b: b.add(nodes.Root("power", 2), b.cell("x"), b.const("0.5")), {"x": column([2, 9])})


def test_reduced_tables_without_a_row() -> None:
    """No member row reached two of the groups: sums are zero, rates have no rows."""
    builder = Builder()
    builder.name("cost", builder.cell("cost", "spending"))
    builder.name("rate", builder.cell("rate", "spending"))
    builder.name("share", builder.math("*", builder.cell("cost", "spending"), builder.const("0.5")))
    output = Output(
        "spending", "s", (("aco", "aco"), ("year", "year")), (("cost", "cost", 2), ("rate", "rate", 2)), ("cost",)
    )
    plan = builder.plan(reduction=Reduction(outputs=(output,)))
    spending = table(
        "spending",
        {"aco": ["B", "C"], "year": ["2021", "2021"]},
        {"cost": column([5, 7], 2), "rate": column([1, 2], 2)},
    )
    data = Inputs(Frame(["A", "B", "C", "D"], ["2021"] * 4), {"spending": spending})
    found, expected = vector.settle(single(plan), data), reference.settle(single(plan), data)
    for name in ("cost", "rate", "share"):
        assert found.values(name) == expected.values(name)
    assert found.values("cost") == [0, 5, 7, 0]


def test_categories_and_months() -> None:
    """Values by measure and by month fold into the year."""
    builder = Builder(categories={"measure": ("bp", "a1c")})
    rate = builder.cell("rate", "rates", frozenset({"aco", "year", "measure"}))
    fee = builder.cell("fee", "fees", frozenset({"aco", "month"}))
    builder.name("best", builder.aggregate(Aggregate("max", ("measure",)), rate))
    builder.name("paid", builder.add(Aggregate("sum", ("month",)), fee, grain=frozenset({"aco", "year"})))
    plan = builder.plan()
    keys = {"aco": ["A", "A", "B"], "year": ["2021"] * 3, "measure": ["bp", "a1c", "bp"]}
    months = [f"2021-{month:02}" for month in range(1, 13)]
    tables = {
        "rates": table("rates", keys, {"rate": column(["0.5", "0.25", "0.75"], 2)}),
        "fees": table("fees", {"aco": ["A"] * 12 + ["B"] * 12, "month": months * 2}, {"fee": column(list(range(24)))}),
    }
    data = Inputs(Frame(["A", "B"], ["2021", "2021"]), tables)
    found, expected = vector.settle(single(plan), data), reference.settle(single(plan), data)
    for name in ("best", "paid"):
        assert found.values(name) == expected.values(name)
    assert found.values("paid") == [66, 210]


def test_only_what_follows_from_an_uncertain_decision_is_computed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    builder = Builder()
    share = builder.math("/", builder.cell("x"), builder.cell("n"))
    builder.name("sure", share)
    builder.name("unsure", rounded(builder, builder.math("*", share, builder.cell("n"))))
    plan, data = builder.plan(), results({"x": column(["0.13", "0.135"], 3), "n": column([3, 7])})
    asked: list[tuple[str | None, int]] = []
    exact = Run.exact

    def recorded(run: Run, cell: Cell, row: int) -> Value:
        asked.append((run.plan.nodes[cell[0]].name, row))
        return exact(run, cell, row)

    monkeypatch.setattr(Run, "exact", recorded)
    found = vector.settle(single(plan), data)
    assert asked == [("unsure", 1)]
    assert found.values("unsure") == [Q("0.13"), Q("0.14")]
