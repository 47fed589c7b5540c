"""Which assumed parameters stand behind a value: what depends on one is printed as "illustrative terms"."""

from __future__ import annotations

import re

from contractlang.plan.nodes import Alias, Assumption, Cell, Curve, Plan, Previous, Split, Terms
from contractlang.plan.relations import Derive, Filter, Group, Join, Scan, Union
from contractlang.runtime.provenance import Point, Provenance

_NAME = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*")


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
            case Alias() if isinstance(at.plan.nodes[node.args[0]].op, Split) and node.name is not None:
                pool = node.name.rpartition(".")[0]
                found |= {f"{pool}.{word}" for word in ("split", "require", "exact")}
            case Terms(table, column):
                found |= {table, f"{table}.{column}"}
            case Curve(name):
                found.add(name)
            case Previous(at=weighted) if weighted:  # `x at history`: the plan keeps the years, the clause their name
                found.update(_NAME.findall(node.origin.text))
            case Cell(table, column):
                found |= {table, f"{table}.{column}", *_words_behind(at.plan, table)}
            case _:
                pass
        waiting.extend(provenance.consulted(at))
    return found


def _words_behind(plan: Plan, table: str) -> set[str]:
    """The names in the clauses of the reduce stage that lead to a table: their parameters are no nodes of the plan."""
    output = next((o for o in plan.reduction.outputs if o.table == table), None)
    if output is None:
        return set()
    steps = {step.name: step for step in plan.reduction.steps}
    found: set[str] = set()
    seen: set[str] = set()
    waiting = [output.step]
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        found.update(_NAME.findall(steps[name].origin.text))
        match steps[name].relation:
            case Scan(scanned):
                found.add(scanned)
            case Join() as join:
                waiting += [join.left_input, join.right_input]
            case Union(inputs):
                waiting += inputs
            case Derive() | Filter() | Group() as relation:
                waiting.append(relation.input)
    return found
