"""Migrations and backups, on a database that is full."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect, select

from server.backup import BackupError, backup, restore
from server.database import Database
from server.migrations import downgrade, upgrade
from server.models import Organisation, Run
from server.services import audit
from server.settings import Settings
from tests.server.conftest import Service, Settled, ok, running

Fresh = Callable[[], Settings]


@pytest.fixture
def fresh(service: Service, request: pytest.FixtureRequest, tmp_path: Path) -> Fresh:
    """Settings of an empty service on the same kind of database."""
    made: list[str] = []

    def make() -> Settings:
        made.append(f"fresh_{tmp_path.name[-20:].replace('-', '_')}_{len(made)}".lower())
        url = service.settings.database_url
        if url:
            with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
                connection.execute(f'create database "{made[-1]}"')
            url = url.replace("/postgres?", f"/{made[-1]}?")
        return Settings(data_dir=tmp_path / made[-1], database_url=url, poll_seconds=3600)

    return make


def rows(database: Database) -> dict[str, list[Any]]:
    with database.engine.connect() as connection:
        return {t.name: sorted(map(str, connection.execute(select(t)).all())) for t in Run.metadata.sorted_tables}


def test_the_migrations_make_the_models(fresh: Fresh) -> None:
    database = Database(fresh().url, 1)
    upgrade(database.engine)
    with database.engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Run.metadata) == []
    database.close()


def test_a_full_database_goes_down_and_up_again(
    service: Service, settled: Settled, fresh: Fresh, tmp_path: Path
) -> None:
    backup(service.settings, service.database, tmp_path / "backup")
    settings = fresh()
    database = Database(settings.url, 1)
    restore(settings, database, tmp_path / "backup")
    assert rows(database)["runs"]
    downgrade(database.engine, "base")
    assert set(inspect(database.engine).get_table_names()) <= {"alembic_version"}
    upgrade(database.engine)
    assert rows(database)["runs"] == []
    database.close()


def test_a_backup_is_restored_as_it_was(service: Service, settled: Settled, fresh: Fresh, tmp_path: Path) -> None:
    counts = backup(service.settings, service.database, tmp_path / "backup")
    assert counts["runs"] >= 1
    with pytest.raises(BackupError, match="not empty"):
        backup(service.settings, service.database, tmp_path / "backup")
    settings = fresh()
    database = Database(settings.url, 1)
    assert restore(settings, database, tmp_path / "backup") == counts
    with database.read() as session:
        run = session.get_one(Run, settled.run["id"])
        assert run.state == "succeeded"
    with pytest.raises(BackupError, match="not empty"):
        restore(settings, database, tmp_path / "backup")
    database.close()
    with running(settings) as restored:
        key = settled.client.headers["authorization"]
        path = f"{restored.url}/v1/runs/{settled.run['id']}"
        again = settled.client.get(f"{path}/files/results.parquet", headers={"authorization": key})
        assert again.content == settled.client.get(f"/runs/{settled.run['id']}/files/results.parquet").content
        asked = {"group": "Harbor Primary Care", "period": "2024"}
        assert ok(settled.client.get(f"{path}/statement", params=asked))["format"] == "vbc-statement/1"
        with restored.database.read() as session:
            organisations = session.scalars(select(Organisation)).all()
            assert all(not audit.verify(session, organisation).faults for organisation in organisations)


def test_a_backup_that_was_changed_is_not_restored(
    service: Service, settled: Settled, fresh: Fresh, tmp_path: Path
) -> None:
    backup(service.settings, service.database, tmp_path / "backup")
    settings = fresh()
    database = Database(settings.url, 1)
    result = next((tmp_path / "backup" / "results").rglob("results.csv"))
    kept = result.read_bytes()
    result.write_bytes(kept + b"more")
    with pytest.raises(BackupError, match="is not what was backed up"):
        restore(settings, database, tmp_path / "backup")
    result.write_bytes(kept)
    users = tmp_path / "backup" / "tables" / "users.jsonl"
    users.write_bytes(users.read_bytes() + b"{}\n")
    with pytest.raises(BackupError, match="rows of `users`"):
        restore(settings, database, tmp_path / "backup")
    assert rows(database)["runs"] == []
    database.close()
