"""Lists on pages: what an organisation has, newest first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from server.models import Binding, Contract, Dataset, Draft, Run, Version
from server.permissions import Caller
from server.services.paging import Wanted, page

Row = TypeVar("Row", Contract, Version, Draft, Dataset, Binding, Run)


@dataclass(frozen=True, slots=True)
class Listed(Generic[Row]):
    """The rows of one page, and the cursor of the next ("" at the end)."""

    rows: Sequence[Row]
    after: str


def listed(
    session: Session, caller: Caller, kind: type[Row], after: str = "", *, among: Select[Any] | None = None
) -> Listed[Row]:
    """A page of a table; `among` narrows it further."""
    query = select(kind) if among is None else among
    query = query.where(kind.organisation_id == caller.organisation_id)
    rows, following = page(session, query, kind.id.expression, lambda row: row.id, Wanted(cursor=after or None))
    return Listed(rows, following or "")
