"""`use c results`: what one contract has settled is read by another, if it is that contract that has settled it."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from contractlang.diagnostics.diagnostic import Severity, Sink
from contractlang.plan.compiler import compile_file
from contractlang.runtime.executor import Engines
from contractlang.runtime.export import export
from contractlang.runtime.result import Result
from contractlang.runtime.runs import open_run, settle

GROUPS = """\
contract demo.groups
title    "Groups"
version  "2"
settles  group per year
term     2024-01-01 to 2025-12-31

input results per group, year {
  saved     USD
  screened  percent 2 decimals
}

define good = screened >= 70%

payment bonus to group = round(10% of saved to cents, half away from zero)
"""

AGAIN = """\
contract demo.again
title    "A second look"
version  "1"
settles  group per year
term     2024-01-01 to 2025-12-31

use demo.groups version "2" results as first

input more per group, year {
  costs  USD
}

payment rest to group
  when first.good:  round(first.bonus - 50% of costs to cents, half away from zero)
  otherwise:        round(first.screened of costs to cents, half away from zero)
""".replace("first.screened of", "10% of")

AREA = """\
contract demo.area
title    "An area"
version  "1"
settles  hospital per year
term     2024-01-01 to 2025-12-31

use demo.groups version "2" results

input member_month per member, month {
  hospital  key
  group     key  when missing not applicable "no group"
  months    member_months
}

population area from member_month {
  attribute  to hospital by hospital
  where      group is not missing
  months     months
}

## What the groups of the area received, by the months of their members.
define received = mean(groups.bonus weighted by months over area) else $0

payment fee to hospital = round(10% of received to cents, half away from zero)
"""

FILES = {
    "groups.vbc": GROUPS,
    "again.vbc": AGAIN,
    "area.vbc": AREA,
    "results.csv": "group,year,saved,screened\nA,2024,1000,75\nB,2024,500,60\nA,2025,10,80\n",
    "more.csv": "group,year,costs\nA,2024,30\nB,2024,80\nA,2025,2\n",
    "member_month.csv": (
        "member,month,hospital,group,months\na,2024-01,South,A,1\nb,2024-01,South,B,3\nc,2024-01,North,B,1\nd,2024-01,North,,1\n"
    ),
    "groups.toml": (
        '[tables.results]\nfile = "results.csv"\nsame_names = true\n\n'
        '[tables.results.columns]\nscreened = { column = "screened", as = "percent" }\n'
    ),
    "again.toml": '[tables.first]\nfile = "FOLDER/results.FORM"\n\n[tables.more]\nfile = "more.csv"\nsame_names = true\n',
    "area.toml": (
        '[tables.groups]\nfile = "FOLDER/results.FORM"\n\n[tables.member_month]\nfile = "member_month.csv"\nsame_names = true\n'
    ),
}


def write(folder: Path, form: str = "csv") -> None:
    for name, content in FILES.items():
        (folder / name).write_text(content.replace("FOLDER", "out").replace("FORM", form), encoding="utf-8")


def run(folder: Path, name: str, reduce: str = "auto") -> tuple[Result | None, list[tuple[str, str]]]:
    sink = Sink()
    opened = open_run(folder / f"{name}.vbc", folder / f"{name}.toml", sink)
    result = None if opened is None else settle(opened, sink, engines=Engines(reduce=reduce))
    if opened is not None and result is not None and name == "groups":
        export(result, opened.heading, folder / "out")
    return result, [(d.code, d.message) for d in sink if d.severity is Severity.ERROR]


def amounts(result: Result | None, name: str) -> dict[tuple[str, str], object]:
    assert result is not None
    return {(result.group(r), result.period(r)): result.value(name, r) for r in result.rows.tolist()}


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_results_of_the_same_units(tmp_path: Path, form: str) -> None:
    write(tmp_path, form)
    run(tmp_path, "groups")
    found, errors = run(tmp_path, "again")
    assert errors == []
    assert amounts(found, "rest") == {("A", "2024"): 85, ("B", "2024"): 8, ("A", "2025"): 0}


@pytest.mark.parametrize("reduce", ["duckdb", "reference"])
@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_results_beside_member_rows(tmp_path: Path, form: str, reduce: str) -> None:
    write(tmp_path, form)
    run(tmp_path, "groups")
    found, errors = run(tmp_path, "area", reduce)
    assert errors == []
    assert amounts(found, "received") == {("South", "2024"): Fraction(100 + 3 * 50, 4), ("North", "2024"): 50}


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_another_text_of_the_contract(tmp_path: Path, form: str) -> None:
    write(tmp_path, form)
    run(tmp_path, "groups")
    (tmp_path / "groups.vbc").write_text(GROUPS.replace("10% of saved", "11% of saved"), encoding="utf-8")
    found, errors = run(tmp_path, "again")
    assert found is None
    ((code, message),) = errors
    assert code == "results-mismatch"
    assert "was settled by another text of `demo.groups`" in message


def test_files_that_say_nothing(tmp_path: Path) -> None:
    write(tmp_path)
    run(tmp_path, "groups")
    (tmp_path / "out" / "run.json").unlink()
    found, errors = run(tmp_path, "again")
    assert found is None
    assert [code for code, _ in errors] == ["results-mismatch"]
    assert "does not say which contract made it" in errors[0][1]


def problems(tmp_path: Path, text: str) -> list[tuple[str, str]]:
    (tmp_path / "again.vbc").write_text(text, encoding="utf-8")
    sink = Sink()
    compile_file(tmp_path / "again.vbc", sink)
    return [(d.code, d.message) for d in sink if d.severity is Severity.ERROR]


def test_what_is_not_published(tmp_path: Path) -> None:
    write(tmp_path)
    assert problems(tmp_path, AGAIN.replace("first.bonus", "first.bonos")) == [
        ("unknown-name", "unknown result `first.bonos`")
    ]
    assert problems(tmp_path, AREA.replace("mean(groups.bonus weighted by months over area)", "groups.bonus")) == [
        ("grain-mismatch", "`groups.bonus` varies by group, this place by hospital and year")
    ]


def test_a_contract_that_does_not_check(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "groups.vbc").write_text(GROUPS.replace("10% of saved", "10% of saves"), encoding="utf-8")
    found = problems(tmp_path, AGAIN)
    assert found[0] == (
        "results-unusable", "`demo.groups` does not check, so nobody can say what its results are"
    )  # fmt: skip
