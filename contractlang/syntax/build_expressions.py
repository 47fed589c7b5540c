"""Builds expressions. Each method is the action of a grammar rule: (parts, start, end) -> node."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable
from dataclasses import replace
from fractions import Fraction
from typing import Any

from contractlang.diagnostics.diagnostic import Diagnostic, Sink
from contractlang.source import SourceFile, Span
from contractlang.syntax import ast
from contractlang.syntax.parts import Part, Words
from contractlang.syntax.tokens import Token

MAX_DIGITS = 40

AGGREGATES = frozenset(["sum", "mean", "count", "median", "percentile", "percentile_rank", "rank", "min", "max"])
"""Functions that remove keys. `min` and `max` of several values are plain functions."""

Kids = list[Any]


class ExpressionBuilder:
    """`failed` tells that a node was built for a text that is wrong, and reported."""

    def __init__(self, source: SourceFile, sink: Sink) -> None:
        self.source = source
        self.sink = sink
        self.failed = False

    def span(self, start: int, end: int) -> Span:
        return Span(self.source, start, end)

    def wrong(self, span: Span, message: str, helps: str, code: str = "syntax") -> None:
        self.failed = True
        self.sink.report(Diagnostic(code, message, span, help=helps))

    # Literals and names

    def name(self, kids: list[Token], start: int, end: int) -> ast.Name:
        return ast.Name(tuple(token.text for token in kids), span=self.span(start, end))

    def unit(self, kids: Kids, start: int, end: int) -> ast.Unit:
        per = kids.pop() if isinstance(kids[-1], tuple) and not isinstance(kids[-1], Token) else ()
        return ast.Unit(tuple(token.text for token in kids), per, span=self.span(start, end))

    def unit_per(self, kids: list[Token], _start: int, _end: int) -> tuple[str, ...]:
        return tuple(token.text for token in kids)

    def number(self, kids: Kids, start: int, end: int) -> ast.Number:
        text, span = kids[0].text, self.span(start, end)
        unit: ast.Unit | None = kids[1] if len(kids) > 1 else None
        symbol = "$" if text.startswith("$") else "%" if text.endswith("%") else ""
        whole, _, fraction = text.strip("$%").replace("_", "").partition(".")
        if len(whole) + len(fraction) > MAX_DIGITS:
            self.wrong(span, f"a number has more than {MAX_DIGITS} digits", "round it; no amount needs so many digits")
            return ast.Number(Fraction(0), span=span)
        if len(whole) > 1 and whole.startswith("0"):
            self.wrong(
                span, f"the number `{text}` starts with 0", 'leave the leading zeros out, or quote a code: `"007"`'
            )
        if text.startswith("$") and text.endswith("%"):
            self.wrong(span, f"`{text}` is both an amount and a percentage", "write either `$` or `%`")
        value = Fraction(int(whole + fraction), 10 ** len(fraction))
        if symbol == "" and unit is not None and unit.words == ("pp",) and not unit.per:
            symbol, unit = "pp", None
        if symbol == "%" and unit is not None:
            self.wrong(
                unit.span,
                f"the percentage `{text}` has a unit",
                "write the percentage alone, or the amount as `$0.75 pmpm`",
            )
        if symbol in {"%", "pp"}:
            value /= 100
        return ast.Number(value, symbol, unit, len(fraction), span=span)

    def date(self, kids: list[Token], start: int, end: int) -> ast.Date:
        try:
            value = dt.date.fromisoformat(kids[0].text)
        except ValueError:
            self.wrong(
                self.span(start, end),
                f"the calendar has no day `{kids[0].text}`",
                "write a day that exists; a month has at most 31 days, February 28 or 29",
            )
            value = dt.date(2000, 1, 1)
        return ast.Date(value, span=self.span(start, end))

    def text(self, kids: list[Token], start: int, end: int) -> ast.Text:
        return ast.Text(unquoted(kids[0]), span=self.span(start, end))

    def yes(self, _kids: Kids, start: int, end: int) -> ast.Flag:
        return ast.Flag(value=True, span=self.span(start, end))

    def no(self, _kids: Kids, start: int, end: int) -> ast.Flag:
        return ast.Flag(value=False, span=self.span(start, end))

    # Operators

    def negative(self, kids: Kids, start: int, end: int) -> ast.Expr:
        operand = kids[0]
        if isinstance(operand, ast.Number) and operand.value > 0:
            return replace(operand, value=-operand.value, span=self.span(start, end))
        return ast.Unary("-", operand, span=self.span(start, end))

    def negated(self, kids: Kids, start: int, end: int) -> ast.Unary:
        return ast.Unary("not", kids[0], span=self.span(start, end))

    def disjunction(self, kids: Kids, start: int, end: int) -> ast.Binary:
        return ast.Binary("or", kids[0], kids[1], span=self.span(start, end))

    def conjunction(self, kids: Kids, start: int, end: int) -> ast.Binary:
        return ast.Binary("and", kids[0], kids[1], span=self.span(start, end))

    def add(self, kids: Kids, start: int, end: int) -> ast.Binary:
        return ast.Binary("+", kids[0], kids[1], span=self.span(start, end))

    def subtract(self, kids: Kids, start: int, end: int) -> ast.Binary:
        return ast.Binary("-", kids[0], kids[1], span=self.span(start, end))

    def multiply(self, kids: Kids, start: int, end: int) -> ast.Binary:
        return ast.Binary("*", kids[0], kids[1], span=self.span(start, end))

    def divide(self, kids: Kids, start: int, end: int) -> ast.Binary:
        return ast.Binary("/", kids[0], kids[1], span=self.span(start, end))

    def power(self, kids: Kids, start: int, end: int) -> ast.Binary:
        return ast.Binary("^", kids[0], kids[1], span=self.span(start, end))

    def share(self, kids: Kids, start: int, end: int) -> ast.Binary:
        return ast.Binary("of", kids[0], kids[1], span=self.span(start, end))

    def compared(self, kids: Kids, start: int, end: int) -> ast.Binary:
        left, operator, right = kids
        return ast.Binary(operator.text, left, right, span=self.span(start, end))

    def is_state(self, kids: Kids, start: int, end: int) -> ast.StateTest:
        return ast.StateTest(kids[0], kids[1].text, negated=False, span=self.span(start, end))

    def is_not_state(self, kids: Kids, start: int, end: int) -> ast.StateTest:
        return ast.StateTest(kids[0], kids[1].text, negated=True, span=self.span(start, end))

    def is_in(self, kids: Kids, start: int, end: int) -> ast.Membership:
        return ast.Membership(kids[0], kids[1], negated=False, span=self.span(start, end))

    def is_not_in(self, kids: Kids, start: int, end: int) -> ast.Membership:
        return ast.Membership(kids[0], kids[1], negated=True, span=self.span(start, end))

    def list(self, kids: Kids, _start: int, _end: int) -> tuple[ast.Expr | ast.Range, ...]:
        return tuple(kids)

    def range(self, kids: Kids, start: int, end: int) -> ast.Range:
        return ast.Range(kids[0], kids[1], span=self.span(start, end))

    def range_up(self, kids: Kids, start: int, end: int) -> ast.Range:
        return ast.Range(kids[0], None, span=self.span(start, end))

    def range_down(self, kids: Kids, start: int, end: int) -> ast.Range:
        return ast.Range(None, kids[0], span=self.span(start, end))

    def else_value(self, kids: Kids, start: int, end: int) -> ast.Else:
        return ast.Else(kids[0], kids[1], missing=False, span=self.span(start, end))

    def else_missing(self, kids: Kids, start: int, end: int) -> ast.Else:
        return ast.Else(kids[0], kids[1], missing=True, span=self.span(start, end))

    def at(self, kids: Kids, start: int, end: int) -> ast.At:
        return ast.At(kids[0], kids[1], span=self.span(start, end))

    def prior(self, kids: Kids, start: int, end: int) -> ast.Prior:
        return ast.Prior(kids[0], kids[1] if len(kids) > 1 else None, span=self.span(start, end))

    # Calls

    def lookup(self, kids: Kids, start: int, end: int) -> ast.Lookup:
        table, *keys, column = kids
        return ast.Lookup(table, tuple(keys), column.text, span=self.span(start, end))

    def rounding(self, kids: Kids, start: int, end: int) -> ast.Round:
        function, operand, step, mode = kids
        if function.text != "round":
            self.wrong(
                function.span, f"`{function.text}` takes no `to`", "write `round(x to cents, half away from zero)`"
            )
        return ast.Round(operand, step, mode.text, span=self.span(start, end))

    def weighted(self, kids: Kids, _start: int, _end: int) -> Part:
        return Part("weighted", kids[0])

    def over(self, kids: Kids, _start: int, _end: int) -> Part:
        return Part("over", tuple(kids))

    def except_own(self, _kids: Kids, _start: int, _end: int) -> Part:
        return Part("except", ())

    def nearest(self, _kids: Kids, _start: int, _end: int) -> Part:
        return Part("nearest", ())

    def where(self, kids: Kids, _start: int, _end: int) -> Part:
        return Part("where", kids[0])

    def call(self, kids: Kids, start: int, end: int) -> ast.Call | ast.Aggregate:
        function, span = kids[0], self.span(start, end)
        parts: dict[str, Any] = {kid.key: kid.value for kid in kids[1:] if isinstance(kid, Part)}
        arguments = [kid for kid in kids[1:] if not isinstance(kid, Part)]
        name = function.text
        several = name in {"min", "max"} and len(arguments) > 1
        if parts or (name in AGGREGATES and not several):
            leading = name == "percentile"
            if len(arguments) != 1 + leading:
                form = f"{name}(75%, x over k)" if leading else f"{name}(x over k)"
                self.wrong(
                    span, f"`{name}` over rows takes {'two values' if leading else 'one value'}", f"write `{form}`"
                )
            return ast.Aggregate(
                name,
                arguments[-1],
                parts.get("over", ()),
                parts.get("weighted"),
                parts.get("where"),
                "except" in parts,
                arguments[0] if leading else None,
                "nearest" in parts,
                span=span,
            )
        if name == "round":
            helps = f"write `round({arguments[0].span.text} to cents, half away from zero)`"
            self.wrong(span, "`round` does not say to which step and in which mode", helps)
        decimals = None
        last = arguments[-1]
        if isinstance(last, ast.Number) and last.unit is not None and last.unit.words == ("decimals",):
            decimals = self.whole(last)
            arguments.pop()
        return ast.Call(function, tuple(arguments), decimals, span=span)

    def whole(self, number: ast.Number) -> int:
        """A number of decimals."""
        if number.value.denominator != 1 or number.symbol or not 0 <= number.value <= 30:
            self.wrong(
                number.span, f"`{number.span.text}` is no number of decimals", "write a whole number from 0 to 30"
            )
            return 0
        return int(number.value)

    # Fixed words

    def words(self, kids: Iterable[Token], start: int, end: int) -> Words:
        return Words(" ".join(token.text for token in kids), self.span(start, end))

    operator = state = own = mode = words


def unquoted(token: Token) -> str:
    """The text between quotes."""
    return re.sub(r"\\(.)", r"\1", token.text[1:-1])
