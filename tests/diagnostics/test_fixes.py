"""Applying fixes to source texts."""

from dataclasses import replace

from contractlang.diagnostics.diagnostic import Diagnostic, Edit, Fix
from contractlang.diagnostics.fixes import apply_fixes
from contractlang.source import Span
from tests.diagnostics.samples import COMMA, DATA, FILE, TEXT, UNITS, span


def fixing(*edits: Edit) -> Diagnostic:
    return replace(COMMA, fixes=(Fix("change", edits),))


def test_the_first_fix_is_applied() -> None:
    fixed = apply_fixes([UNITS, COMMA, DATA])
    assert fixed.texts == {FILE: TEXT.replace("$250,000", "$250_000")}
    assert fixed.applied == (COMMA,)


def test_all_edits_of_a_fix_are_applied() -> None:
    fixed = apply_fixes([fixing(Edit(span("fee  "), "care_fee "), Edit(span("fee", occurrence=2), "care_fee"))])
    assert fixed.texts[FILE] == TEXT.replace("fee  ", "care_fee ").replace("+ fee", "+ care_fee")


def test_a_fix_that_would_touch_the_same_text_waits_for_the_next_run() -> None:
    overlapping = fixing(Edit(span("= $250"), "is $250"), Edit(span("demo"), "test"))
    fixed = apply_fixes([COMMA, overlapping])
    assert fixed.texts[FILE] == TEXT.replace("$250,000", "$250_000")
    assert fixed.skipped == (overlapping,)


def test_the_same_edit_twice_is_applied_once() -> None:
    assert apply_fixes([COMMA, replace(COMMA, message="again")]).texts[FILE].count("$250_000") == 1


def test_two_insertions_at_one_place_are_not_mixed() -> None:
    at = Span(FILE, 0, 0)
    fixed = apply_fixes([fixing(Edit(at, "a")), fixing(Edit(at, "b"))])
    assert fixed.texts[FILE] == "a" + TEXT
    assert len(fixed.skipped) == 1
