"""Measures: who is eligible, and the true rates that are planted, by group, stratum and year."""

from __future__ import annotations

from dataclasses import dataclass
from zlib import crc32

import numpy as np
import numpy.typing as npt

from contractlang.sample.population import Floats, Ints, World
from contractlang.sample.streams import stream

LOWER = ("poor", "infection", "readmission", "mortality", "complication", "gt9", "uncontrolled")
"""Words in the name of a measure of which less is better."""

KNOWN = {
    "breast_cancer": 0.78, "colorectal": 0.68, "hba1c_test": 0.91, "hba1c_poor": 0.27, "hba1c_control": 0.62,
    "bp_control": 0.7, "well_care": 0.79, "preventive_visit": 0.8, "COL": 0.64, "WCV": 0.7, "AAP": 0.83, "CBP": 0.66,
    "GSD_LT8": 0.6, "BCS": 0.74, "HBA1C_TEST": 0.88, "ami_aspirin": 0.95, "heart_failure_discharge": 0.83,
    "pneumonia_vaccine": 0.88, "surgical_infection": 0.03, "nurse_communication": 0.74, "doctor_communication": 0.8,
}  # fmt: skip
"""Usual rates of measures that contracts name; others get one from their name."""

GAPS = (0.0, 0.09, 0.06, -0.01, 0.07, 0.05, 0.04)
"""How much worse the rates of each stratum are than those of the first."""

CLOSING = 0.5
"""Share of its gaps that the largest group has left in its last year."""

IMPROVEMENT = 0.008


@dataclass(frozen=True)
class Measures:
    """True rates. `eligible` is the share of members in each denominator, `gaps` (measure × stratum) and the yearly
    improvement are in rate points towards the better side, `better` is -1 where less is better."""

    labels: tuple[str, ...]
    base: Floats
    better: Ints
    eligible: Floats
    gaps: Floats
    group: Floats
    closing: Floats  # by year, for group 0
    falling: Floats  # by stratum: what each further year takes from the rates of group 1

    def rates(self, group: npt.NDArray[np.int16], year: Ints, measure: Ints, race: Ints) -> Floats:
        """The true rate of each entry, to six decimals. Members of no group are like an average one."""
        gap = self.gaps[measure, race] * np.where(group == 0, self.closing[year], 1.0)
        gap = gap + np.where(group == 1, self.falling[race] * year, 0.0)
        effect = np.where(group >= 0, self.group[group], 0.0)
        scale = np.minimum(1.0, np.minimum(self.base, 1 - self.base) / 0.2)[measure]
        rate = self.base[measure] + self.better[measure] * scale * (effect - gap + IMPROVEMENT * year)
        found: Floats = np.round(np.clip(rate, 0.005, 0.995), 6).astype(np.float64)
        return found


def make_measures(world: World, labels: tuple[str, ...]) -> Measures:
    rng = stream(world.size.seed, "true rates")
    many, strata, years = len(labels), len(world.traits["race"].labels), world.size.year_count
    base = np.array([KNOWN.get(label, _usual(label)) for label in labels])
    wanted, races = world.programme.gaps, world.traits["race"].labels
    gaps: Floats = np.array([GAPS[place % len(GAPS)] for place in range(strata)])
    if wanted and any(race in wanted for race in races):
        gaps = np.array([wanted.get(race, 0.0) for race in races])
    strength = rng.uniform(0.6, 1.4, many)
    return Measures(
        labels,
        base,
        np.array([-1 if _lower(label) else 1 for label in labels]),
        np.round(rng.uniform(0.08, 0.45, many), 3),
        np.round(strength[:, None] * gaps[None, :], 4),
        world.quality,
        1 - (1 - CLOSING) * np.arange(years) / max(years - 1, 1),
        np.where((gaps == 0) & (world.traits["race"].shares > 0), world.programme.declines, 0.0),
    )


def _lower(label: str) -> bool:
    return any(word in label.lower() for word in LOWER)


def _usual(label: str) -> float:
    spread = crc32(label.encode()) % 1000 / 1000
    return round(0.05 + 0.2 * spread if _lower(label) else 0.55 + 0.35 * spread, 3)
