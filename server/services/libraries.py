"""Libraries that the contracts of an organisation may use. Like versions, they never change once they are published."""

from __future__ import annotations

import hashlib

from sqlalchemy import Select, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

import contractlang
from server.errors import conflict, findings_problem, invalid, not_found
from server.models import Draft, Library
from server.permissions import Caller
from server.services import audit
from server.services.contracts import libraries_of, two_persons
from server.services.texts import Sources, check


def publish_library(session: Session, caller: Caller, draft: Draft) -> Library:
    """Publish a draft of one file that is a library. Raises a problem like `contracts.publish`."""
    two_persons(session, caller, draft)
    text = draft.files[draft.main]
    identity = contractlang.identify(text)
    if identity is None or identity.kind != "library" or len(draft.files) > 1:
        raise invalid("the draft is not one file whose first line begins with `library`")
    ok, findings, _ = check(Sources(draft.main, draft.files), libraries_of(session, caller.organisation_id))
    if not ok:
        raise findings_problem("the library does not check", findings)
    digest = hashlib.sha256(text.encode()).hexdigest()
    query = of(caller).where(Library.name == identity.name, Library.version == identity.version)
    existing = session.scalar(query)
    if existing is not None:
        if existing.byte_hash == digest:
            return existing
        raise conflict(
            "version-exists",
            f"version {identity.version} of `{identity.name}` is published with another text; give it another version",
        )
    library = Library(
        organisation_id=caller.organisation_id,
        name=identity.name,
        version=identity.version,
        text=text,
        byte_hash=digest,
        published_by=caller.user_id,
    )
    session.add(library)
    try:
        session.flush()
    except IntegrityError:
        raise conflict("version-exists", "this version was published at the same time") from None
    detail = {"name": library.name, "version": library.version, "bytes": digest}
    audit.record(session, caller.organisation_id, caller.user_id, "library.published", library.id, detail)
    return library


def of(caller: Caller) -> Select[Library]:
    return select(Library).where(Library.organisation_id == caller.organisation_id)


def library_of(session: Session, caller: Caller, library_id: str) -> Library:
    found = session.scalar(of(caller).where(Library.id == library_id))
    if found is None:
        raise not_found("library")
    return found
