"""Builds the parts of reports. Each method is the action of a grammar rule."""

from __future__ import annotations

from contractlang.syntax import ast
from contractlang.syntax.build_expressions import ExpressionBuilder, Kids
from contractlang.syntax.parts import Part, Words
from contractlang.syntax.tokens import Token


class ReportParts(ExpressionBuilder):
    """Who receives a report, what it shows, and what it hides."""

    def part_receiver(self, kids: Kids, _start: int, _end: int) -> Part:
        return Part("of", kids[0])

    def issued(self, kids: list[Words], start: int, end: int) -> Part:
        return Part("issued", ast.Text(kids[0].text, span=self.span(start, end)))

    def part_shown(self, kids: Kids, _start: int, _end: int) -> Part:
        return Part("shown", tuple(kids))

    def part_count(self, kids: list[Token], start: int, _end: int) -> Part:
        number = self.number([kids[0]], start, kids[0].end)
        if number.value.denominator != 1 or number.symbol or not 1 <= number.value <= 10_000:
            self.wrong(number.span, f"`{number.span.text}` is no count", "write a whole number from 1 on")
        return Part("count", number)

    def part_key(self, kids: Kids, _start: int, _end: int) -> Part:
        return Part("key", kids[0])

    def part_measured(self, kids: Kids, _start: int, _end: int) -> Part:
        return Part("by", kids[0])

    def complementary(self, _kids: Kids, start: int, end: int) -> Part:
        return Part("complementary", ast.Text("complementary", span=self.span(start, end)))
