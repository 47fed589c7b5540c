"""The meaning hash: the same for texts that say the same, another for any other text."""

from __future__ import annotations

import dataclasses
import datetime as dt
import random
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contractlang.diagnostics.diagnostic import Sink
from contractlang.library.meaning import meaning_hash
from contractlang.source import SourceFile
from contractlang.syntax import ast
from contractlang.syntax.parser import parse
from tests.library.rich import RATES, RICH
from tests.library.shelves import AQC, HEAD, Shelf


def parsed(text: str) -> ast.Document:
    sink = Sink()
    document = parse(SourceFile("test.vbc", text), sink)
    assert not len(sink)
    assert document is not None
    return document


def digest(text: str) -> str:
    return meaning_hash(parsed(text))


BASE = parsed(RICH)
HASH = meaning_hash(BASE)


# Golden values: a change of the form changes every hash that was ever written down -----------------------------------


def test_golden_values() -> None:
    assert (
        digest('library tst.empty\nversion "1"\n') == "558f9f5f0b3a865c827ff74b69539dfe986041e1ca6dc57a54d42d1aa21e77a3"
    )
    assert digest(AQC) == "69b8388d8d8e7b56e6ee1b3162b3bed8a131cb1cd95f96537de96972c402710a"
    assert HASH == "fc4df4cffedc6301f7df28068882796c7af38e1cc3301eda767370b692747730"


def test_golden_value_with_a_used_library(shelf: Shelf) -> None:
    edition = shelf.write(main=RICH, rates=RATES).edition()
    assert edition.meaning_hash == "683a9aba27da4df652ef48baa2a25464e3da01a1529f66ed4a246b3df266c143"


def test_the_byte_hash_of_one_file_is_that_of_the_file(shelf: Shelf) -> None:
    text = 'library tst.empty\nversion "1"\n'
    edition = shelf.write(main=text).edition()
    assert edition.byte_hash == "6678fca571d067bf9d56ef8cf3c1a87e891b07ae26f3d2790183867d55cebcbe"
    shelf.write(main=text + "\n")
    assert shelf.edition().byte_hash != edition.byte_hash
    assert shelf.edition().meaning_hash == edition.meaning_hash


# What means nothing --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("constant attachment = $250_000", "# a remark\nconstant   attachment =  $250_000   # another"),
        ("constant attachment = $250_000", "## A doc comment.\nconstant attachment = $250000"),
        ("120% of", "120.00% of"),
        ("$4.50 pmpm", "$4.5 pmpm"),
        ("months     0.5", "months     0.50"),
        ("5_000 members", "5000 members"),
        ('source "appendix B"', 'source "appendix C"'),
        ('source "appendix B"', ""),
        ("## One row per group.", ""),
        ('category track source "rule 1" { ONE, TWO, THREE }', "category track {\n  THREE,\n  ONE\n  TWO\n}"),
        ("{ 2019: 40%, 2020: 60% }", "{ 2020: 60%, 2019: 40% }"),
        ("{ 1: 20%, 5: 80% }", "{ 5: 80%, 1: 20% }"),
        ('product in [HMO, POS, "1".."9"]', 'product in ["1".."9", POS, HMO]'),
        ("over line, measure)", "over measure, line)"),
        ("given   target = $100, expense = $90, track = ONE", "given   track = ONE, expense = $90\n  given   target = $100"),
        ("risk = $5 within $0.01, settlement is not applicable", "settlement is not applicable, risk = $5 within $0.01"),
        ("          | a       |  10% |\n          | b       |  20% |", "          | b       |  20% |\n          | a       |  10% |"),
        ("given   | measure | rate |\n          | a       |  10% |\n          | b       |  20% |",
         "given   | rate | measure |\n          | 10% | a |\n          | 20% | b |"),
        ('use tst.rates version "1" as rates', 'use tst.rates version "1"   as rates'),
        ("(age >= 65 or age is missing)", "((age >= 65) or (age is missing))"),
    ],
)  # fmt: skip
def test_same_meaning(old: str, new: str) -> None:
    assert RICH.count(old) == 1
    assert digest(RICH.replace(old, new)) == HASH


