"""What runs found: totals, files, rows, statements, explanations, approval."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import FileResponse, PlainTextResponse, Response, StreamingResponse
from starlette.background import BackgroundTask

from server.api.paging import Page
from server.auth.access import Calling
from server.context import Context, Serving
from server.errors import not_found
from server.jobs import looking
from server.models import Run, RunResult, Version
from server.permissions import Caller, Permission, see
from server.schemas import Label, MemberRowsIn, MemberRowsOut, PopulationOut, ResultOut
from server.services import audit, folders, runs, tables
from server.services.paging import read_cursor, write_cursor
from server.services.tables import Narrowed, ResultTable

router = APIRouter(tags=["results"])
RECONCILIATION = "reconciliation.json"


@router.get("/runs/{run_id}/result")
def get_result(run_id: str, caller: Calling, context: Serving) -> ResultOut:
    """What a run found: payments in total, guarantees, controls, and files with their hashes."""
    caller.need(Permission.READ_RESULTS)
    with context.database.read() as session:
        return ResultOut.model_validate(runs.result_of(session, runs.run_of(session, caller, run_id)))


@router.post("/runs/{run_id}/approve")
def approve_result(run_id: str, caller: Calling, context: Serving) -> ResultOut:
    """Approve a result. Where two persons are asked for, who started the run does not approve it alone."""
    caller.need(Permission.APPROVE_RESULTS)
    with context.database.write() as session:
        run = runs.run_of(session, caller, run_id, lock=True)
        return ResultOut.model_validate(runs.approve(session, caller, run))


@router.get("/runs/{run_id}/files/{file}")
def get_file(run_id: str, file: str, caller: Calling, context: Serving) -> FileResponse:
    """A file of the result, with the same bytes that `vbc run --out` writes."""
    caller.need(Permission.READ_RESULTS)
    with context.database.read() as session:
        result = runs.result_of(session, runs.run_of(session, caller, run_id))
    if file not in result.files:
        raise not_found("file")
    return _file(context, result, file)


@router.get("/runs/{run_id}/reconciliation")
def get_reconciliation(run_id: str, caller: Calling, context: Serving) -> Response:
    """Our amounts beside the stated ones, for a run that was started with `reconcile`."""
    caller.need(Permission.READ_RESULTS)
    with context.database.read() as session:
        result = runs.result_of(session, runs.run_of(session, caller, run_id))
    if RECONCILIATION not in result.files:
        raise not_found("reconciliation: the run was started without `reconcile`")
    return _file(context, result, RECONCILIATION)


@router.get("/runs/{run_id}/rows", response_model=Page[dict[str, Any]])
def get_rows(
    run_id: str,
    caller: Calling,
    context: Serving,
    group: Annotated[list[Label] | None, Query(max_length=1000, description="Only these groups.")] = None,
    period: Annotated[list[Label] | None, Query(max_length=1000, description="Only these periods.")] = None,
    status: Annotated[list[Label] | None, Query(max_length=3, description="`settled`, `held`, `not settled`.")] = None,
    column: Annotated[list[Label] | None, Query(max_length=500, description="Only these values.")] = None,
    table: Annotated[Label, Query(description="`results`, or `results_by_…` for values of finer keys.")] = "results",
    format: Annotated[Literal["json", "csv", "parquet", "arrow"], Query()] = "json",  # noqa: A002
    limit: Annotated[int, Query(ge=1, le=10_000, description="Rows of a page of JSON.")] = 100,
    cursor: Annotated[str | None, Query(max_length=400)] = None,
) -> Any:
    """Rows of the result: a page of JSON, or all of them as CSV, Parquet or an Arrow stream.

    Money and other exact numbers are text in JSON and decimals elsewhere. A reader gets the rows of its own groups.
    """
    for name in group or ():
        see(caller, name)
    caller.need(Permission.READ_RESULTS, Permission.READ_OWN_RESULTS)
    visible = None if caller.sees_all_groups else caller.groups
    with context.database.read() as session:
        result = runs.readable_result(session, caller, runs.run_of(session, caller, run_id))
    file = f"{table}.parquet"
    if file not in result.files:
        raise not_found("table in this result")
    narrowed = Narrowed(
        frozenset(group) if group else visible,
        frozenset(period) if period else None,
        frozenset(status) if status else None,
        tuple(column or ()),
    )
    found = ResultTable(_place(context, result) / file)
    schema = found.narrowed_schema(narrowed)
    named = {"Content-Disposition": f'attachment; filename="{table}.{format}"'}
    match format:
        case "json":
            start = int(read_cursor(cursor, number=True)) if cursor else 0
            rows, following = found.page(narrowed, max(0, start), limit)
            return {"items": rows, "next": None if following is None else write_cursor(following)}
        case "csv":
            pieces = tables.as_csv(schema, found.batches(narrowed))
            return StreamingResponse(pieces, media_type="text/csv; charset=utf-8", headers=named)
        case "arrow":
            return StreamingResponse(
                tables.as_arrow(schema, found.batches(narrowed)), media_type=tables.ARROW, headers=named
            )
        case "parquet":
            with tempfile.NamedTemporaryFile(prefix="vbc-", suffix=".parquet", delete=False) as temporary:
                path = Path(temporary.name)
            tables.write_parquet(schema, found.batches(narrowed), path)
            return FileResponse(
                path,
                media_type="application/vnd.apache.parquet",
                headers=named,
                background=BackgroundTask(path.unlink, missing_ok=True),
            )


@router.get("/runs/{run_id}/statement", response_model=dict[str, Any])
def get_statement(run_id: str, group: Label, period: Label, request: Request, caller: Calling, context: Serving) -> Any:
    """The statement of one group and period: as data, or as text with `Accept: text/plain`."""
    run, version = _of_group(run_id, group, caller, context)
    if request.headers.get("accept", "").startswith("text/plain"):
        return PlainTextResponse(context.answers.statement_text(run, version, group, period))
    return context.answers.statement(run, version, group, period)


@router.get("/runs/{run_id}/explanation")
def get_explanation(
    run_id: str,
    value: Label,
    group: Label,
    period: Label,
    caller: Calling,
    context: Serving,
    depth: Annotated[int | None, Query(ge=1, le=100)] = None,
) -> dict[str, Any]:
    """Why a named value is what it is: every step with its clause, down to cells and to counts of member rows."""
    run, version = _of_group(run_id, group, caller, context)
    return context.answers.explanation(run, version, value, group, period, depth)


@router.post("/runs/{run_id}/member-rows")
def get_member_rows(run_id: str, asked: MemberRowsIn, caller: Calling, context: Serving) -> MemberRowsOut:
    """The member rows behind a group's values: which count, which are left out and why.

    They are about single persons: this needs its own permission and a purpose, and the look is an event of the audit log,
    written before anything is answered.
    """
    caller.need(Permission.EXPLAIN_ROWS)
    run, _ = _of_group(run_id, asked.group, caller, context)
    with context.database.write() as session:
        detail = asked.model_dump()
        audit.record(session, caller.organisation_id, caller.user_id, "member-rows.read", run.id, detail)
        work = folders.work_of(session, run.id)
    look = {"group": asked.group, "period": asked.period, "limit": asked.limit}
    found = looking.member_rows(context.settings, work, look)
    return MemberRowsOut(populations=[PopulationOut.model_validate(population) for population in found])


def _of_group(run_id: str, group: str, caller: Caller, context: Context) -> tuple[Run, Version]:
    with context.database.read() as session:
        return runs.of_group(session, caller, run_id, group)


def _place(context: Context, result: RunResult) -> Path:
    return context.settings.data_dir.resolve() / result.folder


def _file(context: Context, result: RunResult, file: str) -> FileResponse:
    tag = f'"{result.files[file]["sha256"]}"'
    return FileResponse(_place(context, result) / file, filename=file, headers={"ETag": tag})
