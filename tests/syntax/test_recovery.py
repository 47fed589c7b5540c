"""One run reports every mistake that can be told apart, and reading goes on behind it."""

import time

import pytest

from contractlang.diagnostics.diagnostic import Sink
from contractlang.source import SourceFile
from contractlang.syntax.parser import MAX_PROBLEMS, parse, parse_expression
from contractlang.syntax.tokens import MAX_BRACKETS, MAX_CHARACTERS
from tests.syntax.reading import complaints


def codes(text: str) -> list[tuple[str, int]]:
    return [(found.code, found.span.line if found.span else 0) for found in complaints(text)]


def test_each_item_reports_its_own_mistake() -> None:
    assert codes(
        """\
contract c
define a = 1 +
define b = 2
define c = (3
payment p to
"""
    ) == [("syntax", 2), ("syntax", 4), ("syntax", 5)]


def test_each_line_of_a_block_reports_its_own_mistake() -> None:
    assert codes(
        """\
contract c
sharing s {
  compare a too b
  share 5%
  surplus shar 5%
  cap
  round to cents, up
}
table t per k {
  | k | a |
  | A | 1 + 1 |
  | B | 2 |
  | C | |
}
"""
    ) == [("syntax", line) for line in (3, 5, 6, 11, 13)]


def test_a_block_that_is_not_closed_ends_at_the_next_item() -> None:
    found = complaints("contract c\nsharing s {\n  share 5%\ndefine x = 1\ndefine y = +\n")
    assert [entry.message for entry in found] == [
        "found the end of `sharing`, expected `}`",
        "found `+`, expected a value",
    ]
    assert [label.span.text for label in found[0].labels] == ["{"]


def test_what_can_be_read_is_returned_and_the_rest_is_named() -> None:
    sink = Sink()
    text = "contract c\ndefine a = 1\ndefine b =\nreplace constant d = = 2\npolulation p {\n}\npayment e to f = a\n"
    found = parse(SourceFile("test.vbc", text), sink)
    assert found is not None
    assert [getattr(item, "name", None) for item in found.items] == ["a", "e"]
    assert found.broken == ("b", "d", "p")


def test_without_a_first_line_there_is_no_document() -> None:
    sink = Sink()
    assert parse(SourceFile("test.vbc", "define a = 1\ndefine b = (\n"), sink) is None
    assert [found.code for found in sink] == ["missing-header", "syntax"]


@pytest.mark.parametrize("text", ["", "\n\n", "# only a comment\n", "   \t\n"])
def test_an_empty_file_misses_its_first_line(text: str) -> None:
    assert [found.code for found in complaints(text)] == ["missing-header"]


def test_a_second_header_clause_is_reported_with_the_first() -> None:
    (found,) = complaints('contract c\ntitle "a"\nversion "1"\ntitle "b"\n')
    assert (found.code, found.message) == ("duplicate-clause", "`title` stands twice")
    assert [(label.span.line, label.text) for label in found.labels] == [(2, "the first one")]


def test_changes_belong_to_amendments() -> None:
    (found,) = complaints("contract c\nset x = 3\n")
    assert found.message == "a contract has no changes of another document"


def test_expressions_by_themselves() -> None:
    sink = Sink()
    assert parse_expression(SourceFile("--set x", "1 + "), sink) is None
    assert [found.message for found in sink] == ["found the end, expected a value"]
    assert parse_expression(SourceFile("--set x", ""), Sink()) is None
    assert parse_expression(SourceFile("--set x", "define x = 3"), Sink()) is None


def test_many_mistakes_are_cut_short() -> None:
    found = complaints("contract c\n" + "define a = (\n" * 500)
    assert len(found) == MAX_PROBLEMS + 1
    assert found[-1].message == f"the file has more than {MAX_PROBLEMS} mistakes"


# Limits --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("opening", ["(", "sum(", "-(", "f(a, ", "t["])
def test_deep_brackets_are_refused_quickly(opening: str) -> None:
    start = time.perf_counter()
    (found,) = complaints("contract c\ndefine x = " + opening * 10_000 + "1" + ")" * 10_000)
    assert found.code == "nesting-too-deep"
    assert time.perf_counter() - start < 10


@pytest.mark.parametrize(
    ("start", "end"), [("not ", ""), ("- ", ""), ("a ^ ", "a"), ("a of ", "a"), ("a + ", "a"), ("a else ", "a")]
)
def test_deep_trees_without_brackets_are_refused(start: str, end: str) -> None:
    (found,) = complaints(f"contract c\ndefine x = {start * 10_000}{end or 'a'}\n")
    assert found.code == "nesting-too-deep"


def test_nesting_within_the_limit_is_read() -> None:
    depth = MAX_BRACKETS
    assert complaints(f"contract c\ndefine x = {'(' * depth}1{')' * depth}\n") == []
    assert complaints(f"contract c\ndefine x = {' + '.join('a' * 150)}\n") == []


def test_a_large_file_is_refused_quickly() -> None:
    start = time.perf_counter()
    (found,) = complaints("contract c\n" + "define x = 1\n" * (10_000_000 // 13))
    assert found.code == "file-too-large"
    assert time.perf_counter() - start < 10


def test_a_long_line_within_the_limit_is_read_in_time() -> None:
    start = time.perf_counter()
    many = ", ".join(f"A{number}" for number in range(9_000))
    assert complaints(f"contract c\ncategory c {{ {many} }}\n") == []
    assert len(complaints("contract c\n" + "(" * (MAX_CHARACTERS - 100))) == 1
    assert time.perf_counter() - start < 10


def test_a_large_table_is_refused() -> None:
    rows = "\n".join(f"  | {number} | 1 |" for number in range(10_001))
    (found,) = complaints(f"contract c\ntable t per k {{\n  | k | v |\n{rows}\n}}\n")
    assert (found.code, found.message) == ("table-too-large", "10_001 rows in a table; the limit is 10_000")


@pytest.mark.parametrize(
    "piece",
    [
        "~",
        "b",
        "1",
        "1%",
        "1a",
        '"',
        "5,000,",
        "2021-1-1 ",
        "$ ",
        "“a” ",
        "|\n",
        "define a = (\n",
        "  cap\n",
        "a.",
        "xx" * 51 + " ",
    ],
)
@pytest.mark.parametrize("start", ["", "contract c\nsharing s {\n", "contract c\ndefine x = "])
def test_long_nonsense_is_reported_in_time_and_briefly(start: str, piece: str) -> None:
    began = time.perf_counter()
    found = complaints(start + piece * (100_000 // len(piece)))
    assert 0 < len(found) <= MAX_PROBLEMS + 1
    assert all(len(entry.message) + len(entry.help) < 500 for entry in found)
    assert time.perf_counter() - began < 10


@pytest.mark.parametrize("text", ["contract c\0", "\x7fELF\x01", "contract \ud800", "a\ufffdb"])
def test_binary_data_is_no_text(text: str) -> None:
    (found,) = complaints(text)
    assert found.code == "not-text"
