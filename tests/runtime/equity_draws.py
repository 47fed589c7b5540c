"""Draws of the pay-for-equity contract: many groups with the same true rates, settled from counts per stratum."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from contractlang.diagnostics.diagnostic import Sink
from contractlang.engines import vector
from contractlang.engines.base import Column, Frame, Inputs, Programme, Settlement, Table
from contractlang.locations import contracts_folder
from contractlang.plan.compiler import compile_file
from contractlang.plan.nodes import Plan
from contractlang.values import Absent
from tests.engines.plans import column, words

CONTRACT = contracts_folder() / "bcbsma" / "pay_for_equity.vbc"
STRATA = {"white": 0.6, "black": 0.1, "hispanic": 0.2, "asian": 0.1}
RATES = {"white": 0.80, "black": 0.70, "hispanic": 0.72, "asian": 0.78}
MEASURE, BASE, YEAR = "bp_control", "2022", "2023"

Floats = npt.NDArray[np.float64]


@cache
def plan() -> Plan:
    sink = Sink()
    compiled = compile_file(CONTRACT, sink)
    assert compiled is not None
    assert not sink.failed
    found = compiled.plan_for(YEAR)
    assert found is not None
    return found


@dataclass(frozen=True)
class Draws:
    """Settled draws, and the rates that were drawn (year × group × stratum)."""

    settlement: Settlement
    rates: Floats

    def values(self, name: str) -> Floats:
        """A value of the measure for each group."""
        named = plan().named(name)
        assert named is not None
        found = []
        for unit in self.settlement.frame.units:
            key = {"group": unit, "year": YEAR, "measure": MEASURE}
            value = self.settlement.evaluator.value(plan(), named.node, key)
            assert not isinstance(value, Absent), value
            found.append(float(value))  # type: ignore[arg-type]
        return np.array(found)

    @property
    def paid(self) -> Floats:
        cents, states = self.settlement.decimals("equity", 2)
        assert not states.any()
        return cents / 100


def draw(number: int, members: int, seed: int, now: Mapping[str, float] = RATES) -> Draws:
    """Groups of so many members in the denominator; the rates of the baseline are `RATES`, those of the year `now`."""
    rng = np.random.default_rng(seed)
    sizes = np.array([round(share * members) for share in STRATA.values()])
    true = np.array([list(RATES.values()), [now[k] for k in STRATA]])
    met = rng.binomial(sizes[None, None, :], true[:, None, :], (2, number, len(STRATA)))
    units = [f"g{i:05d}" for i in range(number)]
    tables = {
        "race": _race(units, sizes, met),
        "race.members": _per_group(units, {"answered": members, "asked": members}),
        "panel": _per_group(units, {"member_months": 12 * members, "members": members}),
        "rates": _exhibit(units, {"equity_rate": 200, "collection_rate": 50}),
        "equity_measures": _weights(units),
        "quality": Table("quality", {k: words([]) for k in ("group", "year", "measure")},
                         {"numerator": column([]), "denominator": column([])}),
    }  # fmt: skip
    programme = Programme({YEAR: plan()})
    settlement = vector.settle(programme, Inputs(Frame(units, [YEAR] * number), tables))
    return Draws(settlement, met / sizes)


def true_gap(now: Mapping[str, float] = RATES) -> float:
    mean = sum(STRATA[k] * now[k] for k in STRATA)
    return sum(STRATA[k] * (now[k] - mean) ** 2 for k in STRATA)


def _race(units: Sequence[str], sizes: npt.NDArray[np.int64], met: npt.NDArray[np.int64]) -> Table:
    labels = dict(plan().categories)["omb1997"]
    many = len(units) * len(sizes)
    weight = 10 ** next(
        scale for o in plan().reduction.outputs if o.table == "race" for c, _, scale in o.columns if c == "denominator"
    )
    keys = {
        "group": words([u for _ in (BASE, YEAR) for u in units for _ in STRATA]),
        "year": words([year for year in (BASE, YEAR) for _ in range(many)]),
        "measure": words([MEASURE] * 2 * many),
        "omb1997": words(list(STRATA) * len(units) * 2),
    }
    assert set(STRATA) <= set(labels)
    counts = np.tile(sizes, 2 * len(units))
    places = len(str(weight)) - 1
    columns = {
        "numerator": Column("int", met.reshape(-1) * weight, places),
        "denominator": Column("int", counts * weight, places),
        "persons": Column("int", counts),
        "squares": Column("int", counts * weight**2, 2 * places),
    }
    return Table("race", keys, columns)


def _per_group(units: Sequence[str], values: Mapping[str, int]) -> Table:
    keys = {"group": words(units), "year": words([YEAR] * len(units))}
    return Table("", keys, {k: Column("int", np.full(len(units), v, np.int64)) for k, v in values.items()})


def _exhibit(units: Sequence[str], cents: Mapping[str, int]) -> Table:
    keys = {"group": words(units), "year": words([YEAR] * len(units))}
    return Table("rates", keys, {k: Column("int", np.full(len(units), v, np.int64), 2) for k, v in cents.items()})


def _weights(units: Sequence[str]) -> Table:
    keys = {
        "group": words(units), "year": words([YEAR] * len(units)), "measure": words([MEASURE] * len(units)),
    }  # fmt: skip
    return Table("equity_measures", keys, {"weight": Column("int", np.ones(len(units), np.int64))})
