"""What `extends` and the changes of an amendment override, and what they report."""

from collections.abc import Mapping
from fractions import Fraction

import pytest

from contractlang.diagnostics.diagnostic import Sink
from contractlang.library.edition import Edition
from contractlang.library.trial import override
from contractlang.source import SourceFile
from contractlang.syntax import ast
from contractlang.syntax.parser import parse_expression
from tests.library.shelves import AQC, Shelf, item, steps

CHILD = 'contract bcbsma.child extends bcbsma.aqc version "2011.1"\nversion "1"\n\n'
AMENDMENT = 'amendment bcbsma.aqc.a1 to bcbsma.aqc version "2011.1"\neffective 2013-01-01\n\n'


def child(shelf: Shelf, text: str) -> Shelf:
    return shelf.write(base=AQC, main=CHILD + text)


def amended(shelf: Shelf, text: str) -> Shelf:
    return shelf.write(main=AQC, a1=AMENDMENT + text)


# A contract that extends another -------------------------------------------------------------------------------------


def test_what_is_not_overridden_is_inherited(shelf: Shelf) -> None:
    edition = child(shelf, "").edition()
    header = edition.document.header
    assert edition.document.name.text == "bcbsma.child"
    assert edition.document.base is None
    assert header.version == "1"
    assert header.settles is not None
    assert [name.text for name in header.settles] == ["group", "year"]
    assert [type(i).__name__ for i in edition.document.items] == [
        "Constant", "Schedule", "Scale", "Block", "Payment", "Guarantee",
    ]  # fmt: skip
    assert item(edition, "risk").span.file.name.endswith("base.vbc")


def test_own_header_clauses_win(shelf: Shelf) -> None:
    edition = child(shelf, 'payer "Cigna"\nterm 2012-01-01 to 2012-12-31\n').edition()
    assert edition.document.header.payer == "Cigna"
    assert (str(edition.start), str(edition.end)) == ("2012-01-01", "2013-01-01")


def test_replaced_items_keep_their_place_and_new_ones_follow(shelf: Shelf) -> None:
    text = "replace constant attachment = $100_000\nconstant extra = 1\n"
    edition = child(shelf, text).edition()
    names = [getattr(i, "name", "-") for i in edition.document.items]
    assert names == ["attachment", "trend", "upside", "risk", "settlement", "-", "extra"]
    constant = item(edition, "attachment")
    assert isinstance(constant, ast.Constant)
    assert constant.value == ast.Number(Fraction(100_000), "$", span=constant.span)
    assert constant.span.place.endswith("main.vbc:4")
    assert not constant.replace


def test_an_example_shows_what_its_own_text_pays(shelf: Shelf) -> None:
    text = 'example "other" {\n  given budget = $1, expense = $1\n  expect risk = $0\n}\n'
    edition = child(shelf, text).edition()
    assert [i.title for i in edition.document.items if isinstance(i, ast.Example)] == ["other"]


def test_the_same_name_needs_replace(shelf: Shelf) -> None:
    found = child(shelf, "constant attachment = $100_000\n").finding("replace-missing")
    assert found.message == "`constant attachment` has the name of an item of `bcbsma.aqc`"
    assert found.labels[0].span.place.endswith("base.vbc:6")
    shelf.fixed().sound()


def test_another_kind_of_item_with_the_same_name_needs_replace_too(shelf: Shelf) -> None:
    child(shelf, "constant trend = 4%\n").finding("replace-missing")
    edition = shelf.fixed().edition()
    assert isinstance(item(edition, "trend"), ast.Constant)


def test_replace_of_nothing_names_the_nearest(shelf: Shelf) -> None:
    found = child(shelf, "replace constant attachmnt = $100_000\n").finding("override-of-nothing")
    assert found.message == "there is no `attachmnt` in `bcbsma.aqc` to replace"
    assert found.help == "did you mean `attachment`?"
    shelf.fixed().sound()


def test_replace_needs_a_document_to_override(shelf: Shelf) -> None:
    found = shelf.write(main=AQC + "replace constant x = 1\n").finding("replace-unneeded")
    assert found.span is not None
    shelf.fixed().sound()


def test_an_item_twice_in_one_document(shelf: Shelf) -> None:
    found = child(shelf, "replace constant attachment = $1\nreplace constant attachment = $2\n").finding(
        "duplicate-name"
    )
    assert len(found.labels) == 1


