"""Editions: which text is in force when."""

import datetime as dt

import pytest

from contractlang.diagnostics.diagnostic import Severity
from contractlang.library.edition import Loaded
from contractlang.syntax import ast
from tests.library.shelves import AQC, HEAD, Shelf, item, steps


def amendment(name: str, day: str, *lines: str, target: str = 'bcbsma.aqc version "2011.1"') -> str:
    return "\n".join([f"amendment {name} to {target}", f"effective {day}", "", *lines, ""])


def spans(loaded: Loaded) -> list[tuple[str, str, tuple[str, ...]]]:
    return [(str(e.start), str(e.end), e.amendments) for e in loaded.editions]


def test_without_amendments_there_is_one_edition_for_the_term(shelf: Shelf) -> None:
    loaded = shelf.write(main=AQC).sound()
    assert spans(loaded) == [("2011-01-01", "2014-01-01", ())]
    assert loaded.editions[0].document == loaded.document


def test_editions_follow_the_effective_dates(shelf: Shelf) -> None:
    shelf.write(
        main=AQC,
        late=amendment("a.late", "2013-01-01", "set risk.cap = 6% of budget"),
        amendments__early=amendment("a.early", "2012-01-01", "set risk.cap = 8% of budget"),
    )
    loaded = shelf.sound()
    assert spans(loaded) == [
        ("2011-01-01", "2012-01-01", ()),
        ("2012-01-01", "2013-01-01", ("a.early",)),
        ("2013-01-01", "2014-01-01", ("a.early", "a.late")),
    ]
    caps = [next(text for text in steps(edition, "risk") if "cap" in text) for edition in loaded.editions]
    assert caps == ["cap        10% of budget", "set risk.cap = 8% of budget", "set risk.cap = 6% of budget"]


def test_a_day_finds_its_edition(shelf: Shelf) -> None:
    loaded = shelf.write(main=AQC, a=amendment("aqc.a1", "2012-01-01", "set risk.cap = 8% of budget")).sound()
    on = [loaded.edition_on(dt.date.fromisoformat(day)) for day in ("2011-12-31", "2012-01-01", "2013-12-31")]
    assert [edition.amendments if edition else None for edition in on] == [(), ("aqc.a1",), ("aqc.a1",)]
    assert loaded.edition_on(dt.date(2010, 12, 31)) is None
    assert loaded.edition_on(dt.date(2014, 1, 1)) is None


def test_what_was_in_force_before_is_exactly_what_it_was(shelf: Shelf) -> None:
    alone = shelf.write(main=AQC).edition()
    shelf.write(a=amendment("aqc.a1", "2012-01-01", "set risk.cap = 8% of budget", "constant more = 1"))
    one = shelf.sound().editions
    shelf.write(b=amendment("aqc.a2", "2013-01-01", "remove trend"))
    two = shelf.sound().editions
    assert alone.document == one[0].document == two[0].document
    assert alone.byte_hash == one[0].byte_hash == two[0].byte_hash
    assert alone.meaning_hash == one[0].meaning_hash == two[0].meaning_hash
    assert alone.files == one[0].files == two[0].files
    assert one[1].document == two[1].document
    assert (one[1].byte_hash, one[1].meaning_hash) == (two[1].byte_hash, two[1].meaning_hash)


def test_an_amendment_from_the_first_day_leaves_no_edition_before_it(shelf: Shelf) -> None:
    shelf.write(main=AQC, a=amendment("aqc.a1", "2011-01-01", "set risk.cap = 8% of budget"))
    assert spans(shelf.sound()) == [("2011-01-01", "2014-01-01", ("aqc.a1",))]


def test_amendments_of_one_date_apply_in_order_of_file_name(shelf: Shelf) -> None:
    shelf.write(
        main=AQC,
        b=amendment("aqc.a1", "2012-01-01", "constant second = 1", 'example "b" {\n  given x = 1\n  expect y = 1\n}'),
        a=amendment("aqc.a2", "2012-01-01", "constant first = 1", 'example "a" {\n  given x = 1\n  expect y = 1\n}'),
    )
    loaded = shelf.sound()
    assert spans(loaded)[1] == ("2012-01-01", "2014-01-01", ("aqc.a2", "aqc.a1"))
    names = [getattr(i, "name", "") for i in loaded.editions[1].document.items]
    assert names.index("first") < names.index("second")
    assert {i.title for i in loaded.editions[1].document.items if isinstance(i, ast.Example)} == {"a", "b"}


