"""A run over plans that are built by hand: who is settled, held or not settled, and what the guarantees say."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest

from contractlang.diagnostics.diagnostic import Sink
from contractlang.engines.base import Frame, Inputs, Programme
from contractlang.plan.nodes import Aggregate, Assertion, Plan, Round
from contractlang.runtime import executor
from contractlang.runtime.executor import Engines, execute
from contractlang.runtime.result import Result, Status
from contractlang.semantics.types import USD, Kind, Type
from contractlang.values import Rounding
from tests.engines.plans import PLACE, Builder, column, results, single, table

F = Fraction


def shared_savings(*, network: bool = False) -> Plan:
    """`payment = round(share * (benchmark - expenditure) to cents)`, for units with at least ten members."""
    b = Builder()
    members = b.cell("members")
    savings = b.name("savings", b.math("-", b.cell("benchmark"), b.cell("expenditure")))
    share = b.math("*", savings, b.const("0.5"))
    if network:
        share = b.math("+", share, b.aggregate(Aggregate("count", ("network",)), members))
    payment = b.name("settlement", b.add(Round(Rounding.HALF_AWAY), share, b.const("0.01")), role="payment")
    b.nodes[payment] = replace(b.nodes[payment], type=replace(b.nodes[payment].type, kind=Kind.MONEY, unit=USD))
    b.require(b.compare(">=", members, b.const(10)), "below ten members")
    b.assertions.append(Assertion("savings are bounded", b.compare("<=", savings, b.const(500)), PLACE))
    b.assertions.append(Assertion("savings help", None, PLACE))
    return b.plan("settlement")


def inputs(*rows: tuple[int | None, str, str]) -> Inputs:
    """Rows of members, benchmark and expenditure."""
    return results(
        {
            "members": column([members for members, _, _ in rows]),
            "benchmark": column([b for _, b, _ in rows], scale=2),
            "expenditure": column([e or None for _, _, e in rows], scale=2),
        }
    )


def run(plan: Plan, given: Inputs, **options: object) -> tuple[Result | None, Sink]:
    sink = Sink()
    return execute(single(plan), given, sink, **options), sink  # type: ignore[arg-type]


def test_settled_rows_have_amounts_and_totals() -> None:
    result, sink = run(shared_savings(), inputs((10, "100", "90.01"), (20, "100", "103")))
    assert result is not None
    assert not list(sink)
    assert [result.value("settlement", row) for row in (0, 1)] == [F("5.00"), F("-1.5")]
    (total,) = result.totals()
    assert (total.settled, total.paid, total.owed, total.net) == (2, F("5.00"), F("-1.5"), F("3.50"))


def test_a_requirement_that_is_not_met_is_no_finding() -> None:
    result, sink = run(shared_savings(), inputs((9, "100", "90"), (10, "100", "90")))
    assert result is not None
    assert not list(sink)
    assert result.status.tolist() == [Status.NOT_SETTLED, Status.SETTLED]
    assert result.reasons == {0: "below ten members"}
    (total,) = result.totals()
    assert (total.settled, total.paid, total.not_settled) == (1, F(5), 1)


def test_a_missing_input_holds_its_unit_and_settles_the_others() -> None:
    result, sink = run(shared_savings(), inputs((10, "100", ""), (10, "100", "90")))
    assert result is not None
    assert result.status.tolist() == [Status.HELD, Status.SETTLED]
    (held,) = sink
    assert held.code == "held"
    assert held.message == "1 payment is held: `results.expenditure` is missing (empty)"
    assert held.notes == ("aco A0, 2021: `results`, column expenditure",)
    assert result.totals()[0].held == 1


def test_an_undecided_requirement_holds() -> None:
    result, sink = run(shared_savings(), inputs((None, "100", "90"), (10, "100", "90")))
    assert result is not None
    assert result.status.tolist() == [Status.HELD, Status.SETTLED]
    assert [d.message for d in sink] == ["1 payment is held: `results.members` is missing (empty)"]


def test_guarantees_are_counted_on_settled_rows_and_failing_rows_are_findings() -> None:
    result, sink = run(shared_savings(), inputs((10, "1000", "1"), (10, "100", "90"), (1, "1000", "1")))
    assert result is not None
    bounded, helps = result.guarantees
    assert bounded.words == "held on 1 of 2 rows; not proved"
    assert helps.words == "not checked: needs a proof"
    (finding,) = sink
    assert finding.code == "guarantee-failed"
    assert finding.notes == ("aco A0, 2021: `savings` is 999",)


def test_units_that_are_not_settled_take_no_part_in_the_network() -> None:
    result, _ = run(shared_savings(network=True), inputs((10, "100", "90"), (9, "100", "90"), (11, "100", "90")))
    assert result is not None
    assert [result.value("settlement", row) for row in result.rows] == [F(7), F(7)]
    assert [(out.group, out.reason) for out in result.left_out] == [("A1", "below ten members")]
    assert result.totals()[0].not_settled == 1


def test_only_the_periods_and_groups_that_are_asked_for_are_reported() -> None:
    plan = shared_savings()
    units, years = ["A", "B", "A"], ["2021", "2021", "2022"]
    columns = {
        "members": column([10, 10, 10]),
        "benchmark": column([2, 4, 6]),
        "expenditure": column([0, 0, 0]),
    }
    given = Inputs(Frame(units, years), {"results": table("results", {"aco": units, "year": years}, columns)})
    programme = Programme({"2021": plan, "2022": plan})
    result = execute(programme, given, Sink(), periods=["2022"])
    assert result is not None
    assert [result.group(row) for row in result.rows] == ["A"]
    assert result.periods == ["2022"]
    result = execute(programme, given, Sink(), groups=["A"])
    assert result is not None
    assert [result.value("settlement", row) for row in result.rows] == [F(1), F(3)]
    assert result.find("A", "2022") == 2


def test_nothing_to_settle_is_an_error() -> None:
    result, sink = run(shared_savings(), inputs((10, "100", "90")), periods=["2030"])
    assert result is None
    assert [d.code for d in sink] == ["nothing-to-settle"]


def test_the_reference_engine_is_the_first_choice_for_few_rows() -> None:
    result, _ = run(shared_savings(), inputs((10, "100", "90")), engines=Engines())
    assert result is not None
    assert result.engine == "reference"


def test_rows_with_many_values_each_are_no_few_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(executor, "FEW", 1)
    result, _ = run(shared_savings(), inputs((10, "100", "90"), (9, "100", "90")), engines=Engines())
    assert result is not None
    assert result.engine == "vector"


def test_names_without_a_finer_grain() -> None:
    result, _ = run(shared_savings(), inputs((10, "100", "90")))
    assert result is not None
    assert [name.name for name in result.of_grain()] == ["savings", "settlement"]
    assert result.finer_grains() == []
    assert result.names["savings"].type == Type(Kind.NUMBER, grain=frozenset({"aco", "year"}))


def test_the_vector_engine_takes_over_for_many_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(executor, "SMALL", 1)
    result, sink = run(
        shared_savings(), inputs((10, "100", "90.01"), (9, "100", "90"), (10, "100", ""), (12, "9", "4"))
    )
    assert result is not None
    assert result.engine == "vector"
    assert result.status.tolist() == [Status.SETTLED, Status.NOT_SETTLED, Status.HELD, Status.SETTLED]
    assert result.cents("settlement").tolist() == [500, 500, 0, 250]
    assert [d.code for d in sink] == ["held"]
