"""The audit log: append-only, hash-chained per organisation, in sealed batches.

An event is written in the transaction of what it tells of, so that neither exists without the other.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.database import now
from server.models import AuditEvent, Organisation


def record(
    session: Session, organisation_id: str, actor: str, action: str, subject: str, detail: dict[str, Any] | None = None
) -> AuditEvent:
    """Append an event. The row of the organisation is locked, so that its chain has one end."""
    organisation = session.execute(
        select(Organisation)
        .where(Organisation.id == organisation_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).scalar_one()
    event = AuditEvent(
        organisation_id=organisation_id,
        number=organisation.audit_count + 1,
        at=now(),
        actor=actor,
        action=action,
        subject=subject,
        detail=detail or {},
        previous=organisation.audit_hash,
        hash="",
    )
    event.hash = hash_of(event)
    organisation.audit_count, organisation.audit_hash = event.number, event.hash
    session.add(event)
    session.flush()
    return event


def hash_of(event: AuditEvent) -> str:
    """SHA-256 over every field of the event, in one written form."""
    said = [
        event.organisation_id,
        event.number,
        event.at.astimezone(dt.UTC).isoformat(timespec="microseconds"),
        event.actor,
        event.action,
        event.subject,
        event.detail,
        event.previous,
    ]
    return hashlib.sha256(
        json.dumps(said, sort_keys=True, ensure_ascii=True, separators=(",", ":")).encode()
    ).hexdigest()
