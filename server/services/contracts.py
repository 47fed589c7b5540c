"""Contracts: drafts that change, versions that never do."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

import contractlang
from server.database import now
from server.errors import Problem, conflict, not_found
from server.models import Contract, Draft, Library, Organisation, Version
from server.permissions import Caller
from server.services import audit
from server.services.texts import Sources, compiled, label_of, meaning_of


def libraries_of(session: Session, organisation_id: str) -> dict[str, str]:
    """All published libraries of an organisation as files."""
    rows = session.scalars(select(Library).where(Library.organisation_id == organisation_id))
    return {f"{row.id}.vbc": row.text for row in rows}


def publish(session: Session, caller: Caller, draft: Draft) -> Version:
    """Publish a draft as a version. Raises a problem when it does not check, when the version exists with other bytes, and
    when the only author would publish alone."""
    two_persons(session, caller, draft)
    contract, sources = compiled(Sources(draft.main, draft.files), libraries_of(session, caller.organisation_id))
    owner = _contract(session, caller, contract.name, contract.title)
    label = label_of(contract)
    existing = session.scalar(select(Version).where(Version.contract_id == owner.id, Version.version == label))
    if existing is not None:
        if existing.byte_hash == sources.byte_hash:
            return existing
        raise conflict(
            "version-exists",
            f"version {label} of `{contract.name}` is published with another text, and a published version never "
            "changes; give the text another version",
            byte_hash=existing.byte_hash,
        )
    version = Version(
        organisation_id=caller.organisation_id,
        contract_id=owner.id,
        name=contract.name,
        version=label,
        title=contract.title,
        byte_hash=sources.byte_hash,
        meaning_hash=meaning_of(contract),
        files=dict(sources.files),
        main=sources.main,
        language=contractlang.__version__,
        written_by=list(draft.authors),
        published_by=caller.user_id,
    )
    owner.title = contract.title
    session.add(version)
    try:
        session.flush()
    except IntegrityError:
        raise conflict(
            "version-exists", f"version {label} of `{contract.name}` was published at the same time"
        ) from None
    audit.record(
        session,
        caller.organisation_id,
        caller.user_id,
        "contract.published",
        version.id,
        {"name": version.name, "version": label, "bytes": version.byte_hash, "meaning": version.meaning_hash},
    )
    return version


def two_persons(session: Session, caller: Caller, draft: Draft) -> None:
    """Raises a problem for the only author of a draft, where two persons are asked for."""
    organisation = session.get_one(Organisation, caller.organisation_id)
    if organisation.two_person_publish and set(draft.authors) <= {caller.user_id}:
        raise Problem(
            403, "two-persons", "who wrote a draft does not publish it alone: another publisher has to publish this one"
        )


def _contract(session: Session, caller: Caller, name: str, title: str) -> Contract:
    query = select(Contract).where(Contract.organisation_id == caller.organisation_id, Contract.name == name)
    found = session.scalar(query)
    if found is not None:
        return found
    made = Contract(organisation_id=caller.organisation_id, name=name, title=title)
    try:
        with session.begin_nested():
            session.add(made)
            session.flush()
    except IntegrityError:  # somebody else was faster
        return session.scalars(query).one()
    return made


def save_draft(session: Session, caller: Caller, name: str, sources: Sources, draft: Draft | None = None) -> Draft:
    """A new draft, or a new revision of one."""
    if draft is None:
        draft = Draft(
            organisation_id=caller.organisation_id,
            name=name,
            main=sources.main,
            files=dict(sources.files),
            authors=[caller.user_id],
        )
        session.add(draft)
        action = "draft.created"
    else:
        draft.name, draft.main, draft.files = name, sources.main, dict(sources.files)
        draft.authors = list(dict.fromkeys([*draft.authors, caller.user_id]))
        draft.revision += 1
        draft.updated_at = now()
        action = "draft.changed"
    session.flush()
    audit.record(
        session, caller.organisation_id, caller.user_id, action, draft.id, {"bytes": sources.byte_hash, "name": name}
    )
    return draft


def draft_of(session: Session, caller: Caller, draft_id: str, *, lock: bool = False) -> Draft:
    query = select(Draft).where(Draft.id == draft_id, Draft.organisation_id == caller.organisation_id)
    found = session.scalar(query.with_for_update() if lock else query)
    if found is None:
        raise not_found("draft")
    return found


def version_of(session: Session, caller: Caller, name: str, label: str) -> Version:
    """A version by name and label; `latest` is the one published last."""
    query = select(Version).where(Version.organisation_id == caller.organisation_id, Version.name == name)
    if label != "latest":
        query = query.where(Version.version == label)
    found = session.scalar(query.order_by(Version.id.desc()).limit(1))
    if found is None:
        raise not_found("version")
    return found


def sources_of(version: Version) -> Sources:
    return Sources(version.main, version.files)
