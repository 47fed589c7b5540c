"""Contract text as pieces with a class each, for colours; the text itself is untouched."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

_PIECES = re.compile(
    r"(?P<doc>\#\#[^\n]*)|(?P<comment>\#[^\n]*)|(?P<text>\"[^\"\n]*\")"
    r"|(?P<number>\$?\b\d[\d_]*(?:-\d\d-\d\d)?(?:\.\d+)?%?)"
    r"|(?P<item>^[a-z]+\b)|(?P<clause>(?<=^  )[a-z]+\b)|(?P<word>\b[A-Za-z_]\w*)",
    re.MULTILINE,
)
_WORDS = frozenset(
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
        "from",
        "where",
        "over",
        "weighted",
        "within",
        "assumed",
        "source",
        "yes",
        "no",
    ]
)


@dataclass(slots=True)
class Row:
    """One line: its number, its pieces (class and text), and the findings that start on it."""

    number: int
    pieces: list[tuple[str, str]] = field(default_factory=list)
    findings: list[Mapping[str, object]] = field(default_factory=list)


def rows(text: str) -> list[Row]:
    """The lines of a contract."""
    found = [Row(1)]
    for kind, part in _pieces(text):
        for number, line in enumerate(part.split("\n")):
            if number:
                found.append(Row(len(found) + 1))
            if line:
                found[-1].pieces.append((kind, line))
    return found


def _pieces(text: str) -> Iterator[tuple[str, str]]:
    end = 0
    for match in _PIECES.finditer(text):
        if match.start() > end:
            yield "", text[end : match.start()]
        kind = match.lastgroup or ""
        if kind == "word":
            kind = "operator" if match[0] in _WORDS else ""
        yield kind, match[0]
        end = match.end()
    yield "", text[end:]
