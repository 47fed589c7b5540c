"""Runs through rosters: whose the rows are on a day, base years on the current roster, and what the data may not say."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path

import pytest

from contractlang.diagnostics.diagnostic import Severity, Sink
from contractlang.diagnostics.render import report
from contractlang.runtime.executor import Engines
from contractlang.runtime.result import Result
from contractlang.runtime.roster_moves import move_lines
from contractlang.runtime.runs import open_run, settle
from contractlang.values import Value

HEAD = """\
contract demo.rosters
title    "Rosters"
version  "1"
settles  group per year
term     2023-01-01 to 2024-12-31

input member_month per member, month {
  practice  key  when missing not applicable "no practice"
  cost      USD
}

input claim per member, month, line {
  allowed  USD
}

input screening per member, year {
  met  flag
}

input stay per practice, from {
  until  date  when missing not applicable "no end"
  group  key
}

roster practices from stay {
  levels  practice < group
  as of   AS_OF
}

population panel from member_month {
  attribute  to group by practice through practices
  eligible   at least 1 months
  REBUILD
}

spending expense of panel {
  amount  cost
}

spending claims of panel from claim {
  amount    allowed
  truncate  at $500 per member per year
}

measure screened of panel from screening {
  numerator    met
  denominator  screening.met is not missing
}

define base = expense.pmpm at 2022 else $0 pmpm
define base_claims = claims.total at 2022
define base_rate = screened.rate at 2022 else 0%
## Shown, not paid on.
define risk = mean(cost weighted by member_months over panel)

