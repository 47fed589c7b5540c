"""What people read of an equity block: why a reward is refused, and the strata on a statement."""

from __future__ import annotations

import pytest

import contractlang
from contractlang import Settled
from contractlang.locations import contracts_folder

FOLDER = contracts_folder() / "bcbsma"
REFUSED = "refused: bp_control, white is worse off than at the baseline: 60% (6 of 10) after 90% (9 of 10)"


@pytest.fixture(scope="module")
def settled() -> Settled:
    return contractlang.evaluate(
        FOLDER / "pay_for_equity.vbc",
        FOLDER / "cases" / "pay_for_equity" / "binding.toml",
        overrides={"minimum_cases": "10 events", "minimum_persons": "9 members"},
    )


def test_a_refused_reward_names_the_stratum_that_declined_with_its_counts(settled: Settled) -> None:
    found = str(contractlang.explain(settled, "equity", "Oak", "2023"))
    assert REFUSED in " ".join(found.split())
    assert "black is worse" not in found


def test_a_count_inside_a_clause_is_not_called_by_the_clause(settled: Settled) -> None:
    lines = str(contractlang.explain(settled, "equity", "Oak", "2023")).split("\n")
    assert any("count over omb1997 = 1 " in line for line in lines)
    assert not any("guard every stratum" in line and " = 1 " in line for line in lines)


def test_a_reward_that_is_paid_names_none(settled: Settled) -> None:
    assert "refused" not in str(contractlang.explain(settled, "equity", "Elm", "2023"))
