"""One scan of a table for all that read it.

Each population and each set of measures is lowered with a scan of its own. Where they read one table, they become paths
from one scan, so that `shared_groups` sees all of their sums together.
"""

from __future__ import annotations

from dataclasses import replace

from contractlang.plan.relations import Derive, Reduction, Scan


def same_scans(reduction: Reduction) -> Reduction:
    """The first scan of a table has the columns of all; the others are its rows."""
    columns: dict[str, tuple[str, ...]] = {}
    for step in reduction.steps:
        if isinstance(step.relation, Scan):
            known = columns.get(step.relation.table, ())
            columns[step.relation.table] = tuple(dict.fromkeys((*known, *step.relation.columns)))
    first: dict[str, str] = {}
    steps = []
    for step in reduction.steps:
        match step.relation:
            case Scan(table, _) if table in first:
                steps.append(replace(step, relation=Derive(first[table], ())))
            case Scan(table, _):
                first[table] = step.name
                steps.append(replace(step, relation=Scan(table, columns[table])))
            case _:
                steps.append(step)
    return replace(reduction, steps=tuple(steps))
