"""Who looks at a page: a session is a key of few hours, kept in a cookie that scripts and other sites cannot use."""

from __future__ import annotations

import datetime as dt
from typing import Annotated
from urllib.parse import quote, urlsplit

from fastapi import APIRouter, Depends, Form, Request, Response
from fastapi.responses import RedirectResponse

from server.auth.access import address_of, authenticate
from server.auth.keys import make_key, revoke_key
from server.context import Serving, context_of
from server.errors import Problem, forbidden
from server.models import User
from server.pages.rendering import render
from server.permissions import Caller
from server.services import audit

router = APIRouter(include_in_schema=False)
COOKIE = "vbc_session"
LIFETIME = dt.timedelta(hours=8)


class SignInNeeded(Exception):  # noqa: N818 - no error, a way to the page for signing in
    """Nobody is signed in; `target` is where to go afterwards."""

    def __init__(self, target: str) -> None:
        super().__init__(target)
        self.target = target


def viewing(request: Request) -> Caller:
    """Who is signed in. Raises SignInNeeded, and a problem for a form that another site sent."""
    if request.method not in {"GET", "HEAD"}:
        same_site(request)
    secret = request.cookies.get(COOKIE, "")
    if not secret:
        raise SignInNeeded(_here(request))
    try:
        caller = authenticate(context_of(request), secret, address_of(request))
    except Problem:
        raise SignInNeeded(_here(request)) from None
    request.state.caller = caller
    return caller


Viewing = Annotated[Caller, Depends(viewing)]


def same_site(request: Request) -> None:
    """Browsers say where a form comes from; one from elsewhere is refused."""
    origin = request.headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != request.headers.get("host"):
        raise forbidden("this form was sent from another site")
    if request.headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
        raise forbidden("this form was sent from another site")


@router.get("/sign-in")
def sign_in_page(request: Request, to: str = "/") -> Response:
    """The form that takes a key."""
    return render(request, "sign_in.html", to=_local(to), refused=False)


@router.post("/sign-in")
def sign_in(
    request: Request, context: Serving, key: Annotated[str, Form(max_length=500)], to: Annotated[str, Form()] = "/"
) -> Response:
    """Exchange a key for a session, which allows what the key allows."""
    same_site(request)
    try:
        caller = authenticate(context, key.strip(), address_of(request))
    except Problem:
        return render(request, "sign_in.html", status=401, to=_local(to), refused=True)
    with context.database.write() as session:
        user = session.get_one(User, caller.user_id)
        _, secret = make_key(session, user, name="browser", scopes=sorted(caller.permissions), lifetime=LIFETIME)
        audit.record(session, caller.organisation_id, caller.user_id, "session.opened", caller.user_id)
    answer = RedirectResponse(_local(to), 303)
    secure = request.url.scheme == "https"
    age = int(LIFETIME.total_seconds())
    answer.set_cookie(COOKIE, secret, max_age=age, httponly=True, samesite="strict", secure=secure)
    return answer


@router.post("/sign-out")
def sign_out(caller: Viewing, context: Serving) -> Response:
    """End the session; its key is worth nothing any more."""
    with context.database.write() as session:
        revoke_key(session, caller.organisation_id, caller.key_id)
        audit.record(session, caller.organisation_id, caller.user_id, "session.closed", caller.user_id)
    answer = RedirectResponse("/sign-in", 303)
    answer.delete_cookie(COOKIE)
    return answer


def to_sign_in(target: str) -> Response:
    return RedirectResponse(f"/sign-in?to={quote(target)}", 303)


def _here(request: Request) -> str:
    if request.method != "GET" or request.headers.get("hx-request"):
        return "/"
    return request.url.path + (f"?{request.url.query}" if request.url.query else "")


def _local(target: str) -> str:
    """A place on this site and no other."""
    return target if target.startswith("/") and not target.startswith(("//", "/\\")) else "/"
