"""Equity against the own baseline, rebuilt on the current roster: the strata of the base year are those of today's practices."""

from __future__ import annotations

from pathlib import Path

import pytest

from contractlang.diagnostics.diagnostic import Severity, Sink
from contractlang.diagnostics.render import report
from contractlang.plan.compiler import compile_file
from contractlang.runtime.executor import Engines
from contractlang.runtime.runs import open_run, settle

CONTRACT = """\
contract demo.fair
title    "Gaps"
version  "1"
settles  group per year
term     2023-01-01 to 2023-12-31

category race   { white, black }
category source { self_report, unknown }

input member_month per member, month {
  practice  key
}

input person per member, year {
  race         category in race    when missing not applicable "not said"
  race_source  category in source
}

input measure_result per member, year {
  met       flag
  eligible  flag
}

input stay per practice, from {
  until  date  when missing not applicable "no end"
  group  key
}

roster practices from stay {
  levels  practice < group
  as of   month
}

population panel from member_month {
  attribute  to group by practice through practices
  rebuild    baseline on the current roster
}

measure control of panel from measure_result {
  numerator    met
  denominator  eligible
  better       higher
}

equity parity of panel {
  dimension     person.race in race
  measures      control
  stratum       reportable when persons >= 1 members, otherwise drop in both years
  gap           between_group_variance, mix frozen at baseline
  compare       own baseline 2022, rebuilt on the current roster
  guard         every stratum at least its baseline rate
  reward        scale improvement linear, flat outside { 0%: $0.00 pmpm, 25%: $1.50 pmpm }
}

payment equity to group = round((parity.reward else $0 pmpm) * panel.member_months to cents, half away from zero)
"""

PEOPLE = {"a": ("P1", "white"), "b": ("P1", "black"), "c": ("P2", "white"), "d": ("P2", "black")}
MET = {2022: {"a": 1, "b": 1, "c": 1, "d": 0}, 2023: {"a": 1, "b": 1, "c": 1, "d": 1}}

FILES = {
    "member_month.csv": "member,month,practice\n"
    + "".join(f"{m},{y}-01,{p}\n" for y in MET for m, (p, _) in PEOPLE.items()),
    "person.csv": "member,year,race,race_source\n"
    + "".join(f"{m},{y},{r},self_report\n" for y in MET for m, (_, r) in PEOPLE.items()),
    "measure_result.csv": "member,year,met,eligible\n"
    + "".join(f"{m},{y},{met},1\n" for y, own in MET.items() for m, met in own.items()),
    "stay.csv": "practice,from,until,group\nP1,2020-01-01,,Lakeside\nP2,2020-01-01,2023-01-01,Hillside\nP2,2023-01-01,,Lakeside\n",
    "binding.toml": "".join(
        f'[tables.{name}]\nfile = "{name}.csv"\nsame_names = true\n\n'
        for name in ("member_month", "person", "measure_result", "stay")
    ),
}


def rates(folder: Path, text: str, reduce: str) -> dict[str, object]:
    for name, content in {**FILES, "contract.vbc": text}.items():
        (folder / name).write_text(content, encoding="utf-8")
    sink = Sink()
    opened = open_run(folder / "contract.vbc", folder / "binding.toml", sink)
    assert opened is not None, report(sink)
    result = settle(opened, sink, engines=Engines(reduce=reduce))
    assert result is not None, report(sink)
    row = result.find("Lakeside", "2023")
    assert row is not None
    return {key["race"]: value for key, value in result.finer("parity.baseline_rate", row)}


@pytest.mark.parametrize("reduce", ["duckdb", "reference"])
def test_the_base_year_of_todays_practices(tmp_path: Path, reduce: str) -> None:
    assert rates(tmp_path, CONTRACT, reduce) == {"white": 1, "black": 0.5}


@pytest.mark.parametrize("reduce", ["duckdb", "reference"])
def test_the_base_year_of_its_own_practices(tmp_path: Path, reduce: str) -> None:
    own = CONTRACT.replace("  rebuild    baseline on the current roster\n", "").replace(
        ", rebuilt on the current roster", ""
    )
    assert rates(tmp_path, own, reduce) == {"white": 1, "black": 1}


def test_the_population_must_say_so(tmp_path: Path) -> None:
    path = tmp_path / "contract.vbc"
    path.write_text(CONTRACT.replace("  rebuild    baseline on the current roster\n", ""), encoding="utf-8")
    sink = Sink()
    compile_file(path, sink)
    assert [d.code for d in sink if d.severity is Severity.ERROR][:1] == ["missing-clause"]
