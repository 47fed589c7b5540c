"""What operations ask: is it alive, is it ready, how much does it do."""

from __future__ import annotations

from fastapi import APIRouter, Response
from sqlalchemy.exc import SQLAlchemyError

from server.context import Serving

router = APIRouter(tags=["operations"])


@router.get("/healthz")
def healthz() -> dict[str, str]:
    """The process answers."""
    return {"status": "ok"}


@router.get("/readyz")
def readyz(context: Serving, response: Response) -> dict[str, str]:
    """The database answers, so that requests can be served."""
    try:
        context.database.alive()
    except SQLAlchemyError:
        response.status_code = 503
        return {"status": "the database does not answer"}
    return {"status": "ok"}
