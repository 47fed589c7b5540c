"""Member rows behind a group's values, for those who may see them: what counts, and what is left out and why."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

from contractlang.runtime.runs import Opened


def member_rows(opened: Opened, group: str, period: str, limit: int) -> list[dict[str, Any]]:
    """Per population: table, rows as plain data with `left_out` (None: the row counts), and whether there are `more`.

    Raises KeyError for a period outside the term.
    """
    from contractlang.engines.duckdb.member_rows import member_rows as rows_of

    plan = opened.programme.plan(period)
    if plan is None:
        raise KeyError(f"no period {period}")
    members = opened.dataset.members
    found = []
    for population in rows_of(plan, members, group, period, limit + 1) if members else ():
        forms = members[population.table].columns
        rows = [
            {
                **{
                    name: _plain(value, forms[name][1] if forms[name][0] == "int" else 0)
                    for name, value in zip(population.columns, row[:-1], strict=True)
                },
                "left_out": row[-1],
            }
            for row in population.rows[:limit]
        ]
        found.append(
            {
                "block": population.block,
                "table": population.table,
                "rows": rows,
                "more": len(population.rows) > limit,
            }
        )
    return found


def _plain(value: object, scale: int) -> Any:
    match value:
        case bool() | None | str():
            return value
        case int():
            return f"{Decimal(value).scaleb(-scale):f}"
        case dt.date():
            return value.isoformat()
        case _:
            return str(value)