def test_rows_and_columns_of_a_table_may_change_places() -> None:
    one = "table t per k {\n  | k | a  | b   |\n  | X | 1% | yes |\n  | Y | -  | no  |\n}\n"
    other = "table t per k {\n  | k | b   | a  |\n  | Y | no  | -  |\n  | X | yes | 1% |\n}\n"
    swapped = "table t per k {\n  | k | a | b  |\n  | X | yes | 1% |\n  | Y | no | - |\n}\n"
    head = HEAD.format(name="tst.t", version="1")
    assert digest(head + one) == digest(head + other)
    assert digest(head + one) != digest(head + swapped)


def walk(node: Any, rebuild: Callable[[Any], Any]) -> Iterator[tuple[Any, Callable[[Any], Any]]]:
    """Every part of a tree, with a function that gives the whole tree with that part replaced."""
    yield node, rebuild
    if isinstance(node, tuple):
        for i, part in enumerate(node):
            yield from walk(part, lambda new, i=i: rebuild((*node[:i], new, *node[i + 1 :])))  # type: ignore[misc]
    elif dataclasses.is_dataclass(node) and not isinstance(node, type):
        for field in dataclasses.fields(node):
            if field.name != "span":
                part = getattr(node, field.name)
                yield from walk(part, lambda new, n=field.name: rebuild(dataclasses.replace(node, **{n: new})))  # type: ignore[misc]


# One small document per item, and one for the header: a changed leaf is then hashed in a fraction of the time.
SMALL = [dataclasses.replace(BASE, items=(item,)) for item in BASE.items] + [dataclasses.replace(BASE, items=())]
SILENT = {("Notes", "doc"), ("Notes", "source"), ("Document", "doc"), ("Number", "decimals")}


def test_every_leaf_that_says_something_counts() -> None:
    """Each leaf of the tree is changed by itself; only what is documented as silent may leave the hash alone."""
    count = 0
    for document in SMALL:
        before = meaning_hash(document)
        for node, rebuild in walk(document.items or document, lambda new, d=document: _put(d, new)):  # type: ignore[misc]
            if not dataclasses.is_dataclass(node) or isinstance(node, type):
                continue
            for field in dataclasses.fields(node):
                value = getattr(node, field.name)
                if field.name in ("span", "replace") or isinstance(value, tuple) or dataclasses.is_dataclass(value):
                    continue
                new = dataclasses.replace(node, **{field.name: another(value)})
                same = meaning_hash(rebuild(new)) == before
                assert same == ((type(node).__name__, field.name) in SILENT), (type(node).__name__, field.name, value)
                count += 1
    assert count > 500


def _put(document: ast.Document, new: Any) -> ast.Document:
    return dataclasses.replace(document, items=new) if isinstance(new, tuple) else new


def test_dropping_any_part_of_a_list_counts() -> None:
    for document in SMALL:
        before = meaning_hash(document)
        for node, rebuild in walk(document.items or document, lambda new, d=document: _put(d, new)):  # type: ignore[misc]
            if isinstance(node, tuple):
                for i in range(len(node)):
                    assert meaning_hash(rebuild((*node[:i], *node[i + 1 :]))) != before


def another(value: Any) -> Any:
    match value:
        case None:
            return "something"
        case bool():
            return not value
        case int():
            return value + 1
        case Fraction():
            return value + Fraction(1, 1_000_000_007)
        case str():
            return value + "x"
        case dt.date():
            return value + dt.timedelta(days=1)
        case _:
            raise AssertionError(type(value))


@settings(max_examples=60, deadline=None)
@given(st.randoms(use_true_random=False))
def test_shuffling_what_has_no_order_means_nothing(rng: random.Random) -> None:
    assert meaning_hash(shuffled(BASE, rng)) == HASH


