"""Entity tags and conditional requests for everything that is read.

An answer to GET that has no tag of its own gets one from its bytes, when it is JSON that fits into memory anyway; a request
that names the tag of what it has is answered with 304 and nothing else.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LARGEST = 4_000_000
"""Bodies up to this size are tagged from their bytes."""


def matches(wanted: str, tag: str) -> bool:
    """Whether a list of tags names this one; compared weakly."""
    named = [part.strip().removeprefix("W/") for part in wanted.split(",")]
    return bool(tag) and (wanted.strip() == "*" or tag.removeprefix("W/") in named)


class Tags:
    """The layer that tags answers."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "GET":
            await self.app(scope, receive, send)
            return
        answer = _Answer(send, Headers(scope=scope).get("if-none-match", ""))
        await self.app(scope, receive, answer.pass_on)


@dataclass(slots=True)
class _Answer:
    send: Send
    wanted: str
    start: Message | None = None
    body: bytearray = field(default_factory=bytearray)
    unchanged: bool = False

    async def pass_on(self, message: Message) -> None:
        if self.unchanged:
            return
        if message["type"] == "http.response.start" and message["status"] == 200:
            self.start = message  # held until the tag is known
        elif message["type"] == "http.response.body" and self.start is not None:
            await self._first(self.start, message)
        else:
            await self.send(message)

    async def _first(self, start: Message, message: Message) -> None:
        headers = MutableHeaders(raw=start["headers"])
        if "etag" not in headers and headers.get("content-type", "").startswith("application/json"):
            self.body += message.get("body", b"")
            if message.get("more_body") and len(self.body) <= LARGEST:
                return
            message = {**message, "body": bytes(self.body)}
            if not message.get("more_body"):
                headers["ETag"] = f'"{hashlib.sha256(self.body).hexdigest()[:32]}"'
        self.start = None
        if self.wanted and matches(self.wanted, headers.get("etag", "")):
            self.unchanged = True
            del headers["content-length"]
            del headers["content-type"]
            await self.send({"type": "http.response.start", "status": 304, "headers": start["headers"]})
            await self.send({"type": "http.response.body", "body": b""})
            return
        await self.send(start)
        await self.send(message)
