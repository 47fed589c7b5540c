"""From a request to its caller, as a dependency of handlers: `caller: Calling`."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request

from server.auth.keys import PREFIX, caller_of
from server.context import Context, context_of
from server.errors import Problem
from server.permissions import Caller

_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="vbc"'}


def unauthenticated(detail: str) -> Problem:
    return Problem(401, "unauthenticated", detail, headers=_CHALLENGE)


def bearer(request: Request) -> str:
    """The token of `Authorization: Bearer …`. Raises a problem when there is none."""
    kind, _, token = request.headers.get("authorization", "").partition(" ")
    if kind.lower() != "bearer" or not token.strip():
        raise unauthenticated("send a key or a token: `Authorization: Bearer …`")
    return token.strip()


def authenticate(context: Context, token: str, address: str = "") -> Caller:
    """The caller with this key or token. Raises a problem that does not say what is wrong with it.

    `address` is where the request came from: one that is wrong too often has to wait.
    """
    context.limits.may_try(address)
    with context.database.read() as session:
        if token.startswith(PREFIX):
            found = caller_of(session, token)
        else:
            found = context.tokens.caller_of(session, token) if context.tokens is not None else None
    if found is None:
        context.limits.failed(address)
        raise unauthenticated("the key or token is not valid, or not valid any more")
    context.limits.count(found.key_id or found.user_id)
    return found


def address_of(request: Request) -> str:
    """Where a request came from."""
    return request.client.host if request.client else ""


def calling(request: Request) -> Caller:
    """The caller of a request."""
    caller = authenticate(context_of(request), bearer(request), address_of(request))
    request.state.caller = caller
    return caller


Calling = Annotated[Caller, Depends(calling)]
