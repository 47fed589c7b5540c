"""Runs: started, watched, cancelled."""

from __future__ import annotations

from fastapi import APIRouter, Response

from server.api.paging import Page, Paging
from server.auth.access import Calling
from server.context import Serving
from server.models import Run
from server.permissions import Caller, Permission
from server.schemas import RunIn, RunOut, State
from server.services import contracts, datasets, runs
from server.services.paging import page
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
        parameters = Parameters(
            tuple(asked.periods),
            tuple(asked.groups),
            dict(asked.overrides),
            asked.known_on.isoformat() if asked.known_on else None,
            reconcile=asked.reconcile.model_dump() if asked.reconcile else None,
        )
        run, new = runs.start(session, caller, version, dataset, binding, parameters)
    response.headers["Location"] = f"/v1/runs/{run.id}"
    response.status_code = 202 if new else 200
    return RunOut.model_validate(run)


@router.get("/runs")
def list_runs(caller: Calling, context: Serving, wanted: Paging, state: State | None = None) -> Page[RunOut]:
    """Runs, newest first. A reader sees those whose results it may read."""
    caller.need(Permission.READ_RESULTS, Permission.READ_OWN_RESULTS)
    with context.database.read() as session:
        query = runs.visible_runs(session, caller)
        if state is not None:
            query = query.where(Run.state == state)
        rows, following = page(session, query, Run.id.expression, lambda row: row.id, wanted)
        return Page(items=[described(caller, row) for row in rows], next=following)


@router.get("/runs/{run_id}")
def get_run(run_id: str, caller: Calling, context: Serving) -> RunOut:
    """A run and how far it is."""
    caller.need(Permission.READ_RESULTS, Permission.READ_OWN_RESULTS)
    with context.database.read() as session:
        run = runs.run_of(session, caller, run_id)
        if not caller.sees_all_groups:
            runs.readable_result(session, caller, run)
        return described(caller, run)


@router.post("/runs/{run_id}/cancel")
def cancel_run(run_id: str, caller: Calling, context: Serving) -> RunOut:
    """End a run that has not ended."""
    caller.need(Permission.START_RUNS)
    with context.database.write() as session:
        return RunOut.model_validate(runs.cancel(session, caller, runs.run_of(session, caller, run_id, lock=True)))


def described(caller: Caller, run: Run) -> RunOut:
    """A run as the caller may see it: what was asked for may name other groups."""
    found = RunOut.model_validate(run)
    return found if caller.sees_all_groups else found.model_copy(update={"parameters": {}, "problem": None})