def test_an_item_that_stands_twice_in_the_base(shelf: Shelf) -> None:
    shelf.write(base=AQC + "constant attachment = $1\n", main=CHILD + "replace constant attachment = $2\n")
    assert "stands more than once in `bcbsma.aqc`" in shelf.finding("override-ambiguous").message


def test_contracts_extend_contracts_that_extend(shelf: Shelf) -> None:
    shelf.write(
        base=AQC,
        middle='contract p.middle extends bcbsma.aqc version "2011.1"\nversion "m"\n\nreplace constant attachment = $2\n',
        main='contract p.main extends p.middle version "m"\n\nconstant x = 1\n',
    )
    edition = shelf.edition()
    assert item(edition, "attachment").span.file.name.endswith("middle.vbc")
    assert item(edition, "risk").span.file.name.endswith("base.vbc")
    assert edition.document.header.version == "m"
    assert len(edition.files) == 3


def test_a_version_is_inherited_by_whoever_states_none(shelf: Shelf) -> None:
    shelf.write(
        base=AQC,
        middle='contract p.middle extends bcbsma.aqc version "2011.1"\n',
        main='contract p.main extends p.middle version "2011.1"\n',
    )
    shelf.sound()


def test_a_missing_base_is_one_finding(shelf: Shelf) -> None:
    shelf.write(main=CHILD + "replace constant attachment = $1\n")
    assert shelf.finding("import-not-found").span is not None


def test_a_broken_item_of_the_base_is_not_reported_as_missing(shelf: Shelf) -> None:
    shelf.write(base=AQC.replace("constant attachment = $250_000", "constant attachment = = 1"))
    shelf.write(main=CHILD + "replace constant attachment = $1\n")
    assert shelf.codes() == ["syntax"]


def test_a_use_is_inherited_and_may_be_repeated(shelf: Shelf) -> None:
    shelf.write(base=AQC + "use tst.a\n", main=CHILD + "use tst.a\n", a='library tst.a\nversion "1"\n')
    assert len(shelf.edition().uses) == 1


def test_another_version_of_a_library_needs_replace(shelf: Shelf) -> None:
    shelf.write(
        base=AQC + 'use tst.a version "1"\n',
        main=CHILD + 'use tst.a version "2"\n',
        a1='library tst.a\nversion "1"\n',
        a2='library tst.a\nversion "2"\n',
    )
    assert shelf.finding("replace-missing").message == "`use tst.a` has the name of an item of `bcbsma.aqc`"
    assert [document.header.version for _, document in shelf.fixed().edition().uses] == ["2"]


def test_a_guarantee_is_replaced_by_its_title(shelf: Shelf) -> None:
    child(shelf, 'guarantee "exposure is bounded" always settlement >= $0\n').finding("replace-missing")
    edition = shelf.fixed().edition()
    assert "settlement >= $0" in item(edition, "exposure is bounded").span.text
    child(shelf, 'replace guarantee "exposure is bound" always settlement >= $0\n')
    assert shelf.finding("override-of-nothing").help == "did you mean `exposure is bounded`?"


def test_amendments_of_the_base_do_not_amend_a_contract_that_extends_it(shelf: Shelf) -> None:
    shelf.write(base=AQC, a1=AMENDMENT + "set attachment = $1\n", main=CHILD)
    assert len(shelf.sound().editions) == 1
    assert len(shelf.sound("base").editions) == 2


# Changes -------------------------------------------------------------------------------------------------------------


def constant(edition: Edition, name: str) -> ast.Expr:
    found = item(edition, name)
    assert isinstance(found, ast.Constant)
    return found.value


def step(edition: Edition, block: str, word: str) -> ast.Step:
    found = item(edition, block)
    assert isinstance(found, ast.Block)
    return next(s for s in found.steps if word in (s.label, s.word))


def test_set_gives_a_constant_another_value(shelf: Shelf) -> None:
    edition = amended(shelf, "set attachment = $300_000\n").edition()
    found = item(edition, "attachment")
    assert constant(edition, "attachment").span.text == "$300_000"
    assert found.span.place.endswith("a1.vbc:4")
    assert found.notes.source is None, "the source of the old value says nothing about the new one"  # type: ignore[union-attr]


