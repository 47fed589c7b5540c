"""`vbc reconcile`."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.conftest import Vbc
from tests.cli.files import RESULTS, write_files
from tests.runtime.settling import CONTRACT

RECONCILE = ("reconcile", "contract.vbc", "--data", "binding.toml", "--against", "Stated")


def test_a_difference_and_the_reading_that_agrees(folder: Path, run_vbc: Vbc) -> None:
    said = run_vbc(*RECONCILE)
    assert said.status == 1
    assert "within $1.00: 3 of 4" in said.out
    assert "total ours $330,180.00, theirs $336,180.00" in said.out
    row = next(line for line in said.out.splitlines() if line.startswith("Lakeside"))
    assert row.split()[:5] == ["Lakeside", "2022", "$294,000.00", "$300,000.00", "-$6,000.00"]
    assert "earned.surplus.reduce: without `surplus reduce by sequestration`" in row


def test_json(folder: Path, run_vbc: Vbc) -> None:
    found = json.loads(run_vbc(*RECONCILE, "--json").out)
    assert {k: found[k] for k in ("rows", "within", "within_printed", "total_ours", "total_theirs")} == {
        "rows": 4,
        "within": 3,
        "within_printed": None,
        "total_ours": "330180.00",
        "total_theirs": "336180.00",
    }
    (difference,) = found["differences"]
    assert (difference["group"], difference["period"], difference["ours"], difference["theirs"]) == (
        "Lakeside",
        "2022",
        "294000.00",
        "300000.00",
    )
    assert difference["parts_at"]["name"] == "earned.surplus.reduce"


def test_uncertain_inputs(folder: Path, run_vbc: Vbc) -> None:
    write_files(folder, results=RESULTS.replace("276180", "276190").replace("300000", "294000"))
    assert run_vbc(*RECONCILE).status == 1
    said = run_vbc(*RECONCILE, "--uncertain", "quality=0.005%")
    assert said.status == 0
    assert "within $1.00: 3 of 4" in said.out
    assert "within what the printed digits allow: 4 of 4" in said.out
    found = json.loads(run_vbc(*RECONCILE, "--uncertain", "results.quality=0.005%", "--json").out)
    assert (found["differences"][0]["low"], found["differences"][0]["high"]) == ("276165.00", "276195.00")


def test_uncertain_in_the_wrong_unit(folder: Path, run_vbc: Vbc) -> None:
    for text in ("quality=0.005", "quality=$1", "benchmark=5%", "quality=-1%", "quality=x", "nothing=1%"):
        said = run_vbc(*RECONCILE, "--uncertain", text)
        assert said.status == 1, text
        assert "error[half-step-invalid]" in said.err, text


def test_another_value_and_tolerance(folder: Path, run_vbc: Vbc) -> None:
    assert run_vbc(*RECONCILE, "--tolerance", "6000").status == 0
    said = run_vbc(*RECONCILE, "--value", "sharing_rate")
    assert "`sharing_rate` against `Stated`" in said.out
    assert "error[half-step-invalid]" in run_vbc(*RECONCILE, "--tolerance", "many").err
    assert "error[value-unknown]" in run_vbc(*RECONCILE, "--value", "nothing").err


def test_a_column_that_is_not_there(folder: Path, run_vbc: Vbc) -> None:
    said = run_vbc("reconcile", "contract.vbc", "--data", "binding.toml", "--against", "Statd")
    assert said.status == 1
    assert "error[column-not-found]" in said.err


def test_what_is_netted_off_is_not_compared(folder: Path, run_vbc: Vbc) -> None:
    text = CONTRACT.replace(
        "to group = max(min(earned, fee_cap), -fee_cap)", "to group = earned - min(max(earned, $0), fee_cap)"
    )
    write_files(folder, text, RESULTS.replace("300000", "294000"))
    said = run_vbc(*RECONCILE)
    assert said.status == 0
    assert "`earned.amount` against `Stated`: 4 rows" in said.out
