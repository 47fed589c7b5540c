"""Parquet files written in row groups of a fixed least size, however few rows arrive at once."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pyarrow as pa
import pyarrow.parquet as pq

ROW_GROUP = 400_000


class Parquet:
    """A file that grows by tables of one schema. Sorted, dictionary codes, decimals as integers, light compression."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._held: list[pa.Table] = []
        self._writer: pq.ParquetWriter | None = None
        self.rows = 0

    def __enter__(self) -> Self:
        return self

    def add(self, columns: Mapping[str, Any]) -> None:
        table = pa.table(dict(columns))
        self._held.append(table)
        self.rows += len(table)
        if sum(len(held) for held in self._held) >= ROW_GROUP:
            self._flush()

    def _flush(self) -> None:
        table = pa.concat_tables(self._held).unify_dictionaries().combine_chunks()
        self._held = []
        if self._writer is None:
            self._writer = pq.ParquetWriter(
                self._path, table.schema, compression="zstd", compression_level=1, store_decimal_as_integer=True
            )
        self._writer.write_table(table, row_group_size=max(len(table), 1))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None and (self._held or self._writer is None):
                self._flush()
        finally:
            if self._writer is not None:
                self._writer.close()
