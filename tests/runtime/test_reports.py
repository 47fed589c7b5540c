"""Reports of the cardiology contract: what is shown, to whom, and what is hidden."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from contractlang.diagnostics.diagnostic import Sink
from contractlang.locations import contracts_folder
from contractlang.runtime import report_forms
from contractlang.runtime.reports import SUPPRESSED, Table, tables
from contractlang.runtime.runs import open_run, settle

CASE = contracts_folder() / "excellus" / "cases" / "cardiology"


@pytest.fixture(scope="module")
def found() -> dict[str, Table]:
    sink = Sink()
    opened = open_run(contracts_folder() / "excellus" / "cardiology.vbc", CASE / "binding.toml", sink)
    assert opened is not None
    result = settle(opened, sink)
    assert result is not None
    assert not sink.failed
    return {t.report.name: t for t in tables(result)}


def words(table: Table, column: str) -> dict[tuple[str, ...], str]:
    at = table.columns.index(column)
    return {labels: cells[at].text for labels, cells in table.rows}


def test_a_rate_is_hidden_with_its_numerator(found: dict[str, Table]) -> None:
    profile = found["peer_profile"]
    assert words(profile, "use.numerator")["C1", "NUCLEAR"] == SUPPRESSED
    assert words(profile, "use.rate")["C1", "NUCLEAR"] == SUPPRESSED
    assert words(profile, "variation")["C1", "NUCLEAR"] == SUPPRESSED
    assert words(profile, "use.numerator")["C1", "ECHO"] == "36 events"


def test_zero_and_what_nobody_has_are_shown_as_such(found: dict[str, Table]) -> None:
    profile = found["peer_profile"]
    assert words(profile, "use.numerator")["C5", "NUCLEAR"] == "0 events"
    assert words(profile, "peer_rank")["C5", "ECHO"] == "not reportable"


def test_few_patients_hide_everything_that_is_computed_from_them(found: dict[str, Table]) -> None:
    rows = {labels: cells for labels, cells in found["peer_profile"].rows if labels[0] == "C4"}
    assert len(rows) == 3
    assert {cell.word for cells in rows.values() for cell in cells} == {SUPPRESSED}


def test_a_total_shows_all_and_gives_nothing_away(found: dict[str, Table]) -> None:
    shown = words(found["use_of_services"], "use.numerator")
    assert shown["all", "STRESS_ECHO"] == "53 events"
    # C4 has 5 tests; the smallest of the others is hidden beside it
    assert [shown[c, "STRESS_ECHO"] for c in ("C1", "C2", "C4")] == [SUPPRESSED, "12 events", SUPPRESSED]
    # 9 and 7 are hidden, 16 together: nothing follows
    assert [shown[c, "ECHO"] for c in ("C1", "C2", "C3", "C4")] == ["36 events", "18 events", SUPPRESSED, SUPPRESSED]


def test_the_rows_with_the_greatest_values_come_first(found: dict[str, Table]) -> None:
    own = [labels[1] for labels, _ in found["peer_profile"].rows if labels[0] == "C1"]
    assert own[0] == "ECHO"


def test_each_receives_the_own_rows(found: dict[str, Table]) -> None:
    profile = found["peer_profile"]
    assert profile.receivers == ("C1", "C2", "C3", "C4", "C5")
    assert {labels[0] for labels, _ in profile.of("C2").rows} == {"C2"}
    assert found["use_of_services"].receivers == ()


def test_csv_keeps_numbers_and_states_apart(found: dict[str, Table]) -> None:
    lines = report_forms.as_csv(found["use_of_services"]).splitlines()
    assert lines[0] == "period,cardiologist,service,use.numerator,use.numerator_state"
    assert "2014,C1,ECHO,36," in lines
    assert "2014,C1,NUCLEAR,,suppressed" in lines


def test_json_says_what_the_report_is(found: dict[str, Table]) -> None:
    document = report_forms.as_json(found["peer_profile"])
    assert (document["issued"], document["appeal_days"], document["suppressed_below"]) == ("monthly", 60, 11)
    row = next(r for r in document["rows"] if r["cardiologist"] == "C1" and r["service"] == "ECHO")
    assert row["high"] is True
    assert Fraction(row["variation"]) == 3600
    assert next(r for r in document["rows"] if r["cardiologist"] == "C4")["use.oe"] == {"state": "suppressed"}


def test_a_count_of_the_data_is_hidden_and_paid(tmp_path: Path) -> None:
    """P28: the table hides it, the payment reads it."""
    (tmp_path / "results.csv").write_text("group,year,visits\nA,2024,8\nB,2024,30\nC,2024,0\nD,2024,11\n")
    (tmp_path / "binding.toml").write_text('[tables.results]\nfile = "results.csv"\nsame_names = true\n')
    sink = Sink()
    opened = open_run(contracts_folder() / "features" / "65_small_cells.vbc", tmp_path / "binding.toml", sink)
    assert opened is not None
    result = settle(opened, sink)
    assert result is not None
    (activity,) = tables(result)
    shown = {labels[0]: cells[0].text for labels, cells in activity.rows}
    # the total is shown, so the smallest other count is hidden with the 8
    assert shown == {"A": SUPPRESSED, "B": "30 events", "C": "0 events", "D": SUPPRESSED, "all": "49 events"}
    row = result.find("A", "2024")
    assert row is not None
    assert result.value("fee", row) == 800
