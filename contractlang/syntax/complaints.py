"""From a token that does not fit to a diagnostic in words of the language."""

from __future__ import annotations

from difflib import get_close_matches

from contractlang.diagnostics.diagnostic import Diagnostic, Edit, Fix, Label
from contractlang.source import SourceFile, Span
from contractlang.syntax.automaton import MAX_DEPTH, Surprise, TooDeep
from contractlang.syntax.tables import END, Tables
from contractlang.syntax.tokens import NEWLINE, NEXT_ROW, RESERVED, WORD, Token, opening_words

_ARITHMETIC = frozenset({"+", "-", "*", "/", "^"})
_COMPARING = frozenset({"<", "<=", ">", ">=", "is", "in", "not", "and", "or", "else", "if", "of", "at"})
_VALUE = frozenset({"NAME", "NUMBER", "LPAR"})
_KINDS = {
    "NAME": "a name",
    "NUMBER": "a number",
    "TEXT": "a quoted text",
    "DATE": "a date",
    "PER_MEMBER_PER_YEAR": "`per member per year`",
    NEWLINE: "the end of the line",
    NEXT_ROW: "the next row",
}
_MANY = 9


def complaint(source: SourceFile, tables: Tables, tokens: list[Token], problem: Surprise | TooDeep) -> Diagnostic:
    """The diagnostic for one problem of a statement."""
    if isinstance(problem, TooDeep):
        span = Span(source, problem.start, problem.end)
        helps = "name parts of the expression with `define`"
        return Diagnostic("nesting-too-deep", f"the expression is nested more than {MAX_DEPTH} deep", span, help=helps)
    token, expected = problem.token, problem.expected
    span = _place(source, problem)
    words = _words(tables, expected)
    if token.kind == WORD and token.text in RESERVED and "NAME" in expected and not expected >= _VALUE:
        return Diagnostic(
            "reserved-name",
            f"`{token.text}` is a word of the language and cannot be a name",
            span,
            help=f"choose another name, such as `{token.text}_1` or one that says more",
        )
    message = f"found {_found(token, tokens)}, expected {_listed(words)}"
    labels: tuple[Label, ...] = ()
    opened = problem.opened
    if opened is not None and {"RPAR", "RSQB", "RBRACE"} & expected and _line(source, opened) != span.line:
        labels = (Label(Span(source, opened.start, opened.end), f"this `{opened.text}` is open"),)
    helps, fixes = _help(source, tables, problem, words)
    return Diagnostic("syntax", message, span, labels=labels, help=helps, fixes=fixes)


def unknown_item(source: SourceFile, token: Token, later: frozenset[str]) -> Diagnostic:
    """A line at the margin that opens nothing."""
    span = Span(source, token.start, token.end)
    if token.kind != WORD:
        shown = source.text[token.start : token.end]
        return Diagnostic("unknown-item", f"found `{shown}` where an item should begin", span, help=_ITEMS)
    if token.text in later:
        helps = "leave it out for now; plain values can be written with `define`"
        return Diagnostic("unknown-item", f"`{token.text}` cannot be written yet", span, help=helps)
    near = get_close_matches(token.text, sorted(opening_words()), 1, 0.7)
    if not near:
        return Diagnostic("unknown-item", f"`{token.text}` opens no item", span, help=_ITEMS)
    fix = Fix(f"write `{near[0]}`", (Edit(span, near[0]),))
    return Diagnostic("unknown-item", f"`{token.text}` opens no item", span, help=f"did you mean `{near[0]}`", fixes=(fix,))


_ITEMS = (
    "an item begins in the first column with its word, such as `input`, `define`, `sharing` or `payment`; "
    "indent lines that belong to the item above"
)


def _line(source: SourceFile, token: Token) -> int:
    return source.position(token.start)[0]


def _place(source: SourceFile, problem: Surprise) -> Span:
    token = problem.token
    if token.start < token.end or problem.before is None:
        return Span(source, token.start, token.end)
    return Span(source, problem.before.start, problem.before.end)


