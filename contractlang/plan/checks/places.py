"""Walking a plan along the words of the contract: each node with the place where it is written and what holds there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from contractlang.plan import nodes
from contractlang.plan.builder import Builder, Ref
from contractlang.plan.ranges import Facts, Ranges
from contractlang.source import Span

MOST_STEPS = 4_000


@dataclass(frozen=True, slots=True)
class Place:
    """A node, the words that ask for it, and the facts that hold when it is evaluated."""

    ref: Ref
    span: Span
    facts: Facts


def below(ranges: Ranges, builder: Builder, place: Place) -> Iterator[Place]:
    """The arguments of a node that can be reached, in the order in which they are asked for."""
    node = ranges.plan.nodes[place.ref]
    parts = builder.parts(place.ref, node.origin if node.name is not None else place.span)
    if not isinstance(node.op, nodes.Choose):
        for arg, part in zip(node.args, parts, strict=True):
            yield Place(arg, part, place.facts)
        return
    spans = dict(zip(node.args, parts, strict=True))
    for condition, value, here in ranges.branches(node, place.facts):
        if condition is not None:
            yield Place(condition, spans[condition], here)
        taken = ranges.taken(condition, here)
        if taken is not None:
            yield Place(value, spans[value], taken)


def first(ranges: Ranges, builder: Builder, roots: list[Place], wanted: Callable[[Place], bool]) -> Place | None:
    """The first place that is wanted, below the roots and not beyond the names that they read."""
    steps = 0
    for root in roots:
        stack, seen = [root], set[tuple[Ref, int, int]]()
        while stack and steps < MOST_STEPS:
            place = stack.pop()
            steps += 1
            key = (place.ref, place.span.start, place.span.end)
            if key in seen:
                continue
            seen.add(key)
            if wanted(place):
                return place
            if place is root or ranges.plan.nodes[place.ref].name is None:
                stack += reversed(list(below(ranges, builder, place)))
    return None
