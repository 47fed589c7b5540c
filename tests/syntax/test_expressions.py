"""How expressions read: precedence, literals, aggregates."""

from fractions import Fraction

import pytest

from contractlang.syntax import ast
from tests.syntax.reading import SPAN, expression, number, shown


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        # loosest first
        ("a or b and c", "(a or (b and c))"),
        ("a and not b or c", "((a and (not b)) or c)"),
        ("not a is b", "(not (a is b))"),
        ("not not a", "(not (not a))"),
        ("a < b and c >= d", "((a < b) and (c >= d))"),
        ("a is not b or c", "((a is not b) or c)"),
        ("a is applicable and b", "((a is applicable) and b)"),
        ("a is not reportable", "(a is not reportable)"),
        ("a.b is missing", "(a.b is missing)"),
        ("a + b is c - d", "((a + b) is (c - d))"),
        ("a else b < c", "((a else b) < c)"),
        ("a else b + c", "(a else (b + c))"),
        ("a else b else c", "((a else b) else c)"),
        ("a if missing b else c", "((a if missing b) else c)"),
        ("a - b - c", "((a - b) - c)"),
        ("a + b * c", "(a + (b * c))"),
        ("a / b / c", "((a / b) / c)"),
        ("-a * b", "((- a) * b)"),
        ("a - -b", "(a - (- b))"),
        ("-a ^ b", "(- (a ^ b))"),
        ("a ^ b ^ c", "(a ^ (b ^ c))"),
        ("a ^ -b", "(a ^ (- b))"),
        ("10% of b * c", "((1/10% of b) * c)"),
        ("10% of b ^ c", "((1/10% of b) ^ c)"),
        ("a of b of c", "(a of (b of c))"),
        ("-15% of b", "(- (3/20% of b))"),
        ("a of b at 2019", "(a of (b at 2019))"),
        ("a at baseline at 2019", "((a at baseline) at 2019)"),
        ("prior a - 1", "((prior a) - 1)"),
        ("a / prior b.c", "(a / (prior b.c))"),
        ("prior a starting 0% + 1", "((prior a starting 0%) + 1)"),
        ("prior a starting -1", "(prior a starting -1)"),
        ("(a + b) * c", "((a + b) * c)"),
        ('a in [B, "2106-3", 1..3, ..0, 9..]', '(a in [B, "2106-3", 1..3, ..0, 9..])'),
        ("a not in [B,]", "(a not in [B])"),
        ('a in ["99201".."99215"]', '(a in ["99201".."99215"])'),
    ],
)
def test_precedence(text: str, meaning: str) -> None:
    assert shown(expression(text)) == meaning


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", number("0")),
        ("1_250_000", number("1250000")),
        ("0.50", number("0.5", decimals=2)),
        ("74%", number("0.74", "%")),
        ("7.25%", number("0.0725", "%", decimals=2)),
        ("2.5 pp", number("0.025", "pp", decimals=1)),
        ("$250_000", number("250000", "$")),
        ("$0.75 pmpm", number("0.75", "$", "pmpm", 2)),
        ("5_000 members", number("5000", "", "members")),
        ("3 member years", number("3", "", "member years")),
        ("-0.5 points", number("-0.5", "", "points", 1)),
        ("-$6 pmpm", number("-6", "$", "pmpm")),
    ],
)
def test_number_literals(text: str, value: ast.Number) -> None:
    assert expression(text) == value


def test_unit_with_per() -> None:
    assert expression("$15 per event") == ast.Number(Fraction(15), "$", ast.Unit((), ("event",), span=SPAN), span=SPAN)
    assert expression("5 USD per member year") == ast.Number(
        Fraction(5), "", ast.Unit(("USD",), ("member", "year"), span=SPAN), span=SPAN
    )


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("sum(x over measure)", "<sum x over measure>"),
        ("sum(x over a, b.c where d > 1)", "<sum x over a, b.c where (d > 1)>"),
        ("mean(x weighted by w over network except own)", "<mean x weighted by w over network except own>"),
        ("count(members where age is missing)", "<count members where (age is missing)>"),
        ("percentile(75%, x over k)", "<percentile 3/4%, x over k>"),
        ("min(x over k)", "<min x over k>"),
        ("min(x, y)", "min(x, y)"),
        ("max(x)", "<max x>"),
        ("sum(x)", "<sum x>"),
        ("upside(score)", "upside(score)"),
        ("year(start) + 1", "(year(start) + 1)"),
        ("sqrt(x, 9 decimals)", "sqrt(x, 9 decimals)"),
        ("power(1 + t, 1 / 12, 12 decimals)", "power((1 + t), (1 / 12), 12 decimals)"),
        ("round(x + y to cents, half to even)", "round((x + y) to cents, half to even)"),
        ("round(x to 0.5%, up)", "round(x to 1/200%, up)"),
        ('terms[k2, "a"].max_rate * 2', '(terms[k2, "a"].max_rate * 2)'),
    ],
)
def test_calls(text: str, meaning: str) -> None:
    assert shown(expression(text)) == meaning


def test_clause_words_are_names_inside_expressions() -> None:
    text = "cap + share.floor * round.limit - minimum / trend.source + as_of + table"
    names = "((((cap + (share.floor * round.limit)) - (minimum / trend.source)) + as_of) + table)"
    assert shown(expression(text)) == names


def test_a_text_may_hold_quotes_and_backslashes() -> None:
    assert expression(r'"say \"no\" or \\"') == ast.Text('say "no" or \\', span=SPAN)


def test_spans_cover_what_was_written() -> None:
    found = expression("1 + (a * sum(b over c))")
    assert isinstance(found, ast.Binary)
    assert found.span.text == "1 + (a * sum(b over c))"
    product = found.right
    assert isinstance(product, ast.Binary)
    assert product.span.text == "a * sum(b over c)"
    assert isinstance(product.right, ast.Aggregate)
    assert product.right.span.text == "sum(b over c)"


def test_spans_of_operators_cover_their_parentheses() -> None:
    found = expression("(a + b) * 2")
    assert found.span.text == "(a + b) * 2"


def test_line_ends_inside_brackets_and_after_operators_do_not_count() -> None:
    text = "(a\n + b) *\n max(c,\n d) and\n not\n e or f in [g\n, h]"
    assert shown(expression(text)) == "(((((a + b) * max(c, d)) and (not e)) or (f in [g, h])))"[1:-1]
