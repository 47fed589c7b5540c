"""Backup and restore: every row of the database as it was at one moment, and every file that the rows name.

Files never change once a row names them, so they are copied after the rows. The form is the same for every database: what was
backed up on SQLite can be restored on PostgreSQL.
"""

from __future__ import annotations

import datetime as dt
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, Table, select

from server.database import Database, UtcTime
from server.migrations import upgrade
from server.models import Run
from server.services.datasets import hash_file
from server.settings import Settings

FORMAT = "vbc-backup/1"
FOLDERS = ("datasets", "results", "kept")
_TABLES = Run.metadata


class BackupError(Exception):
    """A backup or restore that cannot be made, in words for an operator."""


def backup(settings: Settings, database: Database, folder: Path) -> dict[str, int]:
    """Write a backup into a new folder; rows by table. Raises BackupError and OSError."""
    if folder.exists() and any(folder.iterdir()):
        raise BackupError(f"`{folder}` is not empty")
    (folder / "tables").mkdir(parents=True, exist_ok=True)
    hashes: dict[str, str] = {}
    counts: dict[str, int] = {}
    engine = database.engine
    if not database.is_sqlite:  # there, a transaction sees one moment anyway
        engine = engine.execution_options(isolation_level="REPEATABLE READ")
    with engine.connect() as connection, connection.begin():
        revision = MigrationContext.configure(connection).get_current_revision()
        for table in _TABLES.sorted_tables:
            path = folder / "tables" / f"{table.name}.jsonl"
            counts[table.name] = _write_rows(connection, table, path)
            hashes[table.name] = hash_file(path)[0]
    for name in FOLDERS:
        source = settings.data_dir / name
        if source.is_dir():
            shutil.copytree(source, folder / name, symlinks=True)
    manifest = {
        "format": FORMAT,
        "revision": revision,
        "made_at": dt.datetime.now(dt.UTC).isoformat(),
        "data_dir": str(settings.data_dir.resolve()),
        "tables": {name: {"rows": counts[name], "sha256": hashes[name]} for name in counts},
    }
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=2), encoding="utf-8")  # last: now it is whole
    return counts


def restore(settings: Settings, database: Database, folder: Path) -> dict[str, int]:
    """Fill an empty database and data folder from a backup; rows by table. Raises BackupError and OSError.

    Rows and files are checked against their hashes before anything is written.
    """
    manifest = _manifest(folder)
    upgrade(database.engine, manifest["revision"])
    with database.engine.connect() as connection:
        if any(connection.execute(select(table).limit(1)).first() for table in _TABLES.sorted_tables):
            raise BackupError("the database is not empty")
    here = settings.data_dir.resolve()
    if any((here / name).exists() for name in FOLDERS):
        raise BackupError(f"`{here}` has data already")
    _check_files(folder, manifest["data_dir"])
    for name in FOLDERS:
        if (folder / name).is_dir():
            shutil.copytree(folder / name, here / name, symlinks=True)
    counts: dict[str, int] = {}
    with database.write() as session:
        for table in _TABLES.sorted_tables:
            rows = [_read_row(table, row) for row in _rows(folder, table.name)]
            for row in rows:
                if table.name == "data_files":
                    row["path"] = _moved(row["path"], manifest["data_dir"], here)
            if rows:
                session.connection().execute(table.insert(), rows)
            counts[table.name] = len(rows)
    upgrade(database.engine)
    return counts


def _manifest(folder: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise BackupError(f"`{folder}` is no finished backup") from None
    if found.get("format") != FORMAT:
        raise BackupError(f"`{folder}` is a backup of another form")
    for name, about in found["tables"].items():
        if hash_file(folder / "tables" / f"{name}.jsonl")[0] != about["sha256"]:
            raise BackupError(f"the rows of `{name}` are not those that were backed up")
    return found


def _check_files(folder: Path, data_dir: str) -> None:
    """Every file that a row names is there with its bytes."""
    wanted = [
        (_moved(row["path"], data_dir, folder), row["sha256"])
        for row in _rows(folder, "data_files")
        if row["origin"] != "path"
    ]
    for row in _rows(folder, "results"):
        wanted += [(str(folder / row["folder"] / name), file["sha256"]) for name, file in row["files"].items()]
    for path, sha256 in wanted:
        if not Path(path).is_file() or hash_file(Path(path))[0] != sha256:
            raise BackupError(f"`{Path(path).relative_to(folder)}` is not what was backed up")


def _moved(path: str, data_dir: str, here: Path) -> str:
    old = Path(path)
    return str(here / old.relative_to(data_dir)) if old.is_relative_to(data_dir) else path


def _write_rows(connection: Connection, table: Table, path: Path) -> int:
    count = 0
    with path.open("w", encoding="utf-8") as file:
        for row in connection.execution_options(yield_per=500).execute(select(table)).mappings():
            file.write(json.dumps({name: _plain(value) for name, value in row.items()}) + "\n")
            count += 1
    return count


def _rows(folder: Path, table: str) -> Iterator[dict[str, Any]]:
    with (folder / "tables" / f"{table}.jsonl").open(encoding="utf-8") as file:
        for line in file:
            yield json.loads(line)


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, dt.datetime) else value


def _read_row(table: Table, row: dict[str, Any]) -> dict[str, Any]:
    times = {column.name for column in table.columns if isinstance(column.type, UtcTime)}
    return {
        name: dt.datetime.fromisoformat(value) if name in times and value is not None else value
        for name, value in row.items()
    }
