"""Random well-typed contracts: what checks never fails at run time, and every promise of the checker holds.

For each contract and each row: named values have the kind, step and states that their types promise and lie in the
ranges that the checker computed; payments are whole cents or missing; the vector engine gives what the reference gives;
the order of the items does not matter.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from contractlang.engines.base import Frame, Programme, Settlement
from contractlang.engines.registry import settle_engine
from contractlang.plan.compiler import Compiled
from contractlang.plan.nodes import Plan
from contractlang.plan.ranges import Ranges
from contractlang.semantics.types import Kind
from contractlang.values import Absent, State, Value
from tests.language.checking import check
from tests.language.facts import Rows, inputs_of
from tests.strategies import REFUSED, YEARS, Drawn, contracts, rows

FOLDER = Path(tempfile.mkdtemp(prefix="drawn"))


@dataclass
class Tally:
    """How much was compared."""

    contracts: int = 0
    rows: int = 0
    refused: int = 0


TALLY = Tally()


def compiled(drawn: Drawn, order: tuple[int, ...] | None = None) -> Compiled:
    """The contract, unless the values in it make the checker refuse it; any other finding fails the test."""
    found = check(drawn.text(order), FOLDER)
    unexpected = set(found.errors) - REFUSED
    assert not unexpected, found.frames
    TALLY.refused += bool(found.errors)
    assume(not found.errors)
    assert found.compiled is not None
    return found.compiled


def settled(contract: Compiled, tables: Mapping[str, Rows], engine: str) -> Settlement:
    groups = list(dict.fromkeys(row["group"] for row in tables["results"]))
    frame = Frame([g for g in groups for _ in YEARS], [str(y) for _ in groups for y in YEARS])
    plans = {p.label: plan for p in contract.periods() if (plan := contract.plan_for(p.label)) is not None}
    return settle_engine(engine)(Programme(plans), inputs_of(contract, tables, frame))


def promised(plan: Plan, ranges: Ranges, name: str, values: list[Value]) -> None:
    """Every value is what its type and its range say."""
    named = plan.named(name)
    assert named is not None
    type_, range_ = plan.nodes[named.node].type, ranges.of(named.node)
    for value in values:
        match value:
            case Absent(state=state):
                allowed = type_.absent | {State.MISSING}  # any cell of a file may lack its value
                assert state in allowed, f"{name} is {value}, its type allows {allowed}"
                assert state in range_.states | {State.MISSING}, f"{name} is {value}, its range allows {range_.states}"
            case bool():
                assert type_.kind is Kind.FLAG, name
                assert value in range_.truth, f"{name} is {value}, never expected"
            case Fraction():
                assert type_.numeric, name
                assert type_.step is None or (value / type_.step if type_.step else value).denominator == 1, (
                    f"{name} is {value}, no multiple of {type_.step}"
                )
                assert range_.present, f"{name} is {value}, which was ruled out"
                assert range_.low is None or value >= range_.low, f"{name} is {value}, below {range_.low}"
                assert range_.high is None or value <= range_.high, f"{name} is {value}, above {range_.high}"
                assert value or not range_.never_zero, f"{name} is zero"
            case _:
                assert not type_.numeric, name


def holds(drawn: Drawn, tables: Mapping[str, Rows]) -> None:
    contract = compiled(drawn)
    plan = contract.plans[-1]
    reference, vector = settled(contract, tables, "reference"), settled(contract, tables, "vector")
    ranges = Ranges(plan, (YEARS[0], YEARS[-1]))
    for named in plan.names:
        type_ = plan.nodes[named.node].type
        if not type_.grain <= plan.settled:
            continue
        promised(plan, ranges, named.name, list(reference.values(named.name)))
        if type_.numeric:
            one, other = reference.decimals(named.name, 2), vector.decimals(named.name, 2)
            assert [list(part) for part in one] == [list(part) for part in other], named.name
    for value in reference.values("settlement"):
        assert not isinstance(value, Absent) or value.state is State.MISSING, f"the payment is {value}"
    for assertion in plan.assertions:
        if assertion.condition is not None:
            found, again = (engine.flags(plan, assertion.condition) for engine in (reference, vector))
            assert [list(part) for part in found] == [list(part) for part in again]
    TALLY.contracts += 1
    TALLY.rows += len(reference.frame)


SLOW_OK = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]


@given(st.data())
@settings(max_examples=120, deadline=None, suppress_health_check=SLOW_OK)
def test_what_checks_holds(data: st.DataObject) -> None:
    drawn = data.draw(contracts())
    holds(drawn, data.draw(rows(drawn)))


@given(st.data())
@settings(max_examples=30, deadline=None, suppress_health_check=SLOW_OK)
def test_order_never_matters(data: st.DataObject) -> None:
    """The items of a contract in another order give the same names with the same values."""
    drawn = data.draw(contracts())
    order = tuple(data.draw(st.permutations(range(len(drawn.items)))))
    tables = data.draw(rows(drawn))
    one, other = compiled(drawn), compiled(drawn, order)
    assert {n.name for n in one.plans[-1].names} == {n.name for n in other.plans[-1].names}
    first, second = settled(one, tables, "reference"), settled(other, tables, "reference")
    for named in one.plans[-1].names:
        if one.plans[-1].nodes[named.node].type.grain <= one.plans[-1].settled:
            assert list(first.values(named.name)) == list(second.values(named.name)), named.name


@pytest.mark.slow
@given(st.data())
@settings(max_examples=1_500, deadline=None, suppress_health_check=SLOW_OK)
def test_what_checks_holds_in_a_long_run(data: st.DataObject) -> None:
    drawn = data.draw(contracts())
    holds(drawn, data.draw(rows(drawn)))


@pytest.fixture(scope="module", autouse=True)
def tally(request: pytest.FixtureRequest) -> Iterator[None]:
    """Say at the end how much was compared."""
    yield
    plugins = request.config.pluginmanager
    reporter, capture = plugins.get_plugin("terminalreporter"), plugins.get_plugin("capturemanager")
    if reporter is not None and capture is not None:
        compared = f"{TALLY.contracts} random contracts compared on {TALLY.rows} rows"
        with capture.global_and_fixture_disabled():
            reporter.write_line(f"\n{compared}; {TALLY.refused} drawn ones were refused by the checker")
