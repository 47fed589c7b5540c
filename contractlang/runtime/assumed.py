"""Which assumed parameters stand behind a value: what depends on one is printed as "illustrative terms"."""

from __future__ import annotations

from contractlang.plan.nodes import Assumption, Cell, Curve, Terms
from contractlang.runtime.provenance import Point, Provenance


def assumed_by(provenance: Provenance, point: Point) -> list[Assumption]:
    """The assumptions that a value of one group and period rests on, conditions that were not met included."""
    if not point.plan.assumptions:
        return []
    reached = _reached(provenance, point)
    return [assumption for assumption in point.plan.assumptions if _touches(assumption.name, reached)]


def _touches(name: str, reached: set[str]) -> bool:
    """`terms` covers all its columns; `terms.share` and `earned.cap` name one column or step."""
    return name in reached or any(other.startswith(f"{name}.") for other in reached)


def _reached(provenance: Provenance, point: Point) -> set[str]:
    found: set[str] = set()
    seen: set[tuple[int, int, tuple[tuple[str, str], ...]]] = set()
    waiting = [point]
    while waiting:
        at = waiting.pop()
        if at.identity in seen:
            continue
        seen.add(at.identity)
        node = at.node
        if node.name is not None:
            found |= {node.name, node.name.replace(".surplus.", ".").replace(".deficit.", ".")}
        match node.op:
            case Terms(table, column):
                found |= {table, f"{table}.{column}"}
            case Curve(name):
                found.add(name)
            case Cell(table, column):
                found |= {table, f"{table}.{column}"}
            case _:
                pass
        waiting.extend(provenance.consulted(at))
    return found
