"""Building a plan: nodes are shared when operation, arguments and type are equal, so that equal words cost once."""

from __future__ import annotations

from dataclasses import replace

from contractlang.plan import nodes
from contractlang.semantics.types import Type
from contractlang.source import Span

Ref = int
"""Index of a node."""


class Builder:
    """Collects the nodes of a settle stage in evaluation order."""

    def __init__(self) -> None:
        self.nodes: list[nodes.Node] = []
        self._seen: dict[tuple[nodes.Op, tuple[Ref, ...], Type], Ref] = {}

    def emit(self, op: nodes.Op, args: tuple[Ref, ...], type_: Type, origin: Span) -> Ref:
        """The index of a node for this operation, new or shared."""
        key = (op, args, type_)
        if (found := self._seen.get(key)) is not None:
            return found
        self.nodes.append(nodes.Node(op, args, type_, origin))
        self._seen[key] = len(self.nodes) - 1
        return len(self.nodes) - 1

    def name(self, ref: Ref, name: str, origin: Span, type_: Type | None = None) -> Ref:
        """A node of its own for the value called `name`, so that an example can cut this name and no other."""
        node = nodes.Node(nodes.Alias(), (ref,), type_ or replace(self.type(ref), literal=False), origin, name)
        self.nodes.append(node)
        return len(self.nodes) - 1

    def type(self, ref: Ref) -> Type:
        return self.nodes[ref].type
