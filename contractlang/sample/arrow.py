"""Arrow arrays from NumPy ones, without a detour over Python objects."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Array = npt.NDArray[np.generic]


def decimals(values: npt.NDArray[np.int64], places: int, absent: npt.NDArray[np.bool_] | None = None) -> pa.Array:
    """Integers of 10**-places as decimals of 18 digits, which Parquet stores as integers."""
    held = np.ascontiguousarray(values, dtype=np.int64)
    return pa.Array.from_buffers(pa.decimal64(18, places), len(held), [_validity(absent), pa.py_buffer(held)])


def coded(index: Array, labels: Sequence[str]) -> pa.DictionaryArray:
    """Labels by number; a negative number is no value."""
    codes = index.astype(np.int32)
    held = pa.array(codes, mask=codes < 0)
    return pa.DictionaryArray.from_arrays(held, pa.array(labels, pa.string()))


def plain(values: Array, absent: npt.NDArray[np.bool_] | None = None) -> pa.Array:
    return pa.array(values, mask=absent)


def _validity(absent: npt.NDArray[np.bool_] | None) -> pa.Buffer | None:
    return None if absent is None or not absent.any() else pa.py_buffer(np.packbits(~absent, bitorder="little"))
