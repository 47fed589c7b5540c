"""Which assumed parameters stand behind a value: what depends on one is printed as "illustrative terms"."""

from __future__ import annotations

from collections.abc import Iterable

from contractlang.plan.nodes import Assumption, Cell, Curve, Plan, Previous, Terms


def assumed_by(plan: Plan, names: Iterable[str]) -> list[Assumption]:
    """The assumptions that any of the named values can read, whichever case applies."""
    if not plan.assumptions:
        return []
    reached = _reached(plan, names)
    return [assumption for assumption in plan.assumptions if _touches(assumption.name, reached)]


def _touches(name: str, reached: set[str]) -> bool:
    """`terms` covers all its columns; `terms.share` and `earned.cap` name one column or step."""
    return name in reached or any(other.startswith(f"{name}.") for other in reached)


def _reached(plan: Plan, names: Iterable[str]) -> set[str]:
    found: set[str] = set()
    seen: set[int] = set()
    waiting = [named.node for name in names if (named := plan.named(name)) is not None]
    while waiting:
        index = waiting.pop()
        if index in seen:
            continue
        seen.add(index)
        node = plan.nodes[index]
        if node.name is not None:
            found |= {node.name, node.name.replace(".surplus.", ".").replace(".deficit.", ".")}
        match node.op:
            case Terms(table, column):
                found |= {table, f"{table}.{column}"}
            case Curve(name):
                found.add(name)
            case Cell(table, column):
                found |= {table, f"{table}.{column}", column}
            case Previous(name) if (named := plan.named(name)) is not None:
                waiting.append(named.node)
            case _:
                pass
        waiting.extend(node.args)
    return found
