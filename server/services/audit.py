"""The audit log: append-only, hash-chained per organisation, in sealed batches.

An event is written in the transaction of what it tells of, so that neither exists without the other. A seal closes a batch:
it names the last event, and covers the seal before it; seals that are kept elsewhere show whether anything was rewritten.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.database import now
from server.models import AuditEvent, AuditSeal, Organisation

NOTHING = "0" * 64
"""What the first event and the first seal follow."""


def record(
    session: Session,
    organisation_id: str,
    actor: str,
    action: str,
    subject: str,
    detail: Mapping[str, Any] | None = None,
) -> AuditEvent:
    """Append an event. The row of the organisation is locked, so that its chain has one end."""
    organisation = _locked(session, organisation_id)
    event = AuditEvent(
        organisation_id=organisation_id,
        number=organisation.audit_count + 1,
        at=now(),
        actor=actor,
        action=action,
        subject=subject,
        detail=dict(detail or {}),
        previous=organisation.audit_hash,
        hash="",
    )
    event.hash = hash_of(event)
    organisation.audit_count, organisation.audit_hash = event.number, event.hash
    session.add(event)
    session.flush()
    return event


def _locked(session: Session, organisation_id: str) -> Organisation:
    session.flush()
    query = select(Organisation).where(Organisation.id == organisation_id).with_for_update()
    return session.execute(query.execution_options(populate_existing=True)).scalar_one()


def hash_of(event: AuditEvent) -> str:
    """SHA-256 over every field of the event, in one written form."""
    return _hash(
        event.organisation_id,
        event.number,
        event.at.astimezone(dt.UTC).isoformat(timespec="microseconds"),
        event.actor,
        event.action,
        event.subject,
        event.detail,
        event.previous,
    )


def seal(session: Session, organisation_id: str) -> AuditSeal | None:
    """Close the batch of all events since the last seal; None when there is none."""
    organisation = _locked(session, organisation_id)
    last = _last_seal(session, organisation_id)
    first = last.last + 1 if last is not None else 1
    if organisation.audit_count < first:
        return None
    made = AuditSeal(
        organisation_id=organisation_id,
        first=first,
        last=organisation.audit_count,
        head=organisation.audit_hash,
        previous=last.seal if last is not None else NOTHING,
        seal="",
        sealed_at=now(),
    )
    made.seal = seal_hash(made)
    session.add(made)
    session.flush()
    return made


def seal_hash(found: AuditSeal) -> str:
    return _hash(found.organisation_id, found.first, found.last, found.head, found.previous)


def seal_all(session: Session, batch: int) -> int:
    """Seal every organisation with at least `batch` events since its last seal; how many were sealed."""
    sealed = 0
    for organisation in session.scalars(select(Organisation).order_by(Organisation.id)).all():
        last = _last_seal(session, organisation.id)
        if organisation.audit_count - (last.last if last is not None else 0) >= batch:
            sealed += seal(session, organisation.id) is not None
    return sealed


def _last_seal(session: Session, organisation_id: str) -> AuditSeal | None:
    query = select(AuditSeal).where(AuditSeal.organisation_id == organisation_id)
    return session.scalar(query.order_by(AuditSeal.first.desc()).limit(1))


@dataclass(frozen=True, slots=True)
class Verified:
    """What was looked at, and everything that is wrong; nothing when the log is whole."""

    events: int
    seals: int
    faults: tuple[str, ...]


def verify(session: Session, organisation: Organisation) -> Verified:
    """Compute every hash of the chain again, and compare the end with what the organisation and the seals say."""
    faults: list[str] = []
    heads: dict[int, str] = {}
    previous, count = NOTHING, 0
    for event in _events(session, organisation.id):
        count += 1
        if event.number != count:
            faults.append(f"event {count} is missing")
            count = event.number
        if event.previous != previous:
            faults.append(f"event {event.number} does not follow the event before it")
        if hash_of(event) != event.hash:
            faults.append(f"event {event.number} was changed")
        previous = heads[event.number] = event.hash
    if (organisation.audit_count, organisation.audit_hash) != (count, previous):
        faults.append(f"the log ends with event {count}, and should with event {organisation.audit_count}")
    seals = list(
        session.scalars(select(AuditSeal).where(AuditSeal.organisation_id == organisation.id).order_by(AuditSeal.first))
    )
    before, expected = NOTHING, 1
    for found in seals:
        if found.seal != seal_hash(found) or found.previous != before or found.first != expected:
            faults.append(f"the seal of the events from {found.first} was changed")
        if heads.get(found.last) != found.head:
            faults.append(f"the events from {found.first} to {found.last} are not those that were sealed")
        before, expected = found.seal, found.last + 1
    return Verified(count, len(seals), tuple(faults))


def _events(session: Session, organisation_id: str) -> Iterator[AuditEvent]:
    query = select(AuditEvent).where(AuditEvent.organisation_id == organisation_id).order_by(AuditEvent.number)
    return iter(session.scalars(query.execution_options(yield_per=1000)))


def _hash(*said: object) -> str:
    written = json.dumps(said, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(written.encode()).hexdigest()
