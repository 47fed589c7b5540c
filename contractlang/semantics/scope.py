"""Names: one flat namespace of items, columns and period words, in which nothing shadows anything."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, is_dataclass
from itertools import pairwise

from contractlang.diagnostics.diagnostic import Diagnostic, Edit, Fix, Label, Sink
from contractlang.source import Span
from contractlang.syntax import ast

PERIODS = {"year": 12, "half": 6, "quarter": 3, "month": 1}
"""Period words and their length in months."""

KEY_WORDS = (*PERIODS, "contract_year")

FUNCTIONS = ("min", "max", "clamp", "abs", "sqrt", "power", "year", "month", "day", "points", "round")


@dataclass(frozen=True, slots=True)
class ItemRef:
    """A declared item and the parts of the name that follow it."""

    name: str
    item: ast.Item
    rest: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ColumnRef:
    """A column of an input that is visible bare."""

    table: ast.Input
    column: ast.Column


@dataclass(frozen=True, slots=True)
class KeyRef:
    """A period word (`year`, `contract_year` …) or the settlement unit."""

    word: str


Resolution = ItemRef | ColumnRef | KeyRef


class Scope:
    """The items of a contract and its libraries by the name under which they are visible."""

    def __init__(self, document: ast.Document, uses: Sequence[tuple[ast.Use, ast.Document]], sink: Sink) -> None:
        self.sink = sink
        settles = document.header.settles
        self.unit = settles[0].text if settles else "group"
        self.period = settles[1].text if settles else "year"
        self.items: dict[str, ast.Item] = {}
        self.unread = {*document.broken, *(name for _, library in uses for name in library.broken)}
        self._prefixes: dict[str, str] = {}
        self._collect(document.items, "")
        self.titled = [item for item in document.items if isinstance(item, ast.Guarantee | ast.Example)]
        merged: set[tuple[str, str | None]] = set()
        for use, library in uses:
            if use.results or (library.name.text, use.alias) in merged:
                continue
            merged.add((library.name.text, use.alias))
            if use.alias:
                self._prefixes[library.span.file.name] = f"{use.alias}."
            self._collect(library.items, f"{use.alias}." if use.alias else "")
        self.categories = {name: item for name, item in self.items.items() if isinstance(item, ast.Category)}
        self.columns: dict[str, list[ColumnRef]] = {}
        for item in self.items.values():
            if isinstance(item, ast.Input) and {k.text for k in item.keys} <= {self.unit, self.period}:
                for column in item.columns:
                    self.columns.setdefault(column.name, []).append(ColumnRef(item, column))

    def _collect(self, items: Sequence[ast.Item], prefix: str) -> None:
        for item in items:
            match item:
                case ast.Guarantee() | ast.Example() | ast.Use():
                    pass
                case _:
                    name = prefix + item.name  # an alias stands in front: `hedis.bp_control`
                    if (earlier := self.items.get(name)) is not None:
                        self.sink.report(
                            Diagnostic(
                                "duplicate-name",
                                f"`{name}` is declared twice",
                                item.span,
                                labels=(Label(earlier.span, "declared here first"),),
                                help="give one of them another name, or write `replace` in front of the one that overrides",
                            )
                        )
                    else:
                        self.items[name] = item

    def resolve(self, name: ast.Name) -> Resolution | None:
        """What a name means in an expression; reports an unknown or ambiguous name and gives None."""
        found = self.candidates(name)
        if len(found) == 1:
            return found[0]
        if not found:
            if name.parts[0] not in self.unread:
                self.unknown(name, self.visible())
            return None
        spellings = ", ".join(f"`{self._qualified(f)}`" for f in found)
        self.sink.report(
            Diagnostic(
                "ambiguous-name",
                f"`{name.text}` could mean {len(found)} things",
                name.span,
                help=f"write one of {spellings}, or rename the item",
                fixes=tuple(
                    Fix(f"write `{self._qualified(f)}`", (Edit(name.span, self._qualified(f)),))
                    for f in found
                    if isinstance(f, ColumnRef)
                ),
            )
        )
        return None

    def candidates(self, name: ast.Name) -> list[Resolution]:
        """All meanings of a name. Words of a library that is used under an alias mean that library's items first."""
        prefix = self._prefixes.get(name.span.file.name)
        if prefix is not None and prefix + name.parts[0] in self.items:
            name = ast.Name((*prefix.rstrip(".").split("."), *name.parts), span=name.span)
        found: list[Resolution] = []
        for length in (1, 2):
            head = ".".join(name.parts[:length])
            if len(name.parts) >= length and head in self.items:
                item = self.items[head]
                if not isinstance(item, ast.Category):
                    found.append(ItemRef(head, item, name.parts[length:]))
        if len(name.parts) == 1:
            word = name.parts[0]
            found.extend(self.columns.get(word, ()))
            if not found and (word in KEY_WORDS or word == self.unit):
                found.append(KeyRef(word))
        return found

    @staticmethod
    def _qualified(found: Resolution) -> str:
        match found:
            case ColumnRef(table, column):
                return f"{table.name}.{column.name}"
            case ItemRef(name, _, rest):
                return ".".join((name, *rest))
            case KeyRef(word):
                return word

    def visible(self) -> list[str]:
        """All names that an expression may start with, for suggestions."""
        return [*(n for n, i in self.items.items() if not isinstance(i, ast.Category)), *self.columns, *KEY_WORDS]

    def unknown(self, name: ast.Name, known: Sequence[str], what: str = "name") -> None:
        """Report an unknown name with the nearest known one as a fix, unless its declaration could not be read."""
        if name.parts[0] in self.unread:
            return
        self.sink.report(unknown(name.text, name.span, known, what))

    def scheme_of(self, word: str) -> list[str]:
        """The categories that have this word as a value."""
        return [name for name, category in self.categories.items() if word in category.values]


