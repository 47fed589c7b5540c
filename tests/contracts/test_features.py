"""Coverage of features that cannot be faked: every row has all its parts, or is said to be missing and has none."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

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
    rows,
)

ROWS = sorted(rows(), key=lambda row: row.number)
PAGE = features.PAGE.read_text(encoding="utf-8").splitlines(keepends=True)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.number}")
def test_a_row_has_all_its_parts(row: Row) -> None:
    found = evidence(row)
    assert found.amounts
    assert features.line(found) in PAGE, "run `python -m tests.contracts.features`"


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
        parts = {name: getattr(ROWS[-1], name) for name in Row.__slots__}
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
        path, line = clause_place(ROWS[-1])
        assert "round(" in path.read_text(encoding="utf-8").splitlines()[line - 1]
