"""Datasets and bindings."""

from __future__ import annotations

from anyio.to_thread import run_sync
from fastapi import APIRouter, Request
from sqlalchemy import select

from server.api.paging import Page, Paging
from server.auth.access import Calling
from server.context import Serving
from server.errors import conflict
from server.jobs import looking
from server.models import Binding, DataFile, Dataset, Organisation
from server.permissions import Permission
from server.schemas import (
    BindingIn,
    BindingOut,
    DataFileOut,
    DatasetIn,
    DatasetOut,
    PathIn,
    TableIn,
    ValidatedOut,
    ValidateIn,
)
from server.services import contracts, datasets, registering, runs
from server.services.datasets import Incoming
from server.services.folders import Work
from server.services.paging import page

router = APIRouter(tags=["data"])


@router.post("/datasets", status_code=201)
def create_dataset(asked: DatasetIn, caller: Calling, context: Serving) -> DatasetOut:
    """An open dataset without files."""
    caller.need(Permission.WRITE_DATA)
    with context.database.write() as session:
        return described(datasets.create(session, caller, asked.name), [])


@router.put(
    "/datasets/{dataset_id}/tables/{table}",
    status_code=201,
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
        }
    },
)
async def upload_table(
    dataset_id: str,
    table: str,
    request: Request,
    caller: Calling,
    context: Serving,
    format: str = "csv",  # noqa: A002
) -> DataFileOut:
    """Send the file of one table as the body of the request, as CSV or Parquet."""
    caller.need(Permission.WRITE_DATA)
    datasets.check_table(table, format)

    def ready() -> None:
        with context.database.read() as session:
            datasets.need_open(datasets.dataset_of(session, caller, dataset_id))

    def keep() -> DataFile:
        with context.database.write() as session:
            dataset = datasets.dataset_of(session, caller, dataset_id, lock=True)
            return datasets.add_uploaded(session, caller, context.settings, dataset, table, format, incoming)

    await run_sync(ready)
    incoming = Incoming.open(context.settings)
    try:
        async for piece in request.stream():
            if piece:
                await run_sync(incoming.write, piece)
        return DataFileOut.model_validate(await run_sync(keep))
    finally:
        incoming.drop()


@router.post("/datasets/{dataset_id}/tables/{table}/path", status_code=201)
def register_path(dataset_id: str, table: str, asked: PathIn, caller: Calling, context: Serving) -> DataFileOut:
    """Register a file that stays where it is. Its bytes are hashed now, and again before every run."""
    caller.need(Permission.WRITE_DATA)
    datasets.check_table(table, asked.format)
    with context.database.read() as session:
        datasets.need_open(datasets.dataset_of(session, caller, dataset_id))
        organisation = session.get_one(Organisation, caller.organisation_id)
    found = registering.allowed_path(context.settings, organisation, asked.path)
    with context.database.write() as session:
        dataset = datasets.dataset_of(session, caller, dataset_id, lock=True)
        file = datasets.add_registered(session, caller, dataset, table, asked.format, found)
        return DataFileOut.model_validate(file)


@router.post("/datasets/{dataset_id}/tables/{table}/copy", status_code=201)
def copy_table(dataset_id: str, table: str, asked: TableIn, caller: Calling, context: Serving) -> DataFileOut:
    """Copy a table of an allowed database to Parquet, as it is now."""
    caller.need(Permission.WRITE_DATA)
    datasets.check_table(table, "parquet")
    with context.database.read() as session:
        datasets.need_open(datasets.dataset_of(session, caller, dataset_id))
        organisation = session.get_one(Organisation, caller.organisation_id)
    source = registering.allowed_table(context.settings, organisation, asked.source, asked.table)
    incoming = Incoming.open(context.settings)
    try:
        registering.copy_table(source, asked.table, incoming)
        with context.database.write() as session:
            dataset = datasets.dataset_of(session, caller, dataset_id, lock=True)
            return DataFileOut.model_validate(
                datasets.add_uploaded(session, caller, context.settings, dataset, table, "parquet", incoming, "table")
            )
    finally:
        incoming.drop()


@router.post("/datasets/{dataset_id}/validate")
def validate_dataset(dataset_id: str, asked: ValidateIn, caller: Calling, context: Serving) -> ValidatedOut:
    """Check small data against the tables of a contract, without settling. A run does the same with data of any size."""
    caller.need(Permission.READ_DATA)
    with context.database.read() as session:
        dataset = datasets.dataset_of(session, caller, dataset_id)
        files = datasets.files_of(session, dataset)
        version = contracts.version_of(session, caller, asked.contract, asked.version)
        binding = runs.binding_of(session, caller, asked.binding)
    if sum(file.size for file in files) > context.settings.max_sync_bytes:
        limit = context.settings.max_sync_bytes
        raise conflict("too-large", f"data of more than {limit:,} bytes are checked by a run")
    return ValidatedOut.model_validate(looking.validate(context.settings, Work(version, binding, tuple(files))))


@router.get("/datasets")
def list_datasets(caller: Calling, context: Serving, wanted: Paging) -> Page[DatasetOut]:
    """Datasets, newest first, without their files."""
    caller.need(Permission.READ_DATA)
    query = select(Dataset).where(Dataset.organisation_id == caller.organisation_id)
    with context.database.read() as session:
        rows, following = page(session, query, Dataset.id.expression, lambda row: row.id, wanted)
        return Page(items=[DatasetOut.model_validate(row) for row in rows], next=following)


@router.post("/datasets/{dataset_id}/seal")
def seal_dataset(dataset_id: str, caller: Calling, context: Serving) -> DatasetOut:
    """From now on the dataset never changes; runs read sealed datasets only."""
    caller.need(Permission.WRITE_DATA)
    with context.database.write() as session:
        dataset = datasets.seal(session, caller, datasets.dataset_of(session, caller, dataset_id, lock=True))
        return described(dataset, datasets.files_of(session, dataset))


@router.get("/datasets/{dataset_id}")
def get_dataset(dataset_id: str, caller: Calling, context: Serving) -> DatasetOut:
    """A dataset with its files."""
    caller.need(Permission.READ_DATA)
    with context.database.read() as session:
        dataset = datasets.dataset_of(session, caller, dataset_id)
        return described(dataset, datasets.files_of(session, dataset))


@router.post("/bindings", status_code=201)
def create_binding(asked: BindingIn, caller: Calling, context: Serving) -> BindingOut:
    """Keep the text of a binding: which columns hold what contracts call their inputs."""
    caller.need(Permission.WRITE_DATA)
    with context.database.write() as session:
        return BindingOut.model_validate(runs.add_binding(session, caller, asked.name, asked.text))


@router.get("/bindings")
def list_bindings(caller: Calling, context: Serving, wanted: Paging) -> Page[BindingOut]:
    """Bindings, newest first."""
    caller.need(Permission.READ_DATA)
    query = select(Binding).where(Binding.organisation_id == caller.organisation_id)
    with context.database.read() as session:
        rows, following = page(session, query, Binding.id.expression, lambda row: row.id, wanted)
        return Page(items=[BindingOut.model_validate(row) for row in rows], next=following)


@router.get("/bindings/{binding_id}")
def get_binding(binding_id: str, caller: Calling, context: Serving) -> BindingOut:
    """A binding with its text."""
    caller.need(Permission.READ_DATA)
    with context.database.read() as session:
        return BindingOut.model_validate(runs.binding_of(session, caller, binding_id))


def described(dataset: Dataset, files: list[DataFile]) -> DatasetOut:
    found = DatasetOut.model_validate(dataset)
    return found.model_copy(update={"files": [DataFileOut.model_validate(file) for file in files]})
