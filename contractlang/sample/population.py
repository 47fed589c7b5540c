"""The world behind a sample: groups, practices, who belongs to whom and when, and lots of members with their months.

Members are drawn in lots of fixed size, each from streams of its own: a larger sample begins with the members of a
smaller one, and how many lots are written at once changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from contractlang.sample.programmes import Programme
from contractlang.sample.streams import stream

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

LOT = 2_000
"""Members that are drawn together."""

PRACTICES_PER_GROUP = 8
MEAN_AT_ONE = 396.0
"""Mean dollars per member and month that the distributions of cost have before they are scaled to a programme."""

AGES = ("0-17", "18-34", "35-49", "50-64", "65-74", "75-84", "85+")
_AGE_STARTS = np.array([0, 18, 35, 50, 65, 75, 85, 100])
RACES = (
    "White", "Black or African American", "Hispanic or Latino", "Asian", "American Indian or Alaska Native",
    "Native Hawaiian or Other Pacific Islander", "Some Other Race",
)  # fmt: skip
LANGUAGES = ("en", "es", "pt", "zh", "vi", "other")
DEFAULT_SHARES = {
    "age_band": (0.21, 0.21, 0.2, 0.22, 0.09, 0.05, 0.02),
    "sex": (0.52, 0.48),
    "race": (0.62, 0.12, 0.14, 0.07, 0.01, 0.005, 0.035),
    "language": (0.82, 0.09, 0.04, 0.02, 0.01, 0.02),
}
DEFAULT_LABELS = {"age_band": AGES, "sex": ("F", "M"), "race": RACES, "language": LANGUAGES, "product": ("all",)}


@dataclass(frozen=True, slots=True)
class Trait:
    """A categorical trait of members: labels and the share of members that have each."""

    labels: tuple[str, ...]
    shares: Floats

    @staticmethod
    def of(name: str, labels: tuple[str, ...], wanted: dict[str, float] | None = None) -> Trait:
        """Shares by label where they are stated, else the usual ones by place, else falling with the place."""
        usual = DEFAULT_SHARES.get(name, ())
        if wanted and any(label in wanted for label in labels):
            shares = np.array([wanted.get(label, 0.0) for label in labels])
        elif len(usual) >= len(labels):
            shares = np.array(usual[: len(labels)])
        else:
            shares = 1 / np.arange(1, len(labels) + 1)
        return Trait(labels, shares / shares.sum())


@dataclass(frozen=True, slots=True)
class Size:
    """How much is made: members, groups, first and last year, seed."""

    members: int
    groups: int
    years: tuple[int, int]
    seed: int

    @property
    def year_count(self) -> int:
        return self.years[1] - self.years[0] + 1

    @property
    def months(self) -> int:
        return 12 * self.year_count


@dataclass(frozen=True)
class World:
    """Everything about groups and practices. Groups and practices are counted from 0; -1 is none.

    `roster` (practice × month) gives the group of a practice in a month. `quality` is what a group adds to the rate of
    every measure, `saving` the share of cost that it saves more in every year from `change_year` on, `coding` the yearly
    growth of its risk scores that no illness explains, `leak` the share of visits that its members make elsewhere.
    """

    programme: Programme
    size: Size
    traits: dict[str, Trait]
    groups: tuple[str, ...]
    practices: tuple[str, ...]
    practice_ends: Floats  # cumulated shares of members
    roster: npt.NDArray[np.int16]
    zips: tuple[str, ...]
    practice_zip: Ints
    cost: Floats
    quality: Floats
    saving: Floats
    coding: Floats
    leak: Floats
    change_year: int
    late_group: int | None


def make_world(programme: Programme, size: Size, traits: dict[str, Trait], first_settled: int) -> World:
    """Draw groups of very different sizes, their practices, and what is planted in them."""
    rng = stream(size.seed, "world")
    groups, months = size.groups, size.months
    count = groups * PRACTICES_PER_GROUP
    group_share = 1 / np.arange(1, groups + 1) ** 0.8
    owner = np.concatenate(
        [np.arange(groups), rng.choice(groups, count - groups, p=group_share / group_share.sum())]
    ).astype(np.int16)
    weight = (rng.gamma(0.7, 1, count) + 0.05) * (group_share / np.bincount(owner, minlength=groups))[owner]
    change = min(max(first_settled, size.years[0] + 1), size.years[1] + 1)
    late = groups // 2 if programme.late_group and groups >= 4 and change <= size.years[1] else None
    zips = tuple(f"{1001 + 7 * i:05d}" for i in range(max(groups * 5, 20)))
    planted = np.zeros((3, groups))
    for place, (group, value) in enumerate(((1, 0.03), (2, 0.02), (3, 0.18))):
        if group < groups:
            planted[place, group] = value
    return World(
        programme,
        size,
        traits,
        tuple(f"G{g + 1:0{len(str(groups))}d}" for g in range(groups)),
        tuple(f"P{p + 1:0{len(str(count))}d}" for p in range(count)),
        np.cumsum(weight / weight.sum()),
        _restructured(
            programme,
            _roster(rng, owner, groups, months, None if late is None else (late, 12 * (change - size.years[0]))),
            (groups, 12 * (change - size.years[0])),
            stream(size.seed, "restructured"),
        ),
        zips,
        (owner.astype(np.int64) * 5 + rng.integers(0, 5, count)) % len(zips),
        np.exp(rng.normal(0, 0.05, groups)),
        np.round(rng.normal(0, 0.04, groups), 4),
        planted[0],
        planted[1],
        0.12 + planted[2],
        change,
        late,
    )


def restructured_groups(programme: Programme, groups: int) -> dict[str, tuple[int, int]]:
    """Which group is merged into which, and which parts from which, where the programme has such events."""
    if not programme.restructured or groups < 4:
        return {}
    return {"merged": (groups - 1, groups - 2), "parted": (groups - 4, groups - 3)}


def _restructured(
    programme: Programme, roster: npt.NDArray[np.int16], at: tuple[int, int], rng: np.random.Generator
) -> npt.NDArray[np.int16]:
    """The roster with a merger and a split at one month, and practices that join some months after the start."""
    groups, month = at
    events = restructured_groups(programme, groups)
    if not events or month >= roster.shape[1]:
        return roster
    gone, into = events["merged"]
    after = roster[:, month:]
    after[after == gone] = into
    own, parent = events["parted"]
    before = roster[:, :month]
    before[before == own] = parent
    for practice in range(groups, len(roster)):
        if rng.random() < 0.05:
            roster[practice, : rng.integers(1, max(month, 2))] = -1
    return roster


def _roster(
    rng: np.random.Generator, owner: npt.NDArray[np.int16], groups: int, months: int, late: tuple[int, int] | None
) -> npt.NDArray[np.int16]:
    """Practices that change their group, leave it, or come with a group that joins late. The first practice of each
    group stays, so that no group is ever empty by chance."""
    roster = np.repeat(owner[:, None], months, axis=1)
    fate = rng.random(len(owner))
    when = rng.integers(1, max(months // 6, 2), len(owner)) * 6
    to = rng.integers(0, groups, len(owner))
    for practice in range(groups, len(owner)):
        if fate[practice] < 0.04:
            roster[practice, when[practice] :] = to[practice]
        elif fate[practice] < 0.05:
            roster[practice, when[practice] :] = -1
    if late is not None:
        group, month = late
        before = roster[:, :month]
        before[before == group] = -1
    return roster


@dataclass(frozen=True)
class Lot:
    """Members `first` to `first + n`: traits by member (product by member × year), the rest by member × month."""

    number: int
    ids: Ints
    traits: dict[str, Ints]
    product: Ints
    age: Ints
    zip: Ints
    practice: Ints
    group: npt.NDArray[np.int16]
    covered: Flags
    risk_e4: Ints
    no_risk: Flags
    medical: Ints  # cents
    pharmacy: Ints  # cents
    reversed: Flags
    weight_c: Ints
    ed_visits: Ints
    admissions: Ints
    race_missing: Flags

    def __len__(self) -> int:
        return len(self.ids)


def make_lot(world: World, number: int) -> Lot:
    """The members of a lot (all of a lot is drawn and the end cut off, so that the last lot begins like any other)."""
    size, seed = world.size, world.size.seed
    n, months, years = LOT, size.months, size.year_count
    rng = stream(seed, "members", number)
    keep = min(LOT, size.members - number * LOT)
    traits = {
        name: rng.choice(len(trait.labels), n, p=trait.shares)
        for name, trait in world.traits.items()
        if name != "product"
    }
    product = _products(world, rng, n, years)
    practice, covered = _places(world, rng, n, number)
    anchored = np.arange(number * LOT, number * LOT + n) < size.groups
    month = np.arange(months)
    group = np.where(practice >= 0, world.roster[practice, month[None, :]], np.int16(-1)).astype(np.int16)
    age_band = traits["age_band"]
    bands = np.minimum(age_band, len(_AGE_STARTS) - 2)
    ages = _AGE_STARTS[bands] + (rng.random(n) * (_AGE_STARTS[bands + 1] - _AGE_STARTS[bands])).astype(np.int64)
    home = rng.integers(0, 3, n)
    zips = (np.where(practice[:, 0] >= 0, world.practice_zip[practice[:, 0]], home * 7) + home) % len(world.zips)
    risk = np.clip(np.exp(rng.normal(-0.35, 0.55, n)) * (1 + 0.18 * bands), 0.1, 25)
    drift = np.exp(rng.normal(0.0, 0.06, (n, years)).cumsum(axis=1))
    year_of = month // 12
    growth = (1 + world.coding[group]) ** np.maximum(year_of + size.years[0] - world.change_year + 1, 0)
    risk_e4 = np.round(risk[:, None] * drift[:, year_of] * np.where(group >= 0, growth, 1) * 1e4).astype(np.int64)
    medical, pharmacy, reverse = _cost(world, rng, (n, months), group, risk[:, None] * drift[:, year_of])
    no_risk = rng.random((n, years)) < 0.004
    weight = np.where(rng.random((n, months)) < 0.02, 50, 100)
    ed, stays = rng.poisson(0.02, (n, months)), rng.poisson(0.006, (n, months))
    race_missing = rng.random(n) < 0.12
    covered = covered | anchored[:, None]
    return Lot(
        number, (np.arange(n, dtype=np.int64) + number * LOT)[:keep] * 7 + 10_000_000,
        {name: values[:keep] for name, values in traits.items()}, product[:keep], ages[:keep], zips[:keep],
        practice[:keep], group[:keep], covered[:keep], risk_e4[:keep], no_risk[:keep], medical[:keep], pharmacy[:keep],
        reverse[:keep], weight[:keep], ed[:keep], stays[:keep], race_missing[:keep],
    )  # fmt: skip


def _products(world: World, rng: np.random.Generator, n: int, years: int) -> Ints:
    """The product of a member in each year: one in fifty changes it at the turn of a year."""
    trait = world.traits["product"]
    first, second = (rng.choice(len(trait.labels), n, p=trait.shares) for _ in range(2))
    change = np.where(rng.random(n) < 0.02, rng.integers(1, max(years, 2), n), years)
    return np.where(np.arange(years)[None, :] < change[:, None], first[:, None], second[:, None])


def _places(world: World, rng: np.random.Generator, n: int, number: int) -> tuple[Ints, Flags]:
    """The practice of each month and which months are covered: movers, late joiners, leavers, gaps, people without one."""
    months = world.size.months
    month = np.arange(months)[None, :]
    home, away = (np.searchsorted(world.practice_ends, rng.random(n) * world.practice_ends[-1]) for _ in range(2))
    home, away = (np.minimum(place, len(world.practices) - 1) for place in (home, away))
    member = np.arange(n) + number * LOT
    anchored = member < world.size.groups
    home = np.where(anchored, member, home)
    moves = (rng.random(n) < 0.02 * world.size.year_count) & ~anchored
    when = rng.integers(1, months, n)
    practice = np.where(moves[:, None] & (month >= when[:, None]), away[:, None], home[:, None])
    practice[(rng.random(n) < 0.03) & ~anchored] = -1
    first = np.where(rng.random(n) < 0.2, rng.integers(1, months, n), 0)
    last = np.where(rng.random(n) < 0.2, rng.integers(1, months, n), months)
    gap = np.where(rng.random(n) < 0.03, rng.integers(0, months, n), months)
    covered = (
        (month >= first[:, None]) & (month < last[:, None]) & ~((month >= gap[:, None]) & (month < gap[:, None] + 2))
    )
    return practice.astype(np.int64), covered


def _cost(
    world: World, rng: np.random.Generator, shape: tuple[int, int], group: npt.NDArray[np.int16], risk: Floats
) -> tuple[Ints, Ints, Flags]:
    """Cents of medical and pharmacy cost: many months without any, a heavy tail, a few reversals."""
    size = world.size
    year = np.arange(shape[1]) // 12
    severity = np.exp(rng.normal(0, 0.9, shape[0]))[:, None] * risk
    after = np.maximum(year + size.years[0] - world.change_year + 1, 0)
    factor = np.where(group >= 0, world.cost[group] * (1 - world.saving[group]) ** after, 1.0)
    level = world.programme.pmpm / MEAN_AT_ONE * (1 + world.programme.trend) ** year * factor * severity
    medical = np.where(rng.random(shape) < 0.55, 0.0, np.exp(rng.normal(5.0, 1.4, shape))) * level
    pharmacy = np.where(rng.random(shape) < 0.5, 0.0, np.exp(rng.normal(4.1, 1.1, shape))) * level
    medical += np.where(rng.random(shape) < 8e-5, np.exp(rng.normal(12.6, 0.6, shape)), 0.0)
    reverse = rng.random(shape) < 0.003
    medical = np.where(reverse, -(50 + 200 * rng.random(shape)), medical)
    cents = [np.round(np.minimum(amount, 3e6) * 100).astype(np.int64) for amount in (medical, pharmacy)]
    return cents[0], cents[1], reverse
