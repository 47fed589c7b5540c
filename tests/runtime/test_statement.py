"""Statements: the printed lines add up to what is paid."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contractlang.runtime.heading import heading
from contractlang.runtime.result import Result
from contractlang.runtime.statement import Statement, statement
from contractlang.runtime.statement_forms import as_json, as_text
from tests.runtime.settling import CONTRACT, ROWS, Row, compiled, settled

ODD = """
define bonus = $0.005 * results.beneficiaries / 1 member

payment fee to group = round(earned / 3 + bonus to cents, half away from zero)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("statement")


def statements(folder: Path, rows: tuple[Row, ...], text: str = CONTRACT) -> list[tuple[Statement, Result, int]]:
    result, _ = settled(folder, rows, text)
    head = heading(compiled(folder, text))
    return [(statement(result, head, row), result, row) for row in result.rows.tolist()]


def adds_up(found: Statement) -> None:
    for section in found.sections:
        if section.adds:
            assert section.total is not None
            assert sum((line.change or Fraction(0) for line in section.lines), Fraction(0)) == section.total.amount


def test_lines_add_up_to_the_paid_cent(folder: Path) -> None:
    for found, result, row in statements(folder, ROWS, CONTRACT + ODD):
        adds_up(found)
        paid = {s.title: s.total.amount for s in found.sections if s.kind == "payment" and s.total is not None}
        assert paid == {name: result.value(name, row) for name in ("settlement", "fee")}


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["ONE_SIDED", "TWO_SIDED"]),
            st.decimals(1_000_000, 50_000_000, places=2),
            st.decimals(1_000_000, 50_000_000, places=2),
            st.integers(0, 80_000),
            st.decimals(0, 100, places=2),
        ),
        min_size=1,
        max_size=6,
    )
)
def test_lines_add_up_on_any_data(folder: Path, drawn: list[tuple[str, object, object, int, object]]) -> None:
    rows = tuple((f"G{i}", "2022", t, str(b), str(e), m, str(q)) for i, (t, b, e, m, q) in enumerate(drawn))
    for found, _, _ in statements(folder, rows, CONTRACT + ODD):
        adds_up(found)


def test_rounding_of_a_payment_is_a_line_of_its_own(folder: Path) -> None:
    found = next(f for f, _, _ in statements(folder, ROWS, CONTRACT + ODD) if f.group == "Lakeside")
    fee = next(section for section in found.sections if section.title == "fee")
    assert [(line.text, line.change) for line in fee.lines] == [
        ("earned / 3", Fraction("92060")),
        ("bonus", Fraction("37.5")),
    ]


def test_text(folder: Path) -> None:
    found = next(f for f, _, _ in statements(folder, ROWS) if f.group == "Hillside" and f.period == "2022")
    text = as_text(found)
    assert text.startswith(
        """\
Shared savings
demo.savings 1 · A payer
Statement for group Hillside, 2022
illustrative terms: minimum_rate (only two points are published)
"""
    )
    lines = [" ".join(line.split()) for line in text.splitlines()]
    assert "(refused: one-sided track) +400,000.00 $0.00 contract.vbc:40" in "\n".join(lines)
    assert "paid settlement $0.00 contract.vbc:47" in lines
    assert "expenditure $8,400,000.00 results.csv, row 4, column Total cost" in lines


def test_a_held_group_gets_no_payment(folder: Path) -> None:
    rows = (("Lakeside", "2021", "ONE_SIDED", "10000000", "", 7_500, "92.06"), *ROWS[1:])
    found = statements(folder, rows)[0][0]
    assert found.status == "held"
    assert found.reason == "settlement is missing (empty)"
    assert not [section for section in found.sections if section.kind == "payment"]
    assert "held: settlement is missing (empty)" in as_text(found)


def test_terms_are_illustrative_only_where_the_payment_depends_on_them(folder: Path) -> None:
    free = CONTRACT.replace("minimum_rate(beneficiaries) of", "2% of")
    free += "define unused_rate = minimum_rate(beneficiaries)\n"
    free += 'guarantee "used"  always unused_rate >= 0%\n'
    assert statements(folder, ROWS, free)[0][0].warnings == ()


def test_json_form(folder: Path) -> None:
    document = as_json(statements(folder, ROWS)[0][0])
    assert document["format"] == "vbc-statement/1"
    assert json.loads(json.dumps(document)) == document
    block = document["sections"][0]
    assert block["adds"]
    assert block["lines"][2]["change"] == "-323819.73"
    assert block["total"]["amount"] == "276180.00"
