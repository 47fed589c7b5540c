"""Text to syntax tree. Every statement is parsed by itself, so that each reports its own mistakes."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache, partial
from typing import Any

from contractlang.diagnostics import edits
from contractlang.diagnostics.diagnostic import Diagnostic, Fix, Label, Sink
from contractlang.source import SourceFile, Span
from contractlang.syntax import ast
from contractlang.syntax.automaton import Build, Surprise, TooDeep, run
from contractlang.syntax.build_documents import DocumentBuilder
from contractlang.syntax.complaints import complaint, unknown_item
from contractlang.syntax.parts import HeaderClause, Opening
from contractlang.syntax.tables import Tables, load_tables
from contractlang.syntax.tokens import WORD, Statement, Token, opening_words, scan

MAX_PROBLEMS = 50


class _First(Sink):
    """Hands on the first findings of a file, then says once that there are more. `full` tells that it has."""

    def __init__(self, sink: Sink) -> None:
        super().__init__()
        self.sink = sink
        self.full = False

    def report(self, diagnostic: Diagnostic) -> None:
        if self.full:
            return
        super().report(diagnostic)
        if len(self) > MAX_PROBLEMS:
            self.full = True
            message = f"the file has more than {MAX_PROBLEMS} mistakes"
            diagnostic = Diagnostic("syntax", message, diagnostic.span, help="mend the ones above first")
        self.sink.report(diagnostic)


def parse(source: SourceFile, sink: Sink) -> ast.Document | None:
    """The document of a file, or None where not even its first line can be read.

    Statements with mistakes are reported and left out; `Document.broken` names them, so that later phases need not
    report their names as unknown.
    """
    return _Parser(source, sink).document()


def parse_expression(source: SourceFile, sink: Sink) -> ast.Expr | None:
    """The expression that a text holds, as in `--set NAME=VALUE`. None after a mistake, which is reported."""
    return _Parser(source, sink).expression()


class _Parser:
    def __init__(self, source: SourceFile, sink: Sink) -> None:
        self.source = source
        self.sink = _First(sink)
        self.tables: Tables = load_tables()

    def expression(self) -> ast.Expr | None:
        found = scan(self.source, self.sink)
        if found is None:
            return None
        tokens = [token for statement in found.statements for token in statement.tokens if token.kind != "$END"]
        end = len(self.source.text)
        flaws = [flaw for statement in found.statements for flaw in statement.flaws]
        statement = Statement([*tokens, Token("$END", "", end, end)], flaws, broken=bool(flaws))
        builder = DocumentBuilder(self.source, found.docs, self.sink)
        value: ast.Expr | None = self._built(statement, builder, _actions(builder), "expression")
        return value

    def document(self) -> ast.Document | None:
        found = scan(self.source, self.sink)
        if found is None:
            return None
        builder = DocumentBuilder(self.source, found.docs, self.sink)
        actions = _actions(builder)
        opening: Opening | None = None
        header: dict[str, HeaderClause] = {}
        items: list[ast.Item] = []
        changes: list[ast.Change] = []
        broken: list[str] = []
        for statement in found.statements:
            if self.sink.full:
                break
            value = self._built(statement, builder, actions, "statement")
            match value:
                case None:
                    broken += _declared(statement)
                case Opening():
                    if opening is not None:
                        self._twice(f"`{value.kind}`", value.span, opening.span)
                    opening = opening or value
                case HeaderClause(word=word):
                    if word in header:
                        self._twice(f"`{word.replace('_', ' ')}`", value.span, header[word].span)
                    header.setdefault(word, value)
                case ast.Set() | ast.Insert() | ast.Remove():
                    changes.append(value)
                case _:
                    items.append(value)
        if opening is None:
            self._headless(found.statements)
            return None
        if changes and opening.base is None:
            self._report(
                "syntax",
                f"a {opening.kind} has no changes of another document",
                changes[0].span,
                'write `amendment NAME to OTHER version "…"` in the first line, or `replace` in front of an item',
            )
        return ast.Document(
            opening.kind,
            opening.name,
            ast.Header(**{word: clause.value for word, clause in header.items()}),  # type: ignore[arg-type]
            tuple(items),
            tuple(changes),
            opening.base,
            builder.doc_above(opening.span.start),
            tuple(broken),
            span=Span(self.source, 0, len(self.source.text)),
        )

    def _built(self, statement: Statement, builder: DocumentBuilder, actions: Mapping[str, Build], start: str) -> Any:
        """The value of one statement, or None after a report."""
        tokens = statement.tokens
        if statement.broken or not tokens:
            return None
        if start == "statement" and (tokens[0].kind != WORD or tokens[0].text not in opening_words()):
            self.sink.report(unknown_item(self.source, tokens[0]))
            return None
        problems: list[Surprise | TooDeep] = []
        builder.failed = False
        value = run(self.tables, actions, start, tokens, problems)
        flawed_lines = {self.source.position(flaw)[0] for flaw in statement.flaws}
        for problem in problems:
            diagnostic = complaint(self.source, tokens, problem)
            if diagnostic.span is None or diagnostic.span.line not in flawed_lines:
                self.sink.report(diagnostic)
        return None if builder.failed or statement.flaws else value

    def _headless(self, statements: list[Statement]) -> None:
        if any(s.tokens and s.tokens[0].text in {"contract", "library", "amendment"} for s in statements):
            return
        start = statements[0].tokens[0] if statements and statements[0].tokens else Token("$END", "", 0, 0)
        span = Span(self.source, start.start, start.end)
        self.sink.report(
            Diagnostic(
                "missing-header",
                "the file does not say what it is",
                span,
                help="begin with a line `contract NAME`, `library NAME` or `amendment NAME to OTHER`",
                fixes=(Fix("begin with `contract my.contract`", (edits.before(span, "contract my.contract\n"),)),),
            )
        )

    def _twice(self, what: str, again: Span, first: Span) -> None:
        self.sink.report(
            Diagnostic(
                "duplicate-clause",
                f"{what} stands twice",
                again,
                labels=(Label(first, "the first one"),),
                help="keep one of the two",
                fixes=(edits.without(again, "remove the second one"),),
            )
        )

    def _report(self, code: str, message: str, span: Span | None, helps: str) -> None:
        self.sink.report(Diagnostic(code, message, span, help=helps))


def _declared(statement: Statement) -> list[str]:
    """The names that a broken statement would have declared: its own, and those of the columns of an input."""
    words = [token.text for token in statement.tokens if token.kind == WORD]
    if words[:1] == ["replace"]:
        del words[0]
    return words[1:] if words[:1] in (["input"], ["exhibit"]) else words[1:2]


def _actions(builder: DocumentBuilder) -> dict[str, Build]:
    """The builder's method of each rule. `step_cap` is `clause("cap", …)`, `block_budget` is `block("budget", …)`."""
    return {name: _action(builder, name) for name in _action_names()}


@cache
def _action_names() -> frozenset[str]:
    return frozenset(rule.action for rule in load_tables().rules) - {"", "*"}


def _action(builder: DocumentBuilder, name: str) -> Build:
    kind, _, word = name.partition("_")
    match kind:
        case "step" if word:
            return partial(builder.clause, word)
        case "block":
            return partial(builder.block, word)
        case _:
            method: Build = getattr(builder, name)
            return method
