"""Reference and vector engine give the same values and decimals on random plans and data: no difference at all."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings

from contractlang.engines import reference, vector
from contractlang.values import Absent
from tests.differential.settle_plans import Case, cases

health = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]


def check(case: Case) -> None:
    programme, data = case.programme, case.data
    slow, fast = reference.settle(programme, data), vector.settle(programme, data)
    names = dict.fromkeys(named.name for plan in programme.plans.values() for named in plan.names)
    for name in names:
        expected = slow.values(name)
        assert fast.values(name) == expected, name
        if all(isinstance(value, (Absent, bool)) or hasattr(value, "numerator") for value in expected):
            for places in (0, 2):
                numbers, states = slow.decimals(name, places)
                fast_numbers, fast_states = fast.decimals(name, places)
                assert fast_numbers.tolist() == numbers.tolist(), (name, places)
                assert fast_states.tolist() == states.tolist(), (name, places)


@settings(deadline=None, suppress_health_check=health, max_examples=120)
@given(case=cases())
def test_reference_and_vector_agree(case: Case) -> None:
    check(case)


@pytest.mark.slow
@settings(deadline=None, suppress_health_check=health, max_examples=2000)
@given(case=cases(steps=60, units=12))
def test_reference_and_vector_agree_at_length(case: Case) -> None:
    check(case)
