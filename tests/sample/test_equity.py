"""A sample of the pay-for-equity contract: what is planted in its strata is what the contract finds."""

from __future__ import annotations

import json
from collections import Counter
from fractions import Fraction
from pathlib import Path

import pyarrow.parquet as pq
import pytest

import contractlang
from contractlang import Settled
from contractlang.locations import contracts_folder
from tests.sample.sampling import make

CONTRACT = contracts_folder() / "bcbsma" / "pay_for_equity.vbc"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("equity")
    make(folder, "pay_for_equity", members=6_000, groups=2, years=(2022, 2024))
    return folder


@pytest.fixture(scope="module")
def settled(folder: Path) -> Settled:
    return contractlang.evaluate(CONTRACT, folder / "binding.toml", periods=["2023", "2024"])


def read(settled: Settled, name: str, group: str, year: int, **keys: str) -> object:
    result = settled.result
    plan = result.programme.plans[str(year)]
    named = plan.named(name)
    assert named is not None
    return result.settlement.evaluator.value(plan, named.node, {"group": group, "year": str(year), **keys})


def test_denominators_are_those_who_said_and_the_weights_of_the_others(folder: Path, settled: Settled) -> None:
    said = {m: r for m, r in zip(*columns(folder, "member", "member", "race"), strict=True) if r is not None}
    imputed = pq.read_table(folder / "imputed.parquet").to_pylist()
    weights = {row["member"]: {k.removeprefix("probability of "): v for k, v in row.items()} for row in imputed}
    counted: dict[str, Fraction] = Counter()  # type: ignore[assignment]
    groups = last_groups(folder, 2023)
    for row in pq.read_table(folder / "measure_result.parquet").to_pylist():
        if row["year"] != 2023 or row["measure"] != "bp_control" or row["excluded"]:
            continue
        if groups.get(row["member"]) != "G1":
            continue
        if row["member"] in said:
            counted[said[row["member"]]] += Fraction(1)
        else:
            for race, share in weights.get(row["member"], {}).items():
                counted[race] += Fraction(share) if race != "member" else 0
    assert counted["white"] > 200
    for race in ("white", "black", "hispanic", "asian"):
        assert read(settled, "race.denominator", "G1", 2023, measure="bp_control", omb1997=race) == counted[race]


def columns(folder: Path, name: str, *wanted: str) -> list[list[object]]:
    table = pq.read_table(folder / f"{name}.parquet", columns=list(wanted))
    return [table.column(word).to_pylist() for word in wanted]


def last_groups(folder: Path, year: int) -> dict[object, object]:
    """The group of the last month of a member that counts."""
    found: dict[object, tuple[object, object]] = {}
    for member, month, group, product in zip(
        *columns(folder, "member_month", "member", "month", "group", "product"), strict=True
    ):
        assert hasattr(month, "year")
        counts = month.year == year and group is not None and product in ("HMO", "POS", "PPO")
        if counts and (member not in found or month > found[member][0]):
            found[member] = (month, group)
    return {member: group for member, (_, group) in found.items()}


def test_a_planted_decline_is_refused(folder: Path, settled: Settled) -> None:
    truth = json.loads((folder / "truth.json").read_text(encoding="utf-8"))
    assert truth["planted"]["declining_per_year"] == {"group": "G2", "white": 0.03}
    for measure in ("bp_control", "colorectal"):
        assert read(settled, "race.declined", "G2", 2024, measure=measure, omb1997="white") is True
        assert read(settled, "race.improvement", "G2", 2024, measure=measure) == 0
        assert read(settled, "race.declined", "G1", 2024, measure=measure, omb1997="white") is False
