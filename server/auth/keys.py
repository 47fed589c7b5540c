"""API keys: made once, shown once, kept as a hash.

A secret has 256 random bits, so a plain SHA-256 cannot be searched, and looking up by the hash tells nothing by its timing.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import secrets
from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.database import now
from server.models import ApiKey, User
from server.permissions import Caller, allowed

PREFIX = "vbc_"
LIFETIME = dt.timedelta(days=90)


def digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def make_key(
    session: Session,
    user: User,
    *,
    name: str = "",
    scopes: Sequence[str] | None = None,
    lifetime: dt.timedelta = LIFETIME,
) -> tuple[ApiKey, str]:
    """A new key of a user, and its secret, which is kept nowhere."""
    secret = PREFIX + secrets.token_urlsafe(32)
    key = ApiKey(
        organisation_id=user.organisation_id,
        user_id=user.id,
        name=name,
        digest=digest(secret),
        scopes=None if scopes is None else list(scopes),
        expires_at=now() + lifetime,
    )
    session.add(key)
    session.flush()
    return key, secret


def revoke_key(session: Session, organisation_id: str, key_id: str) -> bool:
    """End a key at once; whether there was one to end."""
    key = session.scalar(select(ApiKey).where(ApiKey.id == key_id, ApiKey.organisation_id == organisation_id))
    if key is None or key.revoked_at is not None:
        return False
    key.revoked_at = now()
    return True


def caller_of(session: Session, secret: str) -> Caller | None:
    """The caller with this key; None when it is unknown, expired or revoked, or its user is not active."""
    columns = (
        ApiKey.id,
        ApiKey.scopes,
        ApiKey.expires_at,
        ApiKey.revoked_at,
        User.organisation_id,
        User.id,
        User.subject,
        User.roles,
        User.groups,
        User.active,
    )
    query = select(*columns).join(User, User.id == ApiKey.user_id).where(ApiKey.digest == digest(secret))
    found = session.execute(query).one_or_none()
    if found is None:
        return None
    key_id, scopes, expires_at, revoked_at, organisation_id, user_id, subject, roles, groups, active = found
    if revoked_at is not None or expires_at <= now() or not active:
        return None
    return Caller(organisation_id, user_id, subject, allowed(roles, scopes), frozenset(groups), key_id)
