"""The worked examples that were published: every one runs as an example of a contract, or is left out for a reason."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from contractlang.diagnostics.diagnostic import Sink
from contractlang.diagnostics.render import report
from contractlang.locations import contracts_folder
from contractlang.plan.compiler import Compiled, compile_file
from contractlang.plan.lowering.examples import LoweredExample, lower_example
from contractlang.runtime.examples import run_example

FOLDER = contracts_folder()
README = FOLDER / "README.md"

ELSEWHERE = {"P13": "half the rate below the minimum"}
"""Cases whose example stands in a contract under a title of its own."""

FROM_ROWS = ("C05", "C12", "C14")
"""Cases that are no single example: `tests/examples/test_settling.py` takes two from member rows, and
`tests/contracts/test_gap_by_decline.py` that of the gap that closes by decline."""


def tables() -> list[list[tuple[str, str]]]:
    """The tables of the README that follow the heading on worked examples: first and last cell of each row."""
    _, _, text = README.read_text(encoding="utf-8").partition("## Published worked examples")
    found: list[list[tuple[str, str]]] = []
    for part in re.split(r"\n\n", text):
        rows = [line.strip("| ").split(" | ") for line in part.split("\n") if line.startswith("|")]
        if rows:
            found.append([(cells[0], cells[-1]) for cells in rows[2:]])
    return found


def places() -> dict[str, list[str]]:
    """Per identifier the files that the README names."""
    shown, _ = tables()
    return {i: re.findall(r"`([^`]+)`", where) for ids, where in shown for i in ids.split(", ")}


def left_out() -> list[str]:
    _, out = tables()
    return [i for ids, _ in out for i in ids.split(", ")]


@cache
def compiled(path: Path) -> Compiled:
    sink = Sink()
    found = compile_file(path, sink)
    assert found is not None, report(sink)
    assert not list(sink), report(sink)
    return found


@cache
def lowered(path: Path) -> tuple[LoweredExample, ...]:
    """The examples of a contract, ready to run."""
    sink = Sink()
    found = [lower_example(part, example, sink) for part in compiled(path).lowered for example in part.examples]
    assert not sink.failed, report(sink)
    return tuple(example for example in found if example is not None)


def examples_of(identifier: str) -> list[LoweredExample]:
    wanted = ELSEWHERE.get(identifier, f"{identifier}: ")
    return [e for place in places()[identifier] for e in lowered(FOLDER / place) if e.title.startswith(wanted)]


def worked(shared: Path) -> dict[str, Any]:
    cases = json.loads((shared / "domain" / "worked_examples.json").read_text(encoding="utf-8"))
    return {case["id"].split("-")[0]: case for case in cases}


CONTRACTS = sorted(path for folder in ("clauses", "cms", "demo", "std") for path in (FOLDER / folder).rglob("*.vbc"))
"""Other folders are held to their sources in `tests/contracts`."""
RUN = sorted(i for i in places() if i not in FROM_ROWS)


@pytest.mark.parametrize("path", CONTRACTS, ids=lambda p: str(p.relative_to(FOLDER)))
def test_shipped_contracts_check_without_a_finding(path: Path) -> None:
    assert compiled(path).plans


@pytest.mark.parametrize("path", CONTRACTS, ids=lambda p: str(p.relative_to(FOLDER)))
def test_examples_hold(path: Path) -> None:
    outcomes = [run_example(example) for example in lowered(path)]
    assert [(o.title, c) for o in outcomes for c in o.checks if not c.passed] == []
    assert len(outcomes) == sum(len(part.examples) for part in compiled(path).lowered)


def test_every_published_case_is_run_or_left_out_for_a_reason(shared: Path) -> None:
    assert sorted([*places(), *left_out()]) == sorted(worked(shared))


@pytest.mark.parametrize("identifier", RUN)
def test_examples_expect_what_was_published(identifier: str, shared: Path) -> None:
    """Every number and every verdict of the published case is expected by one of its examples."""
    expected = [x.value for example in examples_of(identifier) for x in example.expectations]
    assert expected
    stated = {abs(v) for v in expected if isinstance(v, Fraction)} | {v for v in expected if isinstance(v, bool)}
    totals: dict[str, Fraction] = {}  # what units get together is said by what each gets
    for x in (x for example in examples_of(identifier) for x in example.expectations):
        if isinstance(x.value, Fraction):
            totals[x.name] = totals.get(x.name, Fraction(0)) + x.value
    stated |= set(totals.values())
    said = worked(shared)[identifier]["expected"]
    if isinstance(said, dict):
        said = {word: value for word, value in said.items() if not word.startswith("naive")}
    for published in numbers(said):
        if isinstance(published, bool):
            assert published in {v for v in stated if isinstance(v, bool)}
        else:
            assert {published, published / 100} & {v for v in stated if not isinstance(v, bool)}, published


def numbers(published: Any) -> Iterator[Fraction | bool]:
    """The numbers and verdicts in a published result; words beside them are left out."""
    match published:
        case bool():
            yield published
        case int() | float():
            yield Fraction(str(published))
        case dict():
            for value in published.values():
                yield from numbers(value)
        case list():
            for value in published:
                yield from numbers(value)
        case _:
            pass


def test_an_example_that_expects_nothing_that_was_published_would_be_found() -> None:
    assert list(numbers({"a": [1, {"b": 0.5}], "c": True, "d": "up to 5"})) == [Fraction(1), Fraction(1, 2), True]


@pytest.mark.parametrize("path", sorted((FOLDER / "clauses").glob("*.vbc")), ids=lambda p: p.stem)
def test_a_clause_contract_says_where_it_comes_from(path: Path) -> None:
    doc = compiled(path).loaded.document.doc or ""
    assert re.search(r"\b(Sources?|Constructed)\b", doc)
