"""What lives as long as the server: settings and database, and what is kept in memory between requests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Request

from server.database import Database
from server.services.answers import Answers
from server.settings import Settings


@dataclass(slots=True)
class Context:
    """One per process."""

    settings: Settings
    database: Database
    answers: Answers


def context_of(request: Request) -> Context:
    found: Any = request.app.state.context
    assert isinstance(found, Context)  # noqa: S101 - set by the app factory
    return found


Serving = Annotated[Context, Depends(context_of)]
