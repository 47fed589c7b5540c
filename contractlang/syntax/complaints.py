"""From a token that does not fit to a diagnostic in words of the language."""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import get_close_matches
from typing import NamedTuple

from contractlang.diagnostics.diagnostic import Diagnostic, Edit, Fix, Label
from contractlang.source import SourceFile, Span
from contractlang.syntax.automaton import MAX_DEPTH, Surprise, TooDeep
from contractlang.syntax.tables import END, Tables, load_tables
from contractlang.syntax.tokens import LATER_ITEMS, MAX_NAME, NEWLINE, NEXT_ROW, RESERVED, WORD, Token, opening_words

_LEADING = frozenset(["+", "-", "*", "/", "^", "<", "<=", ">", ">=", "and", "or", "is", "in", "of", "else"])
_PLAIN = re.compile(r"[\w .,&'-]+")
_ASKING = re.compile(r"\b(when|unless|where|always)\b")
"""Words behind which a condition stands, so that `=` is meant to compare."""
_COMPARING = frozenset(["<", "<=", ">", ">=", "is", "in"])
_OPERATORS = _LEADING | frozenset(["not", "if", "at"])
_VALUE = frozenset({"NAME", "NUMBER", "LPAR"})
_TYPE = frozenset({"NAME", "CATEGORY"})
_NOTES = frozenset({"source", "assumed"})
_KINDS = {
    "NAME": "a name",
    "NUMBER": "a number",
    "TEXT": "a quoted text",
    "DATE": "a date",
    "PER_MEMBER_PER_YEAR": "`per member per year`",
    NEXT_ROW: "the next row",
    NEWLINE: "the end of the line",
    END: "the end of the item",
}
_REST = {
    "exclude": '`, "reason"`',
    "refuse": '`, "reason"`',
    "require": '`, otherwise "reason"`',
    "minimum": "`, first dollar` or `, excess`",
    "round": "`, half away from zero` or another mode",
}
_CLOSING = {"(": ")", "[": "]", "{": "}"}
_MOST = 9


class Advice(NamedTuple):
    """What to write, and the change that does it."""

    help: str = ""
    fixes: tuple[Fix, ...] = ()


def complaint(source: SourceFile, tokens: Sequence[Token], problem: Surprise | TooDeep) -> Diagnostic:
    """The diagnostic for one problem of a statement."""
    if isinstance(problem, TooDeep):
        span = Span(source, problem.start, problem.end)
        message = f"the expression is nested more than {MAX_DEPTH} deep"
        return Diagnostic("nesting-too-deep", message, span, help="name parts of the expression with `define`")
    return _Complaint(source, tokens, problem).diagnostic()


def unknown_item(source: SourceFile, token: Token) -> Diagnostic:
    """A line at the margin that opens nothing."""
    span = Span(source, token.start, token.end)
    if token.kind == WORD and token.text in LATER_ITEMS:
        message = f"`{_short(token.text)}` is no part of the language yet"
        return Diagnostic("unknown-item", message, span, help="leave it out; plain values are written with `define`")
    message = f"`{_short(source.text[token.start : token.end])}` opens no item"
    near = get_close_matches(token.text, sorted(opening_words()), 1, 0.7)
    if near:
        fixes = (Fix(f"write `{near[0]}`", (Edit(span, near[0]),)),)
        return Diagnostic("unknown-item", message, span, help=f"did you mean `{near[0]}`", fixes=fixes)
    helps = (
        "an item begins in the first column with its word: `input`, `define`, `sharing`, `payment` …; "
        "indent a line that belongs to the item above"
    )
    return Diagnostic("unknown-item", message, span, help=helps)


