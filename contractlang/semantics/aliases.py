"""A library under an alias: its items get the alias in front, and so do its own words for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar

from contractlang.source import Span
from contractlang.syntax import ast

T = TypeVar("T")


def under_alias(items: Sequence[ast.Item], alias: str) -> list[ast.Item]:
    """The items with every name of one of them written as `alias.name`. Places stay those of the library."""
    own = {item.name for item in items if not isinstance(item, ast.Use | ast.Guarantee | ast.Example)}
    return [_renamed(item, own, alias) for item in items]


def _renamed(node: T, own: set[str], alias: str) -> T:
    found: Any = node
    match node:
        case ast.Name(parts=parts):
            if parts[0] in own:
                found = replace(node, parts=(*alias.split("."), *parts))
        case tuple():
            found = tuple(_renamed(part, own, alias) for part in node)
        case Span() | ast.Notes() | None | str() | int():
            pass
        case _ if is_dataclass(node) and not isinstance(node, type):
            values = {f.name: getattr(node, f.name) for f in fields(node)}
            changed = {n: new for n, old in values.items() if (new := _renamed(old, own, alias)) is not old}
            changed = {n: new for n, new in changed.items() if new != values[n]}
            found = replace(node, **changed) if changed else node
        case _:
            pass
    renamed: T = found
    return renamed