payment settlement to group = round(base * panel.member_months - expense.total to cents, half away from zero)
## Shown, not paid on.
define others = base_claims + claims.total
"""

MONTHS = """\
member,month,practice,cost
m1,2022-01,P1,100.00
m1,2022-07,P1,120.00
m2,2022-01,P2,300.00
m3,2022-01,P3,50.00
m1,2023-01,P1,110.00
m1,2023-07,P1,130.00
m2,2023-01,P2,330.00
m3,2023-01,P3,60.00
m4,2023-01,,70.00
"""

CLAIMS = """\
member,month,line,allowed
m1,2022-01,1,400.00
m1,2022-07,1,300.00
m2,2022-01,1,10.00
m2,2022-01,2,20.00
m1,2023-01,1,1.00
"""

SCREENING = """\
member,year,met
m1,2022,1
m2,2022,0
m1,2023,1
"""

STAYS = """\
practice,from,until,group
P1,2020-01-01,2023-07-01,Lakeside
P1,2023-07-01,,Hillside
P2,,2023-01-01,Hillside
P2,2023-01-01,,Lakeside
P3,2020-01-01,2022-12-31,Hillside
"""

BINDING = (
    "".join(
        f'[tables.{name}]\nfile = "{name}.csv"\nsame_names = true\n\n'
        for name in ("member_month", "claim", "screening", "stay")
    )
    + '[tables.stay.keys]\nfrom = "from"\n'
)


def run(
    folder: Path,
    *,
    text: str = HEAD,
    as_of: str = "month",
    rebuild: bool = False,
    stays: str = STAYS,
    reduce: str = "duckdb",
    settling: str = "auto",
) -> tuple[Result | None, Sink]:
    text = text.replace("AS_OF", as_of).replace(
        "REBUILD", "rebuild    baseline on the current roster" if rebuild else ""
    )
    files = {
        "contract.vbc": text,
        "binding.toml": BINDING,
        "member_month.csv": MONTHS,
        "claim.csv": CLAIMS,
        "screening.csv": SCREENING,
        "stay.csv": stays,
    }
    for name, content in files.items():
        (folder / name).write_text(content, encoding="utf-8")
    sink = Sink()
    opened = open_run(folder / "contract.vbc", folder / "binding.toml", sink)
    assert opened is not None, report(sink)
    return settle(opened, sink, engines=Engines(reduce=reduce, settle=settling)), sink


def values(result: Result | None, name: str, period: str = "2023") -> Mapping[str, Value]:
    assert result is not None
    return {result.group(row): result.value(name, row) for row in result.rows.tolist() if result.period(row) == period}


@pytest.fixture(params=["duckdb", "reference"])
def reduce(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_the_month_of_a_row_decides(tmp_path: Path, reduce: str) -> None:
    found, sink = run(tmp_path, reduce=reduce)
    assert values(found, "panel.member_months") == {"Lakeside": 2, "Hillside": 1}
    assert values(found, "expense.total") == {"Lakeside": 440, "Hillside": 130}
    assert values(found, "base") == {"Lakeside": 110, "Hillside": 175}  # as the groups were in 2022
    assert not sink.failed


def test_base_years_on_the_current_roster(tmp_path: Path, reduce: str) -> None:
    found, _ = run(tmp_path, rebuild=True, reduce=reduce)
    # January 2022 of P1 and P2 is Lakeside's, as in January 2023; July of P1 is Hillside's; P3 is in no group any more.
    assert values(found, "base") == {"Lakeside": 200, "Hillside": 120}
    assert values(found, "settlement") == {"Lakeside": -40, "Hillside": -10}
    # m1 is truncated in each group by itself: 400 and 30 in Lakeside, 300 in Hillside.
    assert values(found, "base_claims") == {"Lakeside": 430, "Hillside": 300}
    # A member's measure counts for the group of the last month: m1 of July is Hillside's.
    assert values(found, "base_rate") == {"Lakeside": 0, "Hillside": 1}


def test_own_baselines_leave_claims_and_rates_where_they_were(tmp_path: Path, reduce: str) -> None:
    found, _ = run(tmp_path, reduce=reduce)
    assert values(found, "base_claims") == {"Lakeside": 500, "Hillside": 30}
    assert values(found, "base_rate") == {"Lakeside": 1, "Hillside": 0}


@pytest.mark.parametrize(
    ("as_of", "months"), [("period start", {"Lakeside": 3}), ("period end", {"Lakeside": 1, "Hillside": 2})]
)
def test_one_day_of_the_period_decides(tmp_path: Path, reduce: str, as_of: str, months: Mapping[str, int]) -> None:
    found, _ = run(tmp_path, as_of=as_of, reduce=reduce)
    assert values(found, "panel.member_months") == months


def test_what_the_roster_moved(tmp_path: Path, reduce: str) -> None:
    found, _ = run(tmp_path, rebuild=True, reduce=reduce)
    assert found is not None
    assert list(move_lines(found)) == [
        (
            "panel, 2022 (roster of 2023): the roster moved 3 member-months: P1 from Lakeside to Hillside, 1 member-month; "
            "P2 from Hillside to Lakeside, 1 member-month; P3 left Hillside, 1 member-month"
        ),
        "panel, 2023: the roster moved 1 member-month: P1 from Lakeside to Hillside, 1 member-month",
        (
            "expense, 2022 (roster of 2023): the roster moved $420.00: P2 from Hillside to Lakeside, $300.00; "
            "P1 from Lakeside to Hillside, $120.00"
        ),
        "expense, 2023: the roster moved $130.00: P1 from Lakeside to Hillside, $130.00",
        (
            "claims, 2022 (roster of 2023): the roster moved $330.00: P1 from Lakeside to Hillside, $300.00; "
            "P2 from Hillside to Lakeside, $30.00"
        ),
    ]


OVERLAPPING = STAYS + "P3,2022-06-01,,Lakeside\nP2,2024-01-01,2023-06-01,Hillside\n"


def test_a_roster_that_says_two_things_is_an_error(tmp_path: Path, reduce: str) -> None:
    found, sink = run(tmp_path, stays=OVERLAPPING, reduce=reduce)
    assert found is None
    assert [(d.code, d.message, d.notes) for d in sink if d.severity is Severity.ERROR] == [
        (
            "roster-interval",
            "1 row of `stay` that end on the day they begin, or before",
            ("P2, 2024-01-01, 2023-06-01",),
        ),
        (
            "roster-overlap",
            "2 rows of `stay` that begin while an earlier one of the same practice still holds",
            ("P2, 2023-01-01, 2024-01-01", "P3, 2020-01-01, 2022-06-01"),
        ),
    ]


def test_rows_on_no_roster_are_counted(tmp_path: Path) -> None:
    found, _ = run(tmp_path)
    assert found is not None
    left = {
        account["reason"]: account["rows"]
        for account in found.accounts[id(found.plan)]["panel"]
        if account["year"] == "2023" and account["reason"]
    }
    assert left == {"not attributed": 1, "not on roster practices": 1}


def test_the_vector_engine_says_that_it_cannot_rebuild(tmp_path: Path) -> None:
    found, sink = run(tmp_path, rebuild=True, settling="vector")
    assert found is None
    assert any("base years on the current roster" in d.message for d in sink)


def test_the_vector_engine_goes_through_rosters(tmp_path: Path) -> None:
    found, _ = run(tmp_path, settling="vector")
    assert values(found, "settlement") == {"Lakeside": -220, "Hillside": Fraction(45)}


AREAS = """\
contract demo.areas
title    "Areas"
version  "1"
settles  hospital per year
term     2023-01-01 to 2023-12-31

