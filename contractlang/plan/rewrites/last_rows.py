"""The row of the last month of a member, without a second look at all rows.

A population's home rows are lowered as its rows joined with the greatest month of each member. Where others only look
values up in them, the values at the greatest month are all that is needed: an aggregate of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from contractlang.plan.relations import Group, Join, Measure, Reduction, RowExpr, Step
from contractlang.plan.rewrites.columns import inputs, wanted
from contractlang.plan.rewrites.paths import path_to, plain


def last_rows(reduction: Reduction) -> Reduction:
    """Joins of rows with their own greatest value become groups with `last` measures."""
    steps = {step.name: step for step in reduction.steps}
    needed = wanted(reduction)
    looked_up = _only_looked_up(reduction)
    changed = [
        replace(step, relation=_group(step.relation, needed[step.name], steps) or step.relation)
        if isinstance(step.relation, Join) and step.name in looked_up and step.name in needed
        else step
        for step in reduction.steps
    ]
    return replace(reduction, steps=tuple(changed))


def _only_looked_up(reduction: Reduction) -> set[str]:
    """Steps that are read as the right side of left joins alone: a row more, without values, makes no difference."""
    found = {step.name for step in reduction.steps}
    found -= {output.step for output in reduction.outputs} | {account.step for account in reduction.accounts}
    found -= {check.step for check in reduction.checks}
    for step in reduction.steps:
        match step.relation:
            case Join(left, _, _, _, True, False, None):
                found.discard(left)
            case relation:
                found.difference_update(inputs(relation))
    return found


def _group(join: Join, needed: set[str], steps: Mapping[str, Step]) -> Group | None:
    right = steps[join.right_input].relation
    if join.left or join.columns or not isinstance(right, Group) or len(right.measures) != 1:
        return None
    rows, others = path_to(join.left_input, steps), path_to(right.input, steps)
    greatest = right.measures[0]
    if greatest.function != "max" or greatest.operand is None:
        return None
    if rows.start != others.start or set(map(plain, rows.conditions)) != set(map(plain, others.conditions)):
        return None
    to = {b: a for a, b in join.on}
    if set(to) != {*right.keys, greatest.name} or len(join.on) != len(to):
        return None
    same = all(plain(rows.column(to[key])) == plain(others.column(key)) for key in right.keys)
    by = rows.column(to[greatest.name])
    if not same or plain(by) != plain(others.expression(greatest.operand)):
        return None
    keys = tuple(to[key] for key in right.keys)
    moment = RowExpr("column", value=to[greatest.name], kind=greatest.operand.kind, scale=greatest.operand.scale)
    values = sorted(needed - set(keys))
    measures = tuple(Measure(name, "last", RowExpr("column", value=name), moment) for name in values)
    return Group(join.left_input, keys, measures)
