"""Datasets: one file per table, registered once, never changed.

Bytes arrive in pieces and go to disk under a temporary name; a file appears under its own name, and in the database, only
when it is whole.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.errors import Problem, conflict, invalid, not_found
from server.models import DataFile, Dataset
from server.permissions import Caller
from server.services import audit
from server.settings import Settings

FORMATS = ("csv", "parquet")
_TABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}")


def create(session: Session, caller: Caller, name: str) -> Dataset:
    """An open dataset without files."""
    dataset = Dataset(organisation_id=caller.organisation_id, name=name, created_by=caller.user_id)
    session.add(dataset)
    session.flush()
    audit.record(session, caller.organisation_id, caller.user_id, "dataset.created", dataset.id, {"name": name})
    return dataset


def dataset_of(session: Session, caller: Caller, dataset_id: str, *, lock: bool = False) -> Dataset:
    query = select(Dataset).where(Dataset.id == dataset_id, Dataset.organisation_id == caller.organisation_id)
    found = session.scalar(query.with_for_update() if lock else query)
    if found is None:
        raise not_found("dataset")
    return found


def files_of(session: Session, dataset: Dataset) -> list[DataFile]:
    query = select(DataFile).where(DataFile.dataset_id == dataset.id).order_by(DataFile.table_name)
    return list(session.scalars(query))


def need_open(dataset: Dataset) -> None:
    if dataset.sealed:
        raise conflict("dataset-sealed", "the dataset is sealed: its files never change; make another dataset")


def check_table(table: str, file_format: str) -> None:
    """Raises a problem for a name that no table of a contract can have, and for a format that is not read."""
    if not _TABLE.fullmatch(table):
        raise invalid("a table has a name of letters, digits and `_`")
    if file_format not in FORMATS:
        raise invalid(f"the format is one of {', '.join(f'`{f}`' for f in FORMATS)}")


@dataclass(slots=True)
class Incoming:
    """A file that is arriving. `finish` gives its hash and size; `drop` removes what has come."""

    path: Path
    limit: int
    _file: BinaryIO
    _hash: hashlib._Hash
    size: int = 0

    @classmethod
    def open(cls, settings: Settings) -> Incoming:
        folder = settings.data_dir / "incoming"
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / secrets.token_hex(16)
        return cls(path, settings.max_upload_bytes, path.open("wb"), hashlib.sha256())

    def write(self, piece: bytes) -> None:
        self.size += len(piece)
        if self.size > self.limit:
            raise Problem(413, "too-large", f"an upload has at most {self.limit:,} bytes")
        self._hash.update(piece)
        self._file.write(piece)

    def finish(self) -> tuple[str, int]:
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        return self._hash.hexdigest(), self.size

    def drop(self) -> None:
        self._file.close()
        self.path.unlink(missing_ok=True)


def add_registered(
    session: Session,
    caller: Caller,
    dataset: Dataset,
    table: str,
    file_format: str,
    found: tuple[Path, str, int],
) -> DataFile:
    """A file that stays where it is: path, hash and size."""
    need_open(dataset)
    path, sha256, size = found
    if _existing(session, dataset, table) is not None:
        raise conflict("table-exists", f"the dataset has a file for `{table}`; make another dataset")
    return _add(session, caller, dataset, table, file_format, "path", path, sha256, size)


def _existing(session: Session, dataset: Dataset, table: str) -> DataFile | None:
    return session.scalar(select(DataFile).where(DataFile.dataset_id == dataset.id, DataFile.table_name == table))


def add_uploaded(
    session: Session,
    caller: Caller,
    settings: Settings,
    dataset: Dataset,
    table: str,
    file_format: str,
    incoming: Incoming,
    origin: str = "upload",
) -> DataFile:
    """Give a whole file to a dataset. A table that has a file already gets no other one."""
    sha256, size = incoming.finish()
    need_open(dataset)
    existing = _existing(session, dataset, table)
    if existing is not None:
        if existing.sha256 == sha256 and existing.format == file_format:
            incoming.drop()
            return existing
        raise conflict("table-exists", f"the dataset has a file for `{table}`; make another dataset")
    where = folder_of(settings, dataset) / f"{table}-{sha256[:16]}.{file_format}"
    where.parent.mkdir(parents=True, exist_ok=True)
    incoming.path.replace(where)
    return _add(session, caller, dataset, table, file_format, origin, where, sha256, size)


def _add(
    session: Session,
    caller: Caller,
    dataset: Dataset,
    table: str,
    file_format: str,
    origin: str,
    path: Path,
    sha256: str,
    size: int,
) -> DataFile:
    file = DataFile(
        organisation_id=caller.organisation_id,
        dataset_id=dataset.id,
        table_name=table,
        format=file_format,
        origin=origin,
        path=str(path),
        sha256=sha256,
        size=size,
    )
    session.add(file)
    session.flush()
    detail = {"table": table, "origin": origin, "bytes": sha256, "size": size}
    audit.record(session, caller.organisation_id, caller.user_id, "dataset.file-added", dataset.id, detail)
    return file


def seal(session: Session, caller: Caller, dataset: Dataset) -> Dataset:
    """From now on the files never change. Raises a problem for an empty dataset."""
    if dataset.sealed:
        return dataset
    if not files_of(session, dataset):
        raise conflict("dataset-empty", "the dataset has no file")
    dataset.sealed = True
    audit.record(session, caller.organisation_id, caller.user_id, "dataset.sealed", dataset.id)
    return dataset


def folder_of(settings: Settings, dataset: Dataset) -> Path:
    return settings.data_dir.resolve() / "datasets" / dataset.organisation_id / dataset.id


def hash_file(path: Path) -> tuple[str, int]:
    """SHA-256 and size, read in pieces. Raises OSError."""
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256")
        return found.hexdigest(), file.tell()
