"""How values are printed."""

import datetime as dt
from fractions import Fraction

import pytest

from contractlang.runtime.formatting import decimal, dollars, exactly, rounded, unit_words
from contractlang.semantics.types import MEMBER, MEMBER_MONTH, PMPM, POINT, PP, USD, Kind, Type
from contractlang.values import Absent, State, Value

F = Fraction
MONEY = Type(Kind.MONEY, USD)
FEE = Type(Kind.MONEY, PMPM)
PERCENT = Type(Kind.PERCENT)
NUMBER = Type(Kind.NUMBER)
MEMBERS = Type(Kind.COUNT, MEMBER)
POINTS = Type(Kind.NUMBER, POINT)


@pytest.mark.parametrize(
    ("value", "type_", "text"),
    [
        (F("41312.07"), MONEY, "$41,312.07"),
        (F(-5), MONEY, "-$5.00"),
        (F("1234.5678"), MONEY, "$1,234.5678"),
        (F(200, 3), MONEY, "$66.666666…"),
        (F(-1, 10**9), MONEY, "$0.000000…"),
        (F("0.75"), FEE, "$0.75 pmpm"),
        (F("0.125"), PERCENT, "12.5%"),
        (F(1, 3), PERCENT, "33.333333…%"),
        (F(1, 2), Type(Kind.NUMBER, PP), "50 pp"),
        (F(5000), MEMBERS, "5,000 members"),
        (F(1), MEMBERS, "1 member"),
        (F(12), Type(Kind.COUNT, MEMBER_MONTH), "12 member_months"),
        (F(1200), Type(Kind.COUNT, MEMBER_MONTH, shown=(F(12), "member years")), "100 member years"),
        (F(10), Type(Kind.MONEY, PMPM, shown=(F(1, 12), "USD per member year")), "$120.00 per member year"),
        (F("3.4"), POINTS, "3.4 points"),
        (F(2021), Type(Kind.PERIOD, scheme="year"), "2021"),
        (F(1234567), NUMBER, "1,234,567"),
        (True, Type(Kind.FLAG), "yes"),
        (dt.date(2024, 1, 31), Type(Kind.DATE), "2024-01-31"),
        ("BASIC_E", Type(Kind.CATEGORY, scheme="track"), "BASIC_E"),
        (Absent(State.NOT_REPORTABLE, "zero denominator"), MONEY, "not reportable (zero denominator)"),
    ],
)
def test_exactly(value: Value, type_: Type, text: str) -> None:
    assert exactly(value, type_) == text


@pytest.mark.parametrize(
    ("value", "type_", "text"),
    [
        (F(200, 3), MONEY, "$66.67"),
        (F("0.005"), MONEY, "$0.01"),
        (F("-0.001"), MONEY, "$0.00"),
        (F("0.12345"), FEE, "$0.1235 pmpm"),
        (F(1, 3), PERCENT, "33.3333%"),
        (F(10, 3), POINTS, "3.33 points"),
    ],
)
def test_rounded(value: Value, type_: Type, text: str) -> None:
    assert rounded(value, type_) == text


def test_plain_digits() -> None:
    assert decimal(F("-1234.5"), 2) == "-1234.50"
    assert decimal(F("-0.004"), 2) == "0.00"
    assert decimal(F("0.005"), 2) == "0.01"
    assert decimal(F(7), 0) == "7"
    assert dollars(F("-0.07")) == "-$0.07"


def test_unit_words() -> None:
    assert unit_words(FEE) == "USD pmpm"
    assert unit_words(PERCENT) == "percent"
    assert unit_words(NUMBER) == ""
