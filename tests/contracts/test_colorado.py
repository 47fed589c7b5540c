"""Five payers, one contract: each is a few lines, measures everybody's patients, and sees nobody else's prices."""

from __future__ import annotations

from pathlib import Path

import pytest

from contractlang.diagnostics.diagnostic import Sink
from contractlang.diagnostics.render import report
from contractlang.locations import contracts_folder
from contractlang.plan.compiler import Compiled, compile_file
from contractlang.semantics.types import Kind

FOLDER = contracts_folder() / "colorado"
PAYERS = sorted(path for path in FOLDER.glob("*.vbc") if path.stem != "common")


def compiled(path: Path) -> Compiled:
    sink = Sink()
    found = compile_file(path, sink)
    assert found is not None, report(sink)
    assert not list(sink), report(sink)
    return found


def test_there_are_five() -> None:
    assert len(PAYERS) == 5


@pytest.mark.parametrize("path", PAYERS, ids=lambda path: path.stem)
def test_a_payer_is_a_few_lines(path: Path) -> None:
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    assert len(lines) <= 14
    found = compiled(path)
    common = compiled(FOLDER / "common.vbc")
    assert {n.name for n in found.plans[0].names} == {n.name for n in common.plans[0].names}


@pytest.mark.parametrize("path", PAYERS, ids=lambda path: path.stem)
def test_shared_rows_hold_no_money(path: Path) -> None:
    tables = {table.name: table for table in compiled(path).tables}
    for name in ("pooled_member", "pooled_result"):
        assert not [c.name for c in tables[name].columns if c.type.kind is Kind.MONEY]


def test_dollars_of_shared_rows_are_refused(tmp_path: Path) -> None:
    text = (FOLDER / "common.vbc").read_text(encoding="utf-8")
    copy = tmp_path / "common.vbc"
    copy.write_text(text.replace("spending medical of panel", "spending medical of everybody from member_month"))
    sink = Sink()
    compile_file(copy, sink)
    assert "money-in-counts" in {d.code for d in sink}
