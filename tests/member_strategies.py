"""Random contracts over member rows, and random rows for them.

`contracts()` draws a text from the clauses of populations, spending, measures, sums over rows and budgets; every text it
gives compiles. `rows()` makes the tables of such a contract from a seed: members who come, move and leave, gaps, visits,
claims and measures. `write()` puts contract, binding and tables into a folder.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import strategies as st

GROUPS = ("Lakeside", "Hillside", "Riverside", "Bayside")
LINES = ("hmo", "ppo", "medicare")
RACES = ("White", "Black", "Unknown")
MEASURES = ("m1", "m2", "m3")
YEARS = (2022, 2023, 2024)

HEAD = """\
contract demo.members
title    "Drawn"
version  "1"
settles  group per year
term     2023-01-01 to 2024-12-31

category lob     { hmo, ppo, medicare }
category race    { White, Black, Unknown }
category measure { m1, m2, m3 }

input member_month per member, month {
  provider_group  key               when missing not applicable "not attributed"
  lob             category in lob
  race            category in race  when missing not applicable "not stated"
  medical         USD
  pharmacy        USD               when missing $0
  score           number 4 decimals
  covered         member_months 2 decimals
  smoker          flag              when missing no
}

input norms per year, lob {
  inverse  number 4 decimals
}
"""

VISITS = """\
input visit per member, month, seen {
  provider_group  key     when missing not applicable "outside the network"
  visits          events
}
"""

CLAIMS = """\
input claim per member, month {
  allowed     USD
  transplant  flag  when missing no
}
"""

WIDE = """\
input wide per member, year {
  d1  flag
  n1  flag
  d2  flag
  n2  flag  when missing no
  d3  events
  n3  events
}
"""

LONG = """\
input long per member, year, measure {
  met       flag
  eligible  flag
  hospice   flag
}
"""


@dataclass(frozen=True)
class Drawn:
    """A contract text. `alone` says that what a row counts for does not depend on other rows of its member."""

    text: str
    tables: tuple[str, ...]
    alone: bool


@st.composite
def contracts(draw: st.DrawFn, *, alone: bool = False) -> Drawn:
    """A contract; with `alone`, one in which each member-month is attributed and counted by itself."""

    def one(*choices: str) -> str:
        return draw(st.sampled_from(choices))

    def maybe(*lines: str) -> list[str]:
        return list(lines) if draw(st.booleans()) else []

    def condition() -> str:
        return one(*CONDITIONS, f"({one(*CONDITIONS)} {one('and', 'or')} not {one(*CONDITIONS)})")

    per = one("", "", " per lob")
    plurality = not alone and draw(st.booleans())
    claims = draw(st.booleans())
    by = f"plurality of provider_group from visit over {one('12', '24')} months" if plurality else "provider_group"
    panel = [
        *maybe(f"where      {condition()}"),
        *maybe(f'exclude    {condition()}, "set aside"'),
        f"attribute  to group by {by}",
        *([] if alone else maybe(f"eligible   at least {one('2', '6')} months")),
        *maybe("months     covered"),
    ]
    source = " from claim" if claims else ""
    attachment = one("$500", "$2_000", "$25_000")
    cost = [
        f"amount    {'allowed' if claims else one(*AMOUNTS)}",
        *maybe(f'exclude   {"transplant" if claims else condition()}, "carved out"'),
        *maybe(f"truncate  at {attachment} per member per year{one('', ', prorated')}"),
        *maybe("complete  by 0.98"),
    ]
    items = [
        _block(f"population panel from member_month{per}", panel),
        _block(f"spending cost of panel{source}", cost),
        *(f"define {name} = {one(*SUMS)}" for name in ("first", "second")),
    ]
    tables = ["member_month", "norms", *(["visit"] if plurality else []), *(["claim"] if claims else [])]
    if draw(st.booleans()):
        items += [
            _block(
                "population seniors from member_month", [f"where      {condition()}", f"attribute  to group by {by}"]
            ),
            _block(f"spending senior_cost of seniors{source}", [f"amount    {'allowed' if claims else one(*AMOUNTS)}"]),
            f"define senior_sum = {one(*SUMS).replace('panel', 'seniors')}",
        ]
    if not alone:
        made, read = _measures(draw, per)
        items += made
        tables += read
    budget = ["base   $410.25 pmpm", *maybe("trend  compounded growth since 2022")]
    items += [
        "schedule growth per year { 2023: 3.5%, 2024: 4.25% }",
        _block(f"budget target of panel{per}", budget),
    ]
    if per:
        items.append("payment fee to group = round(sum(5% of cost over lob) to cents, half to even)")
    else:
        items += [
            _block(
                "sharing risk", ["compare  target to cost", "share    50%", "round    to cents, half away from zero"]
            ),
            "payment settlement to group = risk",
        ]
    known = {"visit": VISITS, "claim": CLAIMS, "wide": WIDE, "long": LONG}
    head = [HEAD, *(known[name] for name in tables if name in known)]
    return Drawn("\n".join([*head, *items]), tuple(tables), alone)


CONDITIONS = (
    "smoker",
    "lob in [hmo, ppo]",
    "lob is medicare",
    "race is Black",
    "(medical > $400)",
    "(score * 2 >= 2.5)",
    "(medical + pharmacy is missing)",
    "(max(medical, pharmacy) <= $900.50)",
)
AMOUNTS = ("medical + pharmacy", "medical", "max(medical - $20, $0)", "(medical if missing $7.50) * 2")
SUMS = (
    "sum(score * covered over panel)",
    "mean(score weighted by covered over panel)",
    "sum(score * covered * norms.inverse over panel)",
    "mean(score * norms.inverse weighted by covered over panel)",
    "sum(medical over panel where smoker)",
    "max(score over panel)",
    "min(medical over panel)",
    "count(members over panel where smoker)",
    "count(members over panel where lob is ppo and score > 1)",
)


def _measures(draw: st.DrawFn, per: str) -> tuple[list[str], list[str]]:
    """Sets and single measures, from wide rows and from long ones."""
    kinds = draw(st.sets(st.sampled_from(("wide", "long", "single", "rate"))))
    items: list[str] = []
    tables = []
    further = draw(st.sampled_from(("", " per race"))) if not per else ""
    if "wide" in kinds:
        rows = [f"| {m} | n{m[1]} | d{m[1]} | 1 |" for m in draw(st.sampled_from((MEASURES, MEASURES[:2])))]
        header = "| measure | numerator | denominator | weight |"
        items.append(_block(f"measures broad of panel from wide{further}", [header, *rows]))
        tables.append("wide")
    if kinds & {"long", "single"}:
        tables.append("long")
    if "long" in kinds:
        lines = ['exclude      hospice, "in hospice"', "numerator    met", "denominator  eligible"]
        rows = ["| measure | weight |", "| m1 | 1 |", "| m3 | 2 |"]
        items.append(_block(f"measures deep of panel from long{further}", [*lines, *rows]))
    if "single" in kinds:
        lines = ["where        measure is m2", "numerator    met", "denominator  eligible"]
        items.append(_block("measure alone of panel from long", lines))
    if "rate" in kinds:
        lines = ["numerator    smoker", "denominator  covered", "rate         per 1_000 member_months"]
        items.append(_block("measure smoking of panel", lines))
    return items, tables


def _block(head: str, lines: Sequence[str]) -> str:
    return f"{head} {{\n" + "".join(f"  {line}\n" for line in lines) + "}\n"


# Rows ----------------------------------------------------------------------------------------------------------------

Row = dict[str, Any]


@dataclass(frozen=True)
class Form:
    """How the files store keys: members as integers or texts, months as dates or texts."""

    numbered: bool = True
    dated: bool = True


def rows(seed: int, members: int, *, groups: Sequence[str] = GROUPS, first: int = 0) -> dict[str, list[Row]]:
    """All tables of a drawn contract for so many members, who see the given groups alone."""
    random = Random(seed)
    tables: dict[str, list[Row]] = {name: [] for name in ("member_month", "visit", "claim", "wide", "long")}
    for member in range(first, first + members):
        for name, made in _of_member(random, member, groups).items():
            tables[name] += made
    tables["norms"] = [
        {"year": year, "lob": lob, "inverse": random.randint(7000, 13000)}
        for year in YEARS
        for lob in LINES
        if random.random() < 0.97
    ]
    for made in tables.values():
        random.shuffle(made)
    return tables


def _of_member(random: Random, member: int, groups: Sequence[str]) -> dict[str, list[Row]]:
    def maybe(value: Any, share: float = 0.03) -> Any:
        return None if random.random() < share else value

    months = [(year, month) for year in YEARS for month in range(1, 13)]
    start = random.choice((0, 0, random.randrange(36)))
    end = random.choice((36, 36, random.randrange(36) + 1))
    lob, race = random.choice(LINES), random.choice(RACES)
    group, score = random.choice(groups), random.randint(2000, 40000)
    found: dict[str, list[Row]] = {name: [] for name in ("member_month", "visit", "claim", "wide", "long")}
    for year, month in months[start : max(end, start + 1)]:
        if random.random() < 0.06:
            group = random.choice(groups)
        if random.random() < 0.03:
            lob = random.choice(LINES)
        key = {"member": member, "month": dt.date(year, month, 1)}
        found["member_month"].append(
            {
                **key,
                "provider_group": maybe(group),
                "lob": lob,
                "race": maybe(race),
                "medical": maybe(random.choice((0, 1, 12_345, 40_000, 90_050, 3_000_000, -500)), 0.003),
                "pharmacy": maybe(random.randrange(0, 99_999)),
                "score": maybe(score, 0.003),
                "covered": random.choice((100, 100, 50)),
                "smoker": maybe(member % 3 == 0),
            }
        )
        if not found["claim"] or random.random() < 0.5:
            found["claim"].append(
                {**key, "allowed": random.randrange(0, 500_000), "transplant": maybe(random.random() < 0.1)}
            )
        for seen in random.sample(groups, random.choice((0, 1, 2)) if found["visit"] else 1):
            found["visit"].append(
                {**key, "seen": f"{seen} clinic", "provider_group": maybe(seen, 0.1), "visits": random.randint(1, 3)}
            )
    for year in YEARS:
        flags = {f"{c}{i}": random.random() < 0.6 for i in (1, 2) for c in "dn"}
        counts = {f"{c}3": random.randint(0, 4) for c in "dn"}
        found["wide"].append({"member": member, "year": year, **flags, "n2": maybe(flags["n2"]), **counts})
        for measure in MEASURES:
            asked = {
                name: random.random() < share for name, share in (("met", 0.5), ("eligible", 0.8), ("hospice", 0.1))
            }
            found["long"].append({"member": member, "year": year, "measure": measure, **asked})
    return found


# Files ---------------------------------------------------------------------------------------------------------------

CENTS = ("medical", "pharmacy", "allowed")
SCALED = {"score": "basis_points", "covered": "percent", "inverse": "basis_points"}


def write(folder: Path, drawn: Drawn, tables: Mapping[str, Sequence[Row]], form: Form = Form()) -> None:
    """`contract.vbc`, `binding.toml` and a Parquet file for each table."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "contract.vbc").write_text(drawn.text, encoding="utf-8")
    (folder / "binding.toml").write_text("\n".join(map(_section, drawn.tables)), encoding="utf-8")
    for name in drawn.tables:
        pq.write_table(_stored(name, tables[name], form), folder / f"{name}.parquet")


