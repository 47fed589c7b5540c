"""Pages of runs: what is settled, how far it is, what came out."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import FileResponse, RedirectResponse

from server.context import Context, Serving
from server.errors import not_found
from server.models import Binding, Contract, Dataset, Run, Version
from server.pages import results
from server.pages.charts import Bar, payments
from server.pages.lists import listed
from server.pages.rendering import HEADERS, render
from server.pages.session import Viewing
from server.permissions import Caller, Permission
from server.services import contracts, datasets, runs
from server.services.runs import ENDED, Parameters

router = APIRouter(include_in_schema=False)
READING = (Permission.READ_RESULTS, Permission.READ_OWN_RESULTS)
ROWS = 200


@router.get("/runs")
def run_list(request: Request, caller: Viewing, context: Serving, after: str = "") -> Response:
    """Runs, newest first; a reader sees those with results."""
    caller.need(*READING)
    with context.database.read() as session:
        found = listed(session, caller, Run, after, among=runs.visible_runs(session, caller))
        versions = {run.id: session.get_one(Version, run.version_id) for run in found.rows}
        names = {run.id: session.get_one(Dataset, run.dataset_id).name for run in found.rows}
    return render(request, "runs.html", found=found, versions=versions, names=names)


@router.get("/runs/new")
def new_run(request: Request, caller: Viewing, context: Serving, contract: str = "", version: str = "") -> Response:
    """What to settle on which data."""
    caller.need(Permission.START_RUNS)
    with context.database.read() as session:
        known = listed(session, caller, Contract)
        sealed = [d for d in listed(session, caller, Dataset).rows if d.sealed]
        bindings = listed(session, caller, Binding).rows
    return render(
        request,
        "run_new.html",
        contracts=known.rows,
        contract=contract,
        version=version,
        datasets=sealed,
        bindings=bindings,
    )


@router.post("/runs")
def start_run(
    caller: Viewing,
    context: Serving,
    contract: Annotated[str, Form(max_length=200)],
    dataset: Annotated[str, Form(max_length=40)],
    binding: Annotated[str, Form(max_length=40)],
    version: Annotated[str, Form(max_length=200)] = "",
    periods: Annotated[str, Form(max_length=2000)] = "",
) -> Response:
    """Queue a settlement."""
    caller.need(Permission.START_RUNS)
    with context.database.write() as session:
        asked = contracts.version_of(session, caller, contract, version.strip() or "latest")
        run, _ = runs.start(
            session,
            caller,
            asked,
            datasets.dataset_of(session, caller, dataset),
            runs.binding_of(session, caller, binding),
            Parameters(periods=tuple(periods.replace(",", " ").split())),
        )
    return RedirectResponse(f"/runs/{run.id}", 303)


@router.post("/runs/{run_id}/cancel")
def cancel(run_id: str, caller: Viewing, context: Serving) -> Response:
    """End a run that has not ended."""
    caller.need(Permission.START_RUNS)
    with context.database.write() as session:
        runs.cancel(session, caller, runs.run_of(session, caller, run_id, lock=True))
    return RedirectResponse(f"/runs/{run_id}", 303)


@router.get("/runs/{run_id}")
def run_page(request: Request, run_id: str, caller: Viewing, context: Serving, find: str = "") -> Response:
    """How far a run is; what it found once it has ended. A reader sees its own groups, and no totals."""
    caller.need(*READING)
    with context.database.read() as session:
        run = runs.run_of(session, caller, run_id)
        version = session.get_one(Version, run.version_id)
        dataset = session.get_one(Dataset, run.dataset_id)
        ended = run.state == runs.SUCCEEDED or not caller.sees_all_groups
        result = runs.readable_result(session, caller, run) if ended else None
    if result is None:
        whole = not request.headers.get("hx-request")
        if not whole and run.state in ENDED:
            return Response(headers={"HX-Refresh": "true"})
        return render(
            request,
            "run.html" if whole else "run_progress.html",
            run=run,
            version=version,
            dataset=dataset,
            ended=ENDED,
        )
    own = None if caller.sees_all_groups else caller.groups
    table = results.table(context.settings, result, find=find, groups=own, most=ROWS)
    return render(
        request, "result.html", run=run, version=version, dataset=dataset, result=result, table=table, find=find
    )


@router.post("/runs/{run_id}/approve")
def approve(run_id: str, caller: Viewing, context: Serving) -> Response:
    """Approve a result, so that the provider groups see theirs."""
    caller.need(Permission.APPROVE_RESULTS)
    with context.database.write() as session:
        runs.approve(session, caller, runs.run_of(session, caller, run_id, lock=True))
    return RedirectResponse(f"/runs/{run_id}", 303)


@router.get("/runs/{run_id}/chart/{payment}.svg")
def chart(run_id: str, payment: str, period: str, caller: Viewing, context: Serving) -> Response:
    """What each group is paid or owes, largest first."""
    caller.need(Permission.READ_RESULTS)
    with context.database.read() as session:
        result = runs.result_of(session, runs.run_of(session, caller, run_id))
    found = results.amounts(context.settings, result, payment, period)
    bars = sorted((Bar(label, float(amount)) for label, amount in found), key=lambda b: -b.amount)
    svg = payments(bars, f"{payment} {period}, dollars")
    return Response(svg, media_type="image/svg+xml", headers=HEADERS)


@router.get("/runs/{run_id}/download/{file}")
def download(run_id: str, file: str, caller: Viewing, context: Serving) -> Response:
    """A file of the result."""
    caller.need(Permission.READ_RESULTS)
    with context.database.read() as session:
        result = runs.result_of(session, runs.run_of(session, caller, run_id))
    if file not in result.files:
        raise not_found("file")
    return FileResponse(context.settings.data_dir.resolve() / result.folder / file, filename=file)


@router.get("/runs/{run_id}/statement")
def statement_page(
    request: Request, run_id: str, group: str, period: str, caller: Viewing, context: Serving
) -> Response:
    """The statement of one group and period; its lines lead to their explanations."""
    run, version = _readable(run_id, group, caller, context)
    statement = context.answers.statement(run, version, group, period)
    return render(request, "statement.html", run=run, statement=statement, group=group, period=period)


@router.get("/runs/{run_id}/explanation")
def explanation_page(
    request: Request, run_id: str, value: str, group: str, period: str, caller: Viewing, context: Serving
) -> Response:
    """Why a value is what it is, as a tree that opens step by step."""
    run, version = _readable(run_id, group, caller, context)
    found = context.answers.explanation(run, version, value, group, period, None)
    return render(
        request,
        "explanation.html",
        run=run,
        version=version,
        found=found,
        value=value,
        group=group,
        period=period,
    )


def _readable(run_id: str, group: str, caller: Caller, context: Context) -> tuple[Run, Version]:
    with context.database.read() as session:
        return runs.of_group(session, caller, run_id, group)
