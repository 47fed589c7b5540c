"""What operations ask: is it alive, is it ready, how much does it do."""

from __future__ import annotations

import secrets

from fastapi import APIRouter, Request, Response
from fastapi.responses import PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

from server.context import Serving
from server.errors import Problem
from server.models import Run
from server.services.runs import STATES

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


@router.get("/metrics", response_class=PlainTextResponse)
def metrics(context: Serving, request: Request) -> Response:
    """Numbers for Prometheus: requests, times, runs by state."""
    wanted = context.settings.metrics_key
    if wanted and not secrets.compare_digest(
        request.headers.get("authorization", "").encode(), f"Bearer {wanted}".encode()
    ):
        raise Problem(401, "unauthenticated", "send the word that is configured for metrics")
    with context.database.read() as session:
        rows = session.execute(select(Run.state, func.count()).group_by(Run.state)).all()
    counts = {row[0]: row[1] for row in rows}
    for state in STATES:
        context.metrics.runs.labels(state).set(counts.get(state, 0))
    return Response(generate_latest(context.metrics.registry), media_type=CONTENT_TYPE_LATEST)
