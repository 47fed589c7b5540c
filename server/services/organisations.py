"""Organisations and their users."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from server.errors import conflict, not_found
from server.models import Organisation, User
from server.services import audit


def create_organisation(session: Session, name: str, *, alone: bool = False) -> Organisation:
    """A tenant. `alone`: without the two-person rules, for one person who tries the service out."""
    if session.scalar(select(Organisation).where(Organisation.name == name)) is not None:
        raise conflict("organisation-exists", f"there is an organisation `{name}`")
    organisation = Organisation(name=name, two_person_publish=not alone, two_person_approve=not alone)
    session.add(organisation)
    session.flush()
    audit.record(session, organisation.id, "service", "organisation.created", organisation.id, {"name": name})
    return organisation


def create_user(
    session: Session,
    organisation_id: str,
    actor: str,
    subject: str,
    *,
    name: str = "",
    roles: Sequence[str] = (),
    groups: Sequence[str] = (),
) -> User:
    """A person or a program of an organisation."""
    user = User(organisation_id=organisation_id, subject=subject, name=name, roles=list(roles), groups=list(groups))
    try:
        with session.begin_nested():
            session.add(user)
            session.flush()
    except IntegrityError:
        raise conflict("user-exists", f"there is a user `{subject}`") from None
    detail = {"subject": subject, "roles": list(roles), "groups": list(groups)}
    audit.record(session, organisation_id, actor, "user.created", user.id, detail)
    return user


def user_of(session: Session, organisation_id: str, user_id: str) -> User:
    found = session.scalar(select(User).where(User.id == user_id, User.organisation_id == organisation_id))
    if found is None:
        raise not_found("user")
    return found