def _found(token: Token, tokens: list[Token]) -> str:
    match token.kind:
        case "_NL" | "_NEXT_ROW":
            return "the end of the line"
        case "$END":
            return f"the end of `{tokens[0].text}`" if tokens[0].kind == WORD else "the end"
        case "TEXT":
            return "a quoted text"
        case _:
            return f"`{token.text}`"


def _words(tables: Tables, expected: frozenset[str]) -> list[str]:
    """What was expected, shortest description first: kinds of values, then keywords and marks."""
    spelled = {name: text for text, name in (tables.keywords | tables.punctuation).items()}
    texts = {spelled[symbol] for symbol in expected if symbol in spelled}
    described: list[str] = []
    rest = set(expected)
    if expected >= _VALUE:
        described.append("a value")
        rest -= {"NAME", "NUMBER", "DATE", "TEXT", "LPAR", "MINUS"}
        texts -= {"prior", "yes", "no", "not", "(", "-"}
    if texts >= _ARITHMETIC:
        described.append("an operator")
        texts -= _ARITHMETIC | _COMPARING
        if "NAME" in rest:
            described.append("a unit")
            rest.discard("NAME")
            texts.discard("per")
        texts -= {".", "["} if "(" in texts else set()
        texts -= {"("}
    described += [text for kind, text in _KINDS.items() if kind in rest]
    closers = [mark for mark in (")", "]", "}") if mark in texts]
    described += [f"`{text}`" for text in sorted(texts - set(closers))] + [f"`{mark}`" for mark in closers]
    if END in expected:
        described.append("the end of the item")
    return described


def _listed(words: list[str]) -> str:
    if len(words) > _MANY:
        return ", ".join(words[:_MANY]) + " …"
    if len(words) < 2:
        return "".join(words) or "nothing more"
    return ", ".join(words[:-1]) + " or " + words[-1]


def _help(
    source: SourceFile, tables: Tables, problem: Surprise, words: list[str]
) -> tuple[str, tuple[Fix, ...]]:
    """What to write instead, where the mistake is a well-known one."""
    token, expected, before = problem.token, problem.expected, problem.before
    span = Span(source, token.start, token.end)
    start_of_line = source.line_starts[_line(source, token) - 1]
    leads_line = not source.text[start_of_line : token.start].strip()
    operators = "PLUS" in expected
    if token.text == "=" and (operators or (before is not None and before.text in {"=", "<", ">"})):
        if before is not None and before.text in {"=", "<", ">"}:
            good = {"=": "is", "<": "<=", ">": ">="}[before.text]
            whole = Span(source, before.start, token.end)
            return f"write `{good}`", (Fix(f"write `{good}`", (Edit(whole, good),)),)
        return "`=` gives a name to a value; write `is` to compare", (Fix("write `is`", (Edit(span, "is"),)),)
    if operators and token.text in {"<", "<=", ">", ">="} | {"is", "in"} and token.text not in {w.strip("`") for w in words}:
        return "compare two values at a time and join them: `a < b and b < c`", ()
    if leads_line and token.text in {"+", "-", "*", "/", "^", "and", "or", "of", "else"} and before is not None:
        return "end the line above with the operator, or put the whole expression in parentheses", ()
    if leads_line and token.kind == WORD and token.start > start_of_line and token.text in opening_words() and END in expected:
        fix = Fix("begin the item in the first column", (Edit(Span(source, start_of_line, token.start), ""),))
        return f"begin `{token.text}` in the first column if it is a new item", (fix,)
    if token.kind == WORD:
        choices = [text for text, name in tables.keywords.items() if name in expected]
        near = get_close_matches(token.text, choices, 1, 0.7)
        if near:
            return f"did you mean `{near[0]}`", (Fix(f"write `{near[0]}`", (Edit(span, near[0]),)),)
    if token.kind == "PER_MEMBER_PER_YEAR":
        return "write the unit as `per member year`", (Fix("write the unit", (Edit(span, "per member year"),)),)
    if token.kind == "NUMBER" and before is not None and before.kind == WORD and operators:
        return f"write an operator between `{before.text}` and `{token.text}`", ()
    if len(words) == 1 and words[0].startswith("`") and token.kind not in {END}:
        return f"write {words[0]} before `{token.text}`" if token.text else f"write {words[0]}", ()
    return "", ()
