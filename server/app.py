"""The application: routers, answers to refusals, and what happens around every request."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from server.api import contracts, datasets, health, runs
from server.context import Context
from server.database import Database
from server.errors import MEDIA_TYPE, Problem, invalid
from server.services.answers import Answers
from server.settings import Settings

PREFIX = "/v1"


def create_app(settings: Settings | None = None) -> FastAPI:
    """The service with its own database connections, which it closes when it ends."""
    settings = settings or Settings()
    context = Context(settings, Database(settings.url, settings.pool_size), Answers(settings))

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        yield
        context.database.close()

    app = FastAPI(title="Value-based contracts", version="1", lifespan=lifespan, redirect_slashes=False)
    app.state.context = context
    for module in (contracts, datasets, runs):
        app.include_router(module.router, prefix=PREFIX)
    app.include_router(health.router)
    app.add_exception_handler(Problem, _refuse)
    app.add_exception_handler(RequestValidationError, _refuse_shape)
    app.add_exception_handler(HTTPException, _refuse_plain)
    return app


def _answer(problem: Problem) -> JSONResponse:
    return JSONResponse(problem.document(), problem.status, problem.headers, MEDIA_TYPE)


async def _refuse(_request: Request, error: Exception) -> JSONResponse:
    return _answer(error if isinstance(error, Problem) else Problem(500, "fault", "the service has a fault"))


async def _refuse_shape(_request: Request, error: Exception) -> JSONResponse:
    found = error.errors() if isinstance(error, RequestValidationError) else []
    places = [{"place": [str(part) for part in e["loc"]], "reason": str(e["msg"])} for e in found[:50]]
    return _answer(invalid("the request does not have the shape that is documented", errors=places))


async def _refuse_plain(_request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, HTTPException):
        return _answer(Problem(500, "fault", "the service has a fault"))
    kind = {404: "not-found", 405: "method-not-allowed"}.get(error.status_code, "refused")
    return _answer(Problem(error.status_code, kind, str(error.detail), headers=error.headers))
