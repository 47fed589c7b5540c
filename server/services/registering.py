"""Data that are there already: files on allowed paths, and tables of allowed databases.

An administrator says in the settings what each organisation may name. A registered path stays where it is, with the hash it
had; a table is copied to Parquet, so that a run reads what was registered however the table changes.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from server.errors import Problem, forbidden, invalid
from server.models import Organisation
from server.services.datasets import Incoming, hash_file
from server.settings import DatabaseSource, Settings

_NAME = re.compile(r'[^"\x00]{1,63}')


def allowed_path(settings: Settings, organisation: Organisation, path: str) -> tuple[Path, str, int]:
    """The real path of a file that the organisation may register, its hash and its size.

    The answer is the same for a file that does not exist and for one that is not allowed.
    """
    refused = forbidden("the path is not one that this organisation may register")
    if "\0" in path:
        raise refused
    real = Path(path).resolve()
    roots = [Path(root).resolve() for root in settings.allowed_paths.get(organisation.name, [])]
    if not Path(path).is_absolute() or not any(real.is_relative_to(root) for root in roots) or not real.is_file():
        raise refused
    try:
        sha256, size = hash_file(real)
    except OSError as error:
        raise Problem(409, "file-unreadable", f"the file cannot be read: {error.strerror}") from None
    return real, sha256, size


def allowed_table(settings: Settings, organisation: Organisation, source: str, table: str) -> DatabaseSource:
    """The database that the organisation may read this table of."""
    found = settings.allowed_databases.get(organisation.name, {}).get(source)
    if found is None or table not in found.tables:
        raise forbidden("the table is not one that this organisation may register")
    return found


def copy_table(source: DatabaseSource, table: str, incoming: Incoming) -> None:
    """Write a table as Parquet, in pieces, from one moment of the database. Exact numbers become decimal text."""
    from adbc_driver_postgresql import dbapi

    schema, _, name = table.rpartition(".")
    if not _NAME.fullmatch(name) or not _NAME.fullmatch(schema or "public"):
        raise invalid("the table has a name of a form that is not read")
    quoted = f'"{schema or "public"}"."{name}"'
    try:
        with dbapi.connect(source.uri) as connection, connection.cursor() as cursor:
            cursor.execute(f"select * from {quoted}")  # noqa: S608 - from the settings, and quoted
            reader = cursor.fetch_record_batch()
            plain = pa.schema([pa.field(f.name, _stored(f.type)) for f in reader.schema])
            with pq.ParquetWriter(_Counted(incoming), plain) as writer:
                for batch in reader:
                    columns = [_storage(c) for c in batch.columns]
                    writer.write_batch(pa.RecordBatch.from_arrays(columns, schema=plain))
    except dbapi.Error as error:
        raise Problem(502, "database-source", f"the database could not be read: {type(error).__name__}") from None


def _stored(found: pa.DataType) -> pa.DataType:
    return found.storage_type if isinstance(found, pa.BaseExtensionType) else found


def _storage(column: pa.Array) -> pa.Array:
    return column.storage if isinstance(column.type, pa.BaseExtensionType) else column


class _Counted:
    """A file for Arrow that counts and hashes what is written."""

    closed = False

    def __init__(self, incoming: Incoming) -> None:
        self._incoming = incoming

    def write(self, piece: Any) -> int:
        found = bytes(piece)
        self._incoming.write(found)
        return len(found)

    def tell(self) -> int:
        return self._incoming.size

    def flush(self) -> None:
        pass

    def close(self) -> None:
        pass

    def writable(self) -> bool:
        return True

    def readable(self) -> bool:
        return False

    def seekable(self) -> bool:
        return False
