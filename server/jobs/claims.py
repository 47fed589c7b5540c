"""The claim table: which worker has which run, and until when.

A claim is a lease with a number. A worker that lost its lease, by a pause or by death, can change nothing any more: every
change asks for the number of the claim. Times come from the database, so that the clocks of machines do not matter.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, and_, func, or_, select, text, update
from sqlalchemy.engine import CursorResult
from sqlalchemy.orm import Session

from server.database import Database
from server.models import Run, RunResult
from server.services import audit
from server.services.runs import CANCELLED, FAILED, QUEUED, RUNNING, SUCCEEDED


@dataclass(frozen=True, slots=True)
class Claim:
    """A run that belongs to a worker for a while."""

    run_id: str
    attempt: int
    worker: str

    @property
    def mine(self) -> ColumnElement[bool]:
        return and_(Run.id == self.run_id, Run.attempt == self.attempt, Run.worker == self.worker, Run.state == RUNNING)


def database_time(session: Session) -> dt.datetime:
    """The moment as the database sees it."""
    if session.get_bind().dialect.name == "sqlite":
        found = session.scalar(text("select strftime('%Y-%m-%d %H:%M:%f', 'now')"))
        return dt.datetime.fromisoformat(str(found)).replace(tzinfo=dt.UTC)
    found = session.scalar(select(func.clock_timestamp()))
    assert isinstance(found, dt.datetime)  # noqa: S101 - what PostgreSQL says
    return found.astimezone(dt.UTC)


def claim(database: Database, worker: str, lease: float, attempts: int) -> Claim | None:
    """Take the oldest run that waits, or whose worker is gone; None when there is none.

    A run that was claimed `attempts` times without an end fails.
    """
    with database.write() as session:
        now = database_time(session)
        free = or_(Run.state == QUEUED, and_(Run.state == RUNNING, Run.lease_until < now))
        query = select(Run).where(free).order_by(Run.created_at, Run.id).limit(1).with_for_update(skip_locked=True)
        run = session.scalar(query)
        if run is None:
            return None
        if run.cancel_wanted:
            run.state, run.finished_at = CANCELLED, now
            return None
        if run.attempt - run.attempt_base >= attempts:
            tried = run.attempt - run.attempt_base
            run.state, run.finished_at = FAILED, now
            run.problem = {"kind": "worker-lost", "detail": f"the run ended {tried} times without a word"}
            audit.record(session, run.organisation_id, "service", "run.failed", run.id, run.problem)
            return None
        run.state, run.worker, run.attempt = RUNNING, worker, run.attempt + 1
        run.lease_until = now + dt.timedelta(seconds=lease)
        run.started_at = run.started_at or now
        return Claim(run.id, run.attempt, worker)


@dataclass(frozen=True, slots=True)
class Beat:
    """What a heartbeat finds: whether the claim still holds, and whether the run shall end."""

    held: bool
    cancel: bool


def heartbeat(database: Database, claim: Claim, lease: float, stage: str = "", done: int = 0, to_do: int = 0) -> Beat:
    """Renew the lease and tell how far the run is."""
    with database.write() as session:
        until = database_time(session) + dt.timedelta(seconds=lease)
        values: dict[str, Any] = {"lease_until": until}
        if stage:
            values |= {"stage": stage, "done": done, "to_do": to_do}
        changed = _changed(session, update(Run).where(claim.mine).values(values))
        cancel = session.scalar(select(Run.cancel_wanted).where(Run.id == claim.run_id)) if changed else False
        return Beat(changed, bool(cancel))


def finish(database: Database, claim: Claim, result: RunResult) -> bool:
    """The run succeeded; False when the claim was lost, and nothing has changed."""
    with database.write() as session:
        values = {"state": SUCCEEDED, "finished_at": database_time(session), "stage": "done", "lease_until": None}
        if not _changed(session, update(Run).where(claim.mine).values(values)):
            return False
        session.merge(result)
        detail = {"files": {name: file["sha256"] for name, file in result.files.items()}}
        audit.record(session, result.organisation_id, "service", "run.succeeded", claim.run_id, detail)
        return True


def end(database: Database, claim: Claim, state: str, problem: dict[str, Any] | None = None) -> bool:
    """The run failed or was cancelled; False when the claim was lost."""
    with database.write() as session:
        values = {"state": state, "finished_at": database_time(session), "problem": problem, "lease_until": None}
        if not _changed(session, update(Run).where(claim.mine).values(values)):
            return False
        run = session.get_one(Run, claim.run_id)
        detail = {"kind": (problem or {}).get("kind", "")}
        audit.record(session, run.organisation_id, "service", f"run.{state}", run.id, detail)
        return True


def give_back(database: Database, claim: Claim) -> None:
    """A worker that shuts down returns its run; the attempt does not count."""
    with database.write() as session:
        session.execute(
            update(Run)
            .where(claim.mine)
            .values(state=QUEUED, worker="", lease_until=None, attempt_base=Run.attempt_base + 1)
        )


def _changed(session: Session, statement: Any) -> bool:
    found = session.execute(statement.execution_options(synchronize_session=False))
    assert isinstance(found, CursorResult)  # noqa: S101 - an update
    return bool(found.rowcount)
