"""Samples made for tests, and their truth files read back."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import contractlang
from contractlang.diagnostics.diagnostic import Sink
from contractlang.sample.population import Size
from contractlang.sample.programmes import PROGRAMMES
from contractlang.sample.sampling import Request, Sampled, sample

Totals = Mapping[tuple[str, str], int]


@dataclass(frozen=True)
class Truth:
    document: dict[str, Any]

    def table(self, name: str) -> list[dict[str, Any]]:
        held = self.document[name]
        return [dict(zip(held["columns"], row, strict=True)) for row in held["rows"]]

    def sums(self, name: str, column: str, keep: Callable[[dict[str, Any]], bool]) -> Totals:
        """Sums of a column per group and year over the rows to keep; members of no group are left out."""
        found: dict[tuple[str, str], int] = defaultdict(int)
        for row in self.table(name):
            if row["group"] is not None and keep(row):
                found[row["group"], str(row["year"])] += row[column]
        return found


def read_truth(folder: Path) -> Truth:
    return Truth(json.loads((folder / "truth.json").read_text(encoding="utf-8")))


def make(folder: Path, programme: str, contract: Path | None = None, sink: Sink | None = None, **sizes: Any) -> Sampled:
    """A small sample; fails when anything is reported."""
    found, also = PROGRAMMES[programme], sizes.pop("also", ())
    size = replace(Size(900, 4, found.years, 7), **sizes)
    sink = Sink() if sink is None else sink
    made = sample(Request(found, size, contract, tuple(also)), folder, sink)
    assert made is not None, [d.message for d in sink]
    return made


def settle(made: Sampled, folder: Path) -> contractlang.Settled:
    return contractlang.evaluate(made.contract, folder / "binding.toml")
