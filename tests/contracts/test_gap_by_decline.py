"""Case C05: a gap that closes because members are worse off pays nothing, one that closes by gains pays."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from contractlang.diagnostics.diagnostic import Sink
from contractlang.engines.base import Frame, Inputs, Programme
from contractlang.engines.reference.evaluator import Evaluator
from contractlang.locations import contracts_folder
from contractlang.plan.lowering.examples import LoweredExample, lower_example
from contractlang.runtime.examples import run_example
from tests.language.checking import sound

STRATA = ("white", "black", "hispanic", "asian")
OTHERS = ("american_indian", "pacific_islander", "other", "two_or_more")
METRICS = {
    "bgv": "between_group_variance, mix frozen at baseline",
    "max_gap": "range",
    "idisp": "index_of_disparity of rates to reference white",
}
DIGITS = {"bgv": 6, "max_gap": 2, "idisp": 5}
"""Decimals to which the case states each figure."""


@pytest.fixture(scope="module")
def case(shared: Path) -> dict[str, Any]:
    cases = json.loads((shared / "domain" / "worked_examples.json").read_text(encoding="utf-8"))
    found: dict[str, Any] = next(c for c in cases if c["id"].startswith("C05"))
    return found


def contract(case: dict[str, Any], now: str, metric: str) -> str:
    """The contract with another gap, and the rates of the case as its one example."""
    text = (contracts_folder() / "bcbsma" / "pay_for_equity.vbc").read_text(encoding="utf-8").partition("\nexample ")[0]
    text = text.replace("between_group_variance, mix frozen at baseline", METRICS[metric])
    text = text.replace("  interval      95% by delta, 9 decimals\n", "")
    columns = {"race.rate": now, "race.baseline_rate": "base"} | ({"race.mix": "p"} if metric == "bgv" else {})
    rows = [["omb1997", *columns]]
    for i, stratum in enumerate(STRATA):
        rows.append([stratum, *(f"{float(case['inputs'][side][i]) * 100:.10g}%" for side in columns.values())])
    rows += [[stratum, *("-" for _ in columns)] for stratum in OTHERS]
    given = "\n          ".join(f"| {' | '.join(row)} |" for row in rows)
    heads, cells = ["measure", "race.guard"], ["bp_control", "no" if now == "decline" else "yes"]
    if metric == "bgv":
        heads, cells = [*heads, "race.gap"], [*cells, f"{case['expected'][now][metric]:.6f}"]
    expect = f"| {' | '.join(heads)} |\n          | {' | '.join(cells)} |"
    return f'{text}\nexample "{now}" {{\n  given   {given}\n  expect  {expect}\n}}\n'


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("now", ["decline", "improve"])
def test_gaps_and_who_earns(case: dict[str, Any], now: str, metric: str, tmp_path: Path) -> None:
    """Every gap is the published one; the improvement counts only where nobody is worse off."""
    stated = {
        word: Fraction(str(case["expected"][side][metric])) for word, side in (("baseline_gap", "base"), ("gap", now))
    }
    within = Fraction(1, 2 * 10 ** DIGITS[metric])
    compiled = sound(contract(case, now, metric), tmp_path)
    part = compiled.lowered[-1]
    example = lower_example(part, part.examples[-1], Sink())
    assert example is not None
    assert run_example(example).passed
    found = values(example, "race.baseline_gap", "race.gap", "race.improvement")
    for word, published in stated.items():
        assert abs(found[f"race.{word}"] - published) <= within, word
    assert found["race.gap"] < found["race.baseline_gap"]
    assert (found["race.improvement"] > 0) == (now == "improve")


def values(example: LoweredExample, *names: str) -> dict[str, Fraction]:
    """Named values of the example for the measure of the case."""
    period = example.periods[-1]
    programme = Programme(dict.fromkeys(example.periods, example.plan))
    evaluator = Evaluator(programme, Inputs(Frame([example.unit], [period]), {}))
    found = {}
    for name in names:
        named = example.plan.named(name)
        assert named is not None
        key = {example.plan.unit: example.unit, example.plan.period: period, "measure": "bp_control"}
        value = evaluator.value(example.plan, named.node, key)
        assert isinstance(value, Fraction), value
        found[name] = value
    return found
