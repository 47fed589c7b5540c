"""What the reduce stage found is kept, and the settle stage starts again from it with the same result."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import contractlang
from contractlang.engines.base import Column, Frame, Inputs, Table
from contractlang.runtime.stages import Stage, load, save

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.mark.parametrize("example", ["01_shared_savings", "02_member_months", "03_amendments"])
def test_a_reopened_run_gives_the_same_bytes(example: str, tmp_path: Path) -> None:
    contract, binding = EXAMPLES / example / "contract.vbc", EXAMPLES / example / "binding.toml"
    first = contractlang.evaluate(contract, binding, keep=tmp_path / "kept")
    again = contractlang.reopen(contract, str(binding), tmp_path / "kept")
    assert again is not None
    assert again.findings == first.findings
    written = {path.name: path.read_bytes() for path in first.write(tmp_path / "first")}
    assert written == {path.name: path.read_bytes() for path in again.write(tmp_path / "again")}
    group, period = first.rows[0]
    payment = first.result.plan.payments[0]
    assert again.statement(group, period) == first.statement(group, period)
    why, before = (str(contractlang.explain(run, payment, group, period)) for run in (again, first))
    assert why == before


def test_what_is_kept_of_another_contract_is_not_taken(tmp_path: Path) -> None:
    first, other = (EXAMPLES / name for name in ("01_shared_savings", "03_amendments"))
    contractlang.evaluate(first / "contract.vbc", first / "binding.toml", keep=tmp_path)
    assert contractlang.reopen(other / "contract.vbc", str(first / "binding.toml"), tmp_path) is None
    assert contractlang.reopen(first / "contract.vbc", str(first / "binding.toml"), tmp_path / "nothing") is None


def test_every_form_of_column_is_kept(tmp_path: Path) -> None:
    states = np.array([0, 1], dtype=np.uint8)
    table = Table(
        "t",
        {"group": Column("text", np.array(["a", "b"], dtype=object))},
        {
            "wide": Column("int", np.array([10**30, -1], dtype=object), 2),
            "cents": Column("int", np.array([1, -(2**63)], dtype=np.int64), 2, states=states, reasons={1: "why"}),
            "code": Column("code", np.array([1, 0], dtype=np.int64), labels=("x", "y")),
        },
        "data.csv",
        [1, 2],
        {"wide": "Wide"},
        ["one.csv", "two.csv"],
    )
    stage = Stage(Inputs(Frame(["a", "b"], ["2024", "2024"]), {"t": table}), [None, {"panel": [{"rows": 3}]}], {"x": 1})
    save(stage, tmp_path, "this")
    found = load(tmp_path, "this")
    assert found is not None
    again = found.inputs.tables["t"]
    assert (found.accounts, found.report, found.inputs.frame.units) == (stage.accounts, stage.report, ["a", "b"])
    assert (again.file, again.row_numbers, again.row_files) == ("data.csv", [1, 2], ["one.csv", "two.csv"])
    for name, column in table.columns.items():
        kept = again.columns[name]
        assert kept.values.tolist() == column.values.tolist()
        assert kept.values.dtype == column.values.dtype
        assert (kept.form, kept.scale, kept.labels, kept.reasons) == (
            column.form, column.scale, column.labels, column.reasons,
        )  # fmt: skip
    assert again.columns["cents"].states is not None
    assert again.columns["cents"].states.tolist() == [0, 1]
    assert load(tmp_path, "that") is None
