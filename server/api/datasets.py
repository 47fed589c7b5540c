"""Datasets and bindings."""

from __future__ import annotations

from anyio.to_thread import run_sync
from fastapi import APIRouter, Request

from server.auth.access import Calling
from server.context import Serving
from server.models import DataFile, Dataset
from server.permissions import Permission
from server.schemas import BindingIn, BindingOut, DataFileOut, DatasetIn, DatasetOut
from server.services import datasets, runs
from server.services.datasets import Incoming

router = APIRouter(tags=["data"])


@router.post("/datasets", status_code=201)
def create_dataset(asked: DatasetIn, caller: Calling, context: Serving) -> DatasetOut:
    """An open dataset without files."""
    caller.need(Permission.WRITE_DATA)
    with context.database.write() as session:
        return described(datasets.create(session, caller, asked.name), [])


@router.put("/datasets/{dataset_id}/tables/{table}", status_code=201)
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


def described(dataset: Dataset, files: list[DataFile]) -> DatasetOut:
    found = DatasetOut.model_validate(dataset)
    return found.model_copy(update={"files": [DataFileOut.model_validate(file) for file in files]})
