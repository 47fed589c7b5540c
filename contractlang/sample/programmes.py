"""The programmes that can be sampled: a contract, and what its world looks like. Everything else follows from the contract."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Programme:
    """A small description of a world.

    `contract` lies below the folder of contracts. `products` are shares by label, for the labels that the contract has.
    `pmpm` is the mean cost per member and month in the first year, in dollars, `trend` its yearly growth. `attachment` is
    the limit per member and year, in dollars, for which the truth file states truncated totals. `panel` names the
    products that count for totals at network level; none: all. `late_group`: one of four groups or more joins late.
    `races` are shares by label, `gaps` how much worse the rates of a label are than the best, in rate points.
    `declines`: in the second group the label without a gap loses so much in every year after the first. `restructured`: of
    four groups or more the last is merged into the one before it, the fourth last parts from the third last, and more
    practices join; both at the start of the first year that is settled.
    """

    name: str
    summary: str
    contract: str
    years: tuple[int, int]
    members: int
    groups: int
    pmpm: int
    trend: float = 0.04
    attachment: int = 250_000
    products: Mapping[str, float] = field(default_factory=dict)
    panel: tuple[str, ...] = ()
    late_group: bool = True
    races: Mapping[str, float] = field(default_factory=dict)
    gaps: Mapping[str, float] = field(default_factory=dict)
    declines: float = 0.0
    restructured: bool = False


COMMERCIAL = {"HMO": 0.55, "POS": 0.2, "PPO": 0.18, "MA": 0.04, "other": 0.03}

PROGRAMMES: dict[str, Programme] = {
    programme.name: programme
    for programme in (
        Programme(
            "demo",
            "shared savings on member-months, one quality measure",
            "demo/shared_savings.vbc",
            years=(2019, 2021),
            members=20_000,
            groups=12,
            pmpm=1_850,
            products={"commercial": 0.62, "medicaid": 0.24, "medicare": 0.11, "dual": 0.03},
            panel=("commercial", "medicaid"),
        ),
        Programme(
            "aqc",
            "Alternative Quality Contract: global budget from own history, ambulatory and hospital quality",
            "bcbsma/aqc_2009.vbc",
            years=(2007, 2010),
            members=100_000,
            groups=6,
            pmpm=340,
            trend=0.065,
            products=COMMERCIAL,
            panel=("HMO", "POS"),
        ),
        Programme(
            "aqc_2011",
            "its revision: quality decides the share",
            "bcbsma/aqc_2011.vbc",
            years=(2010, 2013),
            members=100_000,
            groups=6,
            pmpm=390,
            trend=0.055,
            products=COMMERCIAL,
            panel=("HMO", "POS"),
        ),
        Programme(
            "aqc_2016",
            "the same with members attributed by plurality of visits",
            "bcbsma/aqc_2016.vbc",
            years=(2014, 2018),
            members=100_000,
            groups=6,
            pmpm=450,
            products=COMMERCIAL,
            panel=("HMO", "POS", "PPO"),
        ),
        Programme(
            "hospital_pilot",
            "a hospital is paid for the spending trend of its area",
            "bcbsma/south_shore_2018.vbc",
            years=(2016, 2021),
            members=40_000,
            groups=5,
            pmpm=470,
            products=COMMERCIAL,
            late_group=False,
        ),
        Programme(
            "pay_for_equity",
            "gaps between members of different race and ethnicity, against each group's own history",
            "bcbsma/pay_for_equity.vbc",
            years=(2021, 2025),
            members=60_000,
            groups=5,
            pmpm=520,
            products=COMMERCIAL,
            panel=("HMO", "POS", "PPO"),
            late_group=False,
            races={"white": 0.62, "black": 0.12, "hispanic": 0.14, "asian": 0.08, "two_or_more": 0.04},
            gaps={"black": 0.1, "hispanic": 0.08, "asian": 0.03, "two_or_more": 0.05},
            declines=0.03,
        ),
        Programme(
            "roster",
            "practices that join, leave and move, groups that merge and part, base years on the current roster",
            "demo/moving_practices.vbc",
            years=(2022, 2025),
            members=20_000,
            groups=8,
            pmpm=420,
            late_group=False,
            restructured=True,
        ),
        Programme(
            "reach",
            "ACO REACH: benchmark, discount and risk bands of Medicare organisations",
            "cms/reach.vbc",
            years=(2023, 2026),
            members=60_000,
            groups=10,
            pmpm=1_080,
            trend=0.045,
            products={"AD": 0.985, "ESRD": 0.015, "medicare": 1.0},
        ),
        Programme(
            "pgip",
            "Michigan's incentive pool, split among physician organisations to the cent",
            "bcbsm/pgip.vbc",
            years=(2015, 2018),
            members=150_000,
            groups=6,
            pmpm=380,
        ),
        Programme(
            "fee_uplift",
            "Michigan's fee uplifts of medical homes and primary care",
            "bcbsm/fee_uplift.vbc",
            years=(2016, 2019),
            members=20_000,
            groups=12,
            pmpm=380,
            late_group=False,
        ),
        Programme(
            "specialist_uplift",
            "Michigan's fee uplifts of specialists, selected among those who are nominated",
            "bcbsm/specialist_uplift.vbc",
            years=(2016, 2019),
            members=20_000,
            groups=12,
            pmpm=380,
            late_group=False,
        ),
        Programme(
            "colorado",
            "the Colorado pilot, Cigna's contract: fees by level, quality of all payers' patients together",
            "colorado/cigna.vbc",
            years=(2009, 2011),
            members=60_000,
            groups=16,
            pmpm=290,
            late_group=False,
        ),
        Programme(
            "medical_home",
            "the Medical Home Partnership of Tennessee: stars, obligations, a fee by the month",
            "bcbst/mhp.vbc",
            years=(2020, 2023),
            members=40_000,
            groups=8,
            pmpm=430,
            late_group=False,
        ),
        Programme(
            "oregon",
            "Oregon's quality pool and its challenge pool",
            "public/oregon_quality_pool.vbc",
            years=(2018, 2019),
            members=60_000,
            groups=15,
            pmpm=410,
            late_group=False,
        ),
        Programme(
            "masshealth",
            "MassHealth quality: level, improvement on the own best year, an emergency year",
            "public/masshealth_quality.vbc",
            years=(2018, 2022),
            members=40_000,
            groups=8,
            pmpm=520,
        ),
        Programme(
            "health_equity_index",
            "Medicare Advantage: members with social risk compared over all plans",
            "public/ma_health_equity_index.vbc",
            years=(2024, 2026),
            members=60_000,
            groups=12,
            pmpm=1_050,
        ),
    )
}
