"""Runs and their results."""

from __future__ import annotations

from fastapi import APIRouter, Response
from fastapi.responses import FileResponse

from server.auth.access import Calling
from server.context import Serving
from server.errors import not_found
from server.permissions import Permission
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
