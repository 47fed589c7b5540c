"""Tokens and comments of one statement as text: spacing, line breaks that the author chose, comments in their places."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from contractlang.source import SourceFile
from contractlang.syntax.automaton import resolve
from contractlang.syntax.tables import load_tables
from contractlang.syntax.tokens import NEWLINE, NEXT_ROW, Comment, Token

WIDTH = 120

_VALUE_ENDS = frozenset({"NAME", "NUMBER", "DATE", "TEXT", "RPAR", "RSQB", "YES", "NO"})
_SEPARATING = frozenset({NEWLINE, NEXT_ROW})


class Line(NamedTuple):
    """One line of output; `comment` stands behind its text."""

    text: str
    comment: str = ""


class Layout:
    """The tokens of a statement without its END, what each of them is, and the comments around them.

    `before[i]` are the comments on lines of their own before token i, `after[i]` the one behind it on its line.
    """

    def __init__(self, source: SourceFile, tokens: Sequence[Token], comments: Sequence[Comment]) -> None:
        self.source = source
        self.kinds = resolve(load_tables(), tokens)[:-1]
        self.tokens = tokens[:-1]
        self.before: dict[int, list[Comment]] = {}
        self.after: dict[int, Comment] = {}
        self.placed: set[Comment] = set()
        real = [index for index, kind in enumerate(self.kinds) if kind not in _SEPARATING]
        following = 0
        for comment in comments:
            while following < len(real) and self.tokens[real[following]].start < comment.start:
                following += 1
            if comment.own and following < len(real):
                self.before.setdefault(real[following], []).append(comment)
            elif following:
                self.after[real[following - 1]] = comment

    def text(self, index: int) -> str:
        return " ".join(self.tokens[index].text.split()) if self.kinds[index] != "TEXT" else self.tokens[index].text

    def joined(self, start: int, end: int) -> str:
        """Tokens in one line."""
        out = ""
        for index in range(start, end):
            out += " " * (index > start and self.spaced(index)) + self.text(index)
        return out

    def spaced(self, index: int) -> bool:
        """Whether a blank stands before a token, seen from the token before it."""
        last, kind = self.kinds[index - 1], self.kinds[index]
        if kind in {"RPAR", "RSQB", "COMMA", "COLON", "DOT"} or last in {"LPAR", "LSQB", "DOT"}:
            return False
        if kind in {"LPAR", "LSQB"}:
            return last != "NAME"
        if self.tokens[index].text == "..":
            return last not in _VALUE_ENDS
        if self.tokens[index - 1].text == "..":
            return False
        return not (last == "MINUS" and self.signs(index - 1))

    def signs(self, index: int) -> bool:
        """Whether a minus is a sign and not a subtraction."""
        return index == 0 or self.kinds[index - 1] not in _VALUE_ENDS

    def broken(self, index: int) -> bool:
        """Whether the author began a line with this token."""
        return "\n" in self.source.text[self.tokens[index - 1].end : self.tokens[index].start]

    def blank_before(self, start: int, end: int) -> bool:
        """Whether an empty line lies between two places."""
        return self.source.text[start:end].count("\n") > 1

    def lead(self, index: int, indent: int, *, first: bool) -> list[Line]:
        """The comments and at most one empty line before the line that a token begins; nothing empty comes first."""
        lines: list[Line] = []
        at = self.end_of(index - 1) if index else 0
        for comment in self.before.get(index, ()):
            if not first and self.blank_before(at, comment.start):
                lines.append(Line(""))
            lines.append(self.own(comment, indent))
            at, first = comment.end, False
        if not first and self.blank_before(at, self.tokens[index].start):
            lines.append(Line(""))
        return lines

    def end_of(self, index: int) -> int:
        """The end of a token and of the comment behind it."""
        while index > 0 and self.kinds[index] in _SEPARATING:
            index -= 1
        return self.after[index].end if index in self.after else self.tokens[index].end

    def rows(self, start: int, end: int, prefix: str, hang: int) -> list[Line]:
        """Tokens behind a prefix, in the lines that the author chose; lines after the first are indented by `hang`."""
        lines: list[Line] = []
        text = prefix
        for index in range(start, end):
            if self.kinds[index] in _SEPARATING:  # between the bands of a scale inside a clause
                continue
            if index > start and (self.broken(index) or index in self.before or self.kinds[index - 1] in _SEPARATING):
                lines.append(Line(text.rstrip(), self.comment(index - 1)))
                lines += [self.own(comment, hang) for comment in self.before.get(index, ())]
                text = " " * hang
            elif index > start:
                text += " " * self.spaced(index)
            text += self.text(index)
        lines.append(Line(text.rstrip(), self.comment(end - 1)))
        return lines

    def comment(self, index: int) -> str:
        """The comment behind a token, or nothing."""
        if index not in self.after:
            return ""
        self.placed.add(self.after[index])
        return self.after[index].text

    def own(self, comment: Comment, indent: int) -> Line:
        """A comment on a line of its own."""
        self.placed.add(comment)
        return Line(" " * indent + comment.text)

    def unplaced(self, start: int, end: int, indent: int) -> list[Line]:
        """The comments among these tokens that the layout of their line had no place for; they go above it."""
        comments = [c for index in range(start + 1, end) for c in self.before.get(index, ())]
        comments += [self.after[index] for index in range(start, end) if index in self.after]
        return [self.own(c, indent) for c in sorted(comments, key=lambda c: c.start) if c not in self.placed]

    def comments_inside(self, start: int, end: int) -> bool:
        """Whether a comment stands between the first and the last of these tokens."""
        return any(i in self.after for i in range(start, end - 1)) or any(
            i in self.before for i in range(start + 1, end)
        )

    def parts(self, start: int, end: int, *, commas: bool = False) -> list[tuple[int, int]]:
        """Ranges of tokens between line ends, and between commas outside brackets if asked for."""
        found: list[tuple[int, int]] = []
        depth, begin = 0, start
        for index in range(start, end):
            kind = self.kinds[index]
            depth += (kind in {"LPAR", "LSQB", "LBRACE"}) - (kind in {"RPAR", "RSQB", "RBRACE"})
            if depth == 0 and (kind in _SEPARATING or (commas and kind == "COMMA")):
                found.append((begin, index))
                begin = index + 1
        if begin < end:
            found.append((begin, end))
        return found


def rendered(lines: Sequence[Line]) -> str:
    """Text of lines. Comments behind consecutive lines begin in the same column, except behind braces."""
    out: list[str] = []
    index = 0
    while index < len(lines):
        run = index + 1
        while _shares_column(lines[index]) and run < len(lines) and _shares_column(lines[run]):
            run += 1
        column = max(len(line.text) for line in lines[index:run]) + 2
        out += [line.text.ljust(column) + line.comment if line.comment else line.text for line in lines[index:run]]
        index = run
    return "\n".join(out) + "\n"


def _shares_column(line: Line) -> bool:
    return bool(line.comment) and not line.text.endswith("{") and line.text != "}"
