"""`vbc serve`: everything with one command, and what an administrator does beside it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path
from types import FrameType

import click
import uvicorn
from sqlalchemy import select

from server.app import create_app
from server.auth.keys import make_key
from server.backup import BackupError
from server.backup import backup as write_backup
from server.backup import restore as read_backup
from server.database import Database
from server.errors import Problem
from server.jobs.processes import BESIDE
from server.migrations import downgrade, upgrade
from server.models import Organisation
from server.observing import configure_logs
from server.permissions import ROLES
from server.services.audit import verify
from server.services.organisations import create_organisation, create_user
from server.settings import PREFIX, Settings

HELP = {"help_option_names": ["-h", "--help"], "max_content_width": 110}


@click.group(invoke_without_command=True, context_settings=HELP)
@click.option("--host", help="Address to listen on [default: 127.0.0.1].")
@click.option("--port", type=click.IntRange(0, 65535), help="Port to listen on [default: 8420].")
@click.option("--workers", type=click.IntRange(0, 64), help="Worker processes beside the server [default: 1].")
@click.option(
    "--data", type=click.Path(path_type=Path), help="Folder of the database and the data [default: vbc-data]."
)
@click.pass_context
def serve(
    context: click.Context, *, host: str | None, port: int | None, workers: int | None, data: Path | None
) -> int | None:
    """Start the service: database, server and workers.

    Without a command the service runs until it is interrupted. All settings come from VBC_SERVER_… variables.
    """
    for name, value in (("HOST", host), ("PORT", port), ("WORKERS", workers), ("DATA_DIR", data)):
        if value is not None:
            os.environ[f"{PREFIX}{name}"] = str(value)
    if context.invoked_subcommand is not None:
        return None
    settings = Settings()
    configure_logs(as_json=settings.json_logs, level=settings.log_level)
    _migrated(settings).close()
    command, beside = [sys.executable, "-P", "-m", "server.jobs.worker"], {**os.environ, BESIDE: "1"}
    children = [subprocess.Popen(command, env=beside) for _ in range(settings.workers)]

    def end(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, end)
    try:
        config = uvicorn.Config(
            create_app(settings),
            host=settings.host,
            port=settings.port,
            timeout_graceful_shutdown=int(settings.shutdown_seconds),
            server_header=False,
            access_log=False,
        )
        uvicorn.Server(config).run()
    except KeyboardInterrupt:
        pass
    finally:
        _end(children, settings.shutdown_seconds)
    return 0


@serve.command()
def worker() -> None:
    """Run one worker until it is interrupted."""
    from server.jobs.worker import main

    main()


@serve.command()
@click.option("--to", "revision", default="head", show_default=True, help="The revision of the database.")
@click.option("--down", is_flag=True, help="Go back to an earlier revision.")
def migrate(*, revision: str, down: bool) -> None:
    """Bring the database to a revision."""
    settings = Settings()
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    database = Database(settings.url, 1)
    (downgrade if down else upgrade)(database.engine, revision)
    database.close()


@serve.command()
@click.argument("organisation")
@click.option("--user", default="admin", show_default=True, help="The first user.")
@click.option("--alone", is_flag=True, help="One person with all roles, without two-person rules: to try things out.")
@click.option("--days", default=90, show_default=True, type=click.IntRange(1, 3660), help="Days until the key expires.")
def setup(*, organisation: str, user: str, alone: bool, days: int) -> None:
    """Make ORGANISATION with its first user, and print a key that is shown only once."""
    settings = Settings()
    database = _migrated(settings)
    roles = [role for role in ROLES if role != "reader"] if alone else ["administrator"]
    try:
        with database.write() as session:
            made = create_organisation(session, organisation, alone=alone)
            first = create_user(session, made.id, "service", user, roles=roles)
            _, secret = make_key(session, first, name="setup", lifetime=timedelta(days=days))
    except Problem as problem:
        raise click.ClickException(problem.detail) from None
    finally:
        database.close()
    click.echo(secret)


@serve.command()
@click.option("--organisation", help="Verify this organisation only.")
def audit(*, organisation: str | None) -> int:
    """Verify the audit logs: compute every hash again, and compare with the seals. Status 1 when a log is not whole."""
    database = Database(Settings().url, 1)
    broken = 0
    with database.read() as session:
        query = select(Organisation).order_by(Organisation.name)
        for found in session.scalars(query if organisation is None else query.where(Organisation.name == organisation)):
            verified = verify(session, found)
            broken += bool(verified.faults)
            words = "whole" if not verified.faults else "NOT WHOLE"
            click.echo(f"{found.name}: {words}; {verified.events:,} events, {verified.seals:,} seals")
            for fault in verified.faults:
                click.echo(f"  {fault}")
    database.close()
    return 1 if broken else 0


@serve.command()
@click.argument("folder", type=click.Path(path_type=Path))
def backup(*, folder: Path) -> None:
    """Write every row and every file into FOLDER, while the service runs."""
    settings = Settings()
    database = Database(settings.url, 1)
    try:
        counts = write_backup(settings, database, folder)
    except (BackupError, OSError) as error:
        raise click.ClickException(f"no backup was made: {error}") from None
    finally:
        database.close()
    click.echo(f"{sum(counts.values()):,} rows in {len(counts)} tables, and their files, are in {folder}")


@serve.command()
@click.argument("folder", type=click.Path(path_type=Path))
def restore(*, folder: Path) -> None:
    """Fill an empty database and data folder from a backup. Start the service afterwards."""
    settings = Settings()
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    database = Database(settings.url, 1)
    try:
        counts = read_backup(settings, database, folder)
    except (BackupError, OSError) as error:
        raise click.ClickException(f"nothing was restored: {error}") from None
    finally:
        database.close()
    click.echo(f"{sum(counts.values()):,} rows in {len(counts)} tables, and their files, are restored")


def _migrated(settings: Settings) -> Database:
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    database = Database(settings.url, settings.pool_size)
    upgrade(database.engine)
    return database


def _end(children: list[subprocess.Popen[bytes]], seconds: float) -> None:
    for child in children:
        child.terminate()
    deadline = time.monotonic() + seconds
    for child in children:
        try:
            child.wait(max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
