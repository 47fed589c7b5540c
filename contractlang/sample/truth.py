"""What is true of a sample: exact totals and counts, gathered while it is made, and the rates and effects planted in it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from contractlang.sample.measures import CLOSING, IMPROVEMENT, Measures
from contractlang.sample.population import Ints, Lot, World, restructured_groups
from contractlang.sample.rows import MonthFacts, Results, Visits

FORMAT = "vbc-truth/1"
LOOK_BACK = 2
"""Years of visits that decide the plurality that the truth file states."""

_TOTALS = (
    "member_months", "members", "medical_allowed", "pharmacy_allowed", "truncated", "members_truncated", "weight",
    "ed_visits", "inpatient_admissions", "reversals", "without_risk_score",
)  # fmt: skip


@dataclass
class Truth:
    """Counters by group (the last one: no group), year and product; cents for money, hundredths for weight."""

    world: World
    measures: Measures
    totals: dict[str, Ints] = field(default_factory=dict)
    results: dict[str, Ints] = field(default_factory=dict)
    plurality: Ints | None = None

    def __post_init__(self) -> None:
        self.totals = {name: np.zeros(self._shape, dtype=np.int64) for name in _TOTALS}
        shape = (*self._shape, len(self.measures.labels), len(self.world.traits["race"].labels))
        self.results = {name: np.zeros(shape, dtype=np.int64) for name in ("eligible", "numerator", "excluded")}

    @property
    def _shape(self) -> tuple[int, int, int]:
        return len(self.world.groups) + 1, self.world.size.year_count, len(self.world.traits["product"].labels)

    def add_months(self, lot: Lot, facts: MonthFacts) -> None:
        """Count the member-months of a lot."""
        cell = self._cell(facts.group, facts.year, facts.product)
        at = (facts.member, facts.month)
        for name, values in (
            ("member_months", None), ("medical_allowed", facts.medical), ("pharmacy_allowed", facts.pharmacy),
            ("weight", lot.weight_c[at]), ("ed_visits", lot.ed_visits[at]), ("inpatient_admissions", lot.admissions[at]),
            ("reversals", lot.reversed[at]), ("without_risk_score", lot.no_risk[facts.member, facts.year]),
        ):  # fmt: skip
            self._add(self.totals[name], cell, values)
        limit = self.world.programme.attachment * 100
        person = facts.member * self.totals["members"].size + cell
        who, inverse = np.unique(person, return_inverse=True)
        spent = np.bincount(inverse, weights=facts.medical + facts.pharmacy, minlength=len(who)).astype(np.int64)
        cells = who % self.totals["members"].size
        self._add(self.totals["members"], cells, None)
        self._add(self.totals["truncated"], cells, np.minimum(spent, limit))
        self._add(self.totals["members_truncated"], cells, spent > limit)

    def add_results(self, lot: Lot, found: Results) -> None:
        """Count the measure results of a lot."""
        cell = self._cell(found.group, found.year, lot.product[found.member, found.year])
        strata = len(self.world.traits["race"].labels)
        cell = (cell * len(self.measures.labels) + found.measure) * strata + lot.traits["race"][found.member]
        counted = ~found.excluded
        self._add(self.results["eligible"], cell, counted)
        self._add(self.results["numerator"], cell, counted & found.numerator)
        self._add(self.results["excluded"], cell, found.excluded)

    def add_visits(self, lot: Lot, facts: MonthFacts, seen: Visits) -> None:
        """Count member-months by the group that a member saw most: of two years, ties to the latest, then by name."""
        if self.plurality is None:
            self.plurality = np.zeros(self._shape, dtype=np.int64)
        groups = len(self.world.groups)
        known = seen.group >= 0
        for year in range(self.world.size.year_count):
            within = known & (seen.month // 12 <= year) & (seen.month // 12 > year - LOOK_BACK)
            pair = seen.member[within] * groups + seen.group[within]
            who, inverse = np.unique(pair, return_inverse=True)
            tally = np.bincount(inverse, weights=seen.count[within], minlength=len(who))
            latest = np.zeros(len(who), dtype=np.int64)
            np.maximum.at(latest, inverse, seen.month[within])
            order = np.lexsort((who % groups, -latest, -tally, who // groups))
            member, first = np.unique((who // groups)[order], return_index=True)
            winner = np.full(len(lot), -1, dtype=np.int64)
            winner[member] = (who % groups)[order][first]
            here = facts.year == year
            cell = self._cell(winner[facts.member[here]], facts.year[here], facts.product[here])
            self._add(self.plurality, cell, None)

    def _cell(self, group: npt.NDArray[np.integer[Any]], year: Ints, product: Ints) -> Ints:
        groups, years, products = self._shape
        return (np.where(group < 0, groups - 1, group).astype(np.int64) * years + year) * products + product

    @staticmethod
    def _add(into: Ints, cell: Ints, values: npt.NDArray[Any] | None) -> None:
        """Exact: sums of integers below 2**53 are whole in floating arithmetic too."""
        flat = into.reshape(-1)
        if flat.size <= 4 * len(cell):
            flat += np.bincount(cell, weights=values, minlength=flat.size).astype(np.int64)
            return
        which, place = np.unique(cell, return_inverse=True)
        flat[which] += np.bincount(place, weights=values, minlength=len(which)).astype(np.int64)

    def text(self, head: dict[str, Any], planted: dict[str, Any]) -> str:
        """The truth file: tables as a list of column names and one list per row, rows without anything left out."""
        document = {
            "format": FORMAT,
            **head,
            "planted": {**self._planted(), **planted},
            "totals": self._totals(),
            "results": self._results(),
        }
        if self.plurality is not None:
            document["plurality"] = self._by_plurality(self.plurality)
        parts = [f"  {json.dumps(key)}: {_pretty(value)}" for key, value in document.items()]
        return "{\n" + ",\n".join(parts) + "\n}\n"

    def _labels(self) -> tuple[Sequence[str | None], Sequence[int], Sequence[str]]:
        first, last = self.world.size.years
        return (*self.world.groups, None), range(first, last + 1), self.world.traits["product"].labels

    def _totals(self) -> dict[str, Any]:
        groups, years, products = self._labels()
        rows = [
            [groups[g], years[y], products[p], *(int(self.totals[name][g, y, p]) for name in _TOTALS)]
            for g, y, p in np.argwhere(self.totals["member_months"]).tolist()
        ]
        return {
            "words": "per group (null: not attributed), year and product; money in cents, weight in hundredths of a month; "
            f"truncated: medical and pharmacy together, at most ${self.world.programme.attachment:,} per member and year",
            "columns": ["group", "year", "product", *_TOTALS],
            "rows": rows,
        }

    def _results(self) -> dict[str, Any]:
        groups, years, products = self._labels()
        races = self.world.traits["race"].labels
        there = self.results["eligible"] + self.results["excluded"]
        at = np.argwhere(there)
        rate = self.measures.rates(
            np.where(at[:, 0] == len(self.world.groups), -1, at[:, 0]).astype(np.int16), at[:, 1], at[:, 3], at[:, 4]
        )
        counts = [self.results[name][tuple(at.T)].tolist() for name in ("eligible", "numerator", "excluded")]
        rows = [
            [groups[g], years[y], products[p], self.measures.labels[m], races[r], *numbers]
            for (g, y, p, m, r), *numbers in zip(at.tolist(), *counts, rate.tolist(), strict=True)
        ]
        return {
            "words": "members per group of the year's last attributed month, by true race; true_rate is what was drawn from",
            "columns": [
                "group",
                "year",
                "product",
                "measure",
                "race",
                "eligible",
                "numerator",
                "excluded",
                "true_rate",
            ],
            "rows": rows,
        }

    def _by_plurality(self, found: Ints) -> dict[str, Any]:
        groups, years, products = self._labels()
        rows = [[groups[g], years[y], products[p], int(found[g, y, p])] for g, y, p in np.argwhere(found).tolist()]
        return {
            "words": f"member-months by the group with most visits in {12 * LOOK_BACK} months that end with the year; "
            "ties to the group seen latest, then to the first by name",
            "columns": ["group", "year", "product", "member_months"],
            "rows": rows,
        }

    def _planted(self) -> dict[str, Any]:
        world, measures = self.world, self.measures
        return {
            "race_gaps": {
                label: dict(zip(world.traits["race"].labels, gaps, strict=True))
                for label, gaps in zip(measures.labels, measures.gaps.tolist(), strict=True)
            },
            "closing_gap": {"group": world.groups[0], "share_left_in_last_year": CLOSING},
            "improvement_per_year": IMPROVEMENT,
            **self._declining(),
            "quality_by_group": _by(world.groups, world.quality.tolist()),
            "cost_factor_by_group": _by(world.groups, np.round(world.cost, 6).tolist()),
            "saving_per_year": {"from": world.change_year, **_by(world.groups, world.saving.tolist(), some=True)},
            "coding_growth_per_year": {
                "from": world.change_year,
                **_by(world.groups, world.coding.tolist(), some=True),
            },
            "visits_elsewhere": _by(world.groups, np.round(world.leak, 4).tolist()),
            "late_group": None
            if world.late_group is None
            else {"group": world.groups[world.late_group], "from": world.change_year},
            "roster_changes": int((np.diff(world.roster, axis=1) != 0).any(axis=1).sum()),
            **{
                event: {"group": world.groups[group], "with": world.groups[other], "from": world.change_year}
                for event, (group, other) in restructured_groups(world.programme, len(world.groups)).items()
            },
        }

    def _declining(self) -> dict[str, Any]:
        """The strata of the second group that lose in every year, where the programme has them."""
        races, groups = self.world.traits["race"].labels, self.world.groups
        lost = {race: lost for race, lost in zip(races, self.measures.falling.tolist(), strict=True) if lost}
        return {"declining_per_year": {"group": groups[1], **lost}} if lost and len(groups) > 1 else {}


def _by(labels: Sequence[str], values: Sequence[float], *, some: bool = False) -> dict[str, float]:
    return {label: value for label, value in zip(labels, values, strict=True) if value or not some}


def _pretty(value: Any) -> str:
    """JSON with one line per row of a table, so that two truth files can be compared by eye."""
    if not isinstance(value, dict) or "rows" not in value:
        return json.dumps(value, indent=2, ensure_ascii=False).replace("\n", "\n  ")
    head = ", ".join(f"{json.dumps(key)}: {json.dumps(value[key])}" for key in ("words", "columns"))
    rows = ",\n      ".join(json.dumps(row, ensure_ascii=False) for row in value["rows"])
    return f'{{{head}, "rows": [\n      {rows}\n  ]}}'
