"""What varies along further keys stands in tables on the statement."""

from __future__ import annotations

import contractlang
from contractlang.locations import contracts_folder
from contractlang.runtime.statement_tables import Grid


def test_turned() -> None:
    grid = Grid(("measure", "rate", "points"), (("bp", "60%", "1"),), ("a note",))
    assert grid.turned == Grid(("measure", "bp"), (("rate", "60%"), ("points", "1")), ("a note",))


def test_the_measures_of_a_score_and_why_some_do_not_count() -> None:
    folder = contracts_folder() / "bcbsma"
    settled = contractlang.evaluate(folder / "atrius_2019.vbc", folder / "cases" / "atrius_2019" / "binding.toml")
    sections = {s["title"]: s for s in settled.statement_json("Lakeside", "2019")["sections"]}
    (spent,) = sections["medical_expense"]["tables"]
    assert spent["heads"] == ["product", "amount", "truncate", "complete", "total", "pmpm"]
    assert spent["rows"][2] == ["PPO", "$2,167.00", "$2,167.00", "$2,200.00", "$2,200.00", "$550.00 pmpm"]
    (hmo,) = sections["hmo"]["tables"]
    assert hmo["rows"][1:3] == [["denominator", "0 events", "2 events"], ["rate", *["not reportable"] * 2]]
    (why,) = hmo["notes"]
    assert why.startswith("breast_cancer, bp_control: not reportable (`hmo` is reportable when")
    (points,) = sections["early_score"]["tables"]
    assert points["rows"][1] == ["hba1c_control", "not applicable", "not reportable"]
    assert "    measure       breast_cancer      bp_control" in settled.statement("Lakeside", "2019").splitlines()
