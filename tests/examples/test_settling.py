"""The example folders: what they pay, worked out by hand, and that their README tells the truth."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest
from click.testing import CliRunner

import contractlang
from contractlang import Settled, check, evaluate, explain
from contractlang.cli.main import vbc
from contractlang.diagnostics.diagnostic import Sink
from contractlang.plan.compiler import compile_file
from contractlang.runtime.examples import run_examples

EXAMPLES = Path(__file__).parents[2] / "examples"
FOLDERS = sorted(folder for folder in EXAMPLES.iterdir() if folder.is_dir())


def settled(name: str, **options: object) -> Settled:
    folder = EXAMPLES / name
    return evaluate(folder / "contract.vbc", folder / "binding.toml", **options)  # type: ignore[arg-type]


def amounts(found: Settled) -> dict[tuple[str, str], str]:
    return {row: dollars(found.value("settlement", *row)) for row in found.rows}


def dollars(value: object) -> str:
    """An amount of whole cents, as it is written."""
    assert isinstance(value, Fraction)
    assert (value * 100).denominator == 1
    return f"{Decimal(int(value * 100)).scaleb(-2):.2f}"


def files(folder: Path) -> Iterator[Path]:
    yield from sorted(folder.rglob("*.vbc"))


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda f: f.name)
class TestEveryExample:
    def test_checks_without_a_finding(self, folder: Path) -> None:
        for path in files(folder):
            assert list(check(path)) == []

    def test_is_laid_out(self, folder: Path) -> None:
        for path in files(folder):
            text = path.read_text(encoding="utf-8")
            assert contractlang.format(text) == text

    def test_its_worked_numbers_come_out(self, folder: Path) -> None:
        compiled = compile_file(folder / "contract.vbc", Sink())
        assert compiled is not None
        outcomes = list(run_examples(compiled, Sink()))
        assert [o.title for o in outcomes if not o.passed] == []
        written = [
            title
            for path in files(folder)
            for title in re.findall(r'^example "(.*)"', path.read_text(encoding="utf-8"), re.MULTILINE)
        ]
        assert sorted(o.title for o in outcomes) == sorted(written)

    def test_settles_without_a_finding(self, folder: Path) -> None:
        assert settled(folder.name).findings == ()

    def test_statements_add_up_to_what_is_paid(self, folder: Path) -> None:
        found = settled(folder.name)
        for row in found.rows:
            paid = found.statement(*row).splitlines()
            assert any("paid settlement" in line for line in paid)

    def test_its_readme_names_its_files(self, folder: Path) -> None:
        text = (folder / "README.md").read_text(encoding="utf-8")
        for name in re.findall(r"`([\w/.]+\.(?:vbc|csv|toml))`", text):
            assert (folder / name).is_file(), name

    def test_its_commands_run(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(folder)
        text = (folder / "README.md").read_text(encoding="utf-8")
        commands = re.findall(r"^    vbc (.+)$", text, re.MULTILINE)
        assert commands
        for command in commands:
            assert run(command) == 0, command


def run(command: str) -> int:
    """The exit status of a command line as a README writes it."""
    result = CliRunner().invoke(vbc, shlex.split(command), standalone_mode=False)
    if result.exception is not None:
        raise result.exception
    return int(result.return_value or 0)


def test_savings_are_shared_as_worked_out_by_hand() -> None:
    assert amounts(settled("01_shared_savings")) == {
        ("Harbor Primary Care", "2024"): "255725.24",  # 41.3% of 619,189.45
        ("Northgate Medical Group", "2024"): "0.00",  # 1.3% saved
        ("Prairie Family Practice", "2024"): "151049.50",  # half of 302,099.00
        ("Riverbend Clinics", "2024"): "0.00",  # a loss
        ("Summit Pediatrics", "2024"): "327537.72",  # 5% of 6,550,754.40
    }


def test_a_change_that_is_tried_out_is_marked_and_pays_more() -> None:
    found = settled("01_shared_savings", overrides={"savings.surplus.minimum": "1%"})
    row = ("Northgate Medical Group", "2024")
    assert amounts(found)[row] == "69822.99"
    assert "not the contract" in found.statement(*row)


class TestMemberMonths:
    """Two worked cases as rows: truncation of a member-year, and a rate as a sum over a sum."""

    def test_a_member_year_is_cut_at_the_attachment(self) -> None:
        found = settled("02_member_months")
        row = ("North Shore", "2024")
        assert found.value("total_cost.amount", *row) == 12_000 + 480_000 + 0 + 90_000
        assert found.value("total_cost.truncate", *row) == 12_000 + 250_000 + 0 + 90_000
        assert found.value("panel.members", *row) == 4

    def test_a_rate_is_a_sum_over_a_sum(self) -> None:
        found = settled("02_member_months")
        row = ("South Valley", "2024")
        assert found.value("panel.member_months", *row) == 12 + 3
        assert found.value("total_cost.pmpm", *row) == 600
        assert found.value("target.trend", *row) == Fraction("665.665")

    def test_amounts(self) -> None:
        assert amounts(settled("02_member_months")) == {
            ("North Shore", "2024"): "-1242.56",  # half of 352,000 less 48 times 7,281.56
            ("South Valley", "2024"): "492.53",  # half of 15 times 665.67 less 9,000, rounded up from 492.525
        }

    def test_rows_that_do_not_count_are_explained(self) -> None:
        text = " ".join(explain(settled("02_member_months"), "settlement", "North Shore", "2024").text().split())
        assert "6 rows left out: not lob in [commercial, medicaid]" in text
        assert "1 member cut, $582,000.00 before" in text


AMENDED = {
    ("Harbor Primary Care", "2011"): "596211.17",
    ("Prairie Family Practice", "2011"): "-143479.21",
    ("Harbor Primary Care", "2012"): "888412.80",  # 4% of the budget
    ("Prairie Family Practice", "2012"): "-141857.45",
    ("Harbor Primary Care", "2013"): "915065.18",  # 4% of the budget, below 73%
    ("Prairie Family Practice", "2013"): "0.00",  # 0.5% of the budget
}
SIGNED = AMENDED | {
    ("Harbor Primary Care", "2012"): "1005828.20",  # 62%
    ("Harbor Primary Care", "2013"): "963138.08",  # 68%
    ("Prairie Family Practice", "2013"): "-21763.61",  # 48.5%
}


class TestAmendments:
    def test_each_year_is_settled_under_the_terms_in_force(self) -> None:
        assert amounts(settled("03_amendments")) == AMENDED

    def test_without_the_amendments(self, tmp_path: Path) -> None:
        folder = self.copied(tmp_path, amended=False)
        assert amounts(evaluate(folder / "contract.vbc", folder / "binding.toml")) == SIGNED

    def test_the_first_year_is_byte_for_byte_what_it_was(self, tmp_path: Path) -> None:
        """Amounts, statements and explanations; what describes the run does name the texts of the later years."""
        found = []
        for amended in (False, True):
            folder = self.copied(tmp_path, amended=amended)
            run = evaluate(folder / "contract.vbc", folder / "binding.toml", periods=["2011"])
            files = run.write(tmp_path / f"out_{amended}")
            table = next(path for path in files if path.suffix == ".csv").read_bytes()
            statements = [run.statement(*row) for row in run.rows]
            found.append((table, statements, [explain(run, "settlement", *row).text() for row in run.rows]))
            shutil.rmtree(folder)
        assert found[0] == found[1]
        assert len(found[0][1]) == 2

    def copied(self, folder: Path, *, amended: bool) -> Path:
        """The example under the same path, with or without its amendments."""
        copy = folder / "example"
        shutil.copytree(EXAMPLES / "03_amendments", copy)
        if not amended:
            shutil.rmtree(copy / "amendments")
        return copy