def unknown(text: str, span: Span, known: Sequence[str], what: str = "name") -> Diagnostic:
    near = difflib.get_close_matches(text, known, 1, 0.6)
    listed = ", ".join(f"`{k}`" for k in list(known)[:8])
    return Diagnostic(
        "unknown-name",
        f"unknown {what} `{text}`",
        span,
        help=f"did you mean `{near[0]}`?" if near else (f"known here: {listed}" if listed else ""),
        fixes=(Fix(f"write `{near[0]}`", (Edit(span, near[0]),)),) if near else (),
    )


def names_in(node: object) -> Iterator[ast.Name]:
    """All names in a piece of syntax, outermost first."""
    stack = [node]
    while stack:
        current = stack.pop()
        if isinstance(current, ast.Name):
            yield current
        elif isinstance(current, tuple):
            stack.extend(reversed(current))
        elif is_dataclass(current) and not isinstance(current, Span):
            stack.extend(getattr(current, f.name) for f in reversed(fields(current)) if f.name != "span")


def dependencies(scope: Scope, item: ast.Item) -> dict[str, ast.Name]:
    """The items that an item reads, with one place where it does. `require` steps are settled last and left out."""
    body: object = item
    if isinstance(item, ast.Block):
        body = (*(s for s in item.steps if s.word != "require"), item.source, item.subject, item.like)
    found: dict[str, ast.Name] = {}
    own = item.name if not isinstance(item, ast.Use | ast.Guarantee | ast.Example) else ""
    for name in names_in(body):
        for resolution in scope.candidates(name):
            if isinstance(resolution, ItemRef) and not (resolution.name == own and isinstance(item, ast.Block)):
                found.setdefault(resolution.name, name)
    if isinstance(item, ast.Terms):
        found.pop(own, None)
    return found


def evaluation_order(scope: Scope, prior_only: dict[str, set[str]]) -> list[str]:
    """Item names so that every item follows what it reads; reports each circle once.

    `prior_only` names, per item, the items that it reads through `prior` alone; those edges bind only when they close
    no circle.
    """
    edges = {name: dependencies(scope, item) for name, item in scope.items.items()}
    order: list[str] = []
    state: dict[str, int] = {}
    reported: set[frozenset[str]] = set()
    for root, targets in edges.items():
        path: list[str] = []
        stack: list[tuple[str, Iterator[str]]] = []
        if state.get(root):
            continue
        stack.append((root, iter(targets)))
        state[root] = 1
        path.append(root)
        while stack:
            name, rest = stack[-1]
            for target in rest:
                if state.get(target, 0) == 0:
                    state[target] = 1
                    path.append(target)
                    stack.append((target, iter(edges[target])))
                    break
                if state[target] == 1 and target not in prior_only.get(name, ()):
                    circle = path[path.index(target) :]
                    weak = any(b in prior_only.get(a, ()) for a, b in pairwise([*circle, target]))
                    if not weak and frozenset(circle) not in reported:
                        reported.add(frozenset(circle))
                        _report_circle(scope, [*circle, target], edges)
            else:
                stack.pop()
                path.pop()
                state[name] = 2
                order.append(name)
    return order


def _report_circle(scope: Scope, circle: list[str], edges: dict[str, dict[str, ast.Name]]) -> None:
    first = edges[circle[0]][circle[1]]
    labels = tuple(Label(edges[a][b].span, f"`{a}` reads `{b}`") for a, b in pairwise(circle[1:]))
    scope.sink.report(
        Diagnostic(
            "circular-definition",
            f"`{circle[0]}` is defined by itself: " + " → ".join(f"`{c}`" for c in circle),
            first.span,
            under=f"`{circle[0]}` reads `{circle[1]}`",
            labels=labels,
            help="define one of them without the others; `prior x starting v` may reach back one period",
        )
    )


def described_item(item: ast.Item) -> str:
    """An item's kind in the words of the language."""
    match item:
        case ast.Input(kind=kind) | ast.Block(kind=kind):
            return kind
        case ast.Terms():
            return "table"
        case _:
            return type(item).__name__.lower()
