"""Comparing amounts: tolerance, uncertain inputs, and where two readings part."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from contractlang.runtime.parting import parting
from contractlang.runtime.reconcile import Uncertain, reconcile
from contractlang.values import Absent, State
from tests.runtime.settling import CONTRACT, settled

F = Fraction
CENT = F(1, 100)


def stated(**amounts: int) -> dict[tuple[str, str], F | Absent]:
    return {(name[:-5], name[-4:]): F(amount) for name, amount in amounts.items()}


def test_rows_within_the_tolerance(tmp_path: Path) -> None:
    result, _ = settled(tmp_path)
    theirs = stated(Lakeside_2021=276_181, Hillside_2021=-240_002, Elsewhere_2021=7)
    theirs["Hillside", "2022"] = Absent(State.NOT_APPLICABLE)
    found = reconcile(result, "settlement", theirs, F(1))
    assert (found.rows, found.within, found.within_printed, found.unstated) == (2, 1, None, 2)
    assert found.unknown == (("Elsewhere", "2021"),)
    assert (found.total_ours, found.total_theirs) == (F(36_180), F(36_179))
    assert [(d.group, d.ours, d.theirs) for d in found.differences] == [("Hillside", F(-240_000), F(-240_002))]
    assert not found.agrees


def test_nothing_in_common_is_no_agreement(tmp_path: Path) -> None:
    result, _ = settled(tmp_path)
    assert not reconcile(result, "settlement", {}, F(1)).agrees


def test_uncertain_inputs_move_together_to_every_corner(tmp_path: Path) -> None:
    result, _ = settled(tmp_path)
    quality = Uncertain("results", "quality", F("0.00005"))
    benchmark = Uncertain("results", "benchmark", F("0.5"))
    found = reconcile(result, "settlement", stated(Lakeside_2021=276_300), F(1), uncertain=[quality, benchmark])
    (difference,) = found.differences
    # 50% of the score moved by half a step, times the surplus moved by half a dollar, to whole dollars
    assert (difference.low, difference.high) == (F(276_165), F(276_195))
    assert (found.within_printed, found.agrees) == (0, False)
    near = reconcile(result, "settlement", stated(Lakeside_2021=276_190), F(1), uncertain=[quality])
    assert (near.within, near.within_printed, near.agrees) == (0, 1, True)


def test_an_uncertain_input_does_not_leave_its_declared_bounds(tmp_path: Path) -> None:
    result, _ = settled(tmp_path)
    quality = Uncertain("results", "quality", F("0.5"), low=F(0), high=F("0.9206"))
    found = reconcile(result, "settlement", stated(Lakeside_2021=1), F(1), uncertain=[quality])
    assert found.differences[0].high == F(276_180)


def test_a_held_row_differs_with_its_reason(tmp_path: Path) -> None:
    rows = (("Lakeside", "2021", "ONE_SIDED", "10000000", "", 7_500, "92.06"),)
    result, _ = settled(tmp_path, rows)
    found = reconcile(result, "settlement", stated(Lakeside_2021=5), F(1))
    assert [(d.ours, d.reason) for d in found.differences] == [(None, "missing (empty)")]


@pytest.mark.parametrize(
    ("amount", "name", "reading"),
    [
        (300_000, "earned.surplus.reduce", "without `surplus reduce by sequestration`"),
        (588_000, "earned.surplus.share", "without `share sharing_rate`"),
        (200_000, "earned.surplus.cap", "with a limit of $200,000.00 in `surplus cap terms.cap of benchmark`"),
    ],
)
def test_where_two_readings_part(tmp_path: Path, amount: int, name: str, reading: str) -> None:
    result, _ = settled(tmp_path)
    found = parting(result, "settlement", 2, F(amount), CENT if amount == 200_000 else F(1))
    assert found is not None
    assert (found.name, found.reading) == (name, reading)


def test_another_case_of_a_definition(tmp_path: Path) -> None:
    result, _ = settled(tmp_path)
    found = parting(result, "settlement", 0, F(300_000), F(1))
    assert found is not None
    assert (found.name, found.reading) == ("sharing_rate", "case 1 of 3: 50%")


def test_no_single_reading(tmp_path: Path) -> None:
    result, _ = settled(tmp_path, text=CONTRACT.replace("  surplus  cap terms.cap of benchmark\n", ""))
    assert parting(result, "settlement", 0, F(123_456), CENT) is None
