"""Orders of operation: two contracts that differ in one line and pay different amounts on the same data."""

from __future__ import annotations

from pathlib import Path

import pytest

from contractlang.diagnostics.diagnostic import Sink
from contractlang.locations import contracts_folder
from contractlang.runtime.cases import Case, read_case

FOLDER = contracts_folder() / "orders"
PAIRS = (
    ("trend_then_truncate", "truncate_then_trend"),
    ("normalise_then_cap", "cap_then_normalise"),
    ("quality_after_netting", "quality_before_netting"),
    ("lines_before_corridor", "lines_after_corridor"),
)


def test_every_contract_belongs_to_a_pair() -> None:
    assert sorted(path.stem for path in FOLDER.glob("*.vbc")) == sorted(name for pair in PAIRS for name in pair)


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair[0])
def test_two_orders_differ_in_one_line_and_in_the_amount(pair: tuple[str, str]) -> None:
    first, second = (clauses(FOLDER / f"{name}.vbc") for name in pair)
    changed = [(a, b) for a, b in zip(first, second, strict=True) if a != b]
    assert len(changed) == 1
    assert all(line.endswith("# this line") for line in changed[0])
    one, other = (case(name) for name in pair)
    assert one.data.resolve() == other.data.resolve()
    assert amount(one) != amount(other)


def clauses(path: Path) -> list[str]:
    """What stands behind the header."""
    _, _, body = path.read_text(encoding="utf-8").partition("\nterm ")
    return body.split("\n")


def case(name: str) -> Case:
    sink = Sink()
    found = read_case(FOLDER / "cases" / name / "case.toml", sink)
    assert found is not None
    assert found.contract.stem == name
    return found


def amount(found: Case) -> str:
    (expected,) = found.expected
    return expected.values["settlement"]
