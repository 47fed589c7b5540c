"""What happens around every request: a name for it, limits, headers, a log line, numbers, and an answer to every fault."""

from __future__ import annotations

import re
import secrets
import time
import traceback
from dataclasses import dataclass
from typing import Any

import structlog
from fastapi.responses import JSONResponse
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from server.errors import MEDIA_TYPE, Problem, overloaded, too_large
from server.observing import Metrics
from server.settings import Settings

log = structlog.get_logger("server")
HEADERS = {"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer"}
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_UPLOAD = re.compile(r"/v1/datasets/[^/]+/tables/[^/]+")
_ALWAYS_OPEN = frozenset({"/healthz", "/readyz", "/metrics"})


def answer(problem: Problem) -> JSONResponse:
    """The answer that says a problem."""
    return JSONResponse(problem.document(), problem.status, problem.headers, MEDIA_TYPE)


@dataclass(slots=True)
class _Exchange:
    """One request on its way; `status` is 0 until the answer has begun.

    A body that is longer than it may be ends as if the client had gone; what the handler says then is not sent.
    """

    scope: Scope
    to_read: Receive
    to_send: Send
    request_id: str
    limit: int
    read: int = 0
    status: int = 0
    refusing: bool = False

    async def receive(self) -> Message:
        message = await self.to_read()
        self.read += len(message.get("body", b""))
        return {"type": "http.disconnect"} if self.too_long else message

    @property
    def too_long(self) -> bool:
        return self.read > self.limit

    async def send(self, message: Message) -> None:
        if self.too_long and not self.status and not self.refusing:
            return
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = MutableHeaders(raw=message.setdefault("headers", []))
            headers["X-Request-ID"] = self.request_id
            for name, value in HEADERS.items():
                headers.setdefault(name, value)
            headers.setdefault("Cache-Control", "private, no-cache" if self.status < 400 else "no-store")
        await self.to_send(message)

    async def refuse(self, problem: Problem) -> None:
        if not self.status:  # an answer that has begun can only be cut
            self.refusing = True
            await answer(problem)(self.scope, self.to_read, self.send)


class Around:
    """The outermost layer of the application."""

    def __init__(self, app: ASGIApp, settings: Settings, metrics: Metrics) -> None:
        self.app = app
        self.settings = settings
        self.metrics = metrics
        self._in_flight = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        given = headers.get("x-request-id", "")
        request_id = given if _REQUEST_ID.fullmatch(given) else secrets.token_hex(12)
        upload = scope["method"] == "PUT" and _UPLOAD.fullmatch(scope["path"]) is not None
        limit = self.settings.max_upload_bytes if upload else self.settings.max_body_bytes
        exchange = _Exchange(scope, receive, send, request_id, limit)
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request=request_id)
        began = time.perf_counter()
        self._in_flight += 1
        self.metrics.in_flight.set(self._in_flight)
        try:
            await self._guarded(exchange, headers)
        finally:
            self._in_flight -= 1
            self.metrics.in_flight.set(self._in_flight)
            self._tell(exchange, time.perf_counter() - began)

    async def _guarded(self, exchange: _Exchange, headers: Headers) -> None:
        if self._in_flight > self.settings.max_in_flight and exchange.scope["path"] not in _ALWAYS_OPEN:
            self.metrics.refused.labels("overloaded").inc()
            await exchange.refuse(overloaded("too many requests at the same time"))
            return
        length = headers.get("content-length", "0")
        if length.isdigit() and int(length) > exchange.limit:
            await exchange.refuse(too_large(exchange.limit))
            return
        try:
            await self.app(exchange.scope, exchange.receive, exchange.send)
        except Exception as error:  # noqa: BLE001 - the last line of defence: nobody ever sees a traceback
            if not exchange.too_long:
                _tell_fault(error)
                await exchange.refuse(
                    Problem(500, "fault", "the service has a fault; its log has the request's number")
                )
        if exchange.too_long:
            await exchange.refuse(too_large(exchange.limit))

    def _tell(self, exchange: _Exchange, seconds: float) -> None:
        scope = exchange.scope
        route: Any = scope.get("route")
        template = str(getattr(route, "path", "")) or "none"
        if scope["path"].startswith("/v1/") and not template.startswith("/v1/") and route is not None:
            template = f"/v1{template}"
        method = scope["method"] if scope["method"] in METHODS else "other"
        self.metrics.requests.labels(method, template, exchange.status).inc()
        self.metrics.seconds.labels(method, template).observe(seconds)
        caller = scope.get("state", {}).get("caller")
        log.info(
            "request",
            method=method,
            route=template,
            status=exchange.status,
            milliseconds=round(seconds * 1000, 2),
            organisation=getattr(caller, "organisation_id", ""),
            user=getattr(caller, "user_id", ""),
        )


def _tell_fault(error: Exception) -> None:
    """Kind and places of a fault; its words may hold data and are left out."""
    places = [f"{f.filename}:{f.lineno} {f.name}" for f in traceback.extract_tb(error.__traceback__)[-12:]]
    log.error("fault", kind=type(error).__name__, places=places)