def test_examples_stay_with_the_text_they_were_written_for(shelf: Shelf) -> None:
    example = 'example "less" {\n  given budget = $100, expense = $80\n  expect risk = $8\n}'
    shelf.write(main=AQC, a=amendment("aqc.a1", "2012-01-01", "set risk.cap = 8% of budget", example))
    titles = [[i.title for i in e.document.items if isinstance(i, ast.Example)] for e in shelf.sound().editions]
    assert titles == [["half of the surplus"], ["less"]]


def test_a_guarantee_stays(shelf: Shelf) -> None:
    shelf.write(main=AQC, a=amendment("aqc.a1", "2012-01-01", "set risk.cap = 8% of budget"))
    assert any(isinstance(i, ast.Guarantee) for i in shelf.edition().document.items)


def test_an_amendment_brings_its_own_uses(shelf: Shelf) -> None:
    shelf.write(
        main=AQC, a=amendment("aqc.a1", "2012-01-01", "use tst.rates"), rates='library tst.rates\nversion "1"\n'
    )
    assert [len(edition.uses) for edition in shelf.sound().editions] == [0, 1]


def test_loading_an_amendment_loads_the_contract_it_amends(shelf: Shelf) -> None:
    shelf.write(base=AQC, amendments__a=amendment("aqc.a1", "2012-01-01", "set risk.cap = 8% of budget"))
    (shelf.folder / "amendments" / "a.vbc").rename(shelf.folder / "elsewhere.vbc")
    loaded = shelf.sound("elsewhere")
    assert loaded.document.name.text == "bcbsma.aqc"
    assert loaded.editions[-1].amendments == ("aqc.a1",)


def test_an_amendment_of_an_unknown_contract(shelf: Shelf) -> None:
    shelf.write(main=amendment("aqc.a1", "2012-01-01", "set x = 1", target='nowhere.such version "1"'))
    assert shelf.finding("import-not-found").message == "there is no contract `nowhere.such`"


# Dates ---------------------------------------------------------------------------------------------------------------


def test_a_date_inside_a_period_is_an_error_with_the_next_start(shelf: Shelf) -> None:
    shelf.write(main=AQC, a=amendment("aqc.a1", "2012-07-01", "set risk.cap = 8% of budget"))
    found = shelf.finding("amendment-inside-period")
    assert found.message == "amendment `aqc.a1` takes effect on 2012-07-01, inside the year that starts on 2012-01-01"
    assert found.span is not None
    assert found.span.text == "2012-07-01"
    assert len(shelf.load().editions) == 1  # type: ignore[union-attr]
    shelf.fixed()
    assert spans(shelf.sound())[1][0] == "2013-01-01"


@pytest.mark.parametrize(
    ("period", "term", "good", "bad"),
    [
        ("year", "2011-01-01 to 2013-12-31", "2012-01-01", "2012-01-02"),
        ("year", "2009-07-01 to 2012-06-30", "2010-07-01", "2010-01-01"),
        ("half", "2011-01-01 to 2013-12-31", "2011-07-01", "2011-04-01"),
        ("quarter", "2011-01-01 to 2013-12-31", "2011-04-01", "2011-05-01"),
        ("quarter", "2011-02-01 to 2013-01-31", "2011-05-01", "2011-04-01"),
        ("month", "2011-01-01 to 2013-12-31", "2011-05-01", "2011-05-15"),
    ],
)
def test_periods_count_from_the_start_of_the_term(shelf: Shelf, period: str, term: str, good: str, bad: str) -> None:
    main = AQC.replace("per year\nterm 2011-01-01 to 2013-12-31", f"per {period}\nterm {term}")
    shelf.write(main=main, a=amendment("aqc.a1", good, "set attachment = $1"))
    assert str(shelf.sound().editions[1].start) == good
    shelf.write(a=amendment("aqc.a1", bad, "set attachment = $1"))
    shelf.finding("amendment-inside-period")


@pytest.mark.parametrize("day", ["2010-12-31", "2014-01-01"])
def test_a_date_outside_the_term(shelf: Shelf, day: str) -> None:
    shelf.write(main=AQC, a=amendment("aqc.a1", day, "set risk.cap = 8% of budget"))
    found = shelf.finding("amendment-outside-term")
    assert found.labels[0].span.text == "2011-01-01 to 2013-12-31"


def test_an_amendment_needs_a_date(shelf: Shelf) -> None:
    shelf.write(main=AQC, a='amendment aqc.a1 to bcbsma.aqc version "2011.1"\n\nset attachment = $1\n')
    assert shelf.finding("missing-header").message == "amendment `aqc.a1` does not say from when it is in force"


