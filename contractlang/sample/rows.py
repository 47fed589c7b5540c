"""Member rows as tables: member-months, measure results, visits and service lines of one lot of members."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from contractlang.sample.arrow import coded, decimals, plain
from contractlang.sample.measures import Measures
from contractlang.sample.population import LOT, Flags, Ints, Lot, World
from contractlang.sample.streams import stream

SPECIALTIES = ("family medicine", "internal medicine", "pediatrics", "cardiology", "orthopedics", "other")
SITES = ("office", "hospital outpatient", "inpatient", "telehealth")
CODES = ("99213", "99214", "99395", "71046", "80053", "93000", "45378", "70553", "27447", "90837")
SOURCES = ("claims", "clinical record", "supplemental")


@dataclass(frozen=True, slots=True)
class MonthFacts:
    """One entry per member and covered month, in order of member and month. `member` is the place in the lot."""

    member: Ints
    month: Ints
    year: Ints
    group: npt.NDArray[np.int16]
    practice: Ints
    product: Ints
    medical: Ints
    pharmacy: Ints

    @staticmethod
    def of(lot: Lot) -> MonthFacts:
        member, month = np.nonzero(lot.covered)
        year = month // 12
        return MonthFacts(
            member, month, year, lot.group[member, month], lot.practice[member, month], lot.product[member, year],
            lot.medical[member, month], lot.pharmacy[member, month],
        )  # fmt: skip


def first_days(world: World, month: Ints) -> pa.Array:
    start = np.datetime64(f"{world.size.years[0]}-01", "M")
    return pa.array((start + month.astype("timedelta64[M]")).astype("datetime64[D]"))


def member_months(world: World, lot: Lot, facts: MonthFacts, *, risk_gaps: bool) -> dict[str, pa.Array]:
    """The member-month table; `risk_gaps`: a few members have no risk score in a year."""
    at, month = facts.member, facts.month
    traits = world.traits
    return {
        "member": plain(lot.ids[at]),
        "month": first_days(world, month),
        "group": coded(facts.group, world.groups),
        "practice": coded(facts.practice, world.practices),
        "product": coded(facts.product, traits["product"].labels),
        "zip": coded(lot.zip[at], world.zips),
        "age": plain((lot.age[at] + facts.year).astype(np.int16)),
        "age_band": coded(lot.traits["age_band"][at], traits["age_band"].labels),
        "sex": coded(lot.traits["sex"][at], traits["sex"].labels),
        **_race(world, lot, at),
        "language": coded(lot.traits["language"][at], traits["language"].labels),
        "risk_score": decimals(lot.risk_e4[at, month], 4, lot.no_risk[at, facts.year] if risk_gaps else None),
        "weight": decimals(lot.weight_c[at, month], 2),
        "medical_allowed": decimals(facts.medical, 2),
        "pharmacy_allowed": decimals(facts.pharmacy, 2),
        "ed_visits": plain(lot.ed_visits[at, month].astype(np.int16)),
        "inpatient_admissions": plain(lot.admissions[at, month].astype(np.int16)),
    }


def likely_races(world: World, lot: Lot) -> Ints:
    """Imputed probabilities of each member in ten-thousandths, which add up to one; the true race is the likeliest mostly."""
    trait = world.traits["race"]
    true, many = lot.traits["race"], len(trait.labels)
    rng = stream(world.size.seed, "imputed race", lot.number)
    noise = rng.gamma(0.6, 1, (LOT, many))[: len(lot)] * trait.shares
    noise /= noise.sum(axis=1, keepdims=True)
    certain = rng.uniform(0.35, 0.9, LOT)[: len(lot), None]
    likely: Ints = np.floor(((1 - certain) * noise + certain * np.eye(many)[true]) * 1e4).astype(np.int64)
    likely[np.arange(len(lot)), true] += 10_000 - likely.sum(axis=1)
    return likely


def _race(world: World, lot: Lot, at: Ints) -> dict[str, pa.Array]:
    """Race with its source; where it is missing, imputed probabilities that add up to one exactly."""
    trait = world.traits["race"]
    true, missing = lot.traits["race"], lot.race_missing
    likely = likely_races(world, lot)
    rows_missing = missing[at]
    found = {
        "race": coded(np.where(missing, -1, true)[at], trait.labels),
        "race_source": coded(rows_missing.astype(np.int64), ("direct", "unknown")),
    }
    for place, label in enumerate(trait.labels):
        found[f"probability_{slug(label)}"] = decimals(likely[at, place], 4, ~rows_missing)
    return found


def slug(label: str) -> str:
    return "_".join("".join(c if c.isalnum() else " " for c in label.lower()).split())


@dataclass(frozen=True, slots=True)
class Results:
    """Measure results of one lot: one entry per member, year and measure for which the member is eligible."""

    member: Ints
    year: Ints
    measure: Ints
    group: npt.NDArray[np.int16]
    numerator: Flags
    excluded: Flags
    source: Ints


def measure_results(world: World, lot: Lot, measures: Measures) -> Results:
    """Who is eligible (covered for half of the year at least), excluded, and met. The group is that of the year's last
    attributed month."""
    n, years, many = len(lot), world.size.year_count, len(measures.labels)
    rng = stream(world.size.seed, "measures", lot.number)
    draws = rng.random((3, LOT, years, many))[:, :n]
    covered = lot.covered.reshape(n, years, 12)
    groups = lot.group.reshape(n, years, 12)
    known = covered & (groups >= 0)
    last = 11 - np.argmax(known[:, :, ::-1], axis=2)
    group = np.where(known.any(axis=2), np.take_along_axis(groups, last[:, :, None], 2)[:, :, 0], np.int16(-1))
    eligible = (covered.sum(axis=2) >= 6)[:, :, None] & (draws[0] < measures.eligible)
    member, year, measure = np.nonzero(eligible)
    race = lot.traits["race"][member]
    at = group[member, year]
    rate = measures.rates(at, year, measure, race)
    picked = draws[:, member, year, measure]
    source = np.searchsorted(np.array([0.7, 0.9]), picked[0] / measures.eligible[measure])
    return Results(member, year, measure, at, picked[1] < rate, picked[2] < 0.01, source)


def measure_table(world: World, lot: Lot, results: Results, measures: Measures) -> dict[str, pa.Array]:
    years = np.arange(world.size.years[0], world.size.years[1] + 1, dtype=np.int32)
    return {
        "member": plain(lot.ids[results.member]),
        "year": plain(years[results.year]),
        "measure": coded(results.measure, measures.labels),
        "group": coded(results.group, world.groups),
        "denominator": pa.array(np.ones(len(results.member), dtype=bool)),
        "numerator": pa.array(results.numerator & ~results.excluded),
        "excluded": pa.array(results.excluded),
        "source": coded(results.source, SOURCES),
    }


@dataclass(frozen=True, slots=True)
class Visits:
    """Office visits: one entry per member, month and practice seen."""

    member: Ints
    month: Ints
    practice: Ints
    group: npt.NDArray[np.int16]
    count: Ints
    day: Ints
    specialty: Ints
    site: Ints


def visits(world: World, lot: Lot, facts: MonthFacts) -> Visits:
    """Visits at the own practice, and as many elsewhere as the group leaks."""
    n, months = LOT, world.size.months
    rng = stream(world.size.seed, "visits", lot.number)
    draw = rng.random((4, n, months))[:, : len(lot)]
    often = rng.poisson(0.9, (n, months))[: len(lot)] + 1
    where = rng.integers(0, len(world.practices), (n, months))[: len(lot)]
    seen = draw[0][facts.member, facts.month] < 0.22
    member, month, own, group = (part[seen] for part in (facts.member, facts.month, facts.practice, facts.group))
    away = (own < 0) | (draw[1][member, month] < np.where(group >= 0, world.leak[group], 0.2))
    practice = np.where(away, where[member, month], own)
    return Visits(
        member, month, practice, world.roster[practice, month], often[member, month],
        (draw[2][member, month] * 28).astype(np.int64),
        np.where(draw[3][member, month] < 0.8, (draw[3][member, month] * 3.75).astype(np.int64), 5),
        np.where(draw[2][member, month] < 0.9, 0, 3),
    )  # fmt: skip


def visit_table(world: World, lot: Lot, seen: Visits) -> dict[str, pa.Array]:
    start = np.datetime64(f"{world.size.years[0]}-01", "M")
    day = (start + seen.month.astype("timedelta64[M]")).astype("datetime64[D]") + seen.day.astype("timedelta64[D]")
    return {
        "member": plain(lot.ids[seen.member]),
        "month": first_days(world, seen.month),
        "date": pa.array(day),
        "practice": coded(seen.practice, world.practices),
        "group": coded(seen.group, world.groups),
        "visits": plain(seen.count.astype(np.int16)),
        "specialty": coded(seen.specialty, SPECIALTIES),
        "site": coded(seen.site, SITES),
    }


def service_lines(world: World, lot: Lot, facts: MonthFacts) -> Mapping[str, pa.Array]:
    """Lines that add up to the medical cost of each member-month, cent by cent: units times fee."""
    n, months = LOT, world.size.months
    rng = stream(world.size.seed, "service lines", lot.number)
    share = rng.random((n, months))[: len(lot)][facts.member, facts.month]
    units = rng.integers(1, 5, (n, months))[: len(lot)][facts.member, facts.month]
    code = rng.integers(0, len(CODES), (n, months))[: len(lot)][facts.member, facts.month]
    some = facts.medical != 0
    fee = np.sign(facts.medical) * (np.abs(facts.medical) * share).astype(np.int64) // units
    rest = facts.medical - fee * units
    order = np.arange(len(some))[some]
    many, one, zero = np.repeat(order, 2), np.ones_like(order), np.zeros_like(order)
    line = np.stack([zero, one], axis=1).ravel()
    line_units = np.stack([units[order], one], axis=1).ravel()
    line_fee = np.stack([fee[order], rest[order]], axis=1).ravel()
    kind = (code[many] + line * 3) % len(CODES)
    keep = line_fee != 0
    at, line, line_units, line_fee, kind = many[keep], line[keep], line_units[keep], line_fee[keep], kind[keep]
    return {
        "member": plain(lot.ids[facts.member[at]]),
        "month": first_days(world, facts.month[at]),
        "line": plain((line + 1).astype(np.int16)),
        "practice": coded(facts.practice[at], world.practices),
        "group": coded(facts.group[at], world.groups),
        "code": coded(kind, CODES),
        "units": plain(line_units.astype(np.int16)),
        "fee": decimals(line_fee, 2),
        "allowed": decimals(line_fee * line_units, 2),
        "specialty": coded(kind % len(SPECIALTIES), SPECIALTIES),
        "site": coded(kind % len(SITES), SITES),
    }
