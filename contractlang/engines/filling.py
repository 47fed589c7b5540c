"""Columns with a value put in where they have none: for blank cells, and for keys that have no row."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from contractlang.engines.base import Bytes, Column
from contractlang.engines.reading import MOST_PLACES
from contractlang.values import Absent, Value

Array = npt.NDArray[Any]

_EPOCH = dt.date(1970, 1, 1).toordinal()


def filled(column: Column, gaps: npt.NDArray[np.bool_], value: Value) -> Column:
    """The column with a value (in the units of the file), or an absence, in some rows, whatever they hold now.

    The scale rises where the value has more decimals than the column.
    """
    if isinstance(value, Absent):
        before: Bytes = np.zeros(len(gaps), dtype=np.uint8) if column.states is None else column.states
        states: Bytes = np.where(gaps, np.uint8(value.state), before)
        return replace(column, states=states, reasons={**column.reasons, int(value.state): value.reason})
    places, values = column.scale, column.values
    if isinstance(value, Fraction):
        places = max(places, places_of(value))
        values = times(values, 10 ** (places - column.scale))
        values = _with(values, gaps, int(value * 10**places))
    else:
        values = _with(values, gaps, code(value, column.form, column.labels))
    left = None if column.states is None else np.where(gaps, np.uint8(0), column.states)
    return replace(column, values=values, scale=places, states=left if left is not None and left.any() else None)


def code(value: Value | None, form: str, labels: Sequence[str]) -> int | str:
    """A value that is no number, as it stands in a column."""
    match value:
        case bool():
            return int(value)
        case dt.date():
            return value.toordinal() - _EPOCH
        case str():
            return labels.index(value) if form == "code" else value
        case _:
            raise TypeError(f"no value of a column: {value!r}")


def _with(values: Array, gaps: Array, value: int | str) -> Array:
    if isinstance(value, int) and values.dtype != object and not -(2**63) <= value < 2**63:
        values = values.astype(object)
    found = values.copy()
    found[gaps] = value
    return found


def times(values: Array, factor: int) -> Array:
    """Integers times a power of ten, as objects where 64 bits do not reach."""
    if factor == 1 or not len(values):
        return values
    if values.dtype != object and max(abs(int(values.min())), abs(int(values.max()))) * factor < 2**63:
        return values * factor
    return values.astype(object) * factor


def places_of(value: Fraction) -> int:
    """The decimals that a decimal fraction needs (at most 30: more would not be decimal)."""
    places = 0
    while (value * 10**places).denominator != 1 and places < MOST_PLACES:
        places += 1
    return places
