"""Where a run works: a folder per claim with the contract, the binding and links to the data.

The folder is what `vbc run contract.vbc --data binding.toml --table NAME=data/NAME.csv --out out` would find, and the run
is started inside it: so the files that come out have the same bytes as those of the command line.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from sqlalchemy.orm import Session

import contractlang
from server.models import Binding, DataFile, Dataset, Run, Version
from server.services.contracts import sources_of
from server.services.datasets import files_of, hash_file
from server.services.texts import lay_out, without_folder, without_folder_json
from server.settings import Settings

BINDING, JOB, OUT = "binding.toml", "job.json", "out"


@dataclass(frozen=True, slots=True)
class Work:
    """Everything that a run reads."""

    run: Run
    version: Version
    dataset: Dataset
    binding: Binding
    files: tuple[DataFile, ...]


def work_of(session: Session, run_id: str) -> Work:
    run = session.get_one(Run, run_id)
    dataset = session.get_one(Dataset, run.dataset_id)
    return Work(
        run,
        session.get_one(Version, run.version_id),
        dataset,
        session.get_one(Binding, run.binding_id),
        tuple(files_of(session, dataset)),
    )


def claim_folder(settings: Settings, work: Work, attempt: int) -> Path:
    return settings.data_dir.resolve() / "work" / work.run.id / str(attempt)


def kept_folder(settings: Settings, run: Run) -> Path:
    """Where the reduce stage of a run is kept: later claims go on from there, and explanations read it."""
    return settings.data_dir.resolve() / "kept" / run.organisation_id / run.id


def result_folder(settings: Settings, work: Work, attempt: int) -> Path:
    run = work.run
    return settings.data_dir.resolve() / "results" / run.organisation_id / run.id / str(attempt)


def prepare(settings: Settings, work: Work, folder: Path, look: dict[str, Any] | None = None) -> None:
    """Write the folder of a claim; with `look`, of a look at member rows. Raises OSError."""
    shutil.rmtree(folder, ignore_errors=True)
    tables = _linked(folder, work.version, work.binding, work.files)
    job: dict[str, Any] = {
        "contract": work.version.main,
        "binding": BINDING,
        "tables": tables,
        "parameters": work.run.parameters,
        "kept": str(kept_folder(settings, work.run)),
        "memory": settings.run_memory,
        "address_space": settings.run_memory_limit,
        "seconds": settings.run_seconds,
    }
    if look is not None:
        job["look"] = look
    (folder / JOB).write_text(json.dumps(job), encoding="utf-8")


def changed_file(work: Work) -> str | None:
    """The first table whose file is not what was registered."""
    for file in work.files:
        try:
            sha256, _ = hash_file(Path(file.path))
        except OSError:
            return file.table_name
        if sha256 != file.sha256:
            return file.table_name
    return None


def _linked(folder: Path, version: Version, binding: Binding, files: Sequence[DataFile]) -> dict[str, str]:
    """Write contract and binding, and link the data; the files by table, as seen from the folder."""
    lay_out(sources_of(version), folder)
    (folder / BINDING).write_text(binding.text, encoding="utf-8")
    (folder / "data").mkdir()
    tables: dict[str, str] = {}
    for file in files:
        link = Path("data") / f"{file.table_name}.{file.format}"
        (folder / link).symlink_to(file.path)
        tables[file.table_name] = str(link)
    return tables


def validate(version: Version, binding: Binding, files: Sequence[DataFile]) -> contractlang.Validated:
    """Bind the data to the tables of a contract, in a folder of its own."""
    folder = Path(mkdtemp(prefix="vbc-data-"))
    try:
        tables = _linked(folder, version, binding, files)
        found = contractlang.validate(
            folder / version.main, folder / BINDING, tables={name: folder / path for name, path in tables.items()}
        )
        findings = tuple(without_folder(finding, folder) for finding in found.findings)
        return contractlang.Validated(findings, without_folder_json(dict(found.report), folder))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
