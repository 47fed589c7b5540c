"""The forms of a diagnostic for people, compared as text."""

from dataclasses import replace

from contractlang.diagnostics.diagnostic import Diagnostic, Edit, Fix, Label
from contractlang.diagnostics.render import clean, concise, report, terminal
from contractlang.source import SourceFile, Span
from tests.diagnostics.samples import COMMA, DATA, FILE, UNITS, span


def test_frame_shows_every_labelled_place() -> None:
    assert terminal(UNITS) == (
        """\
error[unit-mismatch]: `cost` is in USD and `fee` in USD pmpm, which cannot be added
 --> demo.vbc:4:15
  |
2 | define fee  = $4.50 pmpm
  |        ------ USD pmpm
...
4 | define x    = cost + fee
  |               ^^^^^^^^^^ these two are added
  |                      --- USD pmpm
  |
  = note: `pmpm` is per member and month
  = help: multiply by `member_months`"""
    )


def test_fix_is_shown_as_a_change_of_lines() -> None:
    assert terminal(COMMA) == (
        """\
error[thousands-comma]: a number takes no thousands comma
 --> demo.vbc:3:15
  |
3 | define cost = $250,000
  |               ^^^^^^^^
  |
  = help: write `$250_000`
  = fix: write `$250_000`
3 - define cost = $250,000
3 + define cost = $250_000"""
    )


def test_finding_about_data_has_no_frame() -> None:
    assert terminal(DATA) == (
        """\
warning[missing-value]: `results.quality` has no value in 2 rows
  = note: results.csv row 14, column QualScore
          results.csv row 15, column QualScore"""
    )


def test_concise_form_is_one_line() -> None:
    assert concise(UNITS) == (
        "demo.vbc:4:15: error[unit-mismatch]: `cost` is in USD and `fee` in USD pmpm, which cannot be added"
    )
    assert concise(DATA) == "warning[missing-value]: `results.quality` has no value in 2 rows"


def test_report_ends_with_the_counts() -> None:
    assert report([]) == ""
    assert report([COMMA, COMMA, DATA]).endswith("\n\n2 errors, 1 warning\n")


def test_colours_only_on_request() -> None:
    assert "\x1b[" not in terminal(UNITS)
    assert "\x1b[1;31merror[unit-mismatch]\x1b[0m" in terminal(UNITS, colour=True)


def test_label_in_another_file_gets_its_own_frame() -> None:
    other = SourceFile("base.vbc", "library base\ndefine cost = $1\n")
    shown = terminal(replace(UNITS, labels=(Label(Span(other, 20, 24), "first defined here"),), notes=(), help=""))
    assert shown.splitlines()[5:] == [
        "  |",
        " ::: base.vbc:2:8",
        "  |",
        "2 | define cost = $1",
        "  |        ---- first defined here",
        "  |",
    ]


def test_span_over_several_lines_is_marked_on_its_first() -> None:
    whole = Span(FILE, FILE.text.index("fee  ="), FILE.text.index("$250"))
    assert "2 | define fee  = $4.50 pmpm\n  |        ^^^^^^^^^^^^^^^^^\n" in terminal(
        replace(COMMA, span=whole, fixes=())
    )


def test_span_at_the_end_of_the_file() -> None:
    end = Span(FILE, len(FILE.text), len(FILE.text))
    assert "5 |\n  | ^\n" in terminal(replace(COMMA, span=end, fixes=()))


def test_long_line_is_cut_around_the_place() -> None:
    file = SourceFile("long.vbc", "x" * 100_000 + "HERE" + "y" * 100_000)
    shown = terminal(Diagnostic("syntax", "unexpected word", span("HERE", file)))
    source, marks = shown.splitlines()[3:5]
    assert len(source) < 200
    assert source[marks.index("^") : marks.rindex("^") + 1] == "HERE"


def test_underline_fits_under_wide_characters_and_tabs() -> None:
    file = SourceFile("wide.vbc", 'title "醫療"\tBAD\n')
    source, marks = terminal(Diagnostic("syntax", "unexpected word", span("BAD", file))).splitlines()[3:5]
    columns_before = len(source[: source.index("BAD")]) + 2  # two characters of double width
    assert marks.index("^") == columns_before


def test_nothing_of_a_file_reaches_the_terminal_as_a_command() -> None:
    file = SourceFile("evil\x1b[2J.vbc", "define \x1b]0;owned\x07x = 1\u202e\n")
    found = Diagnostic("syntax", "unexpected `\x1b[2J`", Span(file, 7, 12), help="\x9b2J")
    for text in (terminal(found), concise(found)):
        assert not any(ord(c) < 32 and c != "\n" for c in text)
        assert "\u202e" not in text
        assert "\x9b" not in text
    assert clean("a\tb\nc") == "a b c"


def test_inserting_fix() -> None:
    fix = Fix("add the share", (Edit(Span(FILE, len(FILE.text), len(FILE.text)), "define y = 1\n"),))
    assert terminal(replace(COMMA, fixes=(fix,))).endswith("= fix: add the share\n5 + define y = 1")
