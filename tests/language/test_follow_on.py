"""One mistake gives one error: what a broken item would have declared is not unknown."""

from __future__ import annotations

from pathlib import Path

from contractlang.locations import contracts_folder
from tests.language.checking import check


def test_what_reads_a_broken_population_is_silent(tmp_path: Path) -> None:
    text = (contracts_folder() / "bcbsma" / "aqc_2009.vbc").read_text("utf-8")
    broken = text.replace("attribute  to group by pcp_group", "attribute  to group by plurality of seen from visits")
    assert broken != text
    found = check(broken, tmp_path)
    assert found.errors == ["unknown-name"], found.frames


def test_a_call_of_a_broken_scale_is_silent(tmp_path: Path) -> None:
    text = (contracts_folder() / "bcbsma" / "pay_for_equity.vbc").read_text("utf-8")
    broken = text.replace("scale attained(improvement) linear assumed", "scale attained(improvement) assumed")
    assert broken != text
    found = check(broken, tmp_path)
    assert found.errors == ["syntax"], found.frames


def test_a_misspelt_metric_is_told_once_with_the_metric(tmp_path: Path) -> None:
    text = (contracts_folder() / "bcbsma" / "pay_for_equity.vbc").read_text("utf-8")
    found = check(text.replace("between_group_variance", "between_group_varience"), tmp_path)
    assert "did you mean `between_group_variance`" in found.only("unknown-name").help


AQC = contracts_folder() / "bcbsma" / "aqc_2009.vbc"


def test_a_base_trended_by_a_broken_schedule_is_silent(tmp_path: Path) -> None:
    found = check(AQC.read_text("utf-8").replace("  2010: 4.0%\n", ""), tmp_path)
    assert found.errors == ["schedule-gap"], found.frames


def test_a_limit_without_a_unit_is_told_where_it_is_used_with_what_it_is(tmp_path: Path) -> None:
    found = check(AQC.read_text("utf-8").replace("attachment = $250_000", "attachment = 250_000"), tmp_path)
    problem = found.only("unit-mismatch")
    assert problem.span is not None
    assert problem.span.text == "attachment"
    assert problem.message == "`truncate at` needs an amount of money, this is a number without unit"


def test_two_parts_side_by_side_want_a_comma_or_a_line(tmp_path: Path) -> None:
    text = AQC.read_text("utf-8")
    found = check(text.replace("at history, each year", "at history each year"), tmp_path)
    assert found.only("syntax").help == "write `,` before `each`"
    shared = "deficit  share elections.risk_share"
    found = check(text.replace(shared, f"{shared} cap 1% of global.total"), tmp_path)
    assert found.only("syntax").help == "begin a new line before `cap`"


def test_an_unquoted_title_is_quoted_as_a_whole(tmp_path: Path) -> None:
    found = check(
        AQC.read_text("utf-8").replace('"Alternative Quality Contract, first form"', "My own contract"), tmp_path
    )
    assert found.only("syntax").help == 'write `"My own contract"`'


def test_levels_in_the_wrong_order_are_not_mended_into_the_same_level_twice(tmp_path: Path) -> None:
    text = (contracts_folder() / "demo" / "moving_practices.vbc").read_text("utf-8")
    found = check(text.replace("practice < group", "group < practice"), tmp_path)
    problem = next(d for d in found.diagnostics if d.code == "grain-mismatch")
    assert problem.help == "name the lowest level first: `levels practice < …`"
    assert problem.fixes == ()
