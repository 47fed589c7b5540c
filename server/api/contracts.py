"""Drafts, published versions, libraries, and checks."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any

from fastapi import APIRouter, Header, Response
from sqlalchemy import select

from server.api.paging import Page, Paging
from server.auth.access import Calling
from server.context import Serving
from server.errors import Problem, not_found
from server.models import Contract, Draft, Library, Version
from server.permissions import Permission
from server.schemas import (
    CheckedOut,
    ContractOut,
    DraftIn,
    DraftOut,
    FindingOut,
    FormatIn,
    FormatOut,
    LibraryIn,
    LibraryOut,
    SourcesIn,
    SourcesOut,
    VersionOut,
)
from server.services import audit, contracts, libraries, texts
from server.services.paging import page
from server.services.texts import Sources, checked

router = APIRouter(tags=["contracts"])
IfMatch = Annotated[str | None, Header(description="The `ETag` of the draft that is changed.")]


@router.post("/check")
def check(asked: SourcesIn, caller: Calling, context: Serving) -> CheckedOut:
    """Check a text without keeping it: every finding with its place, its cause and its remedy."""
    caller.need(Permission.WRITE_DRAFTS, Permission.PUBLISH)
    sources = checked(Sources(asked.main, asked.files), context.settings)
    with context.database.read() as session:
        known = contracts.libraries_of(session, caller.organisation_id)
    ok, findings, document = texts.check(sources, known)
    return CheckedOut(ok=ok, findings=[FindingOut.model_validate(f) for f in findings], document=document)


@router.post("/format")
def format_text(asked: FormatIn, caller: Calling, context: Serving) -> FormatOut:
    """The text in its one layout; comments stay."""
    caller.need(Permission.WRITE_DRAFTS, Permission.PUBLISH)
    checked(Sources("contract.vbc", {"contract.vbc": asked.text}), context.settings)
    return FormatOut(text=texts.formatted(asked.text))


# Drafts --------------------------------------------------------------------------------------------------------------


@router.post("/drafts", status_code=201)
def create_draft(asked: DraftIn, caller: Calling, context: Serving, response: Response) -> DraftOut:
    """Keep a text that may still change."""
    caller.need(Permission.WRITE_DRAFTS)
    sources = checked(Sources(asked.main, asked.files), context.settings)
    with context.database.write() as session:
        draft = contracts.save_draft(session, caller, asked.name, sources)
    response.headers["Location"] = f"/v1/drafts/{draft.id}"
    response.headers["ETag"] = _tag(draft)
    return DraftOut.model_validate(draft)


@router.get("/drafts")
def list_drafts(caller: Calling, context: Serving, wanted: Paging) -> Page[DraftOut]:
    """Drafts, newest first."""
    caller.need(Permission.READ_CONTRACTS)
    query = select(Draft).where(Draft.organisation_id == caller.organisation_id)
    with context.database.read() as session:
        rows, following = page(session, query, Draft.id.expression, lambda row: row.id, wanted)
        return Page(items=[DraftOut.model_validate(row) for row in rows], next=following)


@router.get("/drafts/{draft_id}")
def get_draft(draft_id: str, caller: Calling, context: Serving, response: Response) -> DraftOut:
    """A draft; its `ETag` is what a change has to name."""
    caller.need(Permission.READ_CONTRACTS)
    with context.database.read() as session:
        draft = contracts.draft_of(session, caller, draft_id)
    response.headers["ETag"] = _tag(draft)
    return DraftOut.model_validate(draft)


@router.put("/drafts/{draft_id}")
def change_draft(
    draft_id: str, asked: DraftIn, caller: Calling, context: Serving, response: Response, if_match: IfMatch = None
) -> DraftOut:
    """Write a new revision. `If-Match` names the revision that was read, so that nobody overwrites what others wrote."""
    caller.need(Permission.WRITE_DRAFTS)
    sources = checked(Sources(asked.main, asked.files), context.settings)
    with context.database.write() as session:
        draft = contracts.draft_of(session, caller, draft_id, lock=True)
        _same(draft, if_match)
        contracts.save_draft(session, caller, asked.name, sources, draft)
    response.headers["ETag"] = _tag(draft)
    return DraftOut.model_validate(draft)


@router.delete("/drafts/{draft_id}", status_code=204)
def delete_draft(draft_id: str, caller: Calling, context: Serving, if_match: IfMatch = None) -> None:
    """Delete a draft. What was published from it stays."""
    caller.need(Permission.WRITE_DRAFTS)
    with context.database.write() as session:
        draft = contracts.draft_of(session, caller, draft_id, lock=True)
        _same(draft, if_match)
        session.delete(draft)
        audit.record(session, caller.organisation_id, caller.user_id, "draft.deleted", draft.id)


@router.post("/drafts/{draft_id}/publish", status_code=201)
def publish_draft(
    draft_id: str, caller: Calling, context: Serving, response: Response, if_match: IfMatch = None
) -> VersionOut:
    """Publish a draft as a version that never changes.

    Where two persons are asked for, its only author cannot. `If-Match` names the revision that was reviewed.
    """
    caller.need(Permission.PUBLISH)
    with context.database.write() as session:
        draft = contracts.draft_of(session, caller, draft_id, lock=True)
        if if_match is not None:
            _same(draft, if_match)
        version = contracts.publish(session, caller, draft)
    response.headers["Location"] = f"/v1/contracts/{version.name}/versions/{version.version}"
    return VersionOut.model_validate(version)


def _tag(draft: Draft) -> str:
    return f'"{draft.id}-{draft.revision}"'


def _same(draft: Draft, if_match: str | None) -> None:
    if if_match is None:
        raise Problem(428, "precondition-required", "send `If-Match` with the ETag of the draft that was read")
    if if_match != _tag(draft):
        raise Problem(412, "changed-meanwhile", "the draft was changed since it was read: read it again")


# Contracts -----------------------------------------------------------------------------------------------------------


@router.get("/contracts")
def list_contracts(caller: Calling, context: Serving, wanted: Paging) -> Page[ContractOut]:
    """Contracts that have a published version."""
    caller.need(Permission.READ_CONTRACTS)
    query = select(Contract).where(Contract.organisation_id == caller.organisation_id)
    with context.database.read() as session:
        rows, following = page(session, query, Contract.id.expression, lambda row: row.id, wanted)
        return Page(items=[ContractOut.model_validate(row) for row in rows], next=following)


@router.get("/contracts/{name}/versions")
def list_versions(name: str, caller: Calling, context: Serving, wanted: Paging) -> Page[VersionOut]:
    """The published versions of a contract, newest first."""
    caller.need(Permission.READ_CONTRACTS)
    query = select(Version).where(Version.organisation_id == caller.organisation_id, Version.name == name)
    with context.database.read() as session:
        rows, following = page(session, query, Version.id.expression, lambda row: row.id, wanted)
        if not rows and wanted.cursor is None:
            raise not_found("contract")
        return Page(items=[VersionOut.model_validate(row) for row in rows], next=following)


@router.get("/contracts/{name}/versions/{version}")
def get_version(name: str, version: str, caller: Calling, context: Serving) -> VersionOut:
    """One published version; `latest` is the one published last."""
    caller.need(Permission.READ_CONTRACTS)
    with context.database.read() as session:
        return VersionOut.model_validate(contracts.version_of(session, caller, name, version))


@router.get("/contracts/{name}/versions/{version}/source")
def get_source(name: str, version: str, caller: Calling, context: Serving) -> SourcesOut:
    """The text as it was published, with everything that it uses."""
    caller.need(Permission.READ_CONTRACTS)
    with context.database.read() as session:
        found = contracts.version_of(session, caller, name, version)
    return SourcesOut(main=found.main, files=found.files, byte_hash=found.byte_hash)


@router.get("/contracts/{name}/versions/{version}/model")
def get_model(name: str, version: str, caller: Calling, context: Serving) -> dict[str, Any]:
    """The resolved contract as data: tables, values with kind, unit and grain, payments, guarantees, assumptions."""
    caller.need(Permission.READ_CONTRACTS)
    with context.database.read() as session:
        found = contracts.version_of(session, caller, name, version)
    return context.contracts.model(found)


@router.get("/contracts/{name}/versions/{version}/text", response_class=Response)
def get_text(name: str, version: str, caller: Calling, context: Serving, on: dt.date | None = None) -> Response:
    """The consolidated text in force on a day (without one, the latest), as plain text."""
    caller.need(Permission.READ_CONTRACTS)
    with context.database.read() as session:
        found = contracts.version_of(session, caller, name, version)
    return Response(context.contracts.text(found, on), media_type="text/plain; charset=utf-8")


# Libraries -----------------------------------------------------------------------------------------------------------


@router.post("/libraries", status_code=201)
def publish_library(asked: LibraryIn, caller: Calling, context: Serving) -> LibraryOut:
    """Publish a draft as a library that contracts of the organisation may use."""
    caller.need(Permission.PUBLISH)
    with context.database.write() as session:
        draft = contracts.draft_of(session, caller, asked.draft, lock=True)
        return LibraryOut.model_validate(libraries.publish_library(session, caller, draft))


@router.get("/libraries")
def list_libraries(caller: Calling, context: Serving, wanted: Paging) -> Page[LibraryOut]:
    """Published libraries, newest first."""
    caller.need(Permission.READ_CONTRACTS)
    with context.database.read() as session:
        rows, following = page(session, libraries.of(caller), Library.id.expression, lambda row: row.id, wanted)
        return Page(items=[LibraryOut.model_validate(row) for row in rows], next=following)


@router.get("/libraries/{library_id}")
def get_library(library_id: str, caller: Calling, context: Serving) -> LibraryOut:
    """A library with its text."""
    caller.need(Permission.READ_CONTRACTS)
    with context.database.read() as session:
        return LibraryOut.model_validate(libraries.library_of(session, caller, library_id))
