"""Builds the clauses of `equity`. Each method is the action of a grammar rule."""

from __future__ import annotations

from contractlang.syntax import ast
from contractlang.syntax.build_expressions import ExpressionBuilder, Kids
from contractlang.syntax.parts import Clause, Part, Words
from contractlang.syntax.tokens import Token


class EquityBuilder(ExpressionBuilder):
    """Parts with fixed words keep them as text: `metric`, `framing`, `mix`, `credit`, and `otherwise` of a stratum."""

    metric = framing = mix = dropped = ExpressionBuilder.words

    def part_scheme(self, kids: Kids, _start: int, _end: int) -> Part:
        return Part("in", kids[0])

    def part_imputed(self, kids: Kids, _start: int, _end: int) -> Part:
        return Part("imputed", kids[0])

    def part_measures(self, kids: Kids, _start: int, _end: int) -> Part:
        return Part("measures", tuple(kids))

    def stratum_name(self, kids: list[ast.Expr], _start: int, _end: int) -> ast.Expr:
        return kids[0]

    def part_reference(self, kids: Kids, _start: int, _end: int) -> Part:
        return Part("reference", kids[0])

    def part_stratum(self, kids: Kids, _start: int, _end: int) -> Part:
        return Part("stratum", kids[0])

    def part_dropped(self, kids: list[Words], _start: int, _end: int) -> Part:
        return Part("otherwise", _text(kids[0]))

    def part_metric(self, kids: list[Words], _start: int, _end: int) -> Part:
        return Part("metric", _text(kids[0]))

    def part_framing(self, kids: list[Words], _start: int, _end: int) -> Part:
        return Part("framing", _text(kids[0]))

    def part_weighing(self, kids: list[Words], _start: int, _end: int) -> Part:
        return Part("mix", _text(kids[0]))

    def part_baseline(self, kids: Kids, _start: int, _end: int) -> Part:
        return Part("baseline", kids[0])

    def on_roster(self, kids: list[Token], start: int, _end: int) -> Part:
        return Part("rebuilt", ast.Name((kids[0].text,), span=self.span(start, kids[-1].end)))

    def part_before(self, kids: list[Token], start: int, end: int) -> Part:
        return Part("prior", ast.Name((kids[0].text,), span=self.span(start, end)))

    def part_tolerance(self, kids: Kids, _start: int, _end: int) -> Part:
        return Part("tolerance", kids[0])

    def part_among(self, kids: Kids, _start: int, _end: int) -> Part:
        return Part("among", kids[0])

    def credit(self, kids: list[Token], start: int, end: int) -> Part:
        return Part("credit", _text(self.words(kids, start, end)))

    def least(self, _kids: list[Token], _start: int, _end: int) -> Part:
        return Part("least", ())

    def history(self, kids: Kids, _start: int, _end: int) -> Clause:
        return Clause("compare", None, tuple(kids))

    def reward(self, kids: Kids, _start: int, _end: int) -> Clause:
        scale = kids[0] if isinstance(kids[0], ast.Scale) else None
        return Clause("reward", None if scale else kids[0], (), scale)


def _text(words: Words) -> ast.Text:
    return ast.Text(words.text, span=words.span)