def test_set_gives_a_step_another_argument_and_keeps_its_position(shelf: Shelf) -> None:
    edition = amended(shelf, "set risk.cap = 8% of budget\n").edition()
    block = item(edition, "risk")
    assert isinstance(block, ast.Block)
    assert [s.word for s in block.steps] == ["compare", "minimum", "share", "share", "cap", "round"]
    assert block.steps[4].span.text == "set risk.cap = 8% of budget"
    assert block.steps[3].span.file.name.endswith("main.vbc")


def test_set_reaches_a_step_on_one_side(shelf: Shelf) -> None:
    edition = amended(shelf, "set risk.surplus.share = 60%\n").edition()
    block = item(edition, "risk")
    assert isinstance(block, ast.Block)
    assert [s.argument.span.text for s in block.steps if s.word == "share" and s.argument] == ["60%", "50%"]


def test_set_of_a_minimum_replaces_the_rate_and_what_it_is_of(shelf: Shelf) -> None:
    edition = amended(shelf, "set risk.surplus.minimum = 3% of expense\n").edition()
    found = step(edition, "risk", "minimum")
    assert found.argument is not None
    assert found.argument.span.text == "3%"
    assert [word for word, _ in found.more] == ["of", "mode"]
    assert found.get("of") == ast.Name(("expense",), span=found.span)


def test_set_of_a_minimum_without_of_keeps_what_it_is_of(shelf: Shelf) -> None:
    found = step(amended(shelf, "set risk.surplus.minimum = 3%\n").edition(), "risk", "minimum")
    assert found.get("of") == ast.Name(("budget",), span=found.span)


def test_insert_and_remove_change_the_order(shelf: Shelf) -> None:
    text = "insert reduce by 2% after risk.surplus.share\ninsert floor 1% of budget before risk.cap\nremove risk.deficit.share\n"
    edition = amended(shelf, text).edition()
    block = item(edition, "risk")
    assert isinstance(block, ast.Block)
    assert [s.word for s in block.steps] == ["compare", "minimum", "share", "reduce", "floor", "cap", "round"]
    assert block.steps[3].span.place.endswith("a1.vbc:4")


def test_changes_apply_in_the_order_written(shelf: Shelf) -> None:
    text = "insert floor 1% of budget as lower after risk.cap\ninsert less $5 after risk.lower\nremove risk.cap\n"
    edition = amended(shelf, text).edition()
    assert steps(edition, "risk")[-3:] == [
        "floor 1% of budget as lower",
        "less $5",
        "round      to cents, half away from zero",
    ]


def test_remove_takes_an_item_away(shelf: Shelf) -> None:
    edition = amended(shelf, "remove trend\n").edition()
    assert "trend" not in [getattr(i, "name", "") for i in edition.document.items]


def test_an_amendment_replaces_and_adds_items(shelf: Shelf) -> None:
    edition = amended(
        shelf, "replace scale upside(points) linear, flat outside { 1: 25%, 5: 85% }\nconstant new = 1\n"
    ).edition()
    assert "85%" in item(edition, "upside").span.text
    assert item(edition, "new").span.place.endswith("a1.vbc:5")


@pytest.mark.parametrize(
    ("text", "message", "remedy"),
    [
        ("set attachmen = $1", "there is no `attachmen` in `bcbsma.aqc`", "did you mean `attachment`?"),
        ("set rsk.cap = 1%", "there is no `rsk` in `bcbsma.aqc`", None),
        ("set risk.cup = 1%", "`sharing risk` has no step `cup`", "did you mean `risk.cap`?"),
        ("remove risk.cup", "`sharing risk` has no step `cup`", "did you mean `risk.cap`?"),
        ("insert less $1 after risk.cup", "`sharing risk` has no step `cup`", "did you mean `risk.cap`?"),
        ("set risk.share = 1%", "`sharing risk` has no step `share`",
         "did you mean `risk.surplus.share` or `risk.deficit.share`?"),
        ("set risk.surplus.cap = 1%", "`sharing risk` has no step `surplus.cap`", "did you mean `risk.cap`?"),
        ("set risk.withhold = 1%", "`sharing risk` has no step `withhold`",
         "its steps are `compare`, `surplus.minimum`, `surplus.share`, `deficit.share`, `cap`, `round`"),
        ("set trend.cap = 1%", "`trend` is a schedule and has no steps", "write the whole schedule anew: `replace schedule trend …`"),
        ("insert less $1 after risk", "`risk` names no step", "write the block and its step: `after BLOCK.STEP`"),
        ("remove nothing_like_it", "there is no `nothing_like_it` in `bcbsma.aqc`", "name an item of the contract"),
    ],
)  # fmt: skip
def test_overriding_nothing(shelf: Shelf, text: str, message: str, remedy: str | None) -> None:
    found = amended(shelf, text + "\n").finding("override-of-nothing")
    assert found.message == message
    assert remedy is None or found.help == remedy
    assert found.span is not None
    assert found.span.place.endswith("a1.vbc:4")
    if found.fixes:
        shelf.fixed().sound()


