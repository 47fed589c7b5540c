"""A tape of array operations, run over blocks of rows.

A plan becomes a list of operations on registers once; the list then runs for every block of rows, so that all
temporary arrays of a block stay in the cache. Registers that nobody reads any more are used again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Operation = Callable[..., object]
"""Called with the input arrays (or scalars) and `out`, which it fills."""

BLOCK = 16_384
FLAGGED = 0
"""The register that collects the rows of a block whose decisions are not certain."""


@dataclass(frozen=True, slots=True)
class Source:
    """Rows of a base array: the rows named by `rows`, or all rows as they are."""

    base: Array
    rows: npt.NDArray[np.int64] | None = None

    def block(self, start: int, stop: int, chosen: npt.NDArray[np.int64] | None) -> Array:
        if chosen is None:
            picked: slice | Array = slice(start, stop)
        else:
            picked = chosen[start:stop]
        return self.base[picked] if self.rows is None else self.base[self.rows[picked]]


@dataclass(slots=True)
class Tape:
    """Operations in order, each (function, input registers, output register)."""

    operations: list[tuple[Operation, tuple[int, ...], int]] = field(default_factory=list)
    types: list[np.dtype[Any] | None] = field(default_factory=lambda: [np.dtype(bool)])
    scalars: dict[int, float | np.uint8] = field(default_factory=dict)
    sources: dict[int, Source] = field(default_factory=dict)
    flags: dict[object, int] = field(default_factory=dict)
    tag: object = None
    """With a tag, the rows that a check finds are kept apart, in a register of their own under the tag."""
    _known: dict[object, int] = field(default_factory=dict)

    def state(self, state: int) -> int:
        """A register that holds one state for all rows."""
        return self.constant(np.uint8(state))

    def constant(self, value: float | np.uint8) -> int:
        """A register that holds one number for all rows."""
        key = ("constant", type(value), value, np.signbit(value))
        if key not in self._known:
            self._known[key] = slot = self._slot(None)
            self.scalars[slot] = value
        return self._known[key]

    def source(self, base: Array, rows: npt.NDArray[np.int64] | None = None) -> int:
        """A register that holds rows of an array."""
        key = ("source", id(base), id(rows))
        if key not in self._known:
            self._known[key] = slot = self._slot(None)
            self.sources[slot] = Source(base, rows)
        return self._known[key]

    def emit(self, function: Operation, *inputs: int, dtype: npt.DTypeLike = np.float64, key: object = None) -> int:
        """A register for the result of an operation; the same operation on the same registers is done once.

        `key` tells apart functions that are made on the spot (they carry constants).
        """
        known = (function if key is None else key, inputs)
        if known not in self._known:
            self._known[known] = slot = self._slot(np.dtype(dtype))
            self.operations.append((function, inputs, slot))
        return self._known[known]

    def check(self, function: Operation, *inputs: int) -> None:
        """An operation that adds rows to the flagged ones."""
        out = FLAGGED
        if self.tag is not None:
            if self.tag not in self.flags:
                self.flags[self.tag] = self._slot(np.dtype(bool))
            out = self.flags[self.tag]
        self.operations.append((function, inputs, out))

    def run(
        self,
        count: int,
        kept: Sequence[int],
        flagged: npt.NDArray[np.bool_],
        chosen: npt.NDArray[np.int64] | None = None,
    ) -> dict[int, Array]:
        """Run over `count` rows (or over the chosen ones); give the kept registers as whole arrays, fill `flagged`."""
        kept = [*kept, *self.flags.values()]
        wanted = {slot for slot in kept if self.types[slot] is not None}
        results = self._results(wanted, count)
        for slot in self.flags.values():
            results[slot][:] = False
        for slot in set(kept) - wanted:
            results[slot] = self._whole(slot, count, chosen)
        homes = self._homes(wanted)
        sizes: dict[int, np.dtype[Any]] = {}
        for slot, home in homes.items():
            sizes[home] = self.types[slot] or np.dtype(float)
        block = min(BLOCK, max(count, 1))
        buffers = {home: np.empty(block, dtype) for home, dtype in sizes.items()}
        registers: list[Any] = [None] * len(self.types)
        for slot, value in self.scalars.items():
            registers[slot] = value
        steps = [(function, inputs, out) for function, inputs, out in self.operations]
        with np.errstate(all="ignore"):
            for start in range(0, count, block):
                stop = min(start + block, count)
                length = stop - start
                for slot, source in self.sources.items():
                    registers[slot] = source.block(start, stop, chosen)
                for slot, home in homes.items():
                    registers[slot] = buffers[home] if length == block else buffers[home][:length]
                for slot in wanted:
                    registers[slot] = results[slot][start:stop]
                registers[FLAGGED] = flagged[start:stop]
                for function, inputs, out in steps:
                    function(*[registers[i] for i in inputs], out=registers[out])
        return results

    def _results(self, wanted: set[int], count: int) -> dict[int, Array]:
        """Room for the kept registers, in one piece per type: the system hands out large pieces faster than many."""
        by_type: dict[np.dtype[Any], list[int]] = {}
        for slot in sorted(wanted):
            by_type.setdefault(self.types[slot] or np.dtype(float), []).append(slot)
        found: dict[int, Array] = {}
        for dtype, slots in by_type.items():
            found |= zip(slots, np.empty((len(slots), count), dtype), strict=True)
        return found

    def _whole(self, slot: int, count: int, chosen: npt.NDArray[np.int64] | None) -> Array:
        if slot in self.scalars:
            return np.full(count, self.scalars[slot])
        return self.sources[slot].block(0, count, chosen)

    def _slot(self, dtype: np.dtype[Any] | None) -> int:
        self.types.append(dtype)
        return len(self.types) - 1

    def _homes(self, wanted: set[int]) -> dict[int, int]:
        """A buffer for every temporary register; a buffer is free again after its last reader."""
        last: dict[int, int] = {}
        for position, (_, inputs, out) in enumerate(self.operations):
            for slot in (*inputs, out):
                last[slot] = position
        homes: dict[int, int] = {}
        free: dict[np.dtype[Any], list[int]] = {}
        count = 0
        for position, (_, inputs, out) in enumerate(self.operations):
            dtype = self.types[out]
            if out != FLAGGED and out not in wanted and dtype is not None:
                pool = free.setdefault(dtype, [])
                if pool:
                    homes[out] = pool.pop()
                else:
                    homes[out] = count
                    count += 1
            for slot in {*inputs, out}:
                kind = self.types[slot]
                if slot in homes and last[slot] == position and kind is not None:
                    free[kind].append(homes[slot])
        return homes
