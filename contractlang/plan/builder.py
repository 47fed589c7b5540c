"""Building a plan: nodes are shared when operation, arguments and type are equal, so that equal words cost once."""

from __future__ import annotations

from dataclasses import replace

from contractlang.plan import nodes
from contractlang.semantics.types import Type
from contractlang.source import Span

Ref = int
"""Index of a node."""

Place = tuple[Ref, str, int, int]
"""One occurrence of a node in the text: the node, and the file and characters where it is written."""


class Builder:
    """Collects the nodes of a settle stage in evaluation order.

    A shared node is written at several places, and its `origin` is the first of them. `parts` tells, for each place,
    where its arguments are written, so that a finding points at the words that it is about.
    """

    def __init__(self) -> None:
        self.nodes: list[nodes.Node] = []
        self._seen: dict[tuple[nodes.Op | int, tuple[Ref, ...], Type], Ref] = {}
        self._latest: dict[Ref, Span] = {}
        self._parts: dict[Place, tuple[Span, ...]] = {}

    def emit(self, op: nodes.Op, args: tuple[Ref, ...], type_: Type, origin: Span) -> Ref:
        """The index of a node for this operation, new or shared."""
        # A table is one object however often it is read, and its many rows are not compared each time.
        key = (id(op) if isinstance(op, nodes.Terms | nodes.Curve) else op, args, type_)
        ref = self._seen.get(key)
        if ref is None:
            self.nodes.append(nodes.Node(op, args, type_, origin))
            ref = self._seen[key] = len(self.nodes) - 1
        self._written(ref, args, origin)
        return ref

    def name(self, ref: Ref, name: str, origin: Span, type_: Type | None = None) -> Ref:
        """A node of its own for the value called `name`, so that an example can cut this name and no other."""
        node = nodes.Node(nodes.Alias(), (ref,), type_ or replace(self.type(ref), literal=False), origin, name)
        self.nodes.append(node)
        self._written(len(self.nodes) - 1, (ref,), origin)
        return len(self.nodes) - 1

    def read(self, ref: Ref, place: Span) -> Ref:
        """A node that exists is read at a place, by its name."""
        self._latest[ref] = place
        return ref

    def _written(self, ref: Ref, args: tuple[Ref, ...], origin: Span) -> None:
        self._latest[ref] = origin
        if args:
            place = (ref, origin.file.name, origin.start, origin.end)
            self._parts[place] = tuple([self._latest.get(a) or self.nodes[a].origin for a in args])

    def parts(self, ref: Ref, place: Span) -> tuple[Span, ...]:
        """Where the arguments of a node are written, for one of its places."""
        found = self._parts.get((ref, place.file.name, place.start, place.end))
        return found or tuple(self.nodes[a].origin for a in self.nodes[ref].args)

    def type(self, ref: Ref) -> Type:
        return self.nodes[ref].type
