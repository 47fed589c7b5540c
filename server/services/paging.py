"""Lists in pages: newest first, each page with a cursor to the next.

A cursor is the place after the last entry shown, so that entries that come or go in between are neither shown twice nor
passed over.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Integer, Select
from sqlalchemy.orm import Session

from server.errors import invalid

Row = TypeVar("Row")
MOST = 200


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which page."""

    limit: int = 50
    cursor: str | None = None


def page(
    session: Session, query: Select[Row], key: ColumnElement[Any], of: Callable[[Row], Any], wanted: Wanted
) -> tuple[Sequence[Row], str | None]:
    """The rows of a page in falling order of a unique key, and the cursor of the next page (None: this is the last)."""
    if wanted.cursor is not None:
        query = query.where(key < read_cursor(wanted.cursor, number=isinstance(key.type, Integer)))
    rows = list(session.scalars(query.order_by(key.desc()).limit(wanted.limit + 1)))
    if len(rows) <= wanted.limit:
        return rows, None
    rows = rows[: wanted.limit]
    return rows, write_cursor(of(rows[-1]))


def write_cursor(place: str | int) -> str:
    return base64.urlsafe_b64encode(json.dumps(place).encode()).decode().rstrip("=")


def read_cursor(cursor: str, *, number: bool) -> str | int:
    """The place of a cursor. Raises a problem for anything that is no cursor of a list."""
    try:
        found = json.loads(base64.urlsafe_b64decode(cursor.encode() + b"=" * (-len(cursor) % 4)))
    except (ValueError, binascii.Error, RecursionError):
        found = None
    if number and isinstance(found, int) and not isinstance(found, bool) and abs(found) < 2**63:
        return found
    if not number and isinstance(found, str) and "\0" not in found:
        return found
    raise invalid("`cursor` is not the cursor of this list")
