"""Evaluating small tables at once."""

from __future__ import annotations

from typing import Annotated, Any

from anyio.to_thread import run_sync
from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse, Response

from server.auth.access import Calling
from server.context import Context, Serving
from server.models import Version
from server.permissions import Caller, Permission
from server.schemas import EvaluatedOut, EvaluateIn, Label
from server.services import contracts, evaluating
from server.services.evaluating import Asked
from server.services.tables import ARROW

router = APIRouter(tags=["evaluation"])


@router.post("/contracts/{name}/versions/{version}/evaluate", response_model=EvaluatedOut)
def evaluate(name: str, version: str, asked: EvaluateIn, caller: Calling, context: Serving) -> Any:
    """Settle small tables at once. Columns are lists; values that are null are computed.

    Money and other exact numbers are text (`"1234.56"`); a JSON number with a fraction is refused.
    """
    caller.need(Permission.EVALUATE)
    found = _version(name, version, caller, context)
    contract = context.contracts.of(found).contract
    wanted = Asked(asked.tables, tuple(asked.values), tuple(asked.periods), tuple(asked.groups))
    table, findings = evaluating.evaluate(contract, wanted, context.settings)
    columns = evaluating.as_columns(table)
    return JSONResponse(
        {
            "contract": found.name,
            "version": found.version,
            "byte_hash": found.byte_hash,
            "meaning_hash": found.meaning_hash,
            "rows": table.num_rows,
            "columns": columns,
            "findings": findings,
        }
    )


@router.post(
    "/contracts/{name}/versions/{version}/evaluate/arrow",
    response_class=Response,
    responses={200: {"content": {ARROW: {}}, "description": "An Arrow stream with a row per group and period."}},
    openapi_extra={
        "requestBody": {"required": True, "content": {ARROW: {"schema": {"type": "string", "format": "binary"}}}}
    },
)
async def evaluate_arrow(
    name: str,
    version: str,
    request: Request,
    caller: Calling,
    context: Serving,
    value: Annotated[
        list[Label] | None, Query(max_length=500, description="Values to compute; payments without.")
    ] = None,
    period: Annotated[list[Label] | None, Query(max_length=1000)] = None,
    group: Annotated[list[Label] | None, Query(max_length=1000)] = None,
) -> Response:
    """Settle Arrow tables at once: streams one behind the other, each with its `table` in the metadata of its schema."""
    caller.need(Permission.EVALUATE)
    body = await request.body()

    def settle() -> bytes:
        contract = context.contracts.of(_version(name, version, caller, context)).contract
        tables = evaluating.named(evaluating.read_arrow(body, context.settings), contract)
        asked = Asked(tables, tuple(value or ()), tuple(period or ()), tuple(group or ()))
        return evaluating.write_arrow(evaluating.evaluate(contract, asked, context.settings)[0])

    return Response(await run_sync(settle), media_type=ARROW)


def _version(name: str, version: str, caller: Caller, context: Context) -> Version:
    with context.database.read() as session:
        return contracts.version_of(session, caller, name, version)
