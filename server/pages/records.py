"""The page of the audit log."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from sqlalchemy import select

from server.context import Serving
from server.models import AuditEvent, User
from server.pages.rendering import render
from server.pages.session import Viewing
from server.permissions import Permission
from server.services.lists import PAGE

router = APIRouter(include_in_schema=False)


@router.get("/audit")
def audit_page(request: Request, caller: Viewing, context: Serving, before: int = 0) -> Response:
    """Who did what, newest first."""
    caller.need(Permission.READ_AUDIT)
    query = select(AuditEvent).where(AuditEvent.organisation_id == caller.organisation_id)
    if before > 0:
        query = query.where(AuditEvent.number < before)
    with context.database.read() as session:
        found = session.scalars(query.order_by(AuditEvent.number.desc()).limit(PAGE + 1)).all()
        users = session.scalars(select(User).where(User.organisation_id == caller.organisation_id))
        names = {user.id: user.name or user.subject for user in users}
    more = found[PAGE - 1].number if len(found) > PAGE else 0
    return render(request, "audit.html", events=found[:PAGE], names=names, more=more)
