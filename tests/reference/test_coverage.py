"""The reference leaves nothing out: every word, unit, function, mode and limit of the language stands on its pages."""

from __future__ import annotations

import re

import pytest

from contractlang.library import imports
from contractlang.locations import grammar_folder
from contractlang.semantics.scope import FUNCTIONS
from contractlang.semantics.types import UNIT_WORDS
from contractlang.syntax import build_expressions, build_items, parser, tokens
from contractlang.values import Rounding
from tests.reference.pages import FOLDER, OTHERS, blocks, paths

PAGES = paths()
GOOD = "\n".join(re.sub(r"#[^\n]*", "", b.text) for path in PAGES for b in blocks(path) if not b.bad)
"""All contract text of the reference that is meant to be right, without comments."""
WORDS = frozenset(re.findall(r"[A-Za-z_]+", re.sub(r'"[^"\n]*"', "", GOOD)))
PROSE = {path.name: path.read_text(encoding="utf-8") for path in PAGES}

NOT_YET = {
    "yearly": "says what holds anyway, where others are monthly",
}
"""Words of the grammar that no block shows, each with the reason. A word that is shown must leave the list."""


def grammar_words() -> frozenset[str]:
    text = re.sub(r"//[^\n]*", "", (grammar_folder() / "contract.lark").read_text(encoding="utf-8"))
    return frozenset(re.findall(r'"([a-z]+)"', text))


def test_every_word_of_the_grammar_is_shown() -> None:
    assert sorted(grammar_words() - WORDS - NOT_YET.keys()) == []


def test_the_list_of_words_that_are_not_shown_is_current() -> None:
    assert sorted(word for word in NOT_YET if word in WORDS or word not in grammar_words()) == []


@pytest.mark.parametrize("word", sorted(UNIT_WORDS))
def test_every_unit_stands_on_the_page_of_values(word: str) -> None:
    assert f"`{word}`" in PROSE["03-values.md"]


@pytest.mark.parametrize("word", sorted({*FUNCTIONS, "mean", "sum", "count", "median", "percentile", "rank"}))
def test_every_function_is_shown(word: str) -> None:
    assert re.search(rf"\b{word}\(", GOOD)


@pytest.mark.parametrize("mode", list(Rounding))
def test_every_rounding_mode_is_shown(mode: Rounding) -> None:
    assert f", {mode})" in GOOD
    assert f"`{mode}`" in PROSE["05-expressions.md"]


def test_reserved_words_are_listed() -> None:
    _, _, after = PROSE["02-documents.md"].partition("can never be a name: ")
    listed = re.findall(r"`(\w+)`", after.partition(". All")[0])
    assert sorted(listed) == sorted(tokens.RESERVED)


def test_limits_are_those_of_the_compiler() -> None:
    table = dict(re.findall(r"^\| ([^|]+) \| ([\d,]+)[^|]*\|$", PROSE["13-limits.md"], re.MULTILINE))
    assert {name: int(number.replace(",", "")) for name, number in table.items()} == {
        "characters of a file": tokens.MAX_CHARACTERS,
        "brackets inside brackets": tokens.MAX_BRACKETS,
        "rows of a table, entries of a schedule, bands of a scale": build_items.MAX_ROWS,
        "columns of a table or an input": build_items.MAX_COLUMNS,
        "digits of a number": build_expressions.MAX_DIGITS,
        "documents that one contract uses, with theirs": imports.MAX_DOCUMENTS,
        "documents that name one another in a row": imports.MAX_CHAIN,
        "findings of syntax in one run": parser.MAX_PROBLEMS,
    }


def test_every_page_is_in_the_index() -> None:
    linked = set(re.findall(r"\]\(([\w-]+\.md)\)", PROSE["README.md"]))
    assert linked >= {path.name for path in PAGES} - {"README.md"}


@pytest.mark.parametrize("page", sorted(PROSE))
def test_links_lead_somewhere(page: str) -> None:
    for target, anchor in re.findall(r"\]\(([\w-]*(?:\.md)?)(?:#([\w-]+))?\)", PROSE[page]):
        name = target or page
        assert name in PROSE or name in OTHERS, f"{page}: {name}"
        if anchor:
            assert anchor in anchors(PROSE[name]), f"{page}: {name}#{anchor}"


def anchors(text: str) -> set[str]:
    heads = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", head.lower()).replace(" ", "-") for head in heads}


def test_other_pages_are_where_they_are_said_to_be() -> None:
    assert (FOLDER / "diagnostics.md").is_file()
