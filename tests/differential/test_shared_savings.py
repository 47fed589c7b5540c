"""Reference and vector engine on the Shared Savings contract: CMS's own rows, and rows that lie on its borders."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from contractlang import compile as compile_contract
from contractlang import evaluate
from contractlang.engines import reference, vector
from contractlang.engines.base import Inputs, Programme, Settlement, Table
from contractlang.plan.nodes import Plan
from contractlang.semantics.types import Kind
from contractlang.values import Absent
from tests.benchmarks.mssp_rows import mssp_inputs

CONTRACTS = Path(__file__).parents[2] / "contracts" / "cms"


def differences(slow: Settlement, data: Inputs, plan: Plan) -> list[tuple[str, int]]:
    """Named values and rows on which the vector engine differs in the exact value, the cents or the state."""
    fast = vector.settle(slow.programme, data)
    found = []
    for named in plan.names:
        node = plan.nodes[named.node]
        if not node.type.grain <= plan.settled:
            continue
        pairs = zip(slow.values(named.name), fast.values(named.name), strict=True)
        found += [(named.name, row) for row, (x, y) in enumerate(pairs) if x != y]
        if node.type.kind not in (Kind.CATEGORY, Kind.TEXT, Kind.DATE, Kind.PERIOD):
            (x, states), (y, others) = slow.decimals(named.name, 2), fast.decimals(named.name, 2)
            found += [(named.name, row) for row in np.nonzero((x != y) | (states != others))[0].tolist()]
    return found


@pytest.mark.parametrize("year", [2014, 2016, 2017, 2021, 2022, 2023])
def test_the_rows_that_cms_publishes(year: int, shared: Path) -> None:
    rows = shared / "data" / "mssp" / f"PY{year}.csv"
    settled = evaluate(CONTRACTS / "mssp.vbc", CONTRACTS / "bindings" / f"mssp_{year}.toml", tables={"results": rows})
    result = settled.result
    plan = result.programme.plans[str(year)]
    assert differences(reference.settle(result.programme, result.inputs), result.inputs, plan) == []


@pytest.mark.parametrize("year", ["2014", "2019", "2020", "2023", "2024"])
def test_rows_on_the_borders(year: str) -> None:
    """Savings that equal the minimum rate to the cent, amounts that end in half a dollar, sizes at the brackets' ends."""
    plan = compile_contract(CONTRACTS / "mssp.vbc").compiled.plan_for(year)
    assert plan is not None
    count = 150
    inputs = mssp_inputs(plan, count, year, seed=int(year))
    table = inputs.tables["results"]
    columns = dict(table.columns)
    rng = np.random.default_rng(int(year))
    benchmark = rng.integers(1, 10**6, count) * 10_000  # whole hundreds of dollars, in cents
    msr = columns["elected_msr"].values.astype(np.int64)
    quality = rng.choice([5_000, 8_000, 10_000, 9_999], count)
    on_the_border = np.where(rng.random(count) < 0.7, msr * benchmark // 10_000, rng.integers(-5, 5, count) * 50)
    sides = rng.choice([-1, 1], count)
    sizes = rng.choice([499, 500, 999, 1_000, 4_999, 5_000, 5_999, 6_000, 59_999, 60_000], count)
    for name, values in (
        ("benchmark", benchmark),
        ("expenditure", benchmark - sides * on_the_border),
        ("quality", quality),
        ("beneficiaries", sizes),
        ("disaster", np.where(rng.random(count) < 0.5, on_the_border // 3, 0)),
    ):
        columns[name] = type(columns[name])("int", values.astype(np.int64), columns[name].scale)
    data = Inputs(inputs.frame, {"results": Table("results", table.keys, columns)})
    slow = reference.settle(Programme({year: plan}), data)
    assert differences(slow, data, plan) == []
    values = slow.values("savings")
    ratios = [
        v / Fraction(int(b), 100) for v, b in zip(values, benchmark.tolist(), strict=True) if isinstance(v, Fraction)
    ]
    assert sum(r == Fraction(int(m), 10_000) for r, m in zip(ratios, msr.tolist(), strict=True)) > 10
    assert not all(isinstance(v, Absent) for v in slow.values("settlement"))