def test_an_amendment_leaves_the_header_alone(shelf: Shelf) -> None:
    shelf.write(
        main=AQC, a=amendment("aqc.a1", "2012-01-01", "set attachment = $1").replace("\n\n", '\npayer "x"\n\n', 1)
    )
    assert (
        shelf.finding("amendment-header").message
        == "amendment `aqc.a1` states `payer`, which an amendment cannot change"
    )


def test_a_schedule_by_month_may_change_inside_a_year(shelf: Shelf) -> None:
    fee = "schedule fee per month { 2011-01-01..2011-12-31: $3 pmpm, 2012-01-01..: $4 pmpm }\n"
    new = "replace schedule fee per month { ..2012-12-31: $5 pmpm, 2013-01-01..: $6 pmpm }"
    loaded = shelf.write(main=AQC + fee, a=amendment("aqc.a1", "2012-07-01", new)).sound()
    assert spans(loaded) == [("2011-01-01", "2012-01-01", ()), ("2012-01-01", "2014-01-01", ("aqc.a1",))]
    schedule = item(loaded.editions[1], "fee")
    assert isinstance(schedule, ast.Schedule)
    edges = [
        (str(e.low.value) if isinstance(e.low, ast.Date) else None, str(e.high.value) if isinstance(e.high, ast.Date) else None,
         e.value.span.text)
        for e in schedule.entries
    ]  # fmt: skip
    assert edges == [
        ("2011-01-01", "2011-12-31", "$3 pmpm"),
        ("2012-01-01", "2012-06-30", "$4 pmpm"),
        ("2012-07-01", "2012-12-31", "$5 pmpm"),
        ("2013-01-01", None, "$6 pmpm"),
    ]


def test_a_schedule_by_month_changes_on_the_first_of_a_month(shelf: Shelf) -> None:
    fee = "schedule fee per month { 2011-01-01..: $3 pmpm }\n"
    new = "replace schedule fee per month { 2011-01-01..: $5 pmpm }"
    shelf.write(main=AQC + fee, a=amendment("aqc.a1", "2012-07-02", new))
    shelf.finding("amendment-inside-period")


def test_one_yearly_value_keeps_an_amendment_out_of_a_period(shelf: Shelf) -> None:
    fee = "schedule fee per month { 2011-01-01..: $3 pmpm }\n"
    new = "replace schedule fee per month { 2011-01-01..: $5 pmpm }"
    shelf.write(main=AQC + fee, a=amendment("aqc.a1", "2012-07-01", new, "set risk.cap = 8% of budget"))
    found = shelf.finding("amendment-inside-period")
    assert [label.span.text for label in found.labels] == ["set risk.cap = 8% of budget"]


# Conflicts -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("set risk.cap = 8% of budget", "set risk.cap = 7% of budget"),
        ("set risk.cap = 8% of budget", "remove risk.cap"),
        ("set attachment = $1", "replace constant attachment = $2"),
        (
            "set risk.cap = 8% of budget",
            "replace sharing risk {\n  compare budget to expense\n  share 1%\n  cap 1% of budget\n}",
        ),
        ("insert less $1 after risk.cap", "insert less $2 after risk.cap"),
        ("remove trend", "replace schedule trend per year { 2011..: 1% }"),
        ("constant added = 1", "constant added = 2"),
    ],
)
def test_two_amendments_of_one_date_must_not_touch_the_same_place(shelf: Shelf, one: str, other: str) -> None:
    shelf.write(main=AQC, a=amendment("aqc.a1", "2012-01-01", one), b=amendment("aqc.a2", "2012-01-01", other))
    shelf.load()
    conflicts = [d for d in shelf.findings if d.code == "amendment-conflict"]
    assert len(conflicts) == 1
    assert conflicts[0].message == "amendments `aqc.a1` and `aqc.a2` of the same date touch the same place"
    assert conflicts[0].labels[0].span.file.name.endswith("a.vbc")
    assert conflicts[0].span is not None
    assert conflicts[0].span.file.name.endswith("b.vbc")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("set risk.cap = 8% of budget", "set risk.surplus.share = 60%"),
        ("set risk.cap = 8% of budget", "insert less $1 after risk.cap"),
        ("insert less $1 as before_cap before risk.cap", "insert less $1 as after_cap after risk.cap"),
        ("set attachment = $1", "remove trend"),
    ],
)
def test_amendments_of_one_date_may_touch_different_places(shelf: Shelf, one: str, other: str) -> None:
    shelf.write(main=AQC, a=amendment("aqc.a1", "2012-01-01", one), b=amendment("aqc.a2", "2012-01-01", other))
    shelf.sound()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("set risk.cap = 8% of budget", "set risk.cap = 7% of budget"),
        ("insert less $1 after risk.cap", "insert less $2 after risk.cap"),
        ("replace constant attachment = $1", "set attachment = $2"),
        ("set risk.cap = 1% of budget", "remove risk"),
    ],
)
def test_one_amendment_must_not_touch_a_place_twice(shelf: Shelf, one: str, other: str) -> None:
    shelf.write(main=AQC, a=amendment("aqc.a1", "2012-01-01", one, other))
    assert shelf.finding("amendment-conflict").message == "amendment `aqc.a1` touches the same place twice"