def shuffled(document: ast.Document, rng: random.Random) -> ast.Document:
    def mixed(values: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(rng.sample(values, len(values)))

    def item(old: ast.Item) -> ast.Item:
        match old:
            case ast.Category():
                return dataclasses.replace(old, values=mixed(old.values))
            case ast.Input():
                return dataclasses.replace(old, columns=mixed(old.columns))
            case ast.Schedule() | ast.Baseline():
                return dataclasses.replace(old, entries=mixed(old.entries))
            case ast.Scale():
                return dataclasses.replace(old, bands=mixed(old.bands))
            case ast.Example():
                return dataclasses.replace(old, given=mixed(old.given), expect=mixed(old.expect))
            case ast.Terms():
                order = mixed(tuple(range(len(old.header))))
                rows = tuple(dataclasses.replace(row, cells=tuple(row.cells[i] for i in order)) for row in old.rows)
                return dataclasses.replace(old, header=tuple(old.header[i] for i in order), rows=mixed(rows))
            case _:
                return old

    return dataclasses.replace(document, items=mixed(tuple(item(old) for old in document.items)))


# What counts ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("  cap        120% of expense.pmpm as ceiling\n", "  # the cap moved\n"),
        ("  surplus    share upside(quality)\n  deficit    share 1 - chosen\n", "  deficit    share 1 - chosen\n  surplus    share upside(quality)\n"),
        ("and scored:  max(quality, 10%)\n  when track in [TWO, THREE]:             -1 pp",
         "and scored:  -1 pp\n  when track in [TWO, THREE]:             max(quality, 10%)"),
        ("when looked > 1", "when looked >= 1"),
        ("$4.50 pmpm", "$4.50"),
        ("-1 pp", "-1%"),
        ('assumed "unpublished"', ""),
        ('assumed "unpublished"', 'assumed "guessed"'),
        ('"carved out"', '"left out"'),
        ('guarantee "no cliff"', 'guarantee "smooth"'),
        ('example "small"', 'example "little"'),
        ('version  "2024.1"', 'version  "2024.2"'),
        ('payer    "A payer"', 'payer    "B payer"'),
        ("year starts july", "year starts august"),
        ("results per group, year", "results per year, group"),
        ("max(quality, 10%)", "max(10%, quality)"),
        ("half away from zero", "half to even"),
        ("prior growth starting 0%", "prior growth"),
        ("except own ", ""),
        ("12 decimals)", "11 decimals)"),
        ("percent     4 decimals", "percent     3 decimals"),
        ("as rates", "as other"),
        ("1 - chosen", "chosen - 1"),
    ],
)  # fmt: skip
def test_another_meaning(old: str, new: str) -> None:
    assert RICH.count(old) == 1
    assert digest(RICH.replace(old, new)) != HASH


def test_what_a_library_says_counts_and_how_it_says_it_does_not(shelf: Shelf) -> None:
    used = shelf.write(main=RICH, rates=RATES).edition().meaning_hash
    shelf.write(rates=RATES.replace("constant base", "# remark\nconstant   base"))
    assert shelf.edition().meaning_hash == used
    shelf.write(rates=RATES.replace("$1.50", "$1.51"))
    assert shelf.edition().meaning_hash != used


def test_a_library_behind_a_library_counts(shelf: Shelf) -> None:
    shelf.write(main=RICH, rates=RATES + "use tst.deep\n", deep='library tst.deep\nversion "1"\n\nconstant x = 1\n')
    used = shelf.edition().meaning_hash
    shelf.write(deep='library tst.deep\nversion "1"\n\nconstant x = 2\n')
    assert shelf.edition().meaning_hash != used


def test_asking_for_the_version_that_is_found_anyway_means_nothing(shelf: Shelf) -> None:
    used = shelf.write(main=RICH, rates=RATES).edition().meaning_hash
    shelf.write(main=RICH.replace('use tst.rates version "1" as', "use tst.rates as"))
    assert shelf.edition().meaning_hash == used


def test_an_amended_text_means_what_it_would_mean_written_out(shelf: Shelf) -> None:
    change = 'amendment aqc.a1 to bcbsma.aqc version "2011.1"\neffective 2012-01-01\n\nset risk.cap = 8% of budget\n'
    amended = shelf.write(main=AQC, a1=change).edition()
    start = AQC.index("example")
    written = AQC[:start].replace("10% of budget  ", "8% of budget")
    assert amended.meaning_hash == digest(written)


def test_a_long_sum_is_hashed() -> None:
    deep: ast.Expr = ast.Number(Fraction(1), span=BASE.span)
    for _ in range(20_000):
        deep = ast.Binary("+", deep, ast.Number(Fraction(1), span=BASE.span), span=BASE.span)
    document = dataclasses.replace(BASE, items=(ast.Constant("x", deep, span=BASE.span),))
    assert len(meaning_hash(document)) == 64
