"""Baselines of an equity block on the current roster: a practice that changed its group brings its history along."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

import contractlang
from contractlang import Settled

CONTRACT = """\
contract lakes.moved
title    "Practices that move"
version  "1"
settles  group per year
term     2023-01-01 to 2023-12-31

category race { white, black }

input member_month per member, month {
  practice  key               when missing not applicable "no practice"
  race      category in race
}

input practice_roster per practice, from {
  until  date  when missing not applicable "no end"
  group  key
}

roster practices from practice_roster {
  levels  practice < group
  as of   month
}

input result per member, year {
  met       flag
  eligible  flag
}

population panel from member_month {
  attribute  to group by practice through practices
REBUILD}

measure control of panel from result {
  numerator    met
  denominator  eligible
  better       higher
}

equity parity of panel {
  dimension  race in race
  measures   control
  stratum    reportable when denominator >= 2 events
  gap        range
  compare    own baseline 2022
  guard      every stratum at least its baseline rate
}

payment bonus to group = round((parity else 0%) * $1_000 to cents, half away from zero)
"""

ROSTER = """\
practice,from,until,group
P1,2022-01-01,2022-12-31,East
P1,2023-01-01,,West
P2,2022-01-01,,West
P3,2022-01-01,,East
"""

MET = {"P1": {2022: (2, 0), 2023: (2, 1)}, "P2": {2022: (2, 1), 2023: (2, 2)}, "P3": {2022: (2, 2), 2023: (2, 2)}}
"""Of two white and two black members of each practice, how many met in a year."""


def settled(folder: Path, *, rebuild: bool) -> Settled:
    clause = "  rebuild    baseline on the current roster\n" if rebuild else ""
    (folder / "contract.vbc").write_text(CONTRACT.replace("REBUILD", clause), encoding="utf-8")
    months, results = ["member,month,practice,race"], ["member,year,met,eligible"]
    for practice, years in MET.items():
        for year, counts in years.items():
            for race, met in zip(("white", "black"), counts, strict=True):
                for i in range(2):
                    member = f"{practice}{race}{i}"
                    months.append(f"{member},{year}-06,{practice},{race}")
                    results.append(f"{member},{year},{'yes' if i < met else 'no'},yes")
    files = {"member_month": "\n".join(months), "result": "\n".join(results), "practice_roster": ROSTER}
    for name, text in files.items():
        (folder / f"{name}.csv").write_text(f"{text}\n", encoding="utf-8")
    lines = [f'[tables.{name}]\nfile = "{name}.csv"\nsame_names = true\n' for name in files]
    (folder / "binding.toml").write_text("\n".join(lines), encoding="utf-8")
    return contractlang.evaluate(folder / "contract.vbc", folder / "binding.toml")


@pytest.mark.parametrize(
    ("rebuild", "base", "bonus"),
    [
        # West in 2022 with P1 and P2: white 4/4, black 1/4; in 2023 black 3/4: 25 of 75 points are left
        pytest.param(True, Fraction(3, 4), Fraction("666.67"), id="current roster"),
        # with P2 alone: white 2/2, black 1/2: half of the 50 points are left
        pytest.param(False, Fraction(1, 2), Fraction("500.00"), id="roster of 2022"),
    ],
)
def test_the_baseline_follows_the_roster(tmp_path: Path, rebuild: bool, base: Fraction, bonus: Fraction) -> None:
    found = settled(tmp_path, rebuild=rebuild)
    assert found.value("parity.baseline_gap", "West", "2023") == base
    assert found.value("bonus", "West", "2023") == bonus
