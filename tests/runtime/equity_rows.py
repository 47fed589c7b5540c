"""Member rows with strata for the tests of `equity`, and the same gaps worked out the long way, in plain Python."""

from __future__ import annotations

import random
from collections import defaultdict
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

RACES = ("white", "black", "hispanic", "asian")
MEASURES = ("bp_control", "colorectal")
YEARS = (2021, 2022, 2023, 2024)
GROUPS = ("North", "South", "West")

HEAD = """\
contract test.equity
title    "Equity"
version  "1"
settles  group per year
term     2023-01-01 to 2024-12-31

category race { white, black, hispanic, asian, declined }
category source { self_report, declined, unknown }
category measure { bp_control, colorectal }

input member_month per member, month {
  provider_group  key  when missing not applicable "not attributed"
}

input person per member {
  race    category in race    when missing not applicable "not said"
  source  category in source
}

input imputed per member {
  white     percent 2 decimals  within 0% to 100%
  black     percent 2 decimals  within 0% to 100%
  hispanic  percent 2 decimals  within 0% to 100%
  asian     percent 2 decimals  within 0% to 100%
}

input measure_result per member, year, measure {
  met       flag
  eligible  flag
}

population panel from member_month {
  attribute  to group by provider_group
}

measures all of panel from measure_result {
  numerator    met
  denominator  eligible
  | measure    | lower_is_better |
  | bp_control | no              |
  | colorectal | no              |
}
"""

BINDING = "".join(
    f'[tables.{name}]\nfile = "{name}.csv"\nsame_names = true\n\n'
    for name in ("member_month", "person", "imputed", "measure_result")
)


@dataclass(frozen=True)
class Member:
    name: str
    group: str
    race: str  # what the member said; "" if nothing, "declined"
    imputed: dict[str, int]  # hundredths of a percent; empty if there is no imputation
    met: dict[tuple[int, str], bool]

    def weights(self, said_only: bool) -> dict[str, Fraction]:
        if self.race == "declined":
            return {}
        if self.race:
            return {self.race: Fraction(1)}
        return {} if said_only else {k: Fraction(v, 10_000) for k, v in self.imputed.items() if v}


def members(seed: int, number: int = 240) -> list[Member]:
    draw = random.Random(seed)
    found: list[Member] = []
    for i in range(number):
        true = draw.choices(RACES, (60, 15, 15, 10))[0]
        said = draw.random()
        race = true if said < 0.7 else "declined" if said < 0.75 else ""
        imputed: dict[str, int] = {}
        if draw.random() < 0.8:
            cuts = sorted(draw.sample(range(1, 10_000), 3))
            parts = [b - a for a, b in zip([0, *cuts], [*cuts, 10_000], strict=True)]
            draw.shuffle(parts)
            imputed = dict(zip(RACES, parts, strict=True))
        met = {
            (year, m): draw.random() < (0.75 if true == "white" else 0.55 + 0.04 * (year - 2021))
            for year in YEARS
            for m in MEASURES
            if draw.random() < 0.9
        }
        found.append(Member(f"m{i}", draw.choice(GROUPS), race, imputed, met))
    return found


def write(folder: Path, people: list[Member], clauses: str) -> tuple[Path, Path]:
    """The contract with these clauses, and a binding of its tables."""
    contract, binding = folder / "contract.vbc", folder / "binding.toml"
    contract.write_text(HEAD + clauses, encoding="utf-8")
    binding.write_text(BINDING, encoding="utf-8")
    lines = {"member_month": ["member,month,provider_group"], "person": ["member,race,source"]}
    lines["imputed"] = ["member,white,black,hispanic,asian"]
    lines["measure_result"] = ["member,year,measure,met,eligible"]
    for p in people:
        lines["member_month"] += [f"{p.name},{year}-{month:02},{p.group}" for year in YEARS for month in (1, 2)]
        source = "declined" if p.race == "declined" else "self_report" if p.race else "unknown"
        lines["person"].append(f"{p.name},{p.race},{source}")
        if p.imputed:
            lines["imputed"].append(f"{p.name}," + ",".join(f"{p.imputed[r] / 100:.2f}%" for r in RACES))
        lines["measure_result"] += [
            f"{p.name},{year},{m},{'yes' if met else 'no'},yes" for (year, m), met in p.met.items()
        ]
    for name, rows in lines.items():
        (folder / f"{name}.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return contract, binding


@dataclass(frozen=True)
class Counts:
    numerator: Fraction = Fraction(0)
    denominator: Fraction = Fraction(0)
    persons: int = 0
    squares: Fraction = Fraction(0)

    @property
    def effective(self) -> Fraction:
        return self.denominator**2 / self.squares if self.squares else Fraction(0)

    def __add__(self, other: Counts) -> Counts:
        return Counts(
            self.numerator + other.numerator,
            self.denominator + other.denominator,
            self.persons + other.persons,
            self.squares + other.squares,
        )


def counts(people: list[Member], *, said_only: bool) -> dict[tuple[str, int, str, str], Counts]:
    """Per group, year, measure and race."""
    found: dict[tuple[str, int, str, str], Counts] = defaultdict(Counts)
    for p in people:
        for (year, m), met in p.met.items():
            for race, weight in p.weights(said_only).items():
                found[p.group, year, m, race] += Counts(weight * met, weight, 1, weight**2)
    return found
