"""The shape of binding files: what they say, and a place and a remedy for everything that is wrong."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contractlang.diagnostics.diagnostic import Diagnostic, Sink
from contractlang.runtime.binding import Binding, Source, parse_binding, read_binding
from contractlang.source import SourceFile


def parsed(text: str) -> tuple[Binding | None, list[Diagnostic]]:
    sink = Sink()
    return parse_binding(SourceFile("b.toml", text), Path(), sink), list(sink)


def test_every_key_is_read() -> None:
    binding, found = parsed(
        """
        [tables.results]
        files = ["a.csv", "b.csv"]
        format = "csv"
        delimiter = ";"
        header = false
        insert_headers = { "Total" = 14 }
        ignore_case = true
        same_names = true
        absent = ["-", "N/A"]
        where = { State = ["MA", "NY"], Type = "Initial" }
        [tables.results.keys]
        aco = "ACO"
        year = { value = 2021 }
        [tables.results.columns]
        a = { position = 3, as = "percent", strip = "%", absent = "P4R", default = 0, round = 4 }
        b.one_hot.T1 = "Track1"
        b.one_hot.T2 = "Track2"
        c = { column = "C", map = { A = "BASIC_A" } }
        d = { column = "D", yes = ["Y", "1"], no = "N", round = true }
        e = { column = "E", as = "date", format = "%m/%d/%Y" }
        f = { value = 0.10 }
        g = { value = 2021-01-31 }
        [tables.results.stated]
        paid = { column = "Paid", less = "Owed" }
        """
    )
    assert found == []
    assert binding is not None
    table = binding.tables["results"]
    assert (table.files, table.format, table.delimiter, table.header) == (("a.csv", "b.csv"), "csv", ";", False)
    assert (table.insert_headers, table.ignore_case, table.same_names) == ((("Total", 14),), True, True)
    assert (table.absent, table.where) == (("-", "N/A"), (("State", ("MA", "NY")), ("Type", ("Initial",))))
    assert table.keys == {"aco": Source(column="ACO"), "year": Source(value=2021)}
    assert table.columns == {
        "a": Source(position=3, form="percent", strip=("%",), absent=("P4R",), default=0, round=4),
        "b": Source(one_hot=(("T1", "Track1"), ("T2", "Track2"))),
        "c": Source(column="C", map=(("A", "BASIC_A"),)),
        "d": Source(column="D", yes=("y", "1"), no=("n",), round=True),
        "e": Source(column="E", form="date", formats=("%m/%d/%Y",)),
        "f": Source(value=Decimal("0.10")),
        "g": Source(value=dt.date(2021, 1, 31)),
    }
    assert table.stated == {"paid": Source(column="Paid", less="Owed")}


HEAD = '[tables.results]\nfile = "x.csv"\n[tables.results.columns]\n'


@pytest.mark.parametrize(
    ("text", "code", "message", "place", "help_"),
    [
        (HEAD + "x = = 1", "binding-syntax", "the binding is not valid TOML: invalid value", "b.toml:4", ""),
        (
            '[tables.results]\nfille = "x.csv"',
            "binding-unknown-key",
            "`tables.results` has no key `fille`",
            "b.toml:2",
            "did you mean `file`?",
        ),
        (
            "[table.results]\n",
            "binding-unknown-key",
            "a binding has no key `table`",
            None,
            "did you mean `tables`?",
        ),
        (
            HEAD + 'x = { columns = "X" }',
            "binding-unknown-key",
            "`tables.results.columns.x` has no key `columns`",
            "b.toml:4",
            "did you mean `column`?",
        ),
        (
            HEAD + 'x = { column = "X", less = "Y" }',
            "binding-unknown-key",
            "`tables.results.columns.x` has no key `less`",
            "b.toml:4",
            None,
        ),
        (
            HEAD + "x = 5",
            "binding-syntax",
            "`tables.results.columns.x`: a source is the header of a column in quotes, or `{ … }`",
            "b.toml:4",
            "a constant is `{ value = 2021 }`",
        ),
        (
            HEAD + 'x = { column = "X", value = 2 }',
            "binding-syntax",
            (
                "`tables.results.columns.x`: a source has one of `column`, `position`, `value` and `one_hot`, "
                "here `column` and `value`"
            ),
            "b.toml:4",
            "",
        ),
        (
            "[tables.results]\nheader = 1",
            "binding-syntax",
            "`tables.results.header`: must be `true` or `false`",
            "b.toml:2",
            "",
        ),
        (
            "[tables.results]\nfile = 'a'\nfiles = ['b']",
            "binding-syntax",
            "`tables.results.files`: `file` and `files` stand together",
            "b.toml:3",
            "keep one of the two",
        ),
        (
            "[tables.results]\ndelimiter = '::'",
            "binding-syntax",
            "`tables.results.delimiter`: a delimiter is one character",
            "b.toml:2",
            'write `","`, `";"`, `"|"` or `"\\t"`',
        ),
        (
            "[tables.results]\nformat = 'xlsx'",
            "binding-syntax",
            "`tables.results.format`: must be `csv` or `parquet`",
            "b.toml:2",
            "",
        ),
        (
            HEAD + "x = { position = 0 }",
            "binding-syntax",
            "`tables.results.columns.x.position`: must be a whole number from 1",
            "b.toml:4",
            "",
        ),
        (
            HEAD + "x = { value = [1] }",
            "binding-syntax",
            "`tables.results.columns.x.value`: must be one value, here a list",
            "b.toml:4",
            "",
        ),
        ("tables = 1", "binding-syntax", "`tables`: must be a table", "b.toml:1", None),
    ],
)
def test_mistakes_have_a_place_and_a_remedy(
    text: str, code: str, message: str, place: str | None, help_: str | None
) -> None:
    binding, found = parsed(text)
    assert binding is None
    first = next(d for d in found if d.code == code)
    assert first.message == message
    assert (first.span.place if first.span else None) == place
    if help_ is not None:
        assert first.help == help_


def test_all_mistakes_are_reported_in_one_run() -> None:
    _, found = parsed("[tables.a]\nx = 1\ny = 2\n[tables.a.columns]\nc = 3\n")
    assert [d.code for d in found] == ["binding-unknown-key", "binding-unknown-key", "binding-syntax"]


def test_a_binding_that_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "latin.toml").write_bytes(b"# caf\xe9\n")
    sink = Sink()
    for name in ("nothing.toml", "", "latin.toml"):
        assert read_binding(tmp_path / name, sink) is None
    assert [d.code for d in sink] == ["file-not-found", "file-unreadable", "file-unreadable"]


@given(st.text(max_size=200))
@settings(max_examples=100, deadline=None)
def test_no_text_makes_it_fail(text: str) -> None:
    binding, found = parsed(text)
    assert binding is not None or found


def test_deep_nesting_is_a_finding() -> None:
    _, found = parsed("x = " + "[" * 10_000)
    assert [d.code for d in found] == ["binding-syntax"]
