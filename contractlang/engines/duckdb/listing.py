"""Rows of a step of the reduce stage, on request: how many, their sums, and the largest of them.

The member views have a column `row place` beside the bound ones: file and row of each row, which the steps carry along.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlglot import exp

from contractlang.engines.base import MemberTable
from contractlang.engines.duckdb.reading import PLACE_COLUMN
from contractlang.engines.duckdb.reduce import connection_of, rendered, sources
from contractlang.engines.sql import reduce as sql
from contractlang.engines.sql.rows import column
from contractlang.plan.nodes import Plan
from contractlang.plan.relations import Account, Derive, Reduction, RowExpr, Scan, Step
from contractlang.plan.rewrites.pruning import pruned


@dataclass(frozen=True, slots=True)
class Wanted:
    """Rows of a step: the columns to show, those to add up, and the one by which the largest come first.

    `by` groups the rows (a reason); None: one group.
    """

    step: str
    shown: tuple[str, ...]
    sums: tuple[str, ...]
    order: str
    by: str | None = None


@dataclass(frozen=True, slots=True)
class Listed:
    """One group of rows: what `by` is, how many rows, the sums, and the largest rows with the columns asked."""

    by: str | None
    rows: int
    sums: Mapping[str, int | None]
    largest: Sequence[Mapping[str, Any]]


def listed(
    plan: Plan, members: Mapping[str, MemberTable], steps: Sequence[Step], wanted: Wanted, most: int
) -> list[Listed]:
    """The rows of a step of the plan's reduction or of `steps`, which stand on it; in the order of `by`."""
    placed = {
        name: replace(table, columns={**table.columns, PLACE_COLUMN: ("int", 0)}) for name, table in members.items()
    }
    source = Step("listed rows", Derive(wanted.step, (("rows", RowExpr("const", value=1)),)), steps[-1].origin)
    columns = tuple(dict.fromkeys([*([wanted.by] if wanted.by else []), *wanted.shown, *wanted.sums, wanted.order]))
    account = Account("listed", source.name, tuple((c, c) for c in columns))
    own = [_with_place(step) for step in (*plan.reduction.steps, *steps, source)]
    reduction = pruned(Reduction(tuple(own), accounts=(account,)))
    connection = connection_of(members)
    found = sql.stages(reduction, sources(plan, reduction, placed, connection))
    query = sql.query(found, source.name, columns, frozenset()).subquery("found")

    def run(select: exp.Select) -> list[tuple[Any, ...]]:
        return connection.execute(rendered(select)).fetchall()

    keys = [column(wanted.by)] if wanted.by else []
    sums = [exp.Sum(this=column(name)) for name in wanted.sums]
    totals = exp.Select(expressions=[*keys, exp.Count(this=exp.Star()), *sums]).from_(query)
    if keys:
        totals = totals.group_by(*keys).order_by(*keys)
    groups = []
    for row in run(totals):
        by, (count, *amounts) = (row[0], row[1:]) if wanted.by else (None, row)
        if not count:
            continue
        rows = exp.Select(expressions=[column(c) for c in columns]).from_(query)
        if wanted.by:
            rows = rows.where(exp.EQ(this=column(wanted.by), expression=exp.Literal.string(by)))
        first = exp.Ordered(this=column(wanted.order), desc=True, nulls_first=False)
        place = [exp.Ordered(this=column(PLACE_COLUMN))] if PLACE_COLUMN in columns else []
        largest = [dict(zip(columns, r, strict=True)) for r in run(rows.order_by(first, *place).limit(most))]
        totals_by_name = {n: None if a is None else int(a) for n, a in zip(wanted.sums, amounts, strict=True)}
        groups.append(Listed(by, count, totals_by_name, largest))
    return groups


def _with_place(step: Step) -> Step:
    if isinstance(step.relation, Scan):
        return replace(step, relation=Scan(step.relation.table, (*step.relation.columns, PLACE_COLUMN)))
    return step
