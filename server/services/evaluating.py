"""Evaluating small tables at once: column-wise JSON or Arrow in, the same out."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from struct import Struct
from struct import error as StructError  # noqa: N812 - a class
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.ipc

import contractlang
from contractlang import ContractError
from server.errors import Problem, finding_json, findings_problem, invalid
from server.settings import Settings

FEW = 50
"""Rows up to which the exact engine answers before the fast one is ready."""
_DICTIONARY, _BATCH = 2, 3
"""Kinds of messages of the Arrow format that have a body."""
TABLE = b"table"
"""The metadata of an Arrow schema that names the table."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Tables by name, and what to compute: names of values (empty: the payments), periods and groups (empty: all)."""

    tables: Mapping[str, object]
    values: tuple[str, ...] = ()
    periods: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()


def evaluate(
    contract: contractlang.Contract, asked: Asked, settings: Settings
) -> tuple[pa.Table, list[dict[str, Any]]]:
    """The result as a table, and the findings. Raises a problem with all findings when nothing can be settled."""
    rows = max((_rows(table) for table in asked.tables.values()), default=0)
    if rows > settings.max_sync_rows:
        raise Problem(413, "too-large", f"at most {settings.max_sync_rows:,} rows are evaluated at once: start a run")
    try:
        settled = _settle(contract, asked, "vector" if rows > FEW else "reference")
        return settled.table(asked.values or contract.payments), [finding_json(f) for f in settled.findings]
    except ContractError as error:
        raise findings_problem("the contract cannot be settled on these values", error.findings) from None
    except KeyError as error:
        raise invalid(str(error.args[0])) from None


def _settle(contract: contractlang.Contract, asked: Asked, engine: str) -> contractlang.Settled:
    try:
        return contractlang.evaluate_given(
            contract, asked.tables, periods=asked.periods, groups=asked.groups, engine=engine
        )
    except ContractError as error:
        if engine == "reference" or all(f.code != "engine-unable" for f in error.findings):
            raise
        return _settle(contract, asked, "reference")


def _rows(table: object) -> int:
    if isinstance(table, pa.Table):
        return int(table.num_rows)
    columns = table.values() if isinstance(table, Mapping) else ()
    return max((len(column) for column in columns if isinstance(column, Sequence)), default=0)


def read_arrow(body: bytes, settings: Settings) -> dict[str, object]:
    """Arrow streams one behind the other; each names its table in the metadata of its schema, a single one need not."""
    found: dict[str, object] = {}
    try:
        source = pa.BufferReader(_uncompressed(body))
        while source.tell() < len(body):
            with pa.ipc.open_stream(source) as reader:
                batches, rows = [], 0
                for batch in reader:
                    rows += batch.num_rows
                    if rows > settings.max_sync_rows:
                        limit = settings.max_sync_rows
                        raise Problem(413, "too-large", f"at most {limit:,} rows are evaluated at once: start a run")
                    batch.validate(full=True)
                    batches.append(batch)
                name = (reader.schema.metadata or {}).get(TABLE, b"").decode("utf-8", "replace")
                if name in found:
                    raise invalid(f"two Arrow streams are for the table `{name[:80]}`")
                found[name] = pa.Table.from_batches(batches, reader.schema)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowKeyError, OSError, StructError, IndexError) as error:
        raise invalid(f"the body is no Arrow stream: {str(error).splitlines()[0][:200]}") from None
    return found


def _uncompressed(body: bytes) -> bytes:
    """The body, when none of its batches is compressed: a small one could become as large as it likes in memory."""
    source = pa.BufferReader(body)
    while source.tell() < len(body):
        for message in pa.ipc.MessageReader.open_stream(source):
            if _compressed(message.metadata.to_pybytes()):
                raise invalid("compressed Arrow streams are not read: send the stream without compression")
    return body


def _compressed(metadata: bytes) -> bool:
    """Whether a message of the Arrow format has a compressed body; `metadata` is its header, a flatbuffer."""
    message = Struct("<I").unpack_from(metadata)[0]
    kind = _field(metadata, message, 1)
    header = _field(metadata, message, 2)
    if kind is None or header is None or metadata[kind] not in {_DICTIONARY, _BATCH}:
        return False
    batch = header + Struct("<I").unpack_from(metadata, header)[0]
    if metadata[kind] == _DICTIONARY:
        data = _field(metadata, batch, 1)
        if data is None:
            return False
        batch = data + Struct("<I").unpack_from(metadata, data)[0]
    return _field(metadata, batch, 3) is not None


def _field(buffer: bytes, table: int, number: int) -> int | None:
    """Where a field of a flatbuffer table stands; None when it is not set."""
    directory = table - Struct("<i").unpack_from(buffer, table)[0]
    size = Struct("<H").unpack_from(buffer, directory)[0]
    slot = 4 + 2 * number
    offset = Struct("<H").unpack_from(buffer, directory + slot)[0] if slot < size else 0
    return table + offset if offset else None


def named(tables: dict[str, object], contract: contractlang.Contract) -> dict[str, object]:
    """A single stream without a name is the only table of a contract with one."""
    if list(tables) == [""] and len(contract.tables) == 1:
        return {contract.tables[0]: tables[""]}
    if "" in tables:
        raise invalid("an Arrow stream does not say which table it is: write `table` into the metadata of its schema")
    return tables


def as_columns(table: pa.Table) -> dict[str, list[Any]]:
    """Columns as JSON: exact numbers and dates as text."""
    return {name: _plain(table.column(name)) for name in table.column_names}


def _plain(column: pa.ChunkedArray) -> list[Any]:
    if pa.types.is_decimal(column.type):
        if column.type.scale > 6:  # Arrow writes small numbers of many places with an exponent
            return [None if v is None else f"{v:f}" for v in column.to_pylist()]
        column = pc.cast(column, pa.string())
    elif pa.types.is_date(column.type):
        column = pc.cast(column, pa.string())
    listed: list[Any] = column.to_pylist()
    return listed


def write_arrow(table: pa.Table) -> bytes:
    out = io.BytesIO()
    with pa.ipc.new_stream(out, table.schema) as writer:
        writer.write_table(table)
    return out.getvalue()