input member_month per member, month {
  zip   key  when missing not applicable "no address"
  cost  USD
}

input claim per member, month, line {
  allowed  USD
}

input service_area per hospital, zip {
  town  text
}

population area from member_month {
  attribute  to hospital by service_area.hospital
  eligible   at least 2 months
  OVERLAP    overlap
}

spending expense of area {
  amount    cost
  truncate  at $100 per member per year
}

spending claims of area from claim {
  amount  allowed
}

define oldest = max(cost over area)

payment fee to hospital = $2.00 pmpm * area.member_months
## Shown, not paid on.
define shown = claims.total + expense.total + oldest * 1 + $1.00 * (area.overlap.member_months / 1 member_month)
"""

AREA_FILES = {
    "member_month.csv": (
        "member,month,zip,cost\n"
        "m1,2023-01,1,60.00\nm1,2023-02,1,70.00\nm2,2023-01,2,10.00\nm2,2023-02,3,20.00\nm3,2023-01,2,5.00\nm4,2023-01,9,1.00\n"
    ),
    "claim.csv": "member,month,line,allowed\nm1,2023-01,a,1.00\nm2,2023-01,a,2.00\nm2,2023-01,b,4.00\nm3,2023-01,a,8.00\n",
    "service_area.csv": "hospital,zip,town\nSouth,1,x\nSouth,2,y\nNorth,2,y\nNorth,3,z\n",
    "binding.toml": "".join(
        f'[tables.{name}]\nfile = "{name}.csv"\nsame_names = true\n\n' for name in ("member_month", "claim", "service_area")
    ),
}  # fmt: skip


def areas(folder: Path, overlap: str, reduce: str) -> tuple[Result | None, Sink]:
    text = AREAS.replace("OVERLAP", overlap)
    if overlap == "refuse":
        text = text.replace("(area.overlap.member_months / 1 member_month)", "0")
    for name, content in {**AREA_FILES, "contract.vbc": text}.items():
        (folder / name).write_text(content, encoding="utf-8")
    sink = Sink()
    opened = open_run(folder / "contract.vbc", folder / "binding.toml", sink)
    assert opened is not None, report(sink)
    return settle(opened, sink, engines=Engines(reduce=reduce)), sink


def test_a_member_month_counts_for_each_hospital_of_its_area(tmp_path: Path, reduce: str) -> None:
    found, _ = areas(tmp_path, "allow", reduce)
    # m1 lives in South's area, m2 first in both, then in North's; m3 has one month only, m4 lives in no area.
    assert values(found, "area.member_months") == {"South": 3, "North": 2}
    assert values(found, "area.overlap.member_months") == {"South": 1, "North": 1}
    assert values(found, "area.overlap.members") == {"South": 1, "North": 1}
    assert values(found, "expense.amount") == {"South": 140, "North": 30}
    assert values(found, "expense.total") == {"South": 110, "North": 30}
    assert values(found, "claims.total") == {"South": 7, "North": 6}
    assert values(found, "oldest") == {"South": 70, "North": 20}
    assert values(found, "fee") == {"South": 6, "North": 4}


def test_refused_overlap_is_an_error(tmp_path: Path, reduce: str) -> None:
    found, sink = areas(tmp_path, "refuse", reduce)
    assert found is None
    errors = [(d.code, d.message, d.notes) for d in sink if d.severity is Severity.ERROR]
    message = "1 row of population `area` (member-months) that more than one hospital claims"
    assert errors == [("member-overlap", message, ("202301",))]  # members are named on request only
