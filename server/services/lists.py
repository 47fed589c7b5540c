"""Lists of what an organisation has, newest first, a page at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.models import Binding, Contract, Dataset, Draft, Run, Version
from server.permissions import Caller

Row = TypeVar("Row", Contract, Version, Draft, Dataset, Binding, Run)
PAGE = 50


@dataclass(frozen=True, slots=True)
class Page(Generic[Row]):
    """Rows, and the id after which the next page starts ("" at the end)."""

    rows: Sequence[Row]
    after: str


def page(
    session: Session, caller: Caller, kind: type[Row], *, after: str = "", size: int = PAGE, **equal: str
) -> Page[Row]:
    """The rows of a table that belong to the caller's organisation; ids grow with time, so they order the pages."""
    query = select(kind).where(kind.organisation_id == caller.organisation_id).filter_by(**equal)
    if after:
        query = query.where(kind.id < after)
    found = session.scalars(query.order_by(kind.id.desc()).limit(size + 1)).all()
    return Page(found[:size], found[size - 1].id if len(found) > size else "")
