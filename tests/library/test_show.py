"""The text in force: it parses to the tree of the edition, and says where every clause comes from."""

from __future__ import annotations

from pathlib import Path

import pytest

from contractlang.diagnostics.diagnostic import Sink
from contractlang.library.edition import Edition
from contractlang.library.imports import load
from contractlang.library.show import assumptions, origins, show
from contractlang.locations import contracts_folder
from contractlang.source import SourceFile
from contractlang.syntax.parser import parse
from tests.library.rich import RATES, RICH
from tests.library.shelves import AQC, Shelf

CHANGE = 'amendment tst.a1 to tst.rich version "2024.1"\neffective 2022-07-01\n\n'
CHILD = 'contract p.child extends tst.rich version "2024.1"\n'


def shown(edition: Edition) -> str:
    """The text of an edition, checked to parse to its tree."""
    text = show(edition)
    sink = Sink()
    document = parse(SourceFile("shown", text), sink)
    assert [d.message for d in sink] == [], text
    assert document == edition.document, text
    return text


def test_a_contract_by_itself(shelf: Shelf) -> None:
    text = shown(shelf.write(main=RICH, rates=RATES).edition())
    assert "## The whole language in one contract." in text
    assert 'title    "Everything"' in text or 'title "Everything"' in text


def test_a_library(shelf: Shelf) -> None:
    assert "constant base = $1.50 pmpm" in shown(shelf.write(main=RATES).edition())


@pytest.mark.parametrize(
    "changes",
    [
        "set attachment = $300_000",
        "set risk.hard_cap = 12% of target",
        "set risk.surplus.minimum = 3% of expense",
        "set risk.surplus.minimum = 3%",
        "set risk.surplus.minimum = (1% + 2%) of (target + expense)",
        "set risk.surplus.minimum = max(1%, 2%) + 1%",
        "set risk.deficit.share = (\n  1 - chosen  # a remark\n  ) * 2",
        "set risk.less = $50 + $50",
        "set risk.compare = target + $1",
        "set risk.bands = upside",
        "set risk.net = other_advance",
        "set risk.round = dollars",
        "set target.trend = fee",
        "set panel.where = product is HMO",
        "set panel.months = 1 / 2",
        "remove risk.hard_cap",
        "remove risk.less\nremove risk.net\nremove other",
        'insert surplus less $5 when looked > 1 as extra source "a" before risk.hard_cap',
        "insert add $1 pmpm after target.trend\ninsert discount 2% after target.add",
        'replace schedule trend per year {\n  # as agreed\n  2021..: 2%\n}\nconstant added = 1 assumed "for now"',
        "replace table terms per track {\n  | track | max_rate |\n  | otherwise | 1% |\n}",
        "replace sharing risk {\n  ## Both sides.\n  compare target to expense\n  share 50%\n}",
        "## Why it is here.\nreplace   constant attachment = $1",
        "remove chosen\nremove settlement",
        "use tst.rates as again",
    ],
)  # fmt: skip
def test_amended_texts(shelf: Shelf, changes: str) -> None:
    shelf.write(main=RICH, rates=RATES, a1=CHANGE + changes + "\n")
    first, second = shelf.sound().editions
    shown(first)
    assert "# amended by tst.a1" in shown(second)


def test_a_step_that_is_set_again_and_again(shelf: Shelf) -> None:
    shelf.write(
        main=RICH,
        rates=RATES,
        a1=CHANGE + "set risk.surplus.minimum = 3%\nset risk.hard_cap = 11% of target\nset attachment = $1\n",
        a2=CHANGE.replace("a1", "a2").replace("2022", "2023")
        + "set risk.surplus.minimum = 4% of expense\nset attachment = $2\n",
    )
    editions = shelf.sound().editions
    texts = [shown(edition) for edition in editions]
    assert "minimum 2% of target" in texts[0].replace("  ", "")
    minima = [next(line for line in text.splitlines() if "minimum" in line and "surplus" in line) for text in texts]
    assert ["2% of target" in minima[0], "3% of target" in minima[1], "4% of expense" in minima[2]] == [True] * 3


