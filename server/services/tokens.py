"""Bearer tokens of an identity provider (OIDC): signed by its keys, made for this service, not expired.

The provider's keys are read from a file or an address, and read again when a token names a key that is not among them, at
most once a minute. Only signatures with public keys are accepted, so that nothing that the service knows can sign.
"""

from __future__ import annotations

import json
import time
import urllib.request
from pathlib import Path
from threading import Lock
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from sqlalchemy import select
from sqlalchemy.orm import Session

from server.models import Organisation, User
from server.permissions import Caller, allowed
from server.settings import Settings

ALGORITHMS = ["RS256", "PS256", "ES256", "Ed25519", "EdDSA"]
LONGEST = 16_000
"""Characters of a token that is read at all."""
PATIENCE = 60.0
"""Seconds between two looks at the provider's keys."""


class Tokens:
    """Verifies tokens of one provider."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._keys: KeySet | None = None
        self._read_at = -PATIENCE
        self._lock = Lock()

    def caller_of(self, session: Session, token: str) -> Caller | None:
        """The user that the token names; None for every token that is not good."""
        claims = self._claims(token)
        if claims is None:
            return None
        organisation = claims.get(self._settings.oidc_organisation_claim)
        subject = claims.get("sub")
        if not isinstance(organisation, str) or not isinstance(subject, str):
            return None
        found = session.execute(
            select(User)
            .join(Organisation, Organisation.id == User.organisation_id)
            .where(Organisation.name == organisation, User.subject == subject)
        ).scalar_one_or_none()
        if found is None or not found.active:
            return None
        scope = claims.get("scope")
        scopes = [s for s in scope.split() if s not in _PROTOCOL] if isinstance(scope, str) else []
        granted = allowed(found.roles, scopes or None)
        return Caller(found.organisation_id, found.id, found.subject, granted, frozenset(found.groups))

    def _claims(self, token: str) -> dict[str, Any] | None:
        if len(token) > LONGEST:
            return None
        for again in (False, True):
            keys = self._known(again=again)
            if keys is None:
                return None
            try:
                found = jwt.decode(token, keys, algorithms=ALGORITHMS)
                self._registry().validate(found.claims)
            except (JoseError, ValueError, TypeError, KeyError):
                continue
            return dict(found.claims)
        return None

    def _registry(self) -> jwt.JWTClaimsRegistry:
        return jwt.JWTClaimsRegistry(
            leeway=30,
            iss={"essential": True, "value": self._settings.oidc_issuer},
            aud={"essential": True, "value": self._settings.oidc_audience},
            exp={"essential": True},
            sub={"essential": True},
        )

    def _known(self, *, again: bool) -> KeySet | None:
        with self._lock:
            if self._keys is not None and not again:
                return self._keys
            if time.monotonic() - self._read_at < PATIENCE:
                return self._keys if not again else None
            self._read_at = time.monotonic()
            try:
                self._keys = KeySet.import_key_set(json.loads(_read(self._settings.oidc_keys)))
            except (OSError, ValueError, JoseError):
                return self._keys
            return self._keys


_PROTOCOL = frozenset({"openid", "profile", "email", "offline_access"})


def _read(place: str) -> bytes:
    """The bytes of a file, or of an address that an administrator configured."""
    if not place.startswith("https://"):
        return Path(place).read_bytes()
    with urllib.request.urlopen(place, timeout=5) as answer:  # noqa: S310 - https only, from the settings
        found: bytes = answer.read(1_000_000)
        return found
