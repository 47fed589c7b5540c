"""The order in which items are evaluated: every item after what it reads, whatever the order of the text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from itertools import pairwise
from typing import Any

from contractlang.diagnostics.diagnostic import Diagnostic, Label
from contractlang.semantics.scope import ItemRef, Scope
from contractlang.source import Span
from contractlang.syntax import ast


@dataclass(frozen=True, slots=True)
class Read:
    """One item reads another: a place where it does, and whether it does so through `prior` alone."""

    place: ast.Name
    earlier: bool


@dataclass(frozen=True, slots=True)
class Order:
    """Item names, each after what it reads in the same period.

    `circular` are those that stand on a circle (reported). `across` pairs a reader with what it reads through `prior`
    although that reaches it in turn: such a value exists only from a stated start.
    """

    names: tuple[str, ...]
    circular: frozenset[str]
    across: frozenset[tuple[str, str]]


def evaluation_order(scope: Scope) -> Order:
    """Sort the items of a scope; reports each circle once."""
    reads = {name: dependencies(scope, item) for name, item in scope.items.items()}
    places = {name: place for place, name in enumerate(reads)}
    names: list[str] = []
    circular: set[str] = set()
    across: set[tuple[str, str]] = set()
    for group in _groups({name: tuple(targets) for name, targets in reads.items()}):
        inside = set(group)
        now = {name: tuple(t for t, r in reads[name].items() if t in inside and not r.earlier) for name in group}
        across |= {(name, t) for name in group for t, r in reads[name].items() if t in inside and r.earlier}
        for part in _groups(now):
            names += part
            if len(part) > 1 or part[0] in now[part[0]]:
                circular.update(part)
                first = min(part, key=places.__getitem__)
                _report_circle(scope, _circle(now, first), reads)
    return Order(tuple(names), frozenset(circular), frozenset(across))


def dependencies(scope: Scope, item: ast.Item) -> dict[str, Read]:
    """The items that an item reads.

    `require` clauses are settled last and left out, but for those of a pool, which say who takes part. Where what is left
    of a pool goes is no reading: that pool reads this one.
    """
    body: object = None
    match item:
        case ast.Define(body=own):
            body = own
        case ast.Payment(body=own, uplift=uplift, through=through, net=net):
            body = (own, uplift, through, net)
        case ast.Constant(value=value):
            body = value
        case ast.Block(kind="pool", steps=steps):
            body = tuple(s for s in steps if s.word != "residual")
        case ast.Block(steps=steps):
            body = (*(s for s in steps if s.word != "require"), item.source, item.subject, item.like)
        case ast.Terms(keys=keys):
            body = keys
        case ast.Schedule(key=key):
            body = key
        case _:
            return {}
    found: dict[str, Read] = {}
    for name, earlier in names_in(body):
        for resolution in scope.candidates(name):
            if not isinstance(resolution, ItemRef) or (isinstance(item, ast.Block) and resolution.item is item):
                continue
            known = found.get(resolution.name)
            if known is None or (known.earlier and not earlier):
                found[resolution.name] = Read(name, earlier)
    return found


def names_in(node: object) -> Iterator[tuple[ast.Name, bool]]:
    """All names in a piece of syntax, outermost first, with whether `prior` stands before them.

    What a `prior` starts from is read in the own period.
    """
    stack: list[tuple[Any, bool]] = [(node, False)]
    while stack:
        current, earlier = stack.pop()
        match current:
            case ast.Name():
                yield current, earlier
            case tuple():
                stack.extend((part, earlier) for part in reversed(current))
            case ast.Prior(operand=operand, starting=starting):
                stack += [(starting, earlier), (operand, True)]
            case Span() | None | str() | int():
                pass
            case _:
                stack.extend((getattr(current, name), earlier) for name in _parts(type(current)))


_FIELDS: dict[type, tuple[str, ...]] = {}


def _parts(kind: type) -> tuple[str, ...]:
    """The fields of a node that can hold other nodes, last first; none for what is no node."""
    found = _FIELDS.get(kind)
    if found is None:
        names = [f.name for f in fields(kind)] if is_dataclass(kind) else []
        found = _FIELDS[kind] = tuple(name for name in reversed(names) if name not in ("span", "notes"))
    return found


def _groups(edges: Mapping[str, tuple[str, ...]]) -> Iterator[list[str]]:
    """Strongly connected groups, each after those that it reads (Tarjan's algorithm with a stack of its own)."""
    number: dict[str, int] = {}
    low: dict[str, int] = {}
    waiting: list[str] = []
    open_: set[str] = set()
    for root in edges:
        if root in number:
            continue
        work: list[tuple[str, Iterator[str]]] = [(root, iter(edges[root]))]
        number[root] = low[root] = len(number)
        waiting.append(root)
        open_.add(root)
        while work:
            name, rest = work[-1]
            target = next((t for t in rest if t in edges), None)
            if target is None:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[name])
                if low[name] == number[name]:
                    at = waiting.index(name) if waiting[-1] != name else len(waiting) - 1
                    group = waiting[at:]
                    del waiting[at:]
                    open_.difference_update(group)
                    yield group
            elif target not in number:
                number[target] = low[target] = len(number)
                waiting.append(target)
                open_.add(target)
                work.append((target, iter(edges[target])))
            elif target in open_:
                low[name] = min(low[name], number[target])


def _circle(edges: Mapping[str, tuple[str, ...]], first: str) -> list[str]:
    """A shortest circle through an item that stands on one."""
    came: dict[str, str] = {}
    front = [first]
    while front:
        ahead: list[str] = []
        for name in front:
            for target in edges[name]:
                if target == first:
                    circle = [name]
                    while circle[-1] != first:
                        circle.append(came[circle[-1]])
                    return circle[::-1]
                if target not in came:
                    came[target] = name
                    ahead.append(target)
        front = ahead
    return [first]


def _report_circle(scope: Scope, circle: list[str], reads: Mapping[str, Mapping[str, Read]]) -> None:
    steps = list(pairwise([*circle, circle[0]]))
    places = [reads[a][b].place.span for a, b in steps]
    words = [f"`{a}` reads `{b}`" if a != b else f"`{a}` reads itself" for a, b in steps]
    shown = " → ".join(f"`{name}`" for name in [*circle, circle[0]])
    scope.sink.report(
        Diagnostic(
            "circular-definition",
            f"`{circle[0]}` is defined by itself" + (f": {shown}" if len(circle) > 1 else ""),
            places[0],
            under=words[0],
            labels=tuple(Label(span, text) for span, text in zip(places[1:], words[1:], strict=True)),
            help="define one of them without the others; only an earlier period can be read in a circle: "
            "`prior x starting v`",
        )
    )
