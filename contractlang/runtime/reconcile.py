"""Our amounts beside the amounts that the other party states, row by row."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import product
from typing import Any

import numpy as np

from contractlang.engines import registry
from contractlang.engines.base import Column, Inputs
from contractlang.runtime.formatting import decimal
from contractlang.runtime.parting import Parting, parting
from contractlang.runtime.result import Result
from contractlang.values import Absent, Value

FORMAT = "vbc-reconciliation/1"
"""Name and version of the JSON form."""

LOOKED_INTO = 50
"""Differences for which the first value at which the readings part is looked for."""

MOST_UNCERTAIN = 6
"""Inputs that can be uncertain at once: every corner of their ranges is evaluated."""


@dataclass(frozen=True, slots=True)
class Uncertain:
    """An input column whose cells may be off by `half`, in base units; `low` and `high` are its declared bounds."""

    table: str
    column: str
    half: Fraction
    factor: Fraction = Fraction(1)
    low: Fraction | None = None
    high: Fraction | None = None


@dataclass(frozen=True, slots=True)
class Difference:
    """A row on which the amounts differ by more than the tolerance. `low` and `high` are set with uncertain inputs."""

    group: str
    period: str
    ours: Fraction | None
    theirs: Fraction
    reason: str = ""
    low: Fraction | None = None
    high: Fraction | None = None
    within_printed: bool = False
    parts: Parting | None = None


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """`rows` have a stated amount. `within_printed` is None where no input was said to be uncertain.

    `unstated` rows of ours have no stated amount; `unknown` stated amounts belong to no row of ours.
    """

    value: str
    column: str
    tolerance: Fraction
    rows: int
    within: int
    within_printed: int | None
    total_ours: Fraction
    total_theirs: Fraction
    differences: tuple[Difference, ...]
    unstated: int = 0
    unknown: tuple[tuple[str, str], ...] = ()

    @property
    def agrees(self) -> bool:
        return self.rows > 0 and self.rows == (self.within if self.within_printed is None else self.within_printed)


def reconcile(
    result: Result,
    name: str,
    stated: Mapping[tuple[str, str], Fraction | Absent],
    tolerance: Fraction,
    *,
    column: str = "",
    uncertain: Sequence[Uncertain] = (),
) -> Reconciliation:
    """Compare a named value with stated amounts by (group, period)."""
    ours = {(result.group(row), result.period(row)): (row, result.value(name, row)) for row in result.rows.tolist()}
    amounts = {key: amount for key, amount in stated.items() if isinstance(amount, Fraction)}
    shared = [key for key in ours if key in amounts]
    bounds = _bounds(result, name, uncertain) if uncertain else {}
    differences: list[Difference] = []
    within = printed = 0
    for key in shared:
        row, value = ours[key]
        low, high = bounds.get(row, (None, None))
        close = isinstance(value, Fraction) and abs(value - amounts[key]) <= tolerance
        inside = close or _inside(amounts[key], low, high, tolerance)
        within += close
        printed += inside
        if not close:
            differences.append(_difference(key, value, amounts[key], (low, high), inside=inside))
    looked = [d for d in differences if d.ours is not None and not d.within_printed][:LOOKED_INTO]
    partings = {id(d): parting(result, name, ours[d.group, d.period][0], d.theirs, tolerance) for d in looked}
    found = [replace(d, parts=partings.get(id(d))) for d in differences]
    return Reconciliation(
        name,
        column,
        tolerance,
        len(shared),
        within,
        printed if uncertain else None,
        sum((v for k in shared if isinstance(v := ours[k][1], Fraction)), Fraction(0)),
        sum((amounts[key] for key in shared), Fraction(0)),
        tuple(found),
        len(ours) - len(shared),
        tuple(key for key in amounts if key not in ours),
    )


def _inside(theirs: Fraction, low: Fraction | None, high: Fraction | None, tolerance: Fraction) -> bool:
    return low is not None and high is not None and low - tolerance <= theirs <= high + tolerance


def _difference(
    key: tuple[str, str],
    value: Value,
    theirs: Fraction,
    bounds: tuple[Fraction | None, Fraction | None],
    *,
    inside: bool,
) -> Difference:
    reason = str(value) if isinstance(value, Absent) else ""
    ours = value if isinstance(value, Fraction) else None
    return Difference(*key, ours, theirs, reason, *bounds, within_printed=inside)


# Uncertain inputs ----------------------------------------------------------------------------------------------------


def _bounds(result: Result, name: str, uncertain: Sequence[Uncertain]) -> dict[int, tuple[Fraction, Fraction]]:
    """The least and the largest amount of each row when every uncertain input is moved to either end."""
    found: dict[int, tuple[Fraction, Fraction]] = {}
    for values in _corners(result, name, uncertain):
        for row in result.rows.tolist():
            value = values[row]
            if isinstance(value, Fraction):
                low, high = found.get(row, (value, value))
                found[row] = (min(low, value), max(high, value))
    return found


def _corners(result: Result, name: str, uncertain: Sequence[Uncertain]) -> Iterator[Sequence[Value]]:
    yield result.settlement.values(name)
    engine = registry.settle_engine(result.engine)
    for signs in product((-1, 1), repeat=len(uncertain)):
        yield engine(result.programme, _moved(result.inputs, uncertain, signs)).values(name)


def _moved(inputs: Inputs, uncertain: Sequence[Uncertain], signs: Sequence[int]) -> Inputs:
    tables = dict(inputs.tables)
    for one, sign in zip(uncertain, signs, strict=True):
        table = tables[one.table]
        columns = dict(table.columns)
        columns[one.column] = _shifted(columns[one.column], one, sign)
        tables[one.table] = replace(table, columns=columns)
    return replace(inputs, tables=tables)


def _shifted(column: Column, one: Uncertain, sign: int) -> Column:
    """Every cell moved by half a step, but not past a declared bound; the scale grows until the step is whole."""
    step = one.half / one.factor
    scale = column.scale
    while (step * 10**scale).denominator != 1 and scale < column.scale + 30:
        scale += 1
    by = sign * int(step * 10**scale)
    values = [int(v) * 10 ** (scale - column.scale) + by for v in column.values.tolist()]
    for bound, choose in ((one.low, max), (one.high, min)):
        if bound is not None:
            limit = int(bound / one.factor * 10**scale)
            values = [choose(value, limit) for value in values]
    fits = all(-(2**63) <= value < 2**63 for value in values)
    return replace(column, values=np.array(values, dtype=np.int64 if fits else object), scale=scale)


# JSON ----------------------------------------------------------------------------------------------------------------


def as_json(found: Reconciliation) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "value": found.value,
        "against": found.column,
        "tolerance": decimal(found.tolerance, 2),
        "rows": found.rows,
        "within": found.within,
        "within_printed": found.within_printed,
        "total_ours": decimal(found.total_ours, 2),
        "total_theirs": decimal(found.total_theirs, 2),
        "unstated": found.unstated,
        "unknown": [{"group": group, "period": period} for group, period in found.unknown],
        "differences": [
            {
                "group": d.group,
                "period": d.period,
                "ours": None if d.ours is None else decimal(d.ours, 2),
                "theirs": decimal(d.theirs, 2),
                "reason": d.reason,
                "low": None if d.low is None else decimal(d.low, 2),
                "high": None if d.high is None else decimal(d.high, 2),
                "within_printed": d.within_printed if found.within_printed is not None else None,
                "parts_at": None
                if d.parts is None
                else {"name": d.parts.name, "reading": d.parts.reading, "place": d.parts.place},
            }
            for d in found.differences
        ],
    }
