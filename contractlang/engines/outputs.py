"""From the rows of reduced relations to the tables and accounts that the settle stage and the explainer read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from contractlang.engines.base import Column, Reduced, Table
from contractlang.plan.nodes import Plan
from contractlang.plan.relations import Account, Check, Output
from contractlang.values import State

Fetch = Callable[[str, Sequence[str]], Sequence[Sequence[Any]]]
"""The rows of a step with the named columns: scaled integers, flags, text; None is missing. Any order."""


Breach = tuple[int, Sequence[tuple[Any, ...]]]

EXAMPLES = 5
"""Rows of a check that are shown."""


def collect(
    plan: Plan,
    fetch: Fetch,
    table: Callable[[Output], Table] | None = None,
    breach: Callable[[Check], Breach] | None = None,
) -> Reduced:
    """Outputs, accounts and checks of a plan's reduction, in an order that does not depend on the engine.

    `table` makes the table of an output, and `breach` counts the rows of a check, where an engine has a faster way than
    row by row.
    """
    count = breach if breach is not None else lambda check: _breach(check, fetch)
    make = table if table is not None else lambda output: _table(plan, output, fetch)
    return Reduced(
        {output.table: make(output) for output in plan.reduction.outputs},
        {account.block: _account(account, fetch) for account in plan.reduction.accounts},
        [count(check) for check in plan.reduction.checks],
    )


def _breach(check: Check, fetch: Fetch) -> Breach:
    rows = sorted(fetch(check.step, check.columns), key=lambda row: tuple(str(v) for v in row))
    return len(rows), [tuple(row) for row in rows[:EXAMPLES]]


def _table(plan: Plan, output: Output, fetch: Fetch) -> Table:
    names = [column for _, column in output.keys] + [column for _, column, _ in output.columns]
    count = len(output.keys)
    # A row without a unit, period or category belongs to no settled row; accounts show how many there are.
    rows = [row for row in fetch(output.step, names) if None not in row[:count]]
    rows.sort(key=lambda row: tuple(map(str, row[:count])))
    labels = dict(plan.categories)
    keys = {key: _key([str(row[i]) for row in rows], labels.get(key)) for i, (key, _) in enumerate(output.keys)}
    columns = {
        name: _column(output.table, [row[count + i] for row in rows], scale)
        for i, (name, _, scale) in enumerate(output.columns)
    }
    return Table(output.table, keys, columns)


def _key(values: Sequence[str], labels: tuple[str, ...] | None) -> Column:
    if labels is None or not set(values) <= set(labels):
        return Column("text", np.array([*values, ""], dtype=object)[:-1])
    codes = {label: code for code, label in enumerate(labels)}
    return Column("code", np.array([codes[value] for value in values], dtype=np.int64), labels=labels)


def missing_reasons(table: str) -> dict[int, str]:
    """What an output says where a sum reached a missing value."""
    return {int(State.MISSING): f"a missing value in `{table}`"}


def _column(table: str, values: Sequence[Any], scale: int) -> Column:
    states = np.array([State.MISSING if value is None else 0 for value in values], dtype=np.uint8)
    absent = states if states.any() else None
    reasons = missing_reasons(table) if absent is not None else {}
    there = [value for value in values if value is not None]
    whole: npt.NDArray[np.generic]
    if there and all(isinstance(value, bool) for value in there):
        whole = np.array([bool(value) for value in values], dtype=np.uint8)
        return Column("flag", whole, states=absent, reasons=reasons)
    if there and isinstance(there[0], str):
        words = np.array([value or "" for value in values] + [""], dtype=object)[:-1]
        return Column("text", words, states=absent, reasons=reasons)
    numbers = [0 if value is None else int(value) for value in values]
    fits = all(-(2**63) <= number < 2**63 for number in numbers)
    whole = np.array(numbers, dtype=np.int64 if fits else object)
    return Column("int", whole, scale, states=absent, reasons=reasons)


def _account(account: Account, fetch: Fetch) -> Sequence[Mapping[str, object]]:
    """Rows of an account: settlement keys, `reason` (None for rows that count), `rows`, exact amounts by name."""
    reason = [account.reason] if account.reason is not None else []
    names = [*(column for _, column in account.keys), *reason, "rows", *(column for _, column, _ in account.columns)]
    count = len(account.keys) + len(reason)
    found: list[Mapping[str, object]] = []
    for row in sorted(fetch(account.step, names), key=lambda row: tuple(str(v or "") for v in row[:count])):
        amounts = {
            name: None if value is None else Fraction(value, 10**scale)
            for (name, _, scale), value in zip(account.columns, row[count + 1 :], strict=True)
        }
        keys = {key: row[i] for i, (key, _) in enumerate(account.keys)}
        why = row[len(account.keys)] if reason else None
        found.append({**keys, "reason": why, "rows": row[count], **amounts})
    return found
