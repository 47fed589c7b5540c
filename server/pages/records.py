"""The page of the audit log."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from sqlalchemy import select

from server.context import Serving
from server.models import AuditEvent, User
from server.pages.rendering import render
from server.pages.session import Viewing
from server.permissions import Permission
from server.services.paging import Wanted, page

router = APIRouter(include_in_schema=False)


@router.get("/audit")
def audit_page(request: Request, caller: Viewing, context: Serving, after: str = "") -> Response:
    """Who did what, newest first."""
    caller.need(Permission.READ_AUDIT)
    query = select(AuditEvent).where(AuditEvent.organisation_id == caller.organisation_id)
    with context.database.read() as session:
        events, following = page(
            session, query, AuditEvent.number.expression, lambda event: event.number, Wanted(cursor=after or None)
        )
        users = session.scalars(select(User).where(User.organisation_id == caller.organisation_id))
        names = {user.id: user.name or user.subject for user in users}
    return render(request, "audit.html", events=events, names=names, after=following or "")
