"""Drafts, published versions, and checks."""

from __future__ import annotations

from fastapi import APIRouter, Response

from server.auth.access import Calling
from server.context import Serving
from server.permissions import Permission
from server.schemas import DraftIn, DraftOut, VersionOut
from server.services import contracts
from server.services.texts import Sources, checked

router = APIRouter(tags=["contracts"])


@router.post("/drafts", status_code=201)
def create_draft(asked: DraftIn, caller: Calling, context: Serving, response: Response) -> DraftOut:
    """Keep a text that may still change."""
    caller.need(Permission.WRITE_DRAFTS)
    sources = checked(Sources(asked.main, asked.files), context.settings)
    with context.database.write() as session:
        draft = contracts.save_draft(session, caller, asked.name, sources)
    response.headers["Location"] = f"/v1/drafts/{draft.id}"
    return DraftOut.model_validate(draft)


@router.post("/drafts/{draft_id}/publish", status_code=201)
def publish_draft(draft_id: str, caller: Calling, context: Serving) -> VersionOut:
    """Publish a draft as a version that never changes."""
    caller.need(Permission.PUBLISH)
    with context.database.write() as session:
        draft = contracts.draft_of(session, caller, draft_id, lock=True)
        return VersionOut.model_validate(contracts.publish(session, caller, draft))


@router.get("/contracts/{name}/versions/{version}")
def get_version(name: str, version: str, caller: Calling, context: Serving) -> VersionOut:
    """One published version; `latest` is the one published last."""
    caller.need(Permission.READ_CONTRACTS)
    with context.database.read() as session:
        return VersionOut.model_validate(contracts.version_of(session, caller, name, version))
