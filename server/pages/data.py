"""Pages of data: datasets with their files, and bindings."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request, Response, UploadFile
from fastapi.responses import RedirectResponse

from server.context import Serving
from server.models import Binding, Dataset
from server.pages.lists import listed
from server.pages.rendering import render
from server.pages.session import Viewing
from server.permissions import Permission
from server.services import datasets, runs
from server.services.datasets import Incoming

router = APIRouter(include_in_schema=False)
PIECE = 1 << 20


@router.get("/datasets")
def dataset_list(request: Request, caller: Viewing, context: Serving, after: str = "") -> Response:
    """Datasets and bindings."""
    caller.need(Permission.READ_DATA)
    with context.database.read() as session:
        found = listed(session, caller, Dataset, after)
        files = {dataset.id: datasets.files_of(session, dataset) for dataset in found.rows}
        bindings = listed(session, caller, Binding)
    return render(request, "datasets.html", found=found, files=files, bindings=bindings)


@router.post("/datasets")
def new_dataset(
    caller: Viewing, context: Serving, name: Annotated[str, Form(min_length=1, max_length=200)]
) -> Response:
    """An open dataset without files."""
    caller.need(Permission.WRITE_DATA)
    with context.database.write() as session:
        dataset = datasets.create(session, caller, name)
    return RedirectResponse(f"/datasets/{dataset.id}", 303)


@router.get("/datasets/{dataset_id}")
def dataset_page(request: Request, dataset_id: str, caller: Viewing, context: Serving) -> Response:
    """The files of one dataset."""
    caller.need(Permission.READ_DATA)
    with context.database.read() as session:
        dataset = datasets.dataset_of(session, caller, dataset_id)
        files = datasets.files_of(session, dataset)
    return render(request, "dataset.html", dataset=dataset, files=files, formats=datasets.FORMATS)


@router.post("/datasets/{dataset_id}/files")
def add_file(
    dataset_id: str, caller: Viewing, context: Serving, table: Annotated[str, Form(max_length=64)], file: UploadFile
) -> Response:
    """The file of one table; its ending says its format."""
    caller.need(Permission.WRITE_DATA)
    form = (file.filename or "").rpartition(".")[2].lower()
    datasets.check_table(table, form)
    with context.database.read() as session:
        datasets.need_open(datasets.dataset_of(session, caller, dataset_id))
    incoming = Incoming.open(context.settings)
    try:
        while piece := file.file.read(PIECE):
            incoming.write(piece)
        with context.database.write() as session:
            dataset = datasets.dataset_of(session, caller, dataset_id, lock=True)
            datasets.add_uploaded(session, caller, context.settings, dataset, table, form, incoming)
    finally:
        incoming.drop()
    return RedirectResponse(f"/datasets/{dataset_id}", 303)


@router.post("/datasets/{dataset_id}/seal")
def seal(dataset_id: str, caller: Viewing, context: Serving) -> Response:
    """From now on the files never change."""
    caller.need(Permission.WRITE_DATA)
    with context.database.write() as session:
        datasets.seal(session, caller, datasets.dataset_of(session, caller, dataset_id, lock=True))
    return RedirectResponse(f"/datasets/{dataset_id}", 303)


@router.post("/bindings")
def new_binding(
    caller: Viewing,
    context: Serving,
    name: Annotated[str, Form(min_length=1, max_length=200)],
    text: Annotated[str, Form(max_length=1_000_000)],
) -> Response:
    """Keep the text of a binding."""
    caller.need(Permission.WRITE_DATA)
    with context.database.write() as session:
        runs.add_binding(session, caller, name, text.replace("\r\n", "\n"))
    return RedirectResponse("/datasets#bindings", 303)
