"""Explanations: from a payment down to clauses, parameters and cells."""

from __future__ import annotations

import json
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import pytest

from contractlang.runtime import explanation
from contractlang.runtime.heading import heading
from contractlang.runtime.result import Result
from contractlang.runtime.trace import Trace, trace
from tests.runtime.settling import CONTRACT, compiled, settled

MINIMUM = "│  ├─ surplus minimum minimum_rate(beneficiaries) of benchmark, first dollar"


def explained(folder: Path, name: str = "settlement", row: int = 0, text: str = CONTRACT) -> tuple[Result, Trace]:
    result, _ = settled(folder, text=text)
    found = trace(result, name, row)
    assert found is not None
    return result, found


def everything(found: Trace) -> Iterator[Trace]:
    yield found
    for line in found.inputs:
        yield from everything(line)


def named(found: Trace, name: str) -> Trace:
    return next(line for line in everything(found) if line.name == name)


@pytest.fixture
def inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in the folder of the contract, so that places are short."""
    monkeypatch.chdir(tmp_path)
    return Path()


def test_the_cheque_is_explained_on_one_screen(inside: Path) -> None:
    result, found = explained(inside)
    text = explanation.as_text(result, heading(compiled(inside)), found, 0)
    assert text.splitlines()[:14] == [
        "demo.savings 1: group Lakeside, 2021",
        "illustrative terms: minimum_rate (only two points are published)",
        "",
        "settlement = $276,180.00                                                                       contract.vbc:47",
        "│  max(min(earned, fee_cap), -fee_cap) = max(min($276,180.00, $1,000,000.00), -$1,000,000.00)",
        "├─ earned = $276,180.00  (no deficit)                                                          contract.vbc:37",
        "│  ├─ compare benchmark to expenditure → $599,999.50                                           contract.vbc:38",
        "│  │  │  = $10,000,000.00 − $9,400,000.50",
        "│  │  ├─ benchmark = $10,000,000.00                                       results.csv, row 1, column Benchmark",
        "│  │  └─ expenditure = $9,400,000.50                                     results.csv, row 1, column Total cost",
        f"{MINIMUM} → $599,999.50  (reached: needs $345,000.00)  contract.vbc:39",
        "│  │  └─ minimum_rate = 3.45%  (at 7,500 members; band 5,000 members to 10,000 members)        contract.vbc:27",
        "│  │     └─ beneficiaries = 7,500 members                             results.csv, row 1, column beneficiaries",
        "│  ├─ surplus share sharing_rate → $276,179.76985                                              contract.vbc:41",
    ]
    assert len(text.splitlines()) <= 50


def test_a_definition_by_cases_shows_the_case_that_was_taken(inside: Path) -> None:
    _, found = explained(inside)
    rate = named(found, "sharing_rate")
    assert rate.clause == "when quality >= 40%: terms.share * quality"
    assert rate.formula == "50% × 92.06%"
    assert rate.notes == ("case 2 of 3",)
    assert rate.place == "contract.vbc:34"
    _, other = explained(inside, row=2)
    assert named(other, "sharing_rate").clause == "when quality is not applicable: terms.share"


def test_parameters_are_traced_to_their_row_and_inputs_to_their_cell(inside: Path) -> None:
    _, found = explained(inside)
    share = named(found, "terms.share")
    assert (share.kind, share.place, share.notes) == ("parameter", "contract.vbc:20", ("for track ONE_SIDED",))
    assert [line.name for line in share.inputs] == ["track"]
    cell = named(found, "expenditure").cell
    assert str(cell) == "results.csv, row 1, column Total cost"


def test_a_refused_side_says_why_and_ends_there(inside: Path) -> None:
    _, found = explained(inside, row=3)
    earned = named(found, "earned")
    assert earned.notes == ("no surplus",)
    assert earned.inputs[-1].notes == ("refused: one-sided track",)
    assert [line.name for line in earned.inputs[-1].inputs] == ["terms.losses"]


def test_every_line_of_a_trace_has_the_value_of_the_evaluator(inside: Path) -> None:
    result, found = explained(inside)
    for line in everything(found):
        if line.kind == "value" and line.name in result.names:
            assert line.value == result.value(line.name, 0)


def test_an_absent_value_says_what_it_comes_from(inside: Path) -> None:
    text = (
        CONTRACT + "define doubled = 2 * quality\npayment extra to group = round(doubled * $10 else $0 to cents, up)\n"
    )
    _, found = explained(inside, "extra", 2, text)
    assert named(found, "doubled").notes == ("because `quality` is not applicable (paid for reporting)",)


def test_earlier_periods_are_explained_under_their_name(inside: Path) -> None:
    text = CONTRACT + "define savings = benchmark - expenditure + (prior savings starting $0)\n"
    text += "payment extra to group = savings\n"
    _, found = explained(inside, "extra", 2, text)
    earlier = next(line for line in everything(found) if line.period == "2021")
    assert (earlier.name, earlier.value) == ("savings", Fraction("599999.5"))
    before = next(line for line in everything(found) if line.notes == ("before the start of the term",))
    assert before.value == 0


def test_depth_is_limited_on_request(inside: Path) -> None:
    result, _ = explained(inside)
    shallow = trace(result, "settlement", 0, depth=1)
    assert shallow is not None
    assert [line.name for line in shallow.inputs] == ["earned", "fee_cap"]
    assert [line.inputs for line in shallow.inputs] == [(), ()]


def test_a_chain_of_a_thousand_definitions_is_cut_and_not_a_crash(inside: Path) -> None:
    chain = "".join(f"define d{i} = d{i - 1} + $1\n" for i in range(1, 1_000))
    text = CONTRACT + f"define d0 = benchmark\n{chain}payment extra to group = d999\n"
    _, found = explained(inside, "extra", 0, text)
    assert len(list(everything(found))) < 200


def test_unknown_name(inside: Path) -> None:
    result, _ = explained(inside)
    assert trace(result, "nothing", 0) is None


def test_json_form(inside: Path) -> None:
    result, found = explained(inside)
    document = explanation.as_json(result, heading(compiled(inside)), found, 0)
    assert document["format"] == "vbc-trace/1"
    assert document["unit"] == {"name": "group", "label": "Lakeside"}
    assert document["status"] == "settled"
    assert json.loads(json.dumps(document)) == document
    top = document["trace"]
    assert (top["name"], top["value"], top["place"]) == ("settlement", "276180", {"file": "contract.vbc", "line": 47})
    share = top["inputs"][0]["inputs"][2]
    assert (share["kind"], share["value"], share["formula"]) == ("step", "276179.76985", "$599,999.50 × 46.03%")


def test_exact_values_in_json() -> None:
    assert explanation.plain(Fraction(1, 3)) == "1/3"
    assert explanation.plain(Fraction(-5, 4)) == "-1.25"
    assert explanation.plain(Fraction(7)) == "7"
    assert explanation.plain(True) is True
