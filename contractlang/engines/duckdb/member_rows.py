"""The member rows of a population for one unit and period: those that count, and those that are left out with the reason."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlglot import exp

from contractlang.engines.base import MemberTable
from contractlang.engines.duckdb.reduce import connection_of, rendered, sources
from contractlang.engines.sql import reduce as sql
from contractlang.engines.sql.rows import column
from contractlang.plan.nodes import Plan
from contractlang.plan.relations import Account, Check, Derive, Filter, Group, Join, Reduction, Scan, Union


@dataclass(frozen=True, slots=True)
class Found:
    """Rows of one population: the columns of its table, and as the last value the reason (None: the row counts)."""

    block: str
    table: str
    columns: tuple[str, ...]
    rows: Sequence[Sequence[Any]]


def member_rows(plan: Plan, members: Mapping[str, MemberTable], unit: str, period: str, limit: int) -> list[Found]:
    """Up to `limit` rows of each population of a plan, in the order of their values."""
    return [
        _of(plan, members, account, (unit, period), limit)
        for account in plan.reduction.accounts
        if account.reason is not None and "." not in account.block
    ]


def _of(plan: Plan, members: Mapping[str, MemberTable], account: Account, wanted: tuple[str, str], limit: int) -> Found:
    steps = {step.name: step for step in plan.reduction.steps}
    grouped = steps[account.step].relation
    assert isinstance(grouped, Group)  # noqa: S101 - an account counts rows
    assert account.reason is not None  # noqa: S101 - asked for by the caller
    scan = _scan(plan.reduction, grouped.input)
    keys = dict(account.keys)
    names = tuple(dict.fromkeys([*scan.columns, account.reason, keys[plan.unit], keys[plan.period]]))
    check = Check("", grouped.input, names, "", "", steps[account.step].origin)
    reduction = replace(plan.reduction, outputs=(), accounts=(), checks=(check,))
    connection = connection_of(members)
    stages = sql.stages(reduction, sources(plan, reduction, members, connection))
    query = sql.query(stages, grouped.input, names, frozenset())
    shown = [*(column(name) for name in scan.columns), column(account.reason)]
    chosen = exp.select(*shown).from_(query.subquery("found"))
    for key, label in zip((keys[plan.unit], keys[plan.period]), wanted, strict=True):
        chosen = chosen.where(exp.EQ(this=column(key), expression=exp.Literal.string(label)), copy=False)
    rows = connection.execute(rendered(chosen.limit(limit))).fetchall()
    return Found(account.block, scan.table, tuple(scan.columns), rows)


def _scan(reduction: Reduction, step: str) -> Scan:
    """The table whose rows a step has."""
    steps = {s.name: s.relation for s in reduction.steps}
    while True:
        match relation := steps[step]:
            case Scan():
                return relation
            case Join():
                step = relation.left_input
            case Union():
                step = relation.inputs[0]
            case Derive() | Filter() | Group():
                step = relation.input
