"""Runs and their results."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import FileResponse, PlainTextResponse

from server.auth.access import Calling
from server.context import Serving
from server.errors import not_found
from server.models import Run, Version
from server.permissions import Permission, see
from server.schemas import ResultOut, RunIn, RunOut
from server.services import contracts, datasets, runs
from server.services.runs import Parameters

router = APIRouter(tags=["runs"])


@router.post("/runs", status_code=202)
def start_run(asked: RunIn, caller: Calling, context: Serving, response: Response) -> RunOut:
    """Queue a settlement. The same request gives the same run: 200 instead of 202 when it was there already."""
    caller.need(Permission.START_RUNS)
    with context.database.write() as session:
        version = contracts.version_of(session, caller, asked.contract, asked.version)
        dataset = datasets.dataset_of(session, caller, asked.dataset)
        binding = runs.binding_of(session, caller, asked.binding)
        parameters = Parameters(tuple(asked.periods), tuple(asked.groups), dict(asked.overrides))
        run, new = runs.start(session, caller, version, dataset, binding, parameters)
    response.headers["Location"] = f"/v1/runs/{run.id}"
    response.status_code = 202 if new else 200
    return RunOut.model_validate(run)


@router.get("/runs/{run_id}")
def get_run(run_id: str, caller: Calling, context: Serving) -> RunOut:
    """A run and how far it is."""
    caller.need(Permission.READ_RESULTS)
    with context.database.read() as session:
        return RunOut.model_validate(runs.run_of(session, caller, run_id))


@router.post("/runs/{run_id}/cancel")
def cancel_run(run_id: str, caller: Calling, context: Serving) -> RunOut:
    """End a run that has not ended."""
    caller.need(Permission.START_RUNS)
    with context.database.write() as session:
        return RunOut.model_validate(runs.cancel(session, caller, runs.run_of(session, caller, run_id, lock=True)))


@router.get("/runs/{run_id}/result")
def get_result(run_id: str, caller: Calling, context: Serving) -> ResultOut:
    """What a run found: payments in total, files with their hashes."""
    caller.need(Permission.READ_RESULTS)
    with context.database.read() as session:
        return ResultOut.model_validate(runs.result_of(session, runs.run_of(session, caller, run_id)))


@router.get("/runs/{run_id}/files/{file}")
def get_file(run_id: str, file: str, caller: Calling, context: Serving) -> FileResponse:
    """A file of the result, with the same bytes that `vbc run --out` writes."""
    caller.need(Permission.READ_RESULTS)
    with context.database.read() as session:
        result = runs.result_of(session, runs.run_of(session, caller, run_id))
    if file not in result.files:
        raise not_found("file")
    sha256 = result.files[file]["sha256"]
    path = context.settings.data_dir.resolve() / result.folder / file
    return FileResponse(path, filename=file, headers={"ETag": f'"{sha256}"'})


@router.get("/runs/{run_id}/statement", response_model=None)
def get_statement(
    run_id: str, group: str, period: str, request: Request, caller: Calling, context: Serving
) -> dict[str, Any] | PlainTextResponse:
    """The statement of one group and period: as data, or as text with `Accept: text/plain`."""
    run, version = _readable(run_id, group, caller, context)
    if request.headers.get("accept", "").startswith("text/plain"):
        return PlainTextResponse(context.answers.statement_text(run, version, group, period))
    return context.answers.statement(run, version, group, period)


@router.get("/runs/{run_id}/explanation")
def get_explanation(
    run_id: str,
    value: str,
    group: str,
    period: str,
    caller: Calling,
    context: Serving,
    depth: Annotated[int | None, Query(ge=1, le=100)] = None,
) -> dict[str, Any]:
    """Why a named value is what it is: every step with its clause, down to cells and to counts of member rows."""
    run, version = _readable(run_id, group, caller, context)
    return context.answers.explanation(run, version, value, group, period, depth)


def _readable(run_id: str, group: str, caller: Calling, context: Serving) -> tuple[Run, Version]:
    """A run with a result in which the caller may see the group."""
    see(caller, group)
    with context.database.read() as session:
        run = runs.run_of(session, caller, run_id)
        runs.result_of(session, run)
        return run, session.get_one(Version, run.version_id)