def test_a_schedule_that_changes_inside_a_period(shelf: Shelf) -> None:
    change = "replace schedule fee per month { ..2023-12-31: $5 pmpm, 2024-01-01..: $6 pmpm }\n"
    shelf.write(main=RICH, rates=RATES, a1=CHANGE.replace("2022-07-01", "2022-10-01") + change)
    text = " ".join(shown(shelf.edition()).split())
    assert "2022-07-01..2022-09-30: $4.50 pmpm" in text
    assert "2022-10-01..2023-12-31: $5 pmpm" in text


def test_a_text_that_extends_another(shelf: Shelf) -> None:
    shelf.write(
        base=RICH, rates=RATES, main=CHILD + 'payer "Say \\"hi\\" \\\\ bye"\n\nreplace constant attachment = $1\n'
    )
    text = shown(shelf.edition())
    assert "contract p.child\n" in text
    assert not any(line.startswith("replace") for line in text.splitlines())


def test_the_origin_of_each_clause_is_in_the_text(shelf: Shelf) -> None:
    shelf.write(main=RICH, rates=RATES, a1=CHANGE + "set risk.hard_cap = 12% of target\nconstant added = 1\n")
    text = shown(shelf.edition())
    lines = text.splitlines()
    main, a1 = shelf.folder / "main.vbc", shelf.folder / "a1.vbc"
    line = RICH.splitlines().index("sharing risk {") + 1
    assert lines[lines.index("sharing risk {") - 1] == f"# {main}:{line}"
    assert lines[lines.index("constant added = 1") - 1] == f"# {a1}:5"
    (cap,) = [line for line in lines if "12% of target" in line]
    assert cap.endswith(f"# {a1}:4")


def test_origins_as_data(shelf: Shelf) -> None:
    shelf.write(
        main=AQC,
        a='amendment aqc.a to bcbsma.aqc version "2011.1"\neffective 2012-01-01\n\nset risk.cap = 1% of budget\n',
    )
    places = {name: span.place.rpartition("/")[2] for name, span in origins(shelf.edition())}
    assert places["risk"] == "main.vbc:13"
    assert places["risk.cap"] == "a.vbc:4"
    assert places["risk.surplus.share"] == "main.vbc:16"


def test_assumptions_are_listed(shelf: Shelf) -> None:
    shelf.write(
        main=RICH.replace("less       $100", 'less       $100 assumed "a guess"'),
        rates=RATES.replace("pmpm", 'pmpm assumed "a library guess"'),
    )
    assert [(name, words) for name, words, _ in assumptions(shelf.edition())] == [
        ("elections.share", "as negotiated elsewhere"),
        ("trend", "unpublished"),
        ("risk.less", "a guess"),
        ("rates.base", "a library guess"),
    ]


def test_a_value_that_is_set_is_no_longer_assumed(shelf: Shelf) -> None:
    main = AQC.replace('source "appendix B"', 'assumed "a guess"')
    shelf.write(
        main=main, a='amendment aqc.a to bcbsma.aqc version "2011.1"\neffective 2012-01-01\n\nset attachment = $1\n'
    )
    first, second = shelf.sound().editions
    assert [name for name, _, _ in assumptions(first)] == ["attachment"]
    assert assumptions(second) == []
    assert "a guess" not in shown(second)


def test_comments_inside_an_untouched_item_stay(shelf: Shelf) -> None:
    assert "# of the whole" in shown(shelf.write(main=AQC).edition())


@pytest.mark.parametrize(
    "path", sorted(contracts_folder().rglob("*.vbc")), ids=lambda path: str(path.relative_to(contracts_folder()))
)
def test_the_contracts_that_come_with_the_language(path: Path) -> None:
    sink = Sink()
    loaded = load(path, sink)
    assert loaded is not None
    assert not len(sink)
    for edition in loaded.editions:
        shown(edition)
