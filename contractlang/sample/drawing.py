"""Columns of member rows that no generated column serves: drawn by kind, one value per row."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from contractlang.sample.arrow import coded, decimals
from contractlang.sample.population import Ints, World
from contractlang.sample.streams import stream
from contractlang.semantics.model import ColumnSchema
from contractlang.semantics.types import Kind

YES = 0.03
"""Share of rows on which a flag of unknown meaning says yes."""


def drawn_column(world: World, table: str, column: ColumnSchema, lot: int, rows: int) -> pa.Array:
    """A column of the given kind within its bounds."""
    rng = stream(world.size.seed, f"{table}.{column.name}", lot)
    match column.type.kind:
        case Kind.FLAG:
            return pa.array(rng.random(rows) < YES)
        case Kind.CATEGORY:
            labels = column.labels or ()
            return coded(rng.integers(0, max(len(labels), 1), rows), labels)
        case Kind.DATE | Kind.PERIOD:
            days = rng.integers(0, 365 * world.size.year_count, rows)
            return pa.array(np.datetime64(dt.date(world.size.years[0], 1, 1)) + days.astype("timedelta64[D]"))
        case Kind.TEXT:
            return coded(rng.integers(0, 5, rows), [f"{column.name} {i + 1}" for i in range(5)])
        case Kind.MONEY:
            return decimals(within_bounds(np.round(np.exp(rng.normal(3.5, 1.0, rows)) * 100), column, 2), 2)
        case Kind.PERCENT:
            return decimals(within_bounds(rng.integers(0, 101, rows), column, 2), 2)
        case Kind.COUNT:
            return pa.array(within_bounds(rng.poisson(0.2, rows), column, 0))
        case _:
            places = min(column.decimals or 0, 9)
            return decimals(within_bounds(np.round(rng.gamma(4, 0.25, rows) * 10**places), column, places), places)


def within_bounds(values: npt.NDArray[Any], column: ColumnSchema, places: int) -> Ints:
    """Whole numbers of 10**-places, held within the bounds of the column, which are in base units."""
    found: Ints = np.round(values).astype(np.int64)
    factor = 10**places / column.factor
    if column.low is not None:
        found = np.maximum(found, int(-(-column.low * factor // 1)))
    if column.high is not None:
        found = np.minimum(found, int(column.high * factor // 1))
    return found
