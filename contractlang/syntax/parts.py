"""Pieces between grammar and tree: what the builder keeps of a rule until the node around it is built."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from contractlang.source import Span
from contractlang.syntax import ast


class Part(NamedTuple):
    """A further part of a clause or a header, with its leading word."""

    key: str
    value: ast.Expr | tuple[ast.Name, ...]


class Label(NamedTuple):
    """The name after `as`."""

    name: str


class Note(NamedTuple):
    """`source "…"` or `assumed "…"`."""

    key: str
    text: str
    span: Span


class Side(NamedTuple):
    """`surplus` or `deficit` in front of a clause."""

    word: str


class Clause(NamedTuple):
    """The body of a clause before its ending."""

    word: str
    argument: ast.Expr | None
    more: tuple[Part, ...]
    scale: ast.Scale | None = None


class Words(NamedTuple):
    """Fixed words, joined by a space."""

    text: str
    span: Span


class Interval(NamedTuple):
    """What a schedule entry, a band or a column covers; `values` are the values of a band."""

    low: ast.Expr | None
    high: ast.Expr | None


class Setting(NamedTuple):
    """A setting of a column or a scale: its word and its value."""

    key: str
    value: object


@dataclass(frozen=True, slots=True)
class HeaderClause:
    """One header clause; `word` is the field of `ast.Header`."""

    word: str
    value: object
    span: Span


@dataclass(frozen=True, slots=True)
class Opening:
    """The first line of a document."""

    kind: str
    name: ast.Name
    base: ast.Reference | None
    span: Span
