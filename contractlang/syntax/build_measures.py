"""Builds the parts of measure clauses. Each method is the action of a grammar rule."""

from __future__ import annotations

from contractlang.syntax import ast
from contractlang.syntax.build_expressions import Kids
from contractlang.syntax.build_reports import ReportParts
from contractlang.syntax.parts import Part
from contractlang.syntax.tokens import Token


class MeasureParts(ReportParts):
    """Sources, case mix, priors, levels and methods."""

    def part_sources(self, kids: Kids, _start: int, _end: int) -> Part:
        return Part("sources", tuple(kids))

    def part_except(self, _kids: Kids, start: int, end: int) -> Part:
        return Part("except", ast.Name(("own",), span=self.span(start, end)))

    def part_mix(self, kids: Kids, _start: int, _end: int) -> Part:
        return Part("by", tuple(kids))

    def toward_own(self, _kids: Kids, start: int, end: int) -> Part:
        return Part("toward", ast.Text("own", span=self.span(start, end)))

    def toward_network(self, _kids: Kids, start: int, end: int) -> Part:
        return Part("toward", ast.Text("network", span=self.span(start, end)))

    def toward(self, kids: Kids, _start: int, _end: int) -> Part:
        return Part("toward", kids[0])

    def part_level(self, kids: Kids, _start: int, _end: int) -> Part:
        return Part("level", kids[0])

    def part_method(self, kids: list[Token], start: int, end: int) -> Part:
        return Part("method", ast.Name((kids[0].text,), span=self.span(start, end)))

    def part_decimals(self, kids: list[Token], start: int, _end: int) -> Part:
        number = self.number([kids[0]], start, kids[0].end)
        self.whole(number)
        return Part("decimals", number)

    def part_best(self, _kids: Kids, start: int, end: int) -> Part:
        return Part("best", ast.Text("best", span=self.span(start, end)))

    def part_step(self, kids: Kids, _start: int, _end: int) -> Part:
        return Part("step", kids[0])

    def part_most(self, kids: Kids, _start: int, _end: int) -> Part:
        return Part("most", kids[0])

    def part_norms(self, kids: Kids, _start: int, _end: int) -> Part:
        return Part("reference", kids[0])

    def part_peers(self, kids: Kids, start: int, end: int) -> Part:
        words = "others" if kids else "network"
        return Part("reference", ast.Text(words, span=self.span(start, end)))

    def part_percentiles(self, kids: Kids, start: int, end: int) -> Part:
        *numbers, reference = kids
        shares = tuple(self.number([n], n.start, n.end) for n in numbers)
        place = self.span(start, end)
        return Part(
            "percentiles", ast.Call(ast.Name(("percentiles",), span=place), (reference.value, *shares), span=place)
        )
