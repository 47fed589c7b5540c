"""The meaning hash: equal for two texts that say the same, different for any two that do not.

What does not count: layout, comments, doc comments and `source` notes; the spelling of numbers (`0.50` is `0.5`,
`5_000` is `5000`); the version that a `use` asks for (the document it got counts instead); and order where order means
nothing: items, category values, columns, rows, entries of schedules and baselines, bands, the givens and expectations of
an example, the values of a list after `in`, the keys after `over`.

Everything else counts: steps and cases in their order, operands in their order, conditions, units, names, versions,
titles and reasons (they are printed), `assumed` notes (a statement that depends on one says so), and the meaning of every
used document. Parts of a node count unless they are excluded here by name, so a new part of the language counts.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
from collections.abc import Iterable
from fractions import Fraction
from functools import cache, lru_cache
from typing import Any

from contractlang.syntax import ast

FORM = "contract meaning, form 1"  # a change of anything below makes another form, and other hashes

_IGNORED = frozenset({("Notes", "doc"), ("Notes", "source"), ("Document", "doc"), ("Number", "decimals")})
_UNORDERED = frozenset(
    {
        ("Document", "items"),
        ("Category", "values"),
        ("Input", "columns"),
        ("Schedule", "entries"),
        ("Baseline", "entries"),
        ("Scale", "bands"),
        ("Block", "per"),
        ("Example", "given"),
        ("Example", "expect"),
        ("Membership", "items"),
        ("Aggregate", "over"),
    }
)


def meaning_hash(document: ast.Document, used: Iterable[tuple[ast.Use, str]] = ()) -> str:
    """The hash, in 64 hexadecimal digits, of a consolidated document.

    `used` gives the meaning hash of the document behind every `use` of its own. A `use` without one (it was not found)
    counts as written.
    """
    meanings = {use.span: digest for use, digest in used}
    items = tuple(_resolved(item, meanings) for item in document.items)
    return hashlib.sha256(f"{FORM}\n{_digest(dataclasses.replace(document, items=items)).hex()}".encode()).hexdigest()


def _resolved(item: ast.Item, meanings: dict[Any, str]) -> ast.Item:
    if isinstance(item, ast.Use) and item.span in meanings:
        return dataclasses.replace(item, version=meanings[item.span])
    return item


@dataclasses.dataclass(slots=True)
class _Part:
    """A node on its way to a digest: what is open, and the digests of what is done."""

    tag: str
    ordered: bool
    todo: list[Any]
    done: list[bytes] = dataclasses.field(default_factory=list)

    def digest(self) -> bytes:
        inner = self.done if self.ordered else sorted(self.done)
        return hashlib.sha256(b"".join([self.tag.encode(), b"\0", *inner])).digest()


def _digest(value: Any) -> bytes:
    """A Merkle hash over the tree, with an open stack: a long sum is a deep tree, and must not exhaust Python's."""
    stack = [_Part("root", ordered=True, todo=[value])]
    while True:
        part = stack[-1]
        if part.todo:
            opened = _open(part.todo.pop())
            if isinstance(opened, bytes):
                part.done.append(opened)
            else:
                stack.append(opened)
        elif len(stack) == 1:
            return part.digest()
        else:
            stack.pop()
            stack[-1].done.append(part.digest())


def _open(value: Any) -> _Part | bytes:
    """A leaf as its digest, anything else as a part; what is to do is taken from the end, so it is listed backwards."""
    match value:
        case None | bool() | int() | str() | Fraction() | dt.date():
            return _leaf(value)
        case _Part():
            return value
        case tuple():
            return _Part("list", ordered=True, todo=list(reversed(value)))
        case ast.Terms() | ast.ExampleTable():
            return _table(value)
        case _ if dataclasses.is_dataclass(value):
            return _node(value)
        case _:
            raise TypeError(f"no meaning is defined for {type(value).__name__}")


@lru_cache(10_000, typed=True)
def _leaf(value: object) -> bytes:
    return hashlib.sha256(f"{type(value).__name__}\0{value}".encode("utf-8", "surrogatepass")).digest()


def _node(node: Any) -> _Part:
    """Fields that say nothing are left out, so that a new optional part of the language changes no hash that exists."""
    tag, fields = _shape(node.__class__)
    todo: list[Any] = []
    for name, unordered in fields:
        value = getattr(node, name)
        if value is None or value is False or value == () or (isinstance(value, ast.Notes) and value.assumed is None):
            continue
        todo += [_bag(value) if unordered else value, name]
    return _Part(tag, ordered=True, todo=todo)


@cache
def _shape(sort: type[Any]) -> tuple[str, tuple[tuple[str, bool], ...]]:
    """The tag of a kind of node, and the fields that count, backwards, with whether their order means nothing."""
    name = sort.__name__
    fields = [f.name for f in dataclasses.fields(sort)]
    counted = [f for f in fields if f not in ("span", "replace") and (name, f) not in _IGNORED]
    return name, tuple((f, (name, f) in _UNORDERED) for f in reversed(counted))


def _bag(values: tuple[Any, ...]) -> _Part:
    return _Part("set", ordered=False, todo=list(values))


def _table(table: ast.Terms | ast.ExampleTable) -> _Part:
    """A table is a set of rows, a row a set of (column, cell); the order of the keys in the header line counts."""
    rows = _bag(
        tuple(
            _bag(tuple(zip(table.header, row.cells, strict=False)) + tuple(row.cells[len(table.header) :]))
            for row in table.rows
        )
    )
    columns = _bag(table.header)
    match table:
        case ast.Terms(name, keys, notes=notes):
            return _Part("Terms", ordered=True, todo=[notes, rows, columns, keys, name])
        case ast.ExampleTable():
            return _Part("ExampleTable", ordered=True, todo=[rows, columns])