def test_a_step_used_twice_needs_its_label(shelf: Shelf) -> None:
    two = AQC.replace("  cap        10% of budget", "  cap        10% of budget\n  cap        12% of expense as hard")
    shelf.write(main=two, a1=AMENDMENT + "set risk.hard = 9% of expense\n")
    assert step(shelf.edition(), "risk", "hard").argument is not None
    shelf.write(a1=AMENDMENT + "set risk.cap = 9% of expense\n")
    assert len([s for s in steps(shelf.edition(), "risk") if s.startswith("set")]) == 1
    shelf.write(main=two.replace(" as hard", ""))
    found = shelf.finding("override-ambiguous")
    assert found.message == "step `risk.cap` stands more than once in `bcbsma.aqc`"
    assert len(found.labels) == 2
    assert "replace sharing risk" in found.help


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("set upside = 50%", "`upside` is a scale, not a constant"),
        ("set settlement = $1", "`settlement` is a payment, not a constant"),
        ("set risk = $1", "`risk` is a sharing, not a constant"),
        ("set risk.refuse = $1", "the step `risk.refuse` has no value of its own"),
        ("set growth.trend = 3%", "the step `growth.trend` takes a name, not a value"),
        ("set panel.allow = other", "the step `panel.allow` has no value of its own"),
    ],
)
def test_what_has_no_value_cannot_be_set(shelf: Shelf, text: str, message: str) -> None:
    blocks = """\
budget growth of panel {
  base $100 pmpm
  trend compounded trend since 2010
}
population panel from member_month {
  allow overlap
}
"""
    refusing = AQC.replace("  cap     ", '  refuse when budget < $0, "no budget"\n  cap     ') + blocks
    found = shelf.write(main=refusing, a1=AMENDMENT + text + "\n").finding("not-settable")
    assert found.message == message
    assert found.span is not None
    assert found.labels


def test_all_mistakes_of_an_amendment_are_reported(shelf: Shelf) -> None:
    amended(shelf, "set risk.cup = 1%\nremove tred\nreplace constant nope = 1\nconstant attachment = $1\n")
    assert sorted(shelf.codes()) == [
        "override-of-nothing",
        "override-of-nothing",
        "override-of-nothing",
        "replace-missing",
    ]


# A trial run ---------------------------------------------------------------------------------------------------------


def tried(edition: Edition, values: Mapping[str, str], sink: Sink) -> Edition:
    parsed = {name: parse_expression(SourceFile(f"--set {name}", text), sink) for name, text in values.items()}
    return override(edition, {name: value for name, value in parsed.items() if value is not None}, sink)


def test_a_trial_sets_constants_and_steps_of_an_edition(shelf: Shelf) -> None:
    sink = Sink()
    edition = shelf.write(main=AQC).edition()
    trial = tried(edition, {"attachment": "$1", "risk.cap": "5% of budget"}, sink)
    assert not len(sink)
    assert constant(trial, "attachment") == ast.Number(Fraction(1), "$", span=trial.document.span)
    assert trial.meaning_hash == edition.meaning_hash


def test_a_trial_of_an_unknown_name_is_reported(shelf: Shelf) -> None:
    sink = Sink()
    tried(shelf.write(main=AQC).edition(), {"attachmnt": "$1"}, sink)
    (found,) = sink
    assert found.code == "override-of-nothing"
    assert found.span is not None
    assert found.span.file.name == "--set attachmnt"
