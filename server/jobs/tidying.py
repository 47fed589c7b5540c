"""What workers do between runs: seal audit batches, and remove what died half-way left behind."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

from sqlalchemy import select

from server.database import Database
from server.models import Run
from server.services.audit import seal_all
from server.services.runs import RUNNING
from server.settings import Settings

STALE = 24 * 3600
"""Seconds after which an upload that is not finished never will be."""


def tidy(settings: Settings, database: Database) -> None:
    """Safe at any time and in several processes at once."""
    with database.write() as session:
        seal_all(session, settings.audit_batch)
    _remove_uploads(settings.data_dir / "incoming")
    _remove_claims(settings.data_dir / "work", database)


def _remove_uploads(folder: Path) -> None:
    for path in folder.glob("*"):
        try:
            if time.time() - path.stat().st_mtime > STALE:
                path.unlink(missing_ok=True)
        except FileNotFoundError:  # somebody else was faster
            continue


def _remove_claims(folder: Path, database: Database) -> None:
    """Folders of claims whose run is not computed any more: their worker was killed."""
    there = [path for path in folder.glob("*") if time.time() - path.stat().st_mtime > STALE / 24]
    if not there:
        return
    with database.read() as session:
        busy = set(session.scalars(select(Run.id).where(Run.id.in_([p.name for p in there]), Run.state == RUNNING)))
    for path in there:
        if path.name not in busy:
            shutil.rmtree(path, ignore_errors=True)
