"""Templates into answers: everything is escaped, nothing comes from elsewhere."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path
from typing import Any

from fastapi import Request, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from markupsafe import Markup, escape
from starlette.responses import HTMLResponse

from server.permissions import Caller, Permission

FOLDER = Path(__file__).parent
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; font-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}


def _moment(value: dt.datetime | None) -> str:
    return "" if value is None else f"{value.astimezone(dt.UTC):%Y-%m-%d %H:%M} UTC"


def _bytes(value: int) -> str:
    size = float(value)
    for unit in ("bytes", "KB", "MB"):
        if size < 1000:
            return f"{size:,.0f} {unit}"
        size /= 1000
    return f"{size:,.1f} GB"


def _dollars(text: str) -> str:
    """An amount that arrives as text, such as `-1234.50`."""
    amount = Decimal(text)
    return f"{'-' if amount < 0 else ''}${abs(amount):,.2f}"


def _change(text: str | None) -> str:
    """The change of a line with its sign; nothing for none."""
    return "" if text is None or not Decimal(text) else f"{Decimal(text):+,}"


def _words(text: str) -> Markup:
    """What a diagnostic puts in backticks, as code."""
    parts = text.split("`")
    shown = [Markup("<code>{}</code>").format(part) if i % 2 else escape(part) for i, part in enumerate(parts)]
    return Markup("").join(shown) if len(parts) % 2 else escape(text)


_ENVIRONMENT = Environment(
    loader=FileSystemLoader(FOLDER / "templates"),
    autoescape=select_autoescape(default=True),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_ENVIRONMENT.filters |= {"moment": _moment, "size": _bytes, "dollars": _dollars, "change": _change, "words": _words}


def render(request: Request, template: str, *, status: int = 200, **values: Any) -> Response:
    """A page. Every template knows the `caller` (None before signing in) and what it `may` do."""
    caller: Caller | None = getattr(request.state, "caller", None)

    def may(*permissions: str) -> bool:
        return caller is not None and any(caller.may(Permission(p)) for p in permissions)

    text = _ENVIRONMENT.get_template(template).render(caller=caller, may=may, path=request.url.path, **values)
    return HTMLResponse(text, status, HEADERS)
