"""Leave out what nobody reads: steps, columns, sums, and lookups of nothing."""

from __future__ import annotations

from dataclasses import replace

from contractlang.plan.relations import Derive, Group, Join, Reduction, Relation, Scan
from contractlang.plan.rewrites.columns import wanted


def pruned(reduction: Reduction) -> Reduction:
    """The reduction with the steps and columns that an output or account needs."""
    needed = wanted(reduction)
    steps = [
        replace(step, relation=_narrow(step.relation, needed[step.name]))
        for step in reduction.steps
        if step.name in needed
    ]
    return replace(reduction, steps=tuple(steps))


def _narrow(relation: Relation, needed: set[str]) -> Relation:
    match relation:
        case Scan(table, columns):
            return Scan(table, tuple(name for name in columns if name in needed))
        case Derive(source, columns):
            return Derive(source, tuple((name, e) for name, e in columns if name in needed))
        case Group(source, keys, measures):
            return Group(source, keys, tuple(m for m in measures if m.name in needed))
        case Join(left, _, _, columns, True) if not any(name in needed for _, name in columns):
            return Derive(left, ())  # every left row stays, once
        case Join():
            return replace(relation, columns=tuple((c, name) for c, name in relation.columns if name in needed))
        case _:
            return relation
