"""Which tables a binding must deliver: the contract's own, and those of its libraries that something reads."""

from __future__ import annotations

from pathlib import Path

import pytest

from contractlang.diagnostics.diagnostic import Sink
from contractlang.diagnostics.render import report
from contractlang.plan.compiler import compile_file

LIBRARY = """\
library shelf.tables

input results per group, year {
  benchmark  USD
  cost       USD
}

input hospital_result per group, year {
  rate  percent
}
"""

CONTRACT = """\
contract shelf.contract
version  "1"
settles  group per year
term     2024-01-01 to 2025-12-31

use shelf.tables

payment settlement to group = {amount}
"""


@pytest.mark.parametrize(
    ("amount", "asked"),
    [
        ("benchmark - cost", ["results"]),
        ("round((benchmark - cost) * rate to cents, up)", ["results", "hospital_result"]),
    ],
)
def test_a_table_of_a_library_that_nothing_reads_is_not_asked_for(
    tmp_path: Path, amount: str, asked: list[str]
) -> None:
    (tmp_path / "tables.vbc").write_text(LIBRARY, encoding="utf-8")
    contract = tmp_path / "contract.vbc"
    contract.write_text(CONTRACT.format(amount=amount), encoding="utf-8")
    sink = Sink()
    compiled = compile_file(contract, sink, roots=[tmp_path])
    assert compiled is not None, report(sink)
    assert not sink.failed, report(sink)
    assert [table.name for table in compiled.tables] == asked
