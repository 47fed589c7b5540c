"""The reduce stage of a run: every plan's reduction, and one set of tables from all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from contractlang.engines import registry
from contractlang.engines.base import Bytes, Column, Frame, Inputs, Programme, Reduced, Table
from contractlang.engines.reference.cells import labels
from contractlang.plan.nodes import Plan
from contractlang.plan.rebuilding import roster_period

Progress = Callable[[str, int, int], None]
"""Called with the stage and the steps done and to do."""


def quiet(stage: str, done: int, total: int) -> None:
    """No progress is shown."""


def distinct(programme: Programme) -> list[Plan]:
    """The plans of a programme, each once, in order of time."""
    return list({id(plan): plan for plan in programme.plans.values()}.values())


def reduce_members(plans: Sequence[Plan], inputs: Inputs, name: str, progress: Progress) -> list[Reduced | None]:
    """The outputs of each plan; plans with the same reduction share them."""
    found: list[Reduced | None] = []
    for number, plan in enumerate(plans):
        earlier = next((i for i in range(number) if plans[i].reduction == plan.reduction), None)
        if not plan.reduction.steps:
            found.append(None)
        elif earlier is not None:
            found.append(found[earlier])
        else:
            engine = registry.reduce_engine(registry.REDUCE[0] if name == "auto" else name)
            found.append(engine(plan, inputs.members))
        progress("reducing", number + 1, len(plans))
    return found


def with_reduced(
    inputs: Inputs, programme: Programme, plans: Sequence[Plan], reduced: Sequence[Reduced | None]
) -> Inputs:
    """The inputs with all reduced tables; the rows of a period come from the plan that governs it."""
    parts: dict[str, list[tuple[Plan, Table]]] = {}
    for plan, part in zip(plans, reduced, strict=True):
        for name, table in part.tables.items() if part else ():
            parts.setdefault(name, []).append((plan, table))
    if not parts:
        return inputs
    tables = {name: _joined(programme, pieces) for name, pieces in parts.items()}
    rosters = {o.table for plan in plans for o in plan.reduction.outputs if o.roster}
    counted = {name: table for name, table in tables.items() if name not in rosters}
    frame = inputs.frame
    if not len(frame):
        frame = _frame(programme, plans[-1], counted.values())
    return replace(inputs, frame=frame, tables={**inputs.tables, **tables})


def _joined(programme: Programme, pieces: Sequence[tuple[Plan, Table]]) -> Table:
    first = pieces[0][1]
    if all(table is first for _, table in pieces):
        return first
    kept = []
    for number, (plan, table) in enumerate(pieces):
        if plan.period not in table.keys:
            return pieces[-1][1]
        governing = [programme.plan(roster_period(label)) for label in labels(table.keys[plan.period])]
        kept.append(np.array([g is plan or (g is None and number == 0) for g in governing], dtype=bool))
    tables = [table for _, table in pieces]
    keys = {name: _column([t.keys[name] for t in tables], kept) for name in first.keys}
    columns = {
        name: _column([t.columns[name] for t in tables], kept)
        for name in first.columns
        if all(name in t.columns for t in tables)
    }
    return Table(first.name, keys, columns)


def _column(parts: Sequence[Column], kept: Sequence[npt.NDArray[np.bool_]]) -> Column:
    """Columns one below the other; integers of the finest scale among them."""
    if parts[0].form == "code":
        parts = [Column("text", np.array([*labels(p), ""], dtype=object)[:-1], states=p.states) for p in parts]
    scale = max(p.scale for p in parts)
    values = [
        (p.values.astype(object) * 10 ** (scale - p.scale))[k] if p.form == "int" else p.values[k]
        for p, k in zip(parts, kept, strict=True)
    ]
    states = [np.zeros(len(p), dtype=np.uint8) if p.states is None else p.states for p in parts]
    joined: Bytes = np.concatenate([s[k] for s, k in zip(states, kept, strict=True)])
    reasons = {state: reason for p in parts for state, reason in p.reasons.items()}
    whole = np.concatenate(values)
    if parts[0].form == "int" and all(-(2**63) <= int(v) < 2**63 for v in whole):
        whole = whole.astype(np.int64)
    return Column(parts[0].form, whole, scale, states=joined if joined.any() else None, reasons=reasons)


def _frame(programme: Programme, plan: Plan, tables: Iterable[Table]) -> Frame:
    """Without a table that lists the units, the units and periods for which member rows were counted."""
    found = {
        (unit, period)
        for table in tables
        if plan.unit in table.keys and plan.period in table.keys
        for unit, period in zip(labels(table.keys[plan.unit]), labels(table.keys[plan.period]), strict=True)
        if period in programme.plans
    }
    order = {period: number for number, period in enumerate(programme.plans)}
    rows = sorted(found, key=lambda row: (order[row[1]], row[0]))
    return Frame([unit for unit, _ in rows], [period for _, period in rows])
