"""What lives as long as the server: settings and database, and what is kept in memory between requests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Request

from server.database import Database
from server.observing import Metrics
from server.services.answers import Answers
from server.services.compiling import Compiling
from server.services.limiting import RateLimits
from server.services.tokens import Tokens
from server.settings import Settings


@dataclass(slots=True)
class Context:
    """One per process."""

    settings: Settings
    database: Database
    answers: Answers
    contracts: Compiling
    limits: RateLimits
    metrics: Metrics
    tokens: Tokens | None = None

    @classmethod
    def of(cls, settings: Settings) -> Context:
        """A context with its own database connections."""
        database = Database(settings.url, settings.pool_size)
        tokens = Tokens(settings) if settings.oidc_issuer else None
        return cls(settings, database, Answers(settings), Compiling(), RateLimits(settings), Metrics(), tokens)


def context_of(request: Request) -> Context:
    found: Any = request.app.state.context
    assert isinstance(found, Context)  # noqa: S101 - set by the app factory
    return found


Serving = Annotated[Context, Depends(context_of)]
