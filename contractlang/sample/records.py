"""Records of groups and practices that come with every sample: roster, recognition levels, obligations, ledger."""

from __future__ import annotations

import datetime as dt
from itertools import pairwise

import numpy as np
import pyarrow as pa

from contractlang.sample.arrow import decimals
from contractlang.sample.population import World
from contractlang.sample.streams import stream

OBLIGATIONS = ("attested data submission", "quarterly meetings", "care plan on file")


def records(world: World) -> dict[str, pa.Table]:
    """Tables by name. `until` is the first day without, and empty while a practice stays; `met` where nobody has reported."""
    return {
        "roster": _roster(world),
        "recognition": _recognition(world),
        "obligation": _obligations(world),
        "ledger": _ledger(world),
    }


def _day(world: World, month: int) -> dt.date:
    return dt.date(world.size.years[0] + month // 12, month % 12 + 1, 1)


def _roster(world: World) -> pa.Table:
    rows: list[tuple[str, str, dt.date, dt.date | None]] = []
    for practice, groups in zip(world.practices, world.roster, strict=True):
        starts = [0, *(np.flatnonzero(np.diff(groups)) + 1).tolist(), len(groups)]
        for start, end in pairwise(starts):
            if groups[start] >= 0:
                until = None if end == len(groups) else _day(world, end)
                rows.append((practice, world.groups[groups[start]], _day(world, start), until))
    columns = list(zip(*rows, strict=True))
    return pa.table(
        {
            "practice": pa.array(columns[0]),
            "group": pa.array(columns[1]),
            "from": pa.array(columns[2], pa.date32()),
            "until": pa.array(columns[3], pa.date32()),
        }
    )


def _recognition(world: World) -> pa.Table:
    """Levels from 1 to 6 by practice, in force from a day on; one practice in four rises once."""
    rng = stream(world.size.seed, "recognition")
    n = len(world.practices)
    level, rises, when = rng.integers(1, 6, n), rng.random(n) < 0.25, rng.integers(1, world.size.months, n)
    rows = [(p, _day(world, 0), int(level[i])) for i, p in enumerate(world.practices)]
    rows += [(p, _day(world, int(when[i])), int(level[i]) + 1) for i, p in enumerate(world.practices) if rises[i]]
    practice, start, found = zip(*sorted(rows), strict=True)
    return pa.table(
        {"practice": pa.array(practice), "from": pa.array(start, pa.date32()), "level": pa.array(found, pa.int8())}
    )


def _obligations(world: World) -> pa.Table:
    rng = stream(world.size.seed, "obligations")
    first, last = world.size.years
    keys = [(g, y, o) for g in world.groups for y in range(first, last + 1) for o in OBLIGATIONS]
    met, known = rng.random(len(keys)) < 0.9, rng.random(len(keys)) < 0.95
    day = rng.integers(0, 60, len(keys))
    group, year, obligation = zip(*keys, strict=True)
    attested = [
        dt.date(y + 1, 1, 1) + dt.timedelta(days=int(d)) if k else None
        for y, d, k in zip(year, day, known, strict=True)
    ]
    return pa.table(
        {
            "group": pa.array(group),
            "year": pa.array(year, pa.int32()),
            "obligation": pa.array(obligation),
            "met": pa.array(met, mask=~known),
            "attested": pa.array(attested, pa.date32()),
        }
    )


def _ledger(world: World) -> pa.Table:
    """An interim payment per group and year, and its reversal for one in twenty."""
    rng = stream(world.size.seed, "ledger")
    first, last = world.size.years
    rows: list[tuple[str, str, int, dt.date, int]] = []
    for group in world.groups:
        for year in range(first, last + 1):
            cents = int(rng.integers(1_000_000, 50_000_000))
            rows.append(("settlement", group, year, dt.date(year + 1, 3, 31), cents))
            if rng.random() < 0.05:
                rows.append(("settlement", group, year, dt.date(year + 1, 6, 30), -cents))
    payment, group_, year_, date, amount = zip(*rows, strict=True)
    return pa.table(
        {
            "payment": pa.array(payment),
            "group": pa.array(group_),
            "year": pa.array(year_, pa.int32()),
            "date": pa.array(date, pa.date32()),
            "amount": decimals(np.array(amount, dtype=np.int64), 2),
        }
    )
