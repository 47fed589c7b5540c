"""Pages of lists, as parameters and answers."""

from __future__ import annotations

from typing import Annotated, Generic, TypeVar

from fastapi import Depends, Query
from pydantic import BaseModel

from server.services.paging import MOST, Wanted

Item = TypeVar("Item")


class Page(BaseModel, Generic[Item]):
    """One page of a list, newest first. `next` is the `cursor` of the next page; null on the last."""

    items: list[Item]
    next: str | None = None


def _wanted(
    limit: Annotated[int, Query(ge=1, le=MOST, description="Entries of a page.")] = 50,
    cursor: Annotated[str | None, Query(max_length=400, description="`next` of the page before.")] = None,
) -> Wanted:
    return Wanted(limit, cursor)


Paging = Annotated[Wanted, Depends(_wanted)]
