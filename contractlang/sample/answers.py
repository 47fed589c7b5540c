"""What members said about themselves, and probabilities for those who did not: one row per member."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from contractlang.sample.arrow import coded, decimals, plain
from contractlang.sample.population import Flags, Lot, World
from contractlang.sample.rows import likely_races

SOURCES = ("self_report", "declined", "unknown")
DECLINED, NOT_IMPUTED = 6, 10
"""One of so many members without an answer declined; of one of so many nothing is imputed."""

PROBABILITY = "probability of "


def declined(lot: Lot) -> Flags:
    """Members who were asked and did not want to say."""
    found: Flags = lot.race_missing & (lot.ids // 7 % DECLINED == 0)
    return found


def member_table(world: World, lot: Lot) -> dict[str, pa.Array]:
    """One row per member: race and ethnicity where the member said it, and how the answer came about."""
    source = np.where(declined(lot), 1, np.where(lot.race_missing, 2, 0))
    return {
        "member": plain(lot.ids),
        "race": coded(np.where(lot.race_missing, -1, lot.traits["race"]), world.traits["race"].labels),
        "race_source": coded(source, SOURCES),
        "language": coded(lot.traits["language"], world.traits["language"].labels),
        "sex": coded(lot.traits["sex"], world.traits["sex"].labels),
        "age_band": coded(lot.traits["age_band"], world.traits["age_band"].labels),
        "zip": coded(lot.zip, world.zips),
    }


def imputed_table(world: World, lot: Lot, labels: Sequence[str]) -> dict[str, pa.Array]:
    """Probabilities that add up to one for members who did not say; most of the weight lies on the true race.

    `labels` are the columns that the contract has. What the others would get goes to the likeliest of these.
    """
    races = world.traits["race"].labels
    rows = lot.race_missing & ~declined(lot) & (lot.ids // 7 % NOT_IMPUTED != 1)
    likely = likely_races(world, lot)[rows]
    at = [races.index(label) if label in races else -1 for label in labels]
    kept = np.stack([likely[:, place] if place >= 0 else np.zeros(len(likely), np.int64) for place in at], axis=1)
    kept[np.arange(len(kept)), kept.argmax(axis=1)] += 10_000 - kept.sum(axis=1)
    columns = {f"{PROBABILITY}{label}": decimals(kept[:, i], 4) for i, label in enumerate(labels)}
    return {"member": plain(lot.ids[rows]), **columns}
