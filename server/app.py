"""The application: routers, answers to refusals, and what happens around every request."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from fastapi.staticfiles import StaticFiles
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException

from server.api import administration, contracts, datasets, evaluation, health, results, runs
from server.around import Around, answer
from server.context import Context
from server.description import describe
from server.errors import Problem, invalid, overloaded
from server.pages import PAGES, rendering, session
from server.pages.session import SignInNeeded
from server.settings import Settings
from server.tags import Tags

PREFIX = "/v1"
FAULT = Problem(500, "fault", "the service has a fault")
log = structlog.get_logger("server")


def create_app(settings: Settings | None = None) -> FastAPI:
    """The service with its own database connections, which it closes when it ends."""
    settings = settings or Settings()
    context = Context.of(settings)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        yield
        context.database.close()

    app = FastAPI(title="Value-based contracts", version="1", lifespan=lifespan, redirect_slashes=False)
    app.state.context = context
    for module in (contracts, evaluation, datasets, runs, results, administration):
        app.include_router(module.router, prefix=PREFIX)
    app.include_router(health.router)
    for page in PAGES:
        app.include_router(page)
    app.mount("/static", StaticFiles(directory=rendering.FOLDER / "static"), name="static")
    app.add_exception_handler(SignInNeeded, _sign_in)
    app.add_exception_handler(Problem, _refuse)
    app.add_exception_handler(RequestValidationError, _refuse_shape)
    app.add_exception_handler(HTTPException, _refuse_plain)
    for error in (OperationalError, InterfaceError, PoolTimeout):
        app.add_exception_handler(error, _refuse_for_now)
    describe(app)
    app.add_middleware(Tags)
    app.add_middleware(Around, settings=settings, metrics=context.metrics)
    return app


def _answer(request: Request, problem: Problem) -> Response:
    """A problem document for programs, a page for people."""
    if not request.url.path.startswith(PREFIX) and "text/html" in request.headers.get("accept", ""):
        return rendering.render(request, "problem.html", status=problem.status, problem=problem.document())
    return answer(problem)


async def _sign_in(_request: Request, error: Exception) -> Response:
    return session.to_sign_in(error.target if isinstance(error, SignInNeeded) else "/")


async def _refuse(request: Request, error: Exception) -> Response:
    return _answer(request, error if isinstance(error, Problem) else FAULT)


async def _refuse_for_now(request: Request, error: Exception) -> Response:
    log.warning("database unavailable", kind=type(error).__name__)
    return _answer(request, overloaded("the database does not answer at the moment", 2))


async def _refuse_shape(request: Request, error: Exception) -> Response:
    found = error.errors() if isinstance(error, RequestValidationError) else []
    places = [{"place": [str(part) for part in e["loc"]], "reason": str(e["msg"])} for e in found[:50]]
    return _answer(request, invalid("the request does not have the shape that is documented", errors=places))


async def _refuse_plain(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        return _answer(request, FAULT)
    kind = {404: "not-found", 405: "method-not-allowed"}.get(error.status_code, "refused")
    return _answer(request, Problem(error.status_code, kind, str(error.detail), headers=error.headers))
