"""Builds the parts of reports and obligations. Each method is the action of a grammar rule."""

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

    def unknown_mode(self, kids: list[Token], start: int, end: int) -> Part:
        return Part("mode", ast.Text(kids[0].text, span=self.span(start, end)))

    def part_count(self, kids: list[Token], start: int, _end: int) -> Part:
        return Part("count", self.number([kids[0]], start, kids[0].end))

    def part_key(self, kids: Kids, _start: int, _end: int) -> Part:
        return Part("key", kids[0])

    def part_measured(self, kids: Kids, _start: int, _end: int) -> Part:
        return Part("by", kids[0])

    def complementary(self, _kids: Kids, start: int, end: int) -> Part:
        return Part("complementary", ast.Text("complementary", span=self.span(start, end)))
