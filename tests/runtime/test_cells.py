"""Cells: the SQL that reads them means what `read_cell` means, on texts that files really hold and on random ones."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import count, product

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contractlang.engines.duckdb.files import connect
from contractlang.engines.duckdb.reading import CellTable
from contractlang.engines.reading import (
    ABSENT,
    OUTSIDE,
    UNREADABLE,
    VALUE,
    Cell,
    Raw,
    Reading,
    Unreadable,
    read_cell,
    scale,
)

TEXT = (Raw("c0", "amount"),)
NUMBER = Reading("x", "int", TEXT, places=2, currency=True)


CONNECTION = connect()
NAMES = (f"t{i}" for i in count())


def cell_table(reading: Reading, cells: Sequence[object], kind: str = "VARCHAR", *, member_level: bool) -> CellTable:
    """A table with one column that holds the cells, one a row. All tests share a connection: a new one costs 30 ms."""
    name = next(NAMES)
    unnested = f"unnest(range(1, len($1) + 1)) AS r, unnest($1::{kind}[]) AS c0"
    CONNECTION.execute(f'CREATE TEMP TABLE "raw {name}" AS SELECT 0 AS f, {unnested}', [list(cells)])
    return CellTable.of(CONNECTION, name, [reading], (), member_level=member_level, held=True)


def states(table: CellTable) -> list[tuple[object, int]]:
    return CONNECTION.execute(f'SELECT v0, s0 FROM "{table.typed}" ORDER BY r').fetchall()  # noqa: S608


def read_by_sql(reading: Reading, cells: Sequence[object], kind: str = "VARCHAR", *, member_level: bool) -> list[Cell]:
    """Values as `read_cell` gives them; the bounds are taken for unreadable cells, as there."""
    table = cell_table(reading, cells, kind, member_level=member_level)
    return [_cell(table.readings[0], value, status) for value, status in states(table)]


def _cell(reading: Reading, value: object, status: int) -> Cell:
    match status:
        case 1:
            return None
        case 2 | 3:
            return Unreadable("")
        case _ if reading.form == "int":
            return Fraction(int(value), 10 ** scale(reading))  # type: ignore[call-overload]
        case _:
            assert isinstance(value, bool | str | dt.date)
            return value


def without_reason(cell: Cell) -> Cell:
    return Unreadable("") if isinstance(cell, Unreadable) else cell


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1234.5", Fraction("1234.5")),
        ("1,234,567.89", Fraction("1234567.89")),
        ("$1,234", Fraction(1234)),
        ("-$5", Fraction(-5)),
        ("$-5", Fraction(-5)),
        ("$ (5.25)", Fraction("-5.25")),
        ("(1,000)", Fraction(-1000)),
        ("( $7 )", Fraction(-7)),
        ("+3", Fraction(3)),
        (".5", Fraction(1, 2)),
        ("5.", Fraction(5)),
        ("1e+05", Fraction(100000)),
        ("1.5E2", Fraction(150)),
        ("-12.5e-1", Fraction("-1.25")),
        ("\t 7\u00a0", Fraction(7)),
        ("0.10", Fraction(1, 10)),
        ("-0", Fraction(0)),
        ("", None),
        ("   ", None),
    ],
)
def test_numbers_as_files_write_them(text: str, value: Fraction | None) -> None:
    assert read_cell(NUMBER, text) == value
    assert read_by_sql(NUMBER, [text], member_level=False) == [value]
    assert read_by_sql(NUMBER, [text], member_level=True) == [value]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("12a", "not a number"),
        ("1,23", "not a number"),
        ("1.234,5", "not a number"),
        ("--5", "not a number"),
        ("(5", "not a number"),
        ("(-5)", "not a number"),
        ("1_000", "not a number"),
        ("0x10", "not a number"),
        ("nan", "not a number"),
        ("Infinity", "not a number"),
        ("1e", "not a number"),
        ("\u0661", "not a number"),
        ("5%", "a percent sign where the column is no percentage"),
        ("0.125", "more than 2 decimals"),
        ("9" * 40, "more than 38 digits"),
    ],
)
def test_texts_that_are_no_numbers(text: str, reason: str) -> None:
    assert read_cell(NUMBER, text) == Unreadable(reason)
    assert read_by_sql(NUMBER, [text], member_level=False) == [Unreadable("")]
    assert read_by_sql(NUMBER, [text], member_level=True) == [Unreadable("")]


def test_a_dollar_sign_needs_a_column_in_dollars() -> None:
    assert read_cell(replace(NUMBER, currency=False), "$5") == Unreadable(
        "a dollar sign where the column is not in USD"
    )


def test_percentages_fractions_and_larger_units() -> None:
    percent = replace(NUMBER, percent_sign="may", shift=2, places=None)
    assert [read_cell(percent, text) for text in ("74", "74%", "74.5 %")] == [
        Fraction(74, 100), Fraction(74, 100), Fraction(745, 1000)
    ]  # fmt: skip
    must = replace(percent, percent_sign="must")
    assert read_cell(must, "74%") == Fraction(74, 100)
    assert read_cell(must, "74") == Unreadable("a bare number may be a percentage or a fraction")
    false_sign = replace(NUMBER, strip=("%",), places=4)
    assert read_cell(false_sign, "0.0234%") == Fraction(234, 10000)
    thousands = replace(NUMBER, shift=-3, places=5)
    assert read_cell(thousands, "1.5") == 1500
    for reading, texts in ((percent, ["74", "74%"]), (must, ["74%"]), (false_sign, ["0.0234%"]), (thousands, ["1.5"])):
        assert read_by_sql(reading, texts, member_level=False) == [read_cell(reading, text) for text in texts]


digits = st.text("0123456789", min_size=1, max_size=14)
numbers = st.builds(
    lambda sign, whole, point, power: sign + whole + point + power,
    st.sampled_from(["", "-", "+", "$", "-$", "$-", "("]),
    st.one_of(digits, st.integers(0, 10**12).map(lambda n: f"{n:,}")),
    st.one_of(st.just(""), st.just("."), digits.map(lambda d: f".{d}")),
    st.sampled_from(["", "", "", ")", "%", " %", "e3", "E-2", "e+12", "e-20"]),
)
texts = st.one_of(numbers, st.text("0123456789.,-+$()%e E", max_size=8), st.text(max_size=4), st.just("-"))
readings = st.builds(
    lambda places, rounds, sign, shift, low: Reading(
        "x", "int", TEXT, ("", "-"), (), sign, True, shift, places, rounds and places is not None,
        low=low, high=None if low is None else low + 1000,
    ),
    st.one_of(st.none(), st.integers(0, 12)),
    st.booleans(),
    st.sampled_from(["no", "may", "must"]),
    st.sampled_from([0, 2, -3]),
    st.one_of(st.none(), st.fractions(-100, 100, max_denominator=7)),
)  # fmt: skip


def storable(text: str) -> bool:
    """Whether a text can be in a file that is read: no surrogates, and no NUL, which a file with is refused."""
    return "\0" not in text and not any("\ud800" <= character <= "\udfff" for character in text)


@given(readings, st.lists(texts.filter(storable), min_size=1, max_size=40))
@settings(max_examples=25, deadline=None)
def test_sql_reads_numbers_as_defined(reading: Reading, cells: list[str]) -> None:
    table = cell_table(reading, cells, member_level=False)
    found, settled = states(table), table.readings[0]
    used, [counts] = table.counts()
    largest = table.largest_change(0) if counts.rounded else Fraction(0)
    expected = [read_cell(settled, cell) for cell in cells]
    assert [_cell(settled, value, status) for value, status in found] == [without_reason(cell) for cell in expected]
    assert used == len(cells)
    outcomes = [status for _, status in found]
    assert [counts.absent, counts.unreadable, counts.outside] == [
        outcomes.count(outcome) for outcome in (ABSENT, UNREADABLE, OUTSIDE)
    ]
    exact = [read_cell(replace(settled, places=None, rounds=False, low=None, high=None), cell) for cell in cells]
    changes = [
        abs(e - v) if isinstance(e, Fraction) else Fraction(0)
        for e, (value, status) in zip(exact, found, strict=True)
        for v in [_cell(settled, value, VALUE) if status in {VALUE, OUTSIDE} else e]
        if isinstance(v, Fraction)
    ]
    assert counts.rounded == sum(change > 0 for change in changes)
    assert largest == max(changes, default=0)


@given(
    st.lists(
        st.one_of(
            st.floats(),
            st.floats(-1e6, 1e6).map(lambda x: round(x, 4)),
            st.integers(-(10**9), 10**9).map(lambda n: n / 10**5),
            st.integers(-(10**6), 10**6).map(lambda n: (n + 0.5) / 10**4),
        ),
        min_size=1,
        max_size=60,
    ),
    st.integers(0, 9),
)
@settings(max_examples=15, deadline=None)
def test_doubles_round_from_their_shortest_decimal_text(values: list[float], places: int) -> None:
    reading = Reading("x", "int", (Raw("c0", "score", "float"),), places=places, rounds=True)
    found = read_by_sql(reading, values, "DOUBLE", member_level=True)
    expected = []
    for value in values:
        cell = read_cell(reading, repr(value))
        fits = isinstance(cell, Fraction) and abs(cell * 10**places) < 2**63
        expected.append(cell if fits else Unreadable(""))
    assert found == expected


def test_singles_keep_their_own_shortest_text() -> None:
    reading = Reading("x", "int", (Raw("c0", "score", "single"),), places=2, rounds=True)
    assert read_by_sql(reading, [0.1, 0.125], "FLOAT", member_level=True) == [Fraction(1, 10), Fraction(13, 100)]


@given(st.lists(st.decimals(-(10**9), 10**9, places=3), min_size=1, max_size=10), st.integers(0, 8))
@settings(max_examples=15, deadline=None)
def test_native_decimals_are_exact(values: list[object], places: int) -> None:
    reading = Reading("x", "int", (Raw("c0", "cost", "decimal:18,3"),), places=places)
    found = read_by_sql(reading, values, "DECIMAL(18, 3)", member_level=True)
    assert found == [without_reason(read_cell(reading, str(value))) for value in values]


@given(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=10), st.integers(0, 4))
@settings(max_examples=15, deadline=None)
def test_native_integers_never_wrap(values: list[int], places: int) -> None:
    reading = Reading("x", "int", (Raw("c0", "count", "int"),), places=places)
    found = read_by_sql(reading, values, "BIGINT", member_level=True)
    fits = [-(2**63) <= value * 10**places < 2**63 for value in values]
    assert found == [Fraction(v) if fit else Unreadable("") for v, fit in zip(values, fits, strict=True)]


@given(st.lists(st.text("0123456789-", max_size=10) | st.dates().map(str), min_size=1, max_size=40))
@settings(max_examples=15, deadline=None)
def test_dates_as_defined(cells: list[str]) -> None:
    """Within the dates of the real calendar of contracts: DuckDB takes fewer ways of writing than Python."""
    reading = Reading("d", "date", TEXT)
    cells = [cell for cell in cells if not cell.startswith("0")]
    found = read_by_sql(reading, cells, member_level=False)
    assert found == [without_reason(read_cell(reading, cell)) for cell in cells]


def test_dates_in_other_formats() -> None:
    reading = Reading("d", "date", TEXT, formats=("%m/%d/%Y", "%m/%d/%Y %I:%M:%S %p"))
    cells = ["1/1/2018", "07/01/2012", "01/01/2014 12:00:00 AM", "01/01/2014 01:00:00 PM", "2/30/2018", "2018-01-01"]
    cells.append("07/01/12")  # a year of two digits is not the year 12
    expected = [read_cell(reading, cell) for cell in cells]
    assert expected[:3] == [dt.date(2018, 1, 1), dt.date(2012, 7, 1), dt.date(2014, 1, 1)]
    assert expected[3] == Unreadable("a date with a time of day")
    assert read_by_sql(reading, cells, member_level=False) == [without_reason(cell) for cell in expected]


@pytest.mark.parametrize("word", ["year", "half", "quarter", "month"])
def test_periods_come_from_labels_dates_and_months(word: str) -> None:
    labels = ["2021", "2021-H2", "2021-Q3", "2021-07", "2021-13", "21"]
    dates = ["2021-07-04", "2020-12-31", "x"]
    months = ["202107", "202112", "202113"]
    for (style, cells), by_month in product((("label", labels), ("date", dates), ("yyyymm", months)), (False, True)):
        reading = Reading("p", "period", TEXT, style=style, word=word, by_month=by_month)
        found = read_by_sql(reading, cells, member_level=False)
        assert found == [without_reason(read_cell(reading, cell)) for cell in cells]
    assert read_cell(Reading("p", "period", TEXT, style="yyyymm", word=word, by_month=True), "202108") == {
        "year": "202101", "half": "202107", "quarter": "202107", "month": "202108"
    }[word]  # fmt: skip
    assert read_cell(Reading("p", "period", TEXT, style="yyyymm", word=word), "202107") == {
        "year": "2021", "half": "2021-H2", "quarter": "2021-Q3", "month": "2021-07"
    }[word]  # fmt: skip


def test_categories_are_translated_and_closed() -> None:
    reading = Reading("t", "code", TEXT, translate=(("EN", "ENHANCED"),), labels=("A", "ENHANCED"))
    cells = ["EN", "A", "ENHANCED", "a", ""]
    assert [read_cell(reading, cell) for cell in cells] == [
        "ENHANCED", "A", "ENHANCED", Unreadable("not a value of the category"), None
    ]  # fmt: skip
    assert read_by_sql(reading, cells, member_level=False) == [without_reason(read_cell(reading, c)) for c in cells]


def test_flags() -> None:
    reading = Reading("f", "flag", TEXT)
    cells = ["1", "0", "Yes", "NO", "true", "2", ""]
    assert [read_cell(reading, c) for c in cells[:5]] == [True, False, True, False, True]
    assert read_by_sql(reading, cells, member_level=False) == [without_reason(read_cell(reading, c)) for c in cells]


@pytest.mark.parametrize(
    ("cells", "value"),
    [
        (("1", "0"), "A"),
        (("0", "1"), "B"),
        (("", "1"), "B"),
        (("0", "0"), Unreadable("none of the columns says yes")),
        (("1", "1"), Unreadable("more than one of the columns says yes")),
        (("1", "x"), Unreadable("neither yes nor no")),
        (("", ""), None),
    ],
)
def test_one_column_of_several_says_yes(cells: tuple[str, str], value: Cell) -> None:
    sources = (Raw("c0", "a"), Raw("c1", "b"))
    reading = Reading("t", "code", sources, labels=("A", "B"), labels_of_sources=("A", "B"))
    assert read_cell(reading, *cells) == value
    name = next(NAMES)
    CONNECTION.execute(f'CREATE TEMP TABLE "raw {name}" AS SELECT 0 AS f, 1 AS r, ? AS c0, ? AS c1', list(cells))
    found = states(CellTable.of(CONNECTION, name, [reading], (), member_level=False, held=True))
    assert [_cell(reading, *row) for row in found] == [without_reason(value)]


def test_integers_beyond_64_bits_are_exact() -> None:
    cells = ["123456789012345678901234.5", "-1"]
    _, _, [(values, absent)] = cell_table(NUMBER, cells, member_level=False).fetch([])
    assert list(values) == [12345678901234567890123450, -100]
    assert not absent.any()


def test_duckdb_never_fails_on_a_cell() -> None:
    """A cell is unreadable, never an error of the query: overflow in a cast or product would lose the whole table."""
    reading = replace(NUMBER, places=9, shift=-6)
    cells = ["9" * 38, "9" * 29, "1e99", "1e999", "1e-999", "-" + "9" * 30]
    try:
        found = read_by_sql(reading, cells, member_level=True)
    except duckdb.Error as error:
        pytest.fail(str(error))
    assert found == [Unreadable("")] * 4 + [Unreadable(""), Unreadable("")]