class _Complaint:
    def __init__(self, source: SourceFile, tokens: Sequence[Token], problem: Surprise) -> None:
        self.source = source
        self.tables: Tables = load_tables()
        self.tokens = tokens
        self.problem = problem
        self.token = tokens[problem.position]
        self.before = tokens[problem.position - 1] if problem.position else None
        self.expected = problem.expected if len(problem.expected) == 1 else problem.expected - {"DOT"}
        spelled = {name: text for text, name in (self.tables.keywords | self.tables.punctuation).items()}
        self.words = {spelled[symbol] for symbol in self.expected if symbol in spelled}
        if self.token.kind in {NEWLINE, NEXT_ROW} and END in self.expected:
            # A complete item that goes on in the next line: the word that goes on is the one that surprises.
            self.token = tokens[problem.position + 1]
        elif self.token.kind == "RBRACE" and self.before is not None and self._closes_line(self.token, self.before):
            self.token = Token(NEWLINE, "", self.before.end, self.before.end)
        self.span = Span(source, self.token.start, self.token.end)
        if self.token.start == self.token.end and self.before is not None:
            self.span = Span(source, self.before.start, self.before.end)

    def _closes_line(self, brace: Token, before: Token) -> bool:
        """Whether a brace on a line of its own ends an incomplete clause."""
        return before.kind != "LBRACE" and "\n" in self.source.text[before.end : brace.start]

    def diagnostic(self) -> Diagnostic:
        token, expected = self.token, self.expected
        if token.kind == WORD and token.text in RESERVED and "NAME" in expected and expected <= {"NAME", "TEXT"}:
            message = f"`{_short(token.text)}` is a word of the language and cannot be a name"
            other = f"{_short(token.text)}_value"
            fixes = (Fix(f"call it `{other}`", (Edit(self.span, other),)),)
            return Diagnostic("reserved-name", message, self.span, help="choose another name", fixes=fixes)
        labels: tuple[Label, ...] = ()
        opened = self.problem.opened
        if opened is not None and token.kind in {END, "RBRACE", "RPAR", "RSQB"} and _CLOSING[opened.text] in self.words:
            labels = (Label(Span(self.source, opened.start, opened.end), f"`{opened.text}` is opened here"),)
            wanted = f"`{_CLOSING[opened.text]}`"
        else:
            wanted = _listed(self.described())
            if opened is not None and opened.text != "{" and _CLOSING[opened.text] in self.words and self.leads():
                labels = (Label(Span(self.source, opened.start, opened.end), f"`{opened.text}` is opened here"),)
        advice = self.advice()
        message = self.headline() or f"found {self.found()}, expected {wanted}"
        return Diagnostic("syntax", message, self.span, labels=labels, help=advice.help, fixes=advice.fixes)

    def headline(self) -> str:
        """What is wrong, where a list of what may stand there would not say it."""
        token = self.token
        if token.kind in {"RPAR", "RSQB", "RBRACE"} and self.problem.opened is None:
            return f"`{_short(token.text)}` closes nothing"
        if self.leads() and token.text in _LEADING and "+" in self.words:
            return f"a line begins with `{_short(token.text)}`, but the line above is complete"
        if self.leads() and END in self.expected and token.kind not in {END, NEWLINE}:
            return f"the line of `{_short(token.text)}` belongs to the item above, which is complete"
        if token.text in _COMPARING and "and" in self.words:
            return f"found `{_short(token.text)}` behind a comparison"
        return ""

    def found(self) -> str:
        match self.token.kind:
            case "_NL" | "_NEXT_ROW":
                return "the end of the line"
            case "$END":
                return f"the end of `{self.tokens[0].text}`" if self.tokens[0].kind == WORD else "the end"
            case "TEXT":
                return "a quoted text"
            case _:
                return f"`{_short(self.token.text)}`"

    def described(self) -> list[str]:
        """What was expected: first what the author most likely left out."""
        kinds, words = set(self.expected) & set(_KINDS), set(self.words)
        values: list[str] = []
        if self.expected == _TYPE:
            return ["a type"]
        if "otherwise" in words and "NUMBER" in kinds:
            values, kinds, words = ["the value of a cell"], kinds - {"NAME", "NUMBER", "DATE", "TEXT"}, set()
        elif self.expected >= _VALUE:
            values = ["a value"]
            kinds -= {"NAME", "NUMBER", "DATE", "TEXT"}
            words -= {"prior", "yes", "no", "not", "(", "-", "always"}
        elif "+" in words or (self.before is not None and self.before.kind == "NUMBER"):
            kinds.discard("NAME")  # a unit may always follow a number; nobody forgets one there
            words -= {"per", ".", "[", "("}
        if "+" in words:
            values.append("an operator")
            words -= _OPERATORS
        if "|" in words:
            words -= {".."}
        if len(words) + len(kinds) > len(words & _NOTES):
            words -= _NOTES
        marks = sorted(words, key=lambda word: (word.isidentifier(), word in {")", "]", "}"}, word))
        return [f"`{word}`" for word in marks] + values + [text for kind, text in _KINDS.items() if kind in kinds]

    def line_start(self) -> int:
        return self.source.line_starts[self.source.position(self.token.start)[0] - 1]

    def leads(self) -> bool:
        """Whether the surprise is the first word of its line."""
        return not self.source.text[self.line_start() : self.token.start].strip()

    def advice(self) -> Advice:
        """What to write instead, where the mistake is a well-known one."""
        token, before, words = self.token, self.before, self.words
        line_start, leads = self.line_start(), self.leads()
        asked = _ASKING.search(self.source.text[line_start : token.start])
        if token.text == "=" and asked is None and {"+", ","} <= words and before is not None and before.kind == WORD:
            return Advice(
                f"write `,` before `{_short(before.text)}`",
                self._insert(",", self.tokens[self.problem.position - 2].end),
            )
        if token.text == "=" and "+" in words:
            return Advice("`=` gives a name to a value; write `is` to compare", self._instead("is"))
        if token.text in _COMPARING and "and" in words:
            return Advice("compare two values at a time and join them: `a < b and b < c`")
        if leads and token.text in _LEADING and "+" in words:
            return Advice("end the line above with the operator, or put the whole expression in parentheses")
        if leads and token.start > line_start and END in self.expected:
            if token.text in opening_words():
                blank = Span(self.source, line_start, token.start)
                fix = Fix("begin the item in the first column", (Edit(blank, ""),))
                return Advice(f"begin `{_short(token.text)}` in the first column if it is a new item", (fix,))
            return Advice("begin a new item in the first column; take the line away if it has no meaning")
        if token.text == "if" and "when" in words and "otherwise" not in words:
            return Advice("write `when`", self._instead("when"))
        if (token.text == "if" and "when" in words) or (before is not None and before.text == "if"):
            return Advice("write the choice as lines `when CONDITION: VALUE` and `otherwise: VALUE`")
        return self._near() or self._missing()

    def _near(self) -> Advice | None:
        """A word of this line that looks like a keyword which could stand in its place."""
        for place in sorted(self.problem.line, reverse=True):
            token, here = self.tokens[place], place == self.problem.position
            choices = [word for word, name in self.tables.keywords.items() if name in self.problem.line[place]]
            if token.kind != WORD or token.text in choices or (token.text in self.tables.keywords and not here):
                continue
            near = get_close_matches(token.text, sorted(choices), 1, 0.7 if here else 0.8)
            if near:
                span = Span(self.source, token.start, token.end)
                return Advice(f"did you mean `{near[0]}`", (Fix(f"write `{near[0]}`", (Edit(span, near[0]),)),))
        return None

    def _missing(self) -> Advice:
        """The one thing that is certainly missing, if there is one."""
        token, words = self.token, self.words
        if token.kind == "PER_MEMBER_PER_YEAR":
            return Advice("write the unit as `per member year`", self._instead("per member year"))
        if self.expected == {"TEXT"} and token.kind in {WORD, "NUMBER", "DATE"}:
            text = self._rest_of_line()
            span = Span(self.source, token.start, token.start + len(text))
            good = f'"{text}"'
            return Advice(f"write `{_short(good)}`", (Fix(f"write `{_short(good)}`", (Edit(span, good),)),))
        if token.kind in {"RPAR", "RSQB", "RBRACE"} and self.problem.opened is None:
            return Advice("take it away, or open it where the expression begins", self._instead(""))
        if "|" in words and "PLUS" not in self.expected and token.text in _OPERATORS:
            return Advice("a cell holds one value; compute it with `define` and a name of its own")
        if words == {"["}:
            return Advice("compare with a list: `in [A, B]`; with one value: `is A`")
        if "otherwise" in words and token.text == "|":
            return Advice("write `-` for a cell that is not applicable")
        if "PER_MEMBER_PER_YEAR" in self.expected:
            return Advice("write `per member per year` behind the amount")
        if self.expected == _TYPE:
            return Advice("write a unit, or `percent`, `number`, `flag`, `date`, `text`, `key` or `category in NAME`")
        if token.kind in {NEWLINE, END} and "," in words and (rest := self._rest_of_clause()):
            return Advice(f"write {rest} at the end of the clause")
        if (advice := self._joining_word()) is not None:
            return advice
        if self.before is not None and "+" in words and _begins_value(token) and not self.leads():
            if token.text in self.tables.keywords:
                what = "write `,`" if "," in words else "begin a new line"
                return Advice(f"{what} before `{_short(token.text)}`")
            colon = "`:` or an operator" if ":" in words else "an operator"
            return Advice(f"write {colon} between `{_short(self.before.text)}` and `{_short(token.text)}`")
        if self.before is not None and self.expected >= _VALUE and token.kind in {END, NEWLINE}:
            return Advice(f"write a value behind `{_short(self.before.text)}`")
        missing = words - _NOTES - {"per", "[", "(", "as", "when", ".."} if len(words) > 1 else words
        missing -= _OPERATORS if "+" in words else set()
        if len(missing) != 1 or NEWLINE in self.expected or END in self.expected:
            return Advice()
        (word,) = missing
        if token.kind in {END, NEWLINE, NEXT_ROW}:
            return Advice(f"write `{word}`")
        if len(self.expected) > 1:
            return Advice(f"write `{word}` before `{_short(token.text)}`")
        if token.kind == WORD and token.text in self.tables.keywords and word.isidentifier():
            return Advice(f"write `{word}`", self._instead(word))
        fixes = self._insert(f"{word} ", token.start) if _begins_value(token) else ()
        return Advice(f"write `{word}` before `{_short(token.text)}`", fixes)

    def _joining_word(self) -> Advice | None:
        """Two values side by side where one word alone may join them: `compare a with b` wants `to`."""
        joining = {w for w in self.words - _NOTES - _OPERATORS - {"per", "as", "when"} if w.isidentifier()}
        if "+" not in self.words or len(joining) != 1 or self.token.kind != WORD or self.leads():
            return None
        (word,) = joining
        following = self.tokens[self.problem.position + 1]
        if _begins_value(following) and self.token.text not in self.tables.keywords:
            return Advice(f"write `{word}` instead of `{_short(self.token.text)}`", self._instead(word))
        return Advice(f"write `{word}` before `{_short(self.token.text)}`", self._insert(f"{word} ", self.token.start))

    def _rest_of_line(self) -> str:
        """The words from here on where nothing else stands in the line, as in an unquoted title; else the word alone."""
        rest = self.source.text[self.token.start :].partition("\n")[0].rstrip()
        return rest if _PLAIN.fullmatch(rest) else self.token.text

    def _rest_of_clause(self) -> str:
        """What a clause needs behind its comma, found by the first words of its line."""
        first = sorted(self.problem.line)[:2]
        return next((_REST[self.tokens[place].text] for place in first if self.tokens[place].text in _REST), "")

    def _insert(self, text: str, place: int) -> tuple[Fix, ...]:
        return (Fix(f"insert `{text.strip()}`", (Edit(Span(self.source, place, place), text),)),)

    def _instead(self, good: str) -> tuple[Fix, ...]:
        if not good:
            return (Fix(f"remove `{_short(self.token.text)}`", (Edit(self.span, ""),)),)
        return (Fix(f"write `{good}`", (Edit(self.span, good),)),)


def _short(text: str) -> str:
    return text if len(text) <= MAX_NAME else f"{text[:MAX_NAME]}…"


def _begins_value(token: Token) -> bool:
    return token.kind in {"NUMBER", "TEXT", "DATE", "LPAR"} or (token.kind == WORD and token.text not in RESERVED)


def _listed(words: list[str]) -> str:
    if len(words) > _MOST:
        return ", ".join(words[:_MOST]) + " …"
    if len(words) < 2:
        return "".join(words) or "nothing more"
    return ", ".join(words[:-1]) + " or " + words[-1]
