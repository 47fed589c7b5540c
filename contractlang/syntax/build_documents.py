"""Builds first lines, header clauses and changes. Each method is the action of a grammar rule."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from contractlang.syntax import ast
from contractlang.syntax.build_expressions import Kids, unquoted
from contractlang.syntax.build_items import ItemBuilder, those
from contractlang.syntax.parts import HeaderClause, Label, Opening, Part, Setting
from contractlang.syntax.tokens import Token


class DocumentBuilder(ItemBuilder):
    """The builder of everything that a statement can be."""

    # Documents and header

    def contract(self, kids: Kids, start: int, end: int) -> Opening:
        return Opening("contract", kids[0], kids[1] if len(kids) > 1 else None, self.span(start, end))

    def library(self, kids: Kids, start: int, end: int) -> Opening:
        return Opening("library", kids[0], None, self.span(start, end))

    def amendment(self, kids: Kids, start: int, end: int) -> Opening:
        name, base, *version = kids
        reference = ast.Reference(base, version[0].value if version else None, span=self.span(base.span.start, end))
        return Opening("amendment", name, reference, self.span(start, end))

    def extends(self, kids: Kids, start: int, end: int) -> ast.Reference:
        return ast.Reference(kids[0], kids[1].value if len(kids) > 1 else None, span=self.span(start, end))

    def title(self, kids: Kids, start: int, end: int) -> HeaderClause:
        return HeaderClause("title", unquoted(kids[0]), self.span(start, end))

    def version(self, kids: Kids, start: int, end: int) -> HeaderClause:
        return HeaderClause("version", unquoted(kids[0]), self.span(start, end))

    def payer(self, kids: Kids, start: int, end: int) -> HeaderClause:
        return HeaderClause("payer", unquoted(kids[0]), self.span(start, end))

    def settles(self, kids: Kids, start: int, end: int) -> HeaderClause:
        return HeaderClause("settles", (kids[0], kids[1]), self.span(start, end))

    def term(self, kids: Kids, start: int, end: int) -> HeaderClause:
        return HeaderClause("term", (kids[0], kids[1]), self.span(start, end))

    def pays(self, kids: Kids, start: int, end: int) -> HeaderClause:
        return HeaderClause("pays", (kids[0], kids[1]), self.span(start, end))

    def effective(self, kids: Kids, start: int, end: int) -> HeaderClause:
        return HeaderClause("effective", kids[0], self.span(start, end))

    def published(self, kids: Kids, start: int, end: int) -> HeaderClause:
        return HeaderClause("published", kids[0], self.span(start, end))

    def year_starts(self, kids: list[Token], start: int, end: int) -> HeaderClause:
        month = ast.Name((kids[0].text,), span=self.span(kids[0].start, kids[0].end))
        return HeaderClause("year_starts", month, self.span(start, end))

    def no_payment(self, _kids: Kids, start: int, end: int) -> HeaderClause:
        return HeaderClause("unpaid", value=True, span=self.span(start, end))

    def use(self, kids: Kids, start: int, end: int) -> ast.Use:
        version = those(HeaderClause, kids)
        label = those(Label, kids)
        return ast.Use(
            kids[0],
            str(version[0].value) if version else None,
            label[0].name if label else None,
            any(isinstance(kid, Setting) for kid in kids),
            span=self.span(start, end),
        )

    def results(self, _kids: Kids, _start: int, _end: int) -> Setting:
        return Setting("results", value=True)

    def alias(self, kids: list[Token], _start: int, _end: int) -> Label:
        return Label(kids[0].text)

    def replace(self, kids: Kids, start: int, end: int) -> Any:
        return replace(kids[0], replace=True, span=self.span(start, end))

    # Changes

    def set(self, kids: Kids, start: int, end: int) -> ast.Set:
        return ast.Set(kids[0], kids[1], span=self.span(start, end))

    def insert(self, kids: Kids, start: int, end: int) -> ast.Insert:
        step, (key, target) = kids
        return ast.Insert(step, target, before=key == "before", span=self.span(start, end))

    def after(self, kids: Kids, _start: int, _end: int) -> Part:
        return Part("after", kids[0])

    def before(self, kids: Kids, _start: int, _end: int) -> Part:
        return Part("before", kids[0])

    def remove(self, kids: Kids, start: int, end: int) -> ast.Remove:
        return ast.Remove(kids[0], span=self.span(start, end))
