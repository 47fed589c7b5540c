"""Runs of an amended contract: every period under the text in force, earlier periods as if nothing had been amended."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from contractlang import Settled, evaluate
from contractlang.runtime.statement import statement
from tests.cli.files import write_files
from tests.runtime.settling import CONTRACT

FIRST = """\
amendment demo.savings.a1 to demo.savings version "1"
effective 2022-01-01

set earned.surplus.cap = 2% of benchmark
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_files(tmp_path, CONTRACT)
    return tmp_path


def settled(folder: Path, *periods: str) -> Settled:
    return evaluate(folder / "contract.vbc", folder / "binding.toml", periods=periods)


def amend(folder: Path) -> None:
    (folder / "amendments").mkdir()
    (folder / "amendments" / "a1.vbc").write_text(FIRST, encoding="utf-8")


def test_each_period_is_settled_under_its_own_text(folder: Path) -> None:
    amend(folder)
    found = settled(folder)
    assert found.value("settlement", "Lakeside", "2021") == 276_180
    assert found.value("settlement", "Lakeside", "2022") == 200_000


def test_earlier_results_are_the_same_bytes(folder: Path) -> None:
    settled(folder, "2021").write(folder / "before")
    amend(folder)
    settled(folder, "2021").write(folder / "after")
    for name in ("results.csv", "results.parquet"):
        assert (folder / "before" / name).read_bytes() == (folder / "after" / name).read_bytes()


def test_an_amended_step_stands_where_it_applies(folder: Path) -> None:
    amend(folder)
    found = settled(folder)
    row = found.row("Lakeside", "2022")
    earned = next(s for s in statement(found.result, found.heading, row).sections if s.title == "earned")
    assert [line.text.split()[1] for line in earned.lines[1:]] == ["minimum", "share", "reduce", "set", "round"]
    cut = earned.lines[4]
    assert cut.change == Fraction("-93999.76")
    assert cut.place.endswith("a1.vbc:4")
    names = [name.name for name in found.result.of_grain()]
    assert (
        names.index("earned.surplus.reduce") < names.index("earned.surplus.cap") < names.index("earned.surplus.round")
    )
