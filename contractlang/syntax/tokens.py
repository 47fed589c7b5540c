"""From text to statements: tokens, comments, line ends that separate, and the cuts at the first column."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cache
from typing import NamedTuple

from contractlang.diagnostics.diagnostic import Diagnostic, Edit, Fix, Label, Sink
from contractlang.source import SourceFile, Span
from contractlang.syntax.tables import END, load_tables

MAX_CHARACTERS = 2_000_000
MAX_BRACKETS = 64
MAX_NAME = 100
_MANY = 60

WORD = "WORD"
NEWLINE = "_NL"
NEXT_ROW = "_NEXT_ROW"

RESERVED = frozenset(
    [
        "and",
        "or",
        "not",
        "in",
        "is",
        "of",
        "at",
        "by",
        "to",
        "per",
        "prior",
        "when",
        "unless",
        "otherwise",
        "else",
        "missing",
        "reportable",
        "applicable",
        "own",
        "every",
        "scale",
        "compounded",
        "yes",
        "no",
    ]
)
"""Words that can never be a name. Every other word of the language is a name wherever no clause begins."""

LATER_ITEMS = frozenset(["hierarchy", "evaluation", "ledger"])
"""Words that will open an item in a later version of the language."""

_CONTINUING = frozenset(["+", "-", "*", "/", "^", "<", "<=", ">", ">=", ",", ":", "="])
_CONTINUING_WORDS = frozenset(["and", "or", "not", "in", "is", "of", "else"])
_OPENING = {"(": ")", "[": "]", "{": "}"}
_FOREIGN = {"==": "is", "!=": "is not", "<>": "is not", "&&": "and"}
_ODD = {
    "“": ('`"`', '"'),
    "”": ('`"`', '"'),
    "'": ('`"`', '"'),
    "\N{LEFT SINGLE QUOTATION MARK}": ('`"`', '"'),
    "\N{RIGHT SINGLE QUOTATION MARK}": ('`"`', '"'),
    "–": ("`-`", "-"),
    "—": ("`-`", "-"),
    "−": ("`-`", "-"),
    "×": ("`*`", "*"),
    "÷": ("`/`", "/"),
    "≤": ("`<=`", "<="),
    "≥": ("`>=`", ">="),
    "\N{NO-BREAK SPACE}": ("a plain space", " "),
}


class Token(NamedTuple):
    """`kind` is a terminal of the grammar, or WORD for what the parser takes as a keyword or as a name."""

    kind: str
    text: str
    start: int
    end: int


class Comment(NamedTuple):
    """`own` tells a comment on a line of its own from one behind a clause."""

    text: str
    start: int
    end: int
    own: bool


@dataclass(slots=True)
class Statement:
    """The tokens of one statement, closed by an END token.

    `flaws` are the places of text that was wrong, was reported, and is stood in for by a likely token; `broken` if such
    text is missing altogether.
    """

    tokens: list[Token] = field(default_factory=list)
    flaws: list[int] = field(default_factory=list)
    broken: bool = False


@dataclass(frozen=True, slots=True)
class Scan:
    """`docs` are the `##` comments on lines of their own, by line."""

    statements: list[Statement]
    comments: list[Comment]
    docs: dict[int, str]


@cache
def _master() -> re.Pattern[str]:
    tables = load_tables()
    patterns = "|".join(f"(?P<{name}>{pattern})" for name, pattern in tables.patterns.items() if name != "NAME")
    marks = "|".join(re.escape(mark) for mark in sorted(tables.punctuation, key=len, reverse=True))
    return re.compile(
        r"(?P<blank>[ \t\r]+)|(?P<newline>\n)|(?P<comment>#[^\n]*)"
        r"|(?P<thousands>\$?\d{1,3}(?:,\d{3})+(?![\d_])(?:\.\d+)?%?)"
        r"|(?P<date>\d{4}-\d{1,2}-\d{1,2}(?!\d))(?<!\d{4}-\d\d-\d\d)"
        r"|(?P<foreign>==|!=|<>|&&)|(?P<curly>“[^”\"\n]*”)"
        rf"|{patterns}|(?P<WORD>{tables.patterns['NAME']})|(?P<fraction>\.\d[\w.]*)|(?P<mark>{marks})"
        r'|(?P<open_text>"[^\n]*)|(?P<odd>.)',
    )


@cache
def opening_words() -> frozenset[str]:
    """The words that open a statement: `contract`, `title`, `define`, `set` …"""
    tables = load_tables()
    first = tables.states[tables.starts["statement"][0]]
    return frozenset(word for word, terminal in tables.keywords.items() if terminal in first)


def scan(source: SourceFile, sink: Sink) -> Scan | None:
    """Cut a text into statements. None if it is too large, nested too deeply, or no text at all."""
    if len(source.text) > MAX_CHARACTERS:
        size = f"{len(source.text) / 1_000_000:.1f} million characters"
        sink.report(
            Diagnostic(
                "file-too-large",
                f"the file has {size}; a contract may have {MAX_CHARACTERS / 1_000_000:.0f} million",
                Span(source, 0, 0),
                help="bind large tables from data files with `input`, or split the contract into libraries",
            )
        )
        return None
    binary = re.search(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffd\ud800-\udfff]", source.text)
    if binary:
        sink.report(
            Diagnostic(
                "not-text",
                f"the file is not a text: it holds the character U+{ord(binary.group()):04X}",
                Span(source, *binary.span()),
                help="save the contract as plain text in UTF-8",
            )
        )
        return None
    return _Scanner(source, sink).run()


class _Scanner:
    def __init__(self, source: SourceFile, sink: Sink) -> None:
        self.source = source
        self.sink = sink
        self.tables = load_tables()
        self.statements: list[Statement] = []
        self.comments: list[Comment] = []
        self.docs: dict[int, str] = {}
        self.brackets: list[Token] = []
        self.flaws = 0
        self.resume = 0

    def run(self) -> Scan | None:
        text, openers = self.source.text, opening_words()
        line, line_is_blank, line_break = 1, True, False
        tokens: list[Token] = []
        for match in _master().finditer(text):
            kind, value, start, end = match.lastgroup or "", match.group(), match.start(), match.end()
            if kind == "blank" or start < self.resume:
                continue
            if kind == "newline":
                line, line_is_blank, line_break = line + 1, True, True
                continue
            if kind == "comment":
                self.comments.append(Comment(value.rstrip(), start, start + len(value.rstrip()), line_is_blank))
                if line_is_blank and value.startswith("##"):
                    self.docs[line] = value[2:].strip()
                continue
            line_is_blank = False
            if line_break or not self.statements:
                at_margin = kind == WORD and (start == 0 or text[start - 1] == "\n")
                if (at_margin and self._opens(value, tokens, openers)) or not self.statements:
                    tokens = self._cut(tokens)
                elif line_break and not self._continues(tokens, value):
                    here = tokens[-1].end
                    tokens.append(Token(NEXT_ROW if value == "|" else NEWLINE, "", here, here))
                line_break = False
            token = self._token(kind, value, start, end)
            if self.flaws > _MANY:
                return None
            if token is None:
                self.statements[-1].broken = True
                continue
            if token.text in _OPENING and token.kind != "TEXT":
                self.brackets.append(token)
                if len(self.brackets) > MAX_BRACKETS:
                    self._too_deep(token)
                    return None
            elif token.text in _OPENING.values():
                self._close(token)
            tokens.append(token)
        self._cut(tokens)
        self.statements.pop()
        return Scan(self.statements, self.comments, self.docs)

    def _opens(self, word: str, tokens: list[Token], openers: frozenset[str]) -> bool:
        """Whether a word at the margin opens a statement; an unknown word does so where nothing is left open."""
        if word in openers or not tokens:
            return True
        return word not in RESERVED and not self.brackets and not _is_continued(tokens[-1])

    def _cut(self, tokens: list[Token]) -> list[Token]:
        """Close the current statement and open the next one."""
        if tokens:
            end = tokens[-1].end
            tokens.append(Token(END, "", end, end))
        self.brackets.clear()
        self.statements.append(Statement())
        return self.statements[-1].tokens

    def _continues(self, tokens: list[Token], value: str) -> bool:
        """Whether the end of the line before `value` separates nothing."""
        if not tokens or (self.brackets and self.brackets[-1].text != "{"):
            return True
        if value == "|":
            return tokens[-1].text == "{"
        return tokens[-1].text == "{" or value == "}" or _is_continued(tokens[-1])

    def _close(self, token: Token) -> None:
        for depth in range(len(self.brackets) - 1, -1, -1):
            if _OPENING[self.brackets[depth].text] == token.text:
                del self.brackets[depth:]
                return

    def _token(self, kind: str, value: str, start: int, end: int) -> Token | None:
        text = self.source.text
        match kind:
            case "WORD" if end - start <= MAX_NAME:
                return Token(WORD, value, start, end)
            case "WORD":
                message = f"a name has {end - start:_} letters"
                self._report(start, end, message, f"choose a name of at most {MAX_NAME} letters")
            case "mark":
                return Token(self.tables.punctuation[value], value, start, end)
            case "NUMBER" | "DATE" if end < len(text) and (text[end].isalnum() or text[end] in "_%$"):
                self.resume = end = _end_of_number(text, end)
                return self._odd_number(kind, text[start:end], start, end)
            case "thousands":
                return self._thousands(value, start, end)
            case "fraction":
                message = f"`{value}` has no digit before its point"
                self._report(start, end, message, f"write `0{value}`", f"0{value}")
                return Token("NUMBER", "1", start, end)
            case "date":
                year, month, day = value.split("-")
                good = f"{year}-{month:0>2}-{day:0>2}"
                self._report(start, end, f"`{value}` is not a date", f"write year, month, day: `{good}`", good)
                return Token("DATE", good, start, end)
            case "open_text":
                message = "a quoted text does not end on its line"
                self._report(start, end, message, 'close it with `"`; write `\\"` for a quote inside a text')
                return Token("TEXT", '""', start, end)
            case "foreign":
                message = f"`{value}` is no sign of the language"
                self._report(start, end, message, f"write `{_FOREIGN[value]}`", _FOREIGN[value])
                return Token(WORD, "and" if value == "&&" else "is", start, end)
            case "curly":
                good = f'"{value[1:-1]}"'
                self._report(start, end, "a text stands in typographic quotes", f"write `{good}`", good)
                return Token("TEXT", good, start, end)
            case "odd":
                self._odd(value, start, end)
            case _:
                return Token(kind, value, start, end)
        return None

    def _odd_number(self, kind: str, value: str, start: int, end: int) -> Token:
        word = re.fullmatch(r"(\$?[\d_.]+%?)([A-Za-z]\w*)", value)
        if len(value) > MAX_NAME:
            self._report(start, end, "a number is followed by letters", "write a space between number and word")
        elif kind == "NUMBER" and word:
            good = f"{word[1]} {word[2]}"
            message = f"`{value}` is neither a number nor a name"
            self._report(start, end, message, f"write a space between number and word: `{good}`", good)
        elif kind == "NUMBER" and "_" in value:
            digits, point, rest = value.replace("_", "").partition(".")
            good = f"{int(digits.lstrip('$') or 0):_}" if digits.lstrip("$").isdecimal() and len(digits) < 40 else ""
            good = f"{'$' if value.startswith('$') else ''}{good}{point}{rest}" if good else ""
            message = f"the digits of `{value}` are not grouped in threes"
            self._report(start, end, message, f"write `{good}`" if good else "group digits in threes", good)
        else:
            self._report(start, end, f"`{value}` is not a number", "write a number as `1_250.5`, `7.5%` or `$0.75`")
        return Token(kind, "1" if kind == "NUMBER" else "2000-01-01", start, end)

    def _thousands(self, value: str, start: int, end: int) -> Token:
        good, span = value.replace(",", "_"), Span(self.source, start, end)
        fixes = [Fix(f"write `{good}`", (Edit(span, good),))]
        helps = f"write `{good}`"
        if not value.startswith("$"):
            apart = value.replace(",", ", ")
            fixes.append(Fix(f"write `{apart}`", (Edit(span, apart),)))
            helps += f", or `{apart}` if these are several numbers"
        message = f"`{value[:MAX_NAME]}` is written with thousands commas"
        self.flaws += 1
        self.sink.report(Diagnostic("thousands-comma", message, span, help=helps, fixes=tuple(fixes)))
        return Token("NUMBER", good, start, end)

    def _odd(self, value: str, start: int, end: int) -> None:
        if value in _ODD:
            name, good = _ODD[value]
            self._report(start, end, f"`{value}` is no sign of the language", f"write {name}", good)
        elif value == "$":
            self._report(
                start, end, "found `$` without a number", "write the amount right behind it: `$250_000`, `-$5`"
            )
        elif value == "%":
            self._report(start, end, "found `%` without a number", "write it right behind the number: `7.5%`")
        elif value == "!":
            self._report(
                start, end, "`!` is no sign of the language", "write `is not` for unequal and `not` for the opposite"
            )
        else:
            shown = value if value.isprintable() else f"U+{ord(value):04X}"
            self._report(
                start, end, f"found the character `{shown}`", "names are made of the letters a to z, digits and `_`"
            )

    def _report(self, start: int, end: int, message: str, helps: str, good: str = "") -> None:
        span = Span(self.source, start, end)
        fixes = (Fix(f"write `{good}`", (Edit(span, good),)),) if good else ()
        self.statements[-1].flaws.append(start)
        self.flaws += 1
        self.sink.report(Diagnostic("syntax", message, span, help=helps, fixes=fixes))

    def _too_deep(self, token: Token) -> None:
        self.sink.report(
            Diagnostic(
                "nesting-too-deep",
                f"brackets are nested more than {MAX_BRACKETS} deep",
                Span(self.source, token.start, token.end),
                labels=(
                    Label(Span(self.source, self.brackets[0].start, self.brackets[0].end), "the outermost bracket"),
                ),
                help="name parts of the expression with `define`",
            )
        )


def _is_continued(token: Token) -> bool:
    """Whether a line that ends in this token goes on in the next one."""
    return token.text in _CONTINUING or (token.kind == WORD and token.text in _CONTINUING_WORDS)


def _end_of_number(text: str, end: int) -> int:
    """The end of what is written in one piece with a number."""
    while end < len(text) and (text[end].isalnum() or text[end] in "_%$"):
        end += 1
    return end
