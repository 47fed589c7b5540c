"""Tables of a result: read in pieces from the Parquet file of the run, narrowed, and written in the form that is asked for."""

from __future__ import annotations

import datetime as dt
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.ipc
import pyarrow.parquet as pq

from server.errors import invalid

BATCH = 20_000
"""Rows that are in memory at once."""
ARROW = "application/vnd.apache.arrow.stream"
_RISKY = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True, slots=True)
class Narrowed:
    """Which rows and columns. `groups` None: all; the keys are the first two columns of every table of a result."""

    groups: frozenset[str] | None = None
    periods: frozenset[str] | None = None
    statuses: frozenset[str] | None = None
    columns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ResultTable:
    """One table of a result."""

    path: Path

    @property
    def schema(self) -> pa.Schema:
        return pq.read_schema(self.path)

    def batches(self, narrowed: Narrowed) -> Iterator[pa.RecordBatch]:
        """The rows that are wanted, in the order of the result. Raises a problem for a column that there is not."""
        with pq.ParquetFile(self.path) as file:
            schema = file.schema_arrow
            names = self._columns(schema, narrowed)
            wanted = [
                (name, allowed)
                for name, allowed in (
                    (schema.names[0], narrowed.groups),
                    (schema.names[1], narrowed.periods),
                    ("status", narrowed.statuses),
                )
                if allowed is not None and name in schema.names
            ]
            read = list(dict.fromkeys([*names, *(name for name, _ in wanted)]))
            for batch in file.iter_batches(BATCH, columns=read):
                mask = None
                for name, allowed in wanted:
                    found = pc.is_in(batch.column(name), pa.array(sorted(allowed), pa.string()))
                    mask = found if mask is None else pc.and_(mask, found)
                yield (batch if mask is None else batch.filter(mask)).select(names)

    def narrowed_schema(self, narrowed: Narrowed) -> pa.Schema:
        schema = self.schema
        return pa.schema([schema.field(name) for name in self._columns(schema, narrowed)], schema.metadata)

    def page(self, narrowed: Narrowed, start: int, limit: int) -> tuple[list[dict[str, Any]], int | None]:
        """Rows as JSON from a place on, and the place of the next page (None: this is the last)."""
        found: list[dict[str, Any]] = []
        passed = 0
        for batch in self.batches(narrowed):
            if passed + batch.num_rows > start:
                piece = batch.slice(max(0, start - passed), limit + 1 - len(found))
                found += rows_json(piece)
            passed += batch.num_rows
            if len(found) > limit:
                return found[:limit], start + limit
        return found, None

    @staticmethod
    def _columns(schema: pa.Schema, narrowed: Narrowed) -> list[str]:
        for name in narrowed.columns:
            if name not in schema.names:
                raise invalid(f"the result has no column `{name[:80]}`")
        return list(dict.fromkeys([*schema.names[:2], *narrowed.columns])) if narrowed.columns else list(schema.names)


def rows_json(batch: pa.RecordBatch) -> list[dict[str, Any]]:
    """Rows with money and every other exact number as text."""
    return [{name: plain(value) for name, value in row.items()} for row in batch.to_pylist()]


def plain(value: object) -> Any:
    match value:
        case Decimal():
            return f"{value:f}"
        case dt.date():
            return value.isoformat()
        case _:
            return value


def as_csv(schema: pa.Schema, batches: Iterator[pa.RecordBatch]) -> Iterator[bytes]:
    """CSV in pieces; texts that a spreadsheet would take for a formula get an apostrophe in front."""
    head = True
    for batch in _at_least_one(schema, batches):
        out = io.BytesIO()
        columns = [_harmless(c) if pa.types.is_string(c.type) else c for c in batch.columns]
        options = pyarrow.csv.WriteOptions(include_header=head, quoting_style="needed")
        pyarrow.csv.write_csv(pa.RecordBatch.from_arrays(columns, names=batch.schema.names), out, options)
        head = False
        yield out.getvalue()


def as_arrow(schema: pa.Schema, batches: Iterator[pa.RecordBatch]) -> Iterator[bytes]:
    """An Arrow stream in pieces."""
    out = io.BytesIO()
    with pa.ipc.new_stream(out, schema) as writer:
        for batch in batches:
            writer.write_batch(batch.cast(schema) if batch.schema != schema else batch)
            yield _taken(out)
    yield _taken(out)


def write_parquet(schema: pa.Schema, batches: Iterator[pa.RecordBatch], path: Path) -> None:
    with pq.ParquetWriter(path, schema) as writer:
        for batch in batches:
            writer.write_batch(batch)


def _at_least_one(schema: pa.Schema, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """All batches; an empty one where there is none, so that headers are written."""
    none = True
    for batch in batches:
        none = False
        yield batch
    if none:
        yield pa.RecordBatch.from_pylist([], schema=schema)


def _harmless(column: pa.Array) -> pa.Array:
    texts: Sequence[str | None] = column.to_pylist()
    return pa.array([f"'{t}" if t and t.startswith(_RISKY) else t for t in texts], type=pa.string())


def _taken(out: io.BytesIO) -> bytes:
    found = out.getvalue()
    out.seek(0)
    out.truncate()
    return found