KEYS = {
    "member_month": ("member", "month"),
    "visit": ("member", "month", "seen"),
    "claim": ("member", "month"),
    "wide": ("member", "year"),
    "long": ("member", "year", "measure"),
    "norms": ("year", "lob"),
}
COLUMNS = {
    "member_month": ("provider_group", "lob", "race", "medical", "pharmacy", "score", "covered", "smoker"),
    "visit": ("provider_group", "visits"),
    "claim": ("allowed", "transplant"),
    "wide": ("d1", "n1", "d2", "n2", "d3", "n3"),
    "long": ("met", "eligible", "hospice"),
    "norms": ("inverse",),
}


def _section(name: str) -> str:
    read = dict.fromkeys(CENTS, "cents") | SCALED
    columns = [f'{c} = {{ column = "{c}", as = "{read[c]}" }}' for c in COLUMNS[name] if c in read]
    lines = [f"[tables.{name}]", f'file = "{name}.parquet"', "same_names = true"]
    return "\n".join([*lines, *([f"[tables.{name}.columns]", *columns] if columns else []), ""])


def _stored(name: str, found: Sequence[Row], form: Form) -> pa.Table:
    columns: dict[str, pa.Array] = {}
    for column in (*KEYS[name], *COLUMNS[name]):
        values = [row[column] for row in found]
        match column:
            case "member":
                stored = pa.array(values, pa.int64()) if form.numbered else pa.array([f"M{v}" for v in values])
            case "month":
                stored = (
                    pa.array(values, pa.date32())
                    if form.dated
                    else pa.array([f"{v:%Y-%m}" for v in values], pa.string())
                )
            case "year":
                stored = pa.array(values, pa.int32()) if form.dated else pa.array([str(v) for v in values], pa.string())
            case "score" | "inverse" | "visits" | "d3" | "n3":
                stored = pa.array(values, pa.int32())
            case "covered":
                stored = pa.array(values, pa.int16())
            case _ if column in CENTS:
                stored = pa.array(values, pa.int64())
            case "smoker" | "transplant" | "d1" | "n1" | "d2" | "n2" | "met" | "eligible" | "hospice":
                stored = pa.array(values, pa.bool_())
            case _:
                stored = pa.array(values, pa.string())
        columns[column] = stored
    return pa.table(columns)
