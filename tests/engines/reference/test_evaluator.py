"""What every operation of the settle stage means, by the reference engine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from fractions import Fraction

import pytest

from contractlang.engines.base import Frame, Inputs, Programme
from contractlang.engines.reference import Evaluator, settle
from contractlang.engines.registry import settle_engine
from contractlang.plan.nodes import (
    Aggregate,
    Among,
    Arithmetic,
    Choose,
    Curve,
    DatePart,
    Extreme,
    Fallback,
    Logic,
    Negate,
    Op,
    Piece,
    Power,
    Root,
    Round,
    Terms,
    TermsRow,
)
from contractlang.plan.nodes import Test as Asked
from contractlang.plan.relations import Output, Reduction
from contractlang.values import Absent, Rounding, State, Value
from tests.engines.plans import Builder, column, results, single, table

Q = Fraction

MISSING = Absent(State.MISSING, "m")
HIDDEN = Absent(State.NOT_REPORTABLE, "r")
NONE = Absent(State.NOT_APPLICABLE, "a")


def value(op: Op, *args: Value) -> Value:
    """The value of one operation on constants."""
    builder = Builder()
    node = builder.add(op, *(builder.text(a) if isinstance(a, str) else builder.const(a) for a in args))
    plan = builder.plan()
    return Evaluator(single(plan), Inputs(Frame([], []), {})).value(plan, node, {})


def math(op: str, x: Value, y: Value) -> Value:
    return value(Arithmetic(op), x, y)


def test_arithmetic_is_exact() -> None:
    assert math("/", Q(1), Q(3)) == Q(1, 3)
    assert math("*", Q(10**30), Q(1, 3)) == Q(10**30, 3)
    assert math("-", Q("0.3"), Q("0.1")) == Q("0.2")
    assert value(Power(-2), Q(3)) == Q(1, 9)
    assert value(Negate(), Q(3)) == Q(-3)


def test_division_by_zero_is_not_reportable() -> None:
    assert math("/", Q(1), Q(0)) == Absent(State.NOT_REPORTABLE, "zero denominator")
    assert value(Power(-1), Q(0)) == Absent(State.NOT_REPORTABLE, "zero denominator")


def test_the_strongest_state_passes_with_the_leftmost_reason() -> None:
    assert math("+", NONE, MISSING) == MISSING
    assert math("+", HIDDEN, NONE) == HIDDEN
    assert math("+", Absent(State.MISSING, "first"), MISSING) == Absent(State.MISSING, "first")
    assert math("/", Q(0), MISSING) == MISSING


@pytest.mark.parametrize(
    ("args", "low", "high"),
    [
        ((Q(3), Q(1), Q(2)), Q(1), Q(3)),
        ((NONE, Q(2)), Q(2), Q(2)),
        ((NONE, Absent(State.NOT_APPLICABLE, "b")), NONE, NONE),
        ((HIDDEN, Q(2)), HIDDEN, HIDDEN),
        ((NONE, HIDDEN, MISSING), MISSING, MISSING),
    ],
)
def test_min_and_max_ignore_what_is_not_applicable(args: Sequence[Value], low: Value, high: Value) -> None:
    assert value(Extreme("min"), *args) == low
    assert value(Extreme("max"), *args) == high


@pytest.mark.parametrize(
    ("op", "args", "expected"),
    [
        ("and", (False, MISSING), False),
        ("and", (MISSING, False), False),
        ("and", (True, HIDDEN), HIDDEN),
        ("and", (NONE, MISSING), MISSING),
        ("and", (True, True), True),
        ("or", (MISSING, True), True),
        ("or", (False, NONE), NONE),
        ("or", (False, False), False),
        ("not", (MISSING,), MISSING),
        ("not", (False,), True),
    ],
)
def test_logic_is_three_valued(op: str, args: Sequence[Value], expected: Value) -> None:
    assert value(Logic(op), *args) == expected


def test_states_can_be_asked_for() -> None:
    asked = {
        s: [value(Asked(s), v) for v in (Q(0), NONE, HIDDEN, MISSING)] for s in ("applicable", "reportable", "missing")
    }
    assert asked == {
        "applicable": [True, False, True, MISSING],
        "reportable": [True, False, False, MISSING],
        "missing": [False, False, False, True],
    }


def test_the_first_true_case_wins_and_others_do_not_matter() -> None:
    assert value(Choose(), False, MISSING, True, Q(2), MISSING) == Q(2)
    assert value(Choose(), False, Q(1), MISSING, Q(2), Q(3)) == MISSING
    assert value(Choose(), True, Q(1), MISSING, Q(2), Q(3)) == Q(1)
    assert value(Choose(), False, Q(1), Q(7)) == Q(7)


def test_fallbacks() -> None:
    assert [value(Fallback(missing=False), v, Q(9)) for v in (Q(0), NONE, HIDDEN, MISSING)] == [
        Q(0),
        Q(9),
        Q(9),
        MISSING,
    ]
    assert [value(Fallback(missing=True), v, Q(9)) for v in (Q(0), NONE, HIDDEN, MISSING)] == [Q(0), NONE, HIDDEN, Q(9)]


def test_rounding_takes_a_step_and_a_mode() -> None:
    assert value(Round(Rounding.HALF_AWAY), Q("-0.125"), Q("0.01")) == Q("-0.13")
    assert value(Round(Rounding.HALF_EVEN), Q("0.125"), Q("0.01")) == Q("0.12")
    assert value(Round(Rounding.UP), Q("-1.001"), Q(1)) == Q(-2)
    assert value(Round(Rounding.DOWN), Q("-1.999"), Q(1)) == Q(-1)
    assert value(Round(Rounding.HALF_AWAY), Q(7), Q(5)) == Q(5)


def test_roots_are_correctly_rounded() -> None:
    assert value(Root("sqrt", 9), Q(2)) == Q("1.414213562")
    assert value(Root("sqrt", 1), Q("0.0025")) == Q("0.1")  # 0.05 is a tie
    assert value(Root("power", 12), Q("1.04"), Q(1, 12)) == Q("1.003273739782")
    assert value(Root("sqrt", 2), Q(-1)) == Absent(State.NOT_REPORTABLE, "root of a negative number")


def test_among_values_and_ranges() -> None:
    op = Among((Q(7),), ((Q(1), Q(3)), (Q(9), None)))
    assert [value(op, Q(x)) for x in (1, 2, 3, 4, 7, 8, 10**9)] == [True, True, True, False, True, False, True]
    assert value(Among(("HMO", "POS")), "POS") is True
    assert value(op, MISSING) == MISSING


def test_scales() -> None:
    step = Curve(
        "s",
        False,
        False,
        (Piece(None, Q(1), Q(0)), Piece(Q(1), Q(5), Q("0.2"), Q("0.15")), Piece(Q(5), None, Q("0.8"))),
    )
    assert [value(step, Q(x)) for x in (0, 1, 3, 5, 9)] == [0, Q("0.2"), Q("0.5"), Q("0.8"), Q("0.8")]
    ends = Curve("s", False, False, (Piece(Q(0), Q(1), Q(4)), Piece(Q(1), Q(2), Q(5), closed=True)))
    outside = Absent(State.NOT_REPORTABLE, "outside the scale")
    assert [value(ends, x) for x in (Q(-1), Q(0), Q(1), Q(2), Q("2.01"))] == [outside, Q(4), Q(5), Q(5), outside]
    marginal = Curve(
        "m", True, True, (Piece(Q(0), Q(2), Q("0")), Piece(Q(2), Q(10), Q("0.5")), Piece(Q(10), None, Q("0.9")))
    )
    assert [value(marginal, Q(x)) for x in (1, 4, 20, -4)] == [0, 1, 13, -1]


def test_terms_take_the_first_row_that_matches() -> None:
    rows = (
        TermsRow(("T1", (None, Q(2018))), Q(1)),
        TermsRow(("T1", (Q(2019), Q(2020))), Q(2)),
        TermsRow(("T2", None), NONE),
        TermsRow((None, None), Q(4)),
    )
    asked = [("T1", Q(2013)), ("T1", Q(2020)), ("T2", Q(2020)), ("T1", Q(2021))]
    assert [value(Terms("terms", "rate", rows), *keys) for keys in asked] == [Q(1), Q(2), NONE, Q(4)]
    assert value(Terms("terms", "rate", rows[:1]), "T9", Q(2013)) == Absent(State.MISSING, "no row in `terms`")
    assert value(Terms("terms", "rate", rows), "T9", MISSING) == MISSING


def test_parts_of_a_date() -> None:
    assert [value(DatePart(p), date(2024, 1, 31)) for p in ("year", "month", "day")] == [2024, 1, 31]


def network(
    op: Aggregate, values: Sequence[Value], weights: Sequence[Value] = (), kept: Sequence[Value] = ()
) -> list[Value]:
    """The aggregate over the network on each row."""
    builder = Builder()
    columns = {"x": column([_cell(v) for v in values], 3)}
    args = [builder.cell("x")]
    if weights:
        columns["w"] = column([_cell(v) for v in weights], 3)
        args.append(builder.cell("w"))
    if kept:
        columns["k"] = column([_cell(v) for v in kept])
        args.append(builder.cell("k"))
    builder.name("y", builder.aggregate(op, *args))
    return list(settle(single(builder.plan()), results(columns)).values("y"))


def _cell(value: Value) -> Q | bool | Absent:
    assert isinstance(value, (Q, bool, Absent))
    return value


OVER = ("network",)


def test_aggregates_over_the_network() -> None:
    x = [Q(4), Q(1), Q(7), Q(2)]
    assert network(Aggregate("sum", OVER), x) == [Q(14)] * 4
    assert network(Aggregate("mean", OVER), x) == [Q("3.5")] * 4
    assert network(Aggregate("median", OVER), x) == [Q(3)] * 4
    assert network(Aggregate("percentile", OVER, argument=Q("0.9")), x) == [Q("6.1")] * 4
    assert network(Aggregate("max", OVER), x) == [Q(7)] * 4
    assert network(Aggregate("sum", OVER, except_own=True), x) == [Q(10), Q(13), Q(7), Q(12)]
    assert network(Aggregate("mean", OVER, weighted=True), x, [Q(1), Q(1), Q(0), Q(2)]) == [Q(9, 4)] * 4


def test_aggregates_skip_and_stop() -> None:
    assert network(Aggregate("sum", OVER), [Q(4), NONE, HIDDEN]) == [Q(4)] * 3
    assert network(Aggregate("count", OVER), [Q(4), NONE, HIDDEN]) == [Q(1)] * 3
    assert network(Aggregate("sum", OVER), [Q(4), MISSING]) == [MISSING] * 2
    assert network(Aggregate("sum", OVER), [NONE]) == [Q(0)]
    assert network(Aggregate("mean", OVER), [NONE]) == [Absent(State.NOT_REPORTABLE, "no rows")]
    assert network(Aggregate("mean", OVER, weighted=True), [Q(1)], [Q(0)]) == [
        Absent(State.NOT_REPORTABLE, "zero denominator")
    ]
    kept: list[Value] = [True, False]
    assert network(Aggregate("sum", OVER, filtered=True), [Q(4), MISSING], kept=kept) == [Q(4)] * 2


def test_ranks() -> None:
    x = [Q(5), Q(5), Q(9), Q(1)]
    assert network(Aggregate("rank", OVER), x) == [2, 2, 1, 4]
    assert network(Aggregate("percentile_rank", OVER), x) == [Q(1, 2), Q(1, 2), Q(1), Q(0)]
    assert network(Aggregate("percentile_rank", OVER), [Q(5), NONE]) == [
        Absent(State.NOT_REPORTABLE, "only one row"),
        NONE,
    ]


def test_aggregates_over_a_category() -> None:
    builder = Builder(categories={"measure": ("bp", "a1c")})
    grain = frozenset({"aco", "year", "measure"})
    rate = builder.cell("rate", "rates", grain)
    builder.name("score", builder.aggregate(Aggregate("sum", ("measure",)), rate))
    keys = {"aco": ["A", "A", "B"], "year": ["2021"] * 3, "measure": ["bp", "a1c", "bp"]}
    rates = table("rates", keys, {"rate": column(["0.5", "0.25", "0.75"], 2)})
    plan = builder.plan()
    inputs = Inputs(Frame(["A", "B"], ["2021", "2021"]), {"rates": rates})
    assert settle(single(plan), inputs).values("score") == [Q("0.75"), Absent(State.MISSING, "no row in `rates`")]
    evaluator = Evaluator(single(plan), inputs)
    keys_of_rate = evaluator.expand(plan, rate, {"aco": "A", "year": "2021"})
    assert [evaluator.value(plan, rate, key) for key in keys_of_rate] == [Q("0.5"), Q("0.25")]


def test_a_reduced_table_without_a_row_is_zero_or_not_reportable() -> None:
    builder = Builder()
    builder.name("cost", builder.cell("cost", "spending"))
    builder.name("rate", builder.cell("rate", "spending"))
    keys = (("aco", "aco"), ("year", "year"))
    output = Output("spending", "s", keys, (("cost", "cost", 2), ("rate", "rate", 2)), empty_zero=("cost",))
    plan = builder.plan(reduction=Reduction(outputs=(output,)))
    empty = table("spending", {"aco": [], "year": []}, {"cost": column([]), "rate": column([])})
    found = settle(single(plan), Inputs(Frame(["A"], ["2021"]), {"spending": empty}))
    assert (found.at("cost", 0), found.at("rate", 0)) == (Q(0), Absent(State.NOT_REPORTABLE, "no rows"))


def carried() -> Builder:
    """Savings less what was carried over from earlier years, starting at 100."""
    builder = Builder()
    before = builder.previous("balance", builder.const(100), periods=1)
    builder.name("balance", builder.math("+", before, builder.cell("d")))
    return builder


def years(values: Sequence[int], first: int = 2021) -> Inputs:
    """One unit over several years."""
    labels = [str(first + i) for i in range(len(values))]
    units = ["A"] * len(labels)
    return Inputs(
        Frame(units, labels), {"results": table("results", {"aco": units, "year": labels}, {"d": column(values)})}
    )


def test_prior_values_end_at_the_start_of_the_term() -> None:
    plan = carried().plan()
    found = settle(single(plan, "2021", "2022", "2023"), years([1, 2, 3])).values("balance")
    assert found == [101, 103, 106]


def test_a_prior_period_inside_the_term_without_data_is_missing() -> None:
    plan = carried().plan()
    found = settle(single(plan, "2020", "2021"), years([1])).values("balance")
    assert found == [Absent(State.MISSING, "no data for 2020")]


def test_a_prior_value_follows_the_plan_of_its_own_period() -> None:
    first, second = Builder(), Builder()
    first.name("x", first.math("*", first.cell("d"), first.const(2)))
    second.name("x", second.cell("d"))
    second.name("y", second.previous("x", periods=1))
    programme = Programme({"2021": first.plan(), "2022": second.plan()})
    found = settle(programme, years([5, 7]))
    assert found.values("x") == [10, 7]
    assert found.values("y") == [Absent(State.NOT_APPLICABLE, "no `y` in 2021"), 10]


def test_a_baseline_is_the_weighted_mean_and_may_lie_before_the_term() -> None:
    builder = Builder()
    builder.name("x", builder.cell("d"))
    builder.name("base", builder.previous("x", at=(("2019", "0.4"), ("2020", "0.6"))))
    plan = builder.plan()
    inputs = years([10, 20, 30], 2019)
    settled = Inputs(Frame(["A"], ["2021"]), inputs.tables)
    assert settle(single(plan), settled).values("base") == [16]
    lone = Inputs(Frame(["A"], ["2021"]), years([20, 30], 2020).tables)
    assert settle(single(plan), lone).values("base") == [Absent(State.MISSING, "no data for 2019")]


PANEL = Output(
    "panel",
    "panel",
    (("aco", "aco"), ("year", "year")),
    (("cost", "cost", 0), ("months", "months", 0)),
    ("cost", "months"),
)


def test_a_unit_without_rows_in_a_period_of_others_has_nobody_there() -> None:
    """Sums of member rows are zero and rates not reportable; cells of inputs are missing; the others are not touched."""
    builder = Builder()
    spent = builder.cell("cost", "panel")
    builder.name("cost", spent)
    builder.name("pmpm", builder.math("/", spent, builder.cell("months", "panel")))
    for name in ("cost", "pmpm"):
        builder.name(f"base_{name}", builder.previous(name, at=(("2020", "1"),)))
    builder.name("d", builder.cell("d"))
    builder.name("base_d", builder.previous("d", at=(("2020", "1"),)))
    plan = replace(builder.plan(), reduction=Reduction(outputs=(PANEL,)))
    keys = {"aco": ["A", "A", "B"], "year": ["2020", "2021", "2021"]}
    panel = table("panel", keys, {"cost": column([10, 20, 30]), "months": column([5, 5, 5])})
    inputs = Inputs(
        Frame(["A", "B"], ["2021", "2021"]),
        {"panel": panel, "results": table("results", keys, {"d": column([1, 2, 3])})},
    )
    for engine in ("reference", "vector"):
        found = settle_engine(engine)(single(plan), inputs)
        assert found.values("base_cost") == [10, 0]
        assert found.values("base_pmpm") == [2, Absent(State.NOT_REPORTABLE, "zero denominator")]
        assert found.values("base_d") == [1, Absent(State.MISSING, "no row in `results`")]


def test_months_inside_a_year() -> None:
    builder = Builder()
    monthly = builder.cell("fee", "fees", frozenset({"aco", "month"}))
    builder.name("paid", builder.add(Aggregate("sum", ("month",)), monthly, grain=frozenset({"aco", "year"})))
    months = [f"2021-{m:02}" for m in range(1, 13)]
    fees = table("fees", {"aco": ["A"] * 12, "month": months}, {"fee": column(list(range(1, 13)))})
    assert settle(single(builder.plan()), Inputs(Frame(["A"], ["2021"]), {"fees": fees})).values("paid") == [78]


def test_a_deep_plan_does_not_reach_the_limit_of_recursion() -> None:
    builder = Builder()
    node = builder.cell("x")
    one = builder.const(1)
    for _ in range(10_000):
        node = builder.math("+", node, one)
    builder.name("y", node)
    assert settle(single(builder.plan()), results({"x": column([5])})).values("y") == [10_005]


def test_a_value_that_needs_itself_is_found() -> None:
    builder = Builder()
    builder.name("x", builder.previous("x", at=(("2021", 1),)))
    with pytest.raises(RecursionError, match="needs itself"):
        settle(single(builder.plan()), results({"d": column([1])})).values("x")


def test_decimals_round_half_away_from_zero() -> None:
    builder = Builder()
    builder.name("x", builder.math("/", builder.cell("d"), builder.const(8)))
    found = settle(single(builder.plan()), results({"d": column([1, -1, NONE, 10**20])}))
    numbers, states = found.decimals("x", 2)
    assert numbers.tolist() == [13, -13, 0, 1250 * 10**18]
    assert states.tolist() == [0, 0, 1, 0]


def test_a_missing_cell_says_why() -> None:
    builder = Builder()
    builder.name("x", builder.cell("d"))
    found = settle(single(builder.plan()), results({"d": column([1, MISSING])}))
    assert found.values("x") == [1, MISSING]
