"""How overrides name things: items by name, steps by their block and their own name."""

from __future__ import annotations

from contractlang.syntax import ast

Key = tuple[str, str]  # the kind of name (item, use, guarantee, example) and the name


def item_key(item: ast.Item) -> Key:
    """What makes two items the same for an override: their name, whatever their kind.

    Guarantees and examples have titles, and a `use` has the name under which the document is seen.
    """
    match item:
        case ast.Use(name, _, alias):
            return "use", alias or name.text
        case ast.Guarantee(title):
            return "guarantee", title
        case ast.Example(title):
            return "example", title
        case _:
            return "item", item.name


def item_word(item: ast.Item) -> str:
    """The word that opens an item, for messages."""
    match item:
        case ast.Block(kind) | ast.Input(kind):
            return kind
        case ast.Terms():
            return "table"
        case _:
            return type(item).__name__.lower()


def item_text(item: ast.Item) -> str:
    """An item as messages name it: `sharing risk`, `guarantee "exposure is bounded"`."""
    kind, name = item_key(item)
    return f'{item_word(item)} "{name}"' if kind in ("guarantee", "example") else f"{item_word(item)} {name}"


def step_name(step: ast.Step) -> str:
    """The name of a step inside its block: its label or its word, behind its side: `cap`, `surplus.share`, `hard_cap`."""
    name = step.label or step.word
    return f"{step.side}.{name}" if step.side else name