def test_thousands_of_changes_are_compared_quickly(shelf: Shelf) -> None:
    constants = [f"constant c{i} = {i}" for i in range(2_000)]
    changes = [f"set c{i} = 1" for i in range(2_000)]
    shelf.write(main=AQC + "\n".join(constants) + "\n", a=amendment("aqc.a1", "2012-01-01", *changes))
    assert len(shelf.sound().editions) == 2


# Discovery -----------------------------------------------------------------------------------------------------------


def test_amendments_of_other_contracts_and_versions_are_left_alone(shelf: Shelf) -> None:
    shelf.write(
        main=AQC,
        next=AQC.replace('"2011.1"', '"2012.1"'),
        other=HEAD.format(name="payer.other", version="1") + "constant x = 1\n",
        a=amendment("aqc.a1", "2012-01-01", "set attachment = $1", target='bcbsma.aqc version "2012.1"'),
        b=amendment("b.a1", "2012-01-01", "set x = 2", target='payer.other version "1"'),
    )
    assert [len(shelf.sound(name).editions) for name in ("main", "next", "other")] == [1, 2, 2]


def test_an_amendment_of_a_version_that_does_not_exist(shelf: Shelf) -> None:
    shelf.write(
        main=AQC, a=amendment("aqc.a1", "2012-01-01", "set attachment = $1", target='bcbsma.aqc version "2011"')
    )
    found = shelf.finding("version-conflict")
    assert found.message == 'amendment `aqc.a1` amends a version "2011" of `bcbsma.aqc`'
    assert found.severity is Severity.ERROR
    shelf.fixed()
    assert len(shelf.sound().editions) == 2


def test_an_amendment_must_name_a_version(shelf: Shelf) -> None:
    shelf.write(main=AQC, a=amendment("aqc.a1", "2012-01-01", "set attachment = $1", target="bcbsma.aqc"))
    assert "does not say which version" in shelf.finding("version-conflict").message
    shelf.fixed()
    assert len(shelf.sound().editions) == 2


def test_a_misspelt_target_is_a_warning(shelf: Shelf) -> None:
    shelf.write(
        main=AQC, a=amendment("aqc.a1", "2012-01-01", "set attachment = $1", target='bcbsma.aqz version "2011.1"')
    )
    found = shelf.finding("import-not-found")
    assert found.severity is Severity.WARNING
    shelf.fixed()
    assert len(shelf.sound().editions) == 2


def test_an_amendment_whose_first_line_cannot_be_read_is_reported(shelf: Shelf) -> None:
    shelf.write(main=AQC, a='amendment aqc.a1 for bcbsma.aqc version "2011.1"\neffective 2012-01-01\n')
    assert set(shelf.codes()) == {"syntax"}


def test_a_file_among_the_amendments_that_is_none_is_reported(shelf: Shelf) -> None:
    shelf.write(main=AQC, amendments__a='amendmnet aqc.a1 to bcbsma.aqc version "2011.1"\neffective 2012-01-01\n')
    assert shelf.codes() != []


def test_two_files_of_one_amendment(shelf: Shelf) -> None:
    text = amendment("aqc.a1", "2012-01-01", "set attachment = $1")
    shelf.write(main=AQC, a=text, amendments__a=text)
    found = shelf.finding("duplicate-document")
    assert found.severity is Severity.ERROR
    assert len(shelf.load().editions[-1].amendments) == 1  # type: ignore[union-attr]


def test_an_amendment_finds_the_contract_beside_its_folder(shelf: Shelf) -> None:
    shelf.write(main=AQC, amendments__a=amendment("aqc.a1", "2012-01-01", "set attachment = $1"))
    assert len(shelf.sound("amendments__a").editions) == 2


def test_an_amendment_is_no_suggestion_for_what_it_amends(shelf: Shelf) -> None:
    shelf.write(a=amendment("bcbsma.aqc1", "2012-01-01", "set attachment = $1"))
    assert shelf.finding("import-not-found", "a").fixes == ()
