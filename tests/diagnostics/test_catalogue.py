"""The catalogue holds exactly the codes that are reported, and the reference page says what the catalogue says."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from contractlang.diagnostics.catalogue import CATALOGUE, SECTIONS
from contractlang.diagnostics.reference import reference_page

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "contractlang"
CODE = re.compile(r"[a-z]+(-[a-z0-9]+)*")


def trees() -> Iterator[ast.Module]:
    for path in sorted(PACKAGE.rglob("*.py")):
        if path.name != "catalogue.py":
            yield ast.parse(path.read_text(encoding="utf-8"))


def reported() -> set[str]:
    """The first argument of every `Diagnostic(…)` that is written as a literal."""
    found: set[str] = set()
    for tree in trees():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Diagnostic":
                given = [*node.args[:1], *(k.value for k in node.keywords if k.arg == "code")]
                literals = (c.value for a in given for c in ast.walk(a) if isinstance(c, ast.Constant))
                found |= {value for value in literals if isinstance(value, str)}
    return found


def texts() -> set[str]:
    """All string literals of the package: codes may pass through a function before they reach `Diagnostic`."""
    return {
        node.value
        for tree in trees()
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


def test_every_reported_code_is_in_the_catalogue() -> None:
    assert reported() - CATALOGUE.keys() == set()


def test_every_code_of_the_catalogue_is_reported() -> None:
    assert CATALOGUE.keys() - texts() == set()


def test_no_code_stands_twice() -> None:
    codes = [entry.code for _, entries in SECTIONS for entry in entries]
    assert len(codes) == len(set(codes))


def test_entries_follow_the_form() -> None:
    for entry in CATALOGUE.values():
        assert CODE.fullmatch(entry.code), entry.code
        assert not entry.summary.endswith("."), entry.code
        assert entry.summary[0].islower() or entry.summary[0] == "`", entry.code
        assert entry.explanation.endswith("."), entry.code


def test_reference_page_is_written_from_the_catalogue() -> None:
    page = ROOT / "grammar" / "reference" / "diagnostics.md"
    assert page.read_text(encoding="utf-8") == reference_page(), "run python -m contractlang.diagnostics.reference"
