"""Coverage of features that cannot be faked: every row has all its parts, or is said to be missing and has none."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

import contractlang
from tests.contracts import features
from tests.contracts.evidence import (
    FOLDER,
    NUMBERS,
    EvidenceError,
    Row,
    clause_place,
    evidence,
    files,
    not_yet,
    parsed,
    rows,
)

ROWS = sorted(rows(), key=lambda row: row.number)
ROUNDED = next(row for row in ROWS if row.number == 54)
"""The row that is spoilt below: rounding where it is written."""
PAGE = features.PAGE.read_text(encoding="utf-8").splitlines(keepends=True)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.number}")
def test_a_row_has_all_its_parts(row: Row) -> None:
    found = evidence(row)
    assert found.amounts
    assert features.line(found) in PAGE, "run `python -m tests.contracts.features`"


def test_contracts_are_laid_out() -> None:
    texts = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.vbc")}
    assert [name for name, text in sorted(texts.items()) if contractlang.format(text) != text] == []


def test_every_row_is_shown_or_said_to_be_missing() -> None:
    assert sorted([*(row.number for row in rows()), *not_yet()]) == list(NUMBERS)


def test_the_rows_are_those_of_the_list(shared: Path) -> None:
    listed = re.findall(r"^\| (\d+) \|", (shared / "domain" / "features.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert {int(number) for number in listed} >= set(NUMBERS)


@pytest.mark.parametrize("number", sorted(not_yet()))
def test_a_row_that_is_missing_has_no_contract(number: int) -> None:
    assert files(number) == []


def test_every_contract_belongs_to_a_row() -> None:
    shown = {path for row in rows() for path in files(row.number)}
    assert sorted(set(FOLDER.glob("*.vbc")) - shown) == []


def test_the_page_is_what_the_generator_writes() -> None:
    """Its lines are compared with the evidence row by row, above."""
    numbers = [f"| {row.number} | {row.feature} |" for row in ROWS]
    lines = [line for line in PAGE if line.startswith(tuple(numbers))]
    assert [line.startswith(number) for line, number in zip(lines, numbers, strict=True)] == [True] * len(numbers)
    assert "".join(PAGE) == features.around(lines), "run `python -m tests.contracts.features`"


class TestWhatWouldBeFound:
    """A row that is not true fails."""

    def row(self, **changes: str | int) -> Row:
        parts = {name: getattr(ROUNDED, name) for name in Row.__slots__}
        return Row(**(parts | changes))

    @pytest.mark.parametrize(
        "changes",
        [
            {"rule": "step_no_such"},
            {"rule": "block_population"},
            {"clause": "no such clause"},
            {"page": "99-no-page.md"},
            {"heading": "No such heading"},
            {"number": 99},
        ],
        ids=str,
    )
    def test_a_part_that_is_not_there(self, changes: dict[str, str | int]) -> None:
        with pytest.raises(EvidenceError):
            evidence(self.row(**changes))

    def test_a_clause_is_read_by_its_rule(self) -> None:
        path, line = clause_place(ROUNDED)
        assert "round(" in path.read_text(encoding="utf-8").splitlines()[line - 1]

    @pytest.fixture
    def copy(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        """The contracts of the rounding row and of a row with data, in a folder in which they can be spoilt."""
        folder = tmp_path / "contracts" / "features"
        for path in [*FOLDER.glob("54_*.vbc"), *FOLDER.glob("07_*.vbc"), *FOLDER.glob("cases/07_*/*")]:
            target = folder / path.relative_to(FOLDER)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, target)
        monkeypatch.setattr("tests.contracts.evidence.FOLDER", folder)
        monkeypatch.setattr("tests.contracts.evidence.CONTRACTS", folder.parent)
        return folder

    def spoilt(self, path: Path, old: str, new: str, number: int = 54) -> str:
        """What is said about a row after a text was replaced in one of its files."""
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new), encoding="utf-8")
        return self.refused(number)

    def refused(self, number: int) -> str:
        row = next(row for row in ROWS if row.number == number)
        parsed.cache_clear()
        with pytest.raises(EvidenceError) as caught:
            evidence.__wrapped__(row)
        return str(caught.value)

    def test_the_copy_is_whole(self, copy: Path) -> None:
        for row in ROWS:
            if row.number in (7, 54):
                assert evidence.__wrapped__(row).amounts

    def test_an_amount_that_does_not_come_out(self, copy: Path) -> None:
        assert "as stated" in self.spoilt(copy / "54_rounding.vbc", "$44_442.00", "$44_442.01")

    def test_a_mistake_that_pays_the_same(self, copy: Path) -> None:
        right = (copy / "54_rounding.vbc").read_text(encoding="utf-8")
        example = right[right.index("example") :]
        (copy / "54_rounding_misdone.vbc").write_text(
            f'contract features.rounding_misdone extends features.rounding version "1"\nversion "1-misdone"\n\n{example}',
            encoding="utf-8",
        )
        assert "pays what" in self.refused(54)

    def test_a_mistake_that_comes_from_other_numbers(self, copy: Path) -> None:
        said = self.spoilt(copy / "54_rounding_misdone.vbc", "now = 58.17%", "now = 58.18%")
        assert "different now" in said

    def test_a_mistake_that_is_given_instead_of_made(self, copy: Path) -> None:
        said = self.spoilt(copy / "54_rounding_misdone.vbc", "now = 58.17%", "improvement = 3.7%")
        assert "only one of" in said

    def test_a_mistake_in_another_contract(self, copy: Path) -> None:
        said = self.spoilt(copy / "54_rounding_misdone.vbc", "extends features.rounding", "extends features.other")
        assert "does not extend" in said

    def test_a_case_with_other_data(self, copy: Path) -> None:
        shutil.copytree(copy / "cases" / "07_member_months", copy / "cases" / "other")
        path = copy / "cases" / "07_member_months_misdone" / "case.toml"
        assert "different data" in self.spoilt(path, "../07_member_months/", "../other/", 7)

    def test_a_mistake_without_a_contract(self, copy: Path) -> None:
        (copy / "07_member_months_misdone.vbc").unlink()
        assert "does not exist" in self.refused(7)
