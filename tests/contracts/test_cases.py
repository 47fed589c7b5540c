"""The cases that come with the contracts: small data, amounts derived by hand beside them."""

from __future__ import annotations

from pathlib import Path

import pytest

from contractlang.diagnostics.diagnostic import Sink
from contractlang.diagnostics.render import report
from contractlang.locations import contracts_folder
from contractlang.runtime.cases import read_case, run_case

FOLDER = contracts_folder()
FAMILIES = ("bcbsm", "bcbsma", "bcbst", "public")
CASES = sorted(path for name in (*FAMILIES, "cms", "colorado", "orders") for path in (FOLDER / name).rglob("case.toml"))
CONTRACTS = sorted(
    path
    for name in FAMILIES
    for path in (FOLDER / name).glob("*.vbc")
    if "\ncontract " in f"\n{path.read_text(encoding='utf-8')}"
)


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.parent.relative_to(FOLDER).as_posix())
def test_a_case_comes_out_as_derived_by_hand(path: Path) -> None:
    sink = Sink()
    outcome = run_case(path, sink)
    assert outcome is not None, report(sink)
    assert outcome.passed, report(sink)
    assert outcome.checks


@pytest.mark.parametrize("path", CONTRACTS, ids=lambda path: path.stem)
def test_every_contract_of_the_family_has_a_case(path: Path) -> None:
    """The one on public data is settled by `test_public_members.py`."""
    sink = Sink()
    stated = {case.contract.resolve() for case in (read_case(p, sink) for p in CASES) if case is not None}
    assert path.resolve() in stated or path.stem == "aqc_members"
