"""Pages of contracts: what is published, its text, and drafts with a check beside them."""

from __future__ import annotations

import datetime as dt
from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy import select

import contractlang
from server.context import Context, Serving
from server.errors import Problem
from server.models import Contract, Draft, Version
from server.pages.highlight import rows
from server.pages.lists import listed
from server.pages.rendering import render
from server.pages.session import Viewing
from server.permissions import Caller, Permission
from server.services import contracts
from server.services.texts import Sources, check, checked

router = APIRouter(include_in_schema=False)
READ = Permission.READ_CONTRACTS
BEGIN = """\
contract example.first
title    "A first contract"
version  "1"
settles  group per year
term     2025-01-01 to 2025-12-31

"""


@router.get("/")
def home(caller: Viewing) -> Response:
    """Where a caller's work is."""
    return RedirectResponse("/contracts" if caller.may(READ) else "/runs", 303)


@router.get("/contracts")
def contract_list(request: Request, caller: Viewing, context: Serving, after: str = "") -> Response:
    """Published contracts with their latest versions, and drafts."""
    caller.need(READ)
    with context.database.read() as session:
        found = listed(session, caller, Contract, after)
        latest = {c.id: contracts.version_of(session, caller, c.name, "latest") for c in found.rows}
        drafts = listed(session, caller, Draft) if caller.may(Permission.WRITE_DRAFTS) else None
    return render(request, "contracts.html", found=found, latest=latest, drafts=drafts)


@router.get("/contracts/{name}")
def contract_page(
    request: Request,
    name: str,
    caller: Viewing,
    context: Serving,
    version: str = "latest",
    on: str = "",
    file: str = "",
) -> Response:
    """One contract: versions, text as written, text in force on a day, named values."""
    caller.need(READ)
    with context.database.read() as session:
        shown = contracts.version_of(session, caller, name, version)
        versions = listed(
            session, caller, Version, among=select(Version).where(Version.contract_id == shown.contract_id)
        )
    contract = context.contracts.of(shown).contract
    text = _in_force(context, shown, on) if on else None
    return render(
        request,
        "contract.html",
        shown=shown,
        versions=versions,
        contract=contract,
        file=file if file in shown.files else shown.main,
        lines=rows(shown.files[file if file in shown.files else shown.main]),
        on=on,
        text=text[0] if text else None,
        consolidated=rows(text[1]) if text else [],
    )


def _in_force(context: Context, version: Version, on: str) -> tuple[contractlang.Text, str] | None:
    """The text in force on a day: from when to when, and the consolidated text."""
    try:
        day = dt.date.fromisoformat(on)
    except ValueError:
        return None
    text = context.contracts.of(version).contract.text_on(day)
    return None if text is None else (text, context.contracts.text(version, day))


# Drafts


@router.get("/drafts/new")
def new_draft(request: Request, caller: Viewing, context: Serving, of: str = "", version: str = "latest") -> Response:
    """An empty editor, or one with a published text in it."""
    caller.need(Permission.WRITE_DRAFTS)
    files, main, name = {"contract.vbc": BEGIN}, "contract.vbc", "new contract"
    if of:
        with context.database.read() as session:
            source = contracts.version_of(session, caller, of, version)
        files, main, name = dict(source.files), source.main, source.name
    return _editor(request, None, name, Sources(main, files), main)


@router.get("/drafts/{draft_id}")
def draft_page(request: Request, draft_id: str, caller: Viewing, context: Serving, file: str = "") -> Response:
    """The editor of a draft."""
    caller.need(Permission.WRITE_DRAFTS, Permission.PUBLISH)
    with context.database.read() as session:
        draft = contracts.draft_of(session, caller, draft_id)
    return _editor(request, draft, draft.name, Sources(draft.main, draft.files), file or draft.main)


def _editor(
    request: Request,
    draft: Draft | None,
    name: str,
    sources: Sources,
    file: str,
    *,
    problem: Problem | None = None,
    status: int = 200,
) -> Response:
    file = file if file in sources.files else sources.main
    return render(
        request,
        "draft.html",
        status=status,
        draft=draft,
        name=name,
        sources=sources,
        file=file,
        text=sources.files[file],
        problem=problem,
    )


@router.post("/drafts/check")
def check_text(
    request: Request,
    caller: Viewing,
    context: Serving,
    text: Annotated[str, Form()] = "",
    file: Annotated[str, Form()] = "contract.vbc",
    draft_id: Annotated[str, Form()] = "",
) -> Response:
    """The findings of a text, as one types."""
    caller.need(Permission.WRITE_DRAFTS)
    sources, libraries = _typed(context, caller, draft_id, file, text)
    ok, findings, _ = check(checked(sources, context.settings), libraries)
    return render(request, "findings.html", ok=ok, findings=findings)


def _typed(context: Context, caller: Caller, draft_id: str, file: str, text: str) -> tuple[Sources, dict[str, str]]:
    """The files of a draft with one of them as it stands in the editor."""
    text = text.replace("\r\n", "\n")
    with context.database.read() as session:
        draft = contracts.draft_of(session, caller, draft_id) if draft_id else None
        libraries = contracts.libraries_of(session, caller.organisation_id)
    if draft is None:
        return Sources(file, {file: text}), libraries
    return Sources(draft.main, {**draft.files, file: text}), libraries


@router.post("/drafts/save")
def save(
    caller: Viewing,
    context: Serving,
    name: Annotated[str, Form(min_length=1, max_length=200)],
    text: Annotated[str, Form()] = "",
    file: Annotated[str, Form()] = "contract.vbc",
    draft_id: Annotated[str, Form()] = "",
) -> Response:
    """Keep what stands in the editor."""
    caller.need(Permission.WRITE_DRAFTS)
    sources, _ = _typed(context, caller, draft_id, file, text)
    checked(sources, context.settings)
    with context.database.write() as session:
        draft = contracts.draft_of(session, caller, draft_id, lock=True) if draft_id else None
        draft = contracts.save_draft(session, caller, name, sources, draft)
    return RedirectResponse(f"/drafts/{draft.id}?file={file}", 303)


@router.post("/drafts/{draft_id}/publish")
def publish(request: Request, draft_id: str, caller: Viewing, context: Serving) -> Response:
    """Make a version of a draft; the editor says why, when that is refused."""
    caller.need(Permission.PUBLISH)
    try:
        with context.database.write() as session:
            version = contracts.publish(session, caller, contracts.draft_of(session, caller, draft_id, lock=True))
    except Problem as refused:
        with context.database.read() as session:
            draft = contracts.draft_of(session, caller, draft_id)
        sources = Sources(draft.main, draft.files)
        return _editor(request, draft, draft.name, sources, draft.main, problem=refused, status=refused.status)
    return RedirectResponse(f"/contracts/{version.name}?version={version.version}", 303)
