"""Users, keys and rules of an organisation, and its audit log."""

from __future__ import annotations

import datetime as dt

from fastapi import APIRouter
from sqlalchemy import select

from server.api.paging import Page, Paging
from server.auth.access import Calling
from server.auth.keys import make_key
from server.context import Serving
from server.database import now
from server.errors import conflict, not_found
from server.models import ApiKey, AuditEvent, AuditSeal, Organisation, User
from server.permissions import Permission
from server.schemas import (
    AuditEventOut,
    AuditSealOut,
    CallerOut,
    KeyIn,
    KeyMadeOut,
    KeyOut,
    OrganisationIn,
    OrganisationOut,
    UserChange,
    UserIn,
    UserOut,
    VerifiedOut,
)
from server.services import audit, organisations
from server.services.paging import page

router = APIRouter(tags=["administration"])


@router.get("/me")
def get_me(caller: Calling) -> CallerOut:
    """Who calls, and what they may do."""
    return CallerOut(
        organisation_id=caller.organisation_id,
        user_id=caller.user_id,
        subject=caller.name,
        permissions=sorted(caller.permissions),
        groups=sorted(caller.groups),
    )


@router.get("/organisation")
def get_organisation(caller: Calling, context: Serving) -> OrganisationOut:
    """The caller's organisation and its rules."""
    with context.database.read() as session:
        return OrganisationOut.model_validate(session.get_one(Organisation, caller.organisation_id))


@router.patch("/organisation")
def change_organisation(asked: OrganisationIn, caller: Calling, context: Serving) -> OrganisationOut:
    """Change the two-person rules."""
    caller.need(Permission.ADMINISTER)
    with context.database.write() as session:
        organisation = session.get_one(Organisation, caller.organisation_id)
        changes = asked.model_dump(exclude_none=True)
        for name, value in changes.items():
            setattr(organisation, name, value)
        audit.record(session, organisation.id, caller.user_id, "organisation.changed", organisation.id, changes)
        return OrganisationOut.model_validate(organisation)


@router.post("/users", status_code=201)
def create_user(asked: UserIn, caller: Calling, context: Serving) -> UserOut:
    """Add a person or a program. `subject` is the `sub` of its tokens."""
    caller.need(Permission.ADMINISTER)
    with context.database.write() as session:
        user = organisations.create_user(
            session,
            caller.organisation_id,
            caller.user_id,
            asked.subject,
            name=asked.name,
            roles=asked.roles,
            groups=asked.groups,
        )
        return UserOut.model_validate(user)


@router.get("/users")
def list_users(caller: Calling, context: Serving, wanted: Paging) -> Page[UserOut]:
    """The users of the organisation."""
    caller.need(Permission.ADMINISTER)
    query = select(User).where(User.organisation_id == caller.organisation_id)
    with context.database.read() as session:
        rows, following = page(session, query, User.id.expression, lambda row: row.id, wanted)
        return Page(items=[UserOut.model_validate(row) for row in rows], next=following)


@router.patch("/users/{user_id}")
def change_user(user_id: str, asked: UserChange, caller: Calling, context: Serving) -> UserOut:
    """Change the roles or groups of a user, or end its access at once."""
    caller.need(Permission.ADMINISTER)
    with context.database.write() as session:
        user = organisations.user_of(session, caller.organisation_id, user_id)
        changes = asked.model_dump(exclude_none=True)
        for name, value in changes.items():
            setattr(user, name, value)
        audit.record(session, caller.organisation_id, caller.user_id, "user.changed", user.id, changes)
        return UserOut.model_validate(user)


@router.post("/users/{user_id}/keys", status_code=201)
def create_key(user_id: str, asked: KeyIn, caller: Calling, context: Serving) -> KeyMadeOut:
    """Make a key. Its secret is in this answer and nowhere else."""
    caller.need(Permission.ADMINISTER)
    with context.database.write() as session:
        user = organisations.user_of(session, caller.organisation_id, user_id)
        key, secret = make_key(
            session, user, name=asked.name, scopes=asked.scopes, lifetime=dt.timedelta(days=asked.days)
        )
        detail = {"user": user.id, "scopes": asked.scopes, "expires": key.expires_at.isoformat()}
        audit.record(session, caller.organisation_id, caller.user_id, "key.created", key.id, detail)
        return KeyMadeOut(**KeyOut.model_validate(key).model_dump(), secret=secret)


@router.get("/keys")
def list_keys(caller: Calling, context: Serving, wanted: Paging) -> Page[KeyOut]:
    """The keys of the organisation, without their secrets."""
    caller.need(Permission.ADMINISTER)
    query = select(ApiKey).where(ApiKey.organisation_id == caller.organisation_id)
    with context.database.read() as session:
        rows, following = page(session, query, ApiKey.id.expression, lambda row: row.id, wanted)
        return Page(items=[KeyOut.model_validate(row) for row in rows], next=following)


@router.post("/keys/{key_id}/revoke")
def revoke_key(key_id: str, caller: Calling, context: Serving) -> KeyOut:
    """End a key at once."""
    caller.need(Permission.ADMINISTER)
    with context.database.write() as session:
        key = session.scalar(
            select(ApiKey).where(ApiKey.id == key_id, ApiKey.organisation_id == caller.organisation_id)
        )
        if key is None:
            raise not_found("key")
        if key.revoked_at is None:
            key.revoked_at = now()
            audit.record(session, caller.organisation_id, caller.user_id, "key.revoked", key.id)
        return KeyOut.model_validate(key)


@router.get("/audit/events")
def list_events(caller: Calling, context: Serving, wanted: Paging, action: str | None = None) -> Page[AuditEventOut]:
    """The audit log, newest first."""
    caller.need(Permission.READ_AUDIT)
    query = select(AuditEvent).where(AuditEvent.organisation_id == caller.organisation_id)
    if action is not None:
        query = query.where(AuditEvent.action == action)
    with context.database.read() as session:
        rows, following = page(session, query, AuditEvent.number.expression, lambda row: row.number, wanted)
        return Page(items=[AuditEventOut.model_validate(row) for row in rows], next=following)


@router.get("/audit/seals")
def list_seals(caller: Calling, context: Serving, wanted: Paging) -> Page[AuditSealOut]:
    """The seals of closed batches. Keep the latest elsewhere: it shows whether anything before it was rewritten."""
    caller.need(Permission.READ_AUDIT)
    query = select(AuditSeal).where(AuditSeal.organisation_id == caller.organisation_id)
    with context.database.read() as session:
        rows, following = page(session, query, AuditSeal.first.expression, lambda row: row.first, wanted)
        return Page(items=[AuditSealOut.model_validate(row) for row in rows], next=following)


@router.post("/audit/seals", status_code=201)
def seal_events(caller: Calling, context: Serving) -> AuditSealOut:
    """Close the batch of all events since the last seal."""
    caller.need(Permission.READ_AUDIT)
    with context.database.write() as session:
        made = audit.seal(session, caller.organisation_id)
        if made is None:
            raise conflict("nothing-to-seal", "there is no event since the last seal")
        return AuditSealOut.model_validate(made)


@router.get("/audit/verification")
def verify_events(caller: Calling, context: Serving) -> VerifiedOut:
    """Compute the whole chain again, and say whether it is whole."""
    caller.need(Permission.READ_AUDIT)
    with context.database.read() as session:
        found = audit.verify(session, session.get_one(Organisation, caller.organisation_id))
    return VerifiedOut(whole=not found.faults, events=found.events, seals=found.seals, faults=list(found.faults))
