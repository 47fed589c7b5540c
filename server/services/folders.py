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
from typing import Any

from sqlalchemy.orm import Session

from server.models import Binding, DataFile, Dataset, Run, Version
from server.services.contracts import sources_of
from server.services.datasets import files_of, hash_file
from server.services.texts import lay_out
from server.settings import Settings

BINDING, JOB, OUT = "binding.toml", "job.json", "out"


@dataclass(frozen=True, slots=True)
class Work:
    """Everything that a run reads; without a run, what a question reads."""

    version: Version
    binding: Binding
    files: tuple[DataFile, ...]
    run: Run | None = None

    @property
    def parameters(self) -> dict[str, Any]:
        return {} if self.run is None else self.run.parameters


def work_of(session: Session, run_id: str) -> Work:
    run = session.get_one(Run, run_id)
    dataset = session.get_one(Dataset, run.dataset_id)
    return Work(
        session.get_one(Version, run.version_id),
        session.get_one(Binding, run.binding_id),
        tuple(files_of(session, dataset)),
        run,
    )


def claim_folder(settings: Settings, run: Run, attempt: int) -> Path:
    return settings.data_dir.resolve() / "work" / run.id / str(attempt)


def kept_folder(settings: Settings, run: Run) -> Path:
    """Where the reduce stage of a run is kept: later claims go on from there, and explanations read it."""
    return settings.data_dir.resolve() / "kept" / run.organisation_id / run.id


def result_folder(settings: Settings, run: Run, attempt: int) -> Path:
    return settings.data_dir.resolve() / "results" / run.organisation_id / run.id / str(attempt)


def prepare(
    settings: Settings, work: Work, folder: Path, mode: str = "run", asked: dict[str, Any] | None = None
) -> None:
    """Write the folder of a claim, or of a question (`look`, `validate`) with what is asked. Raises OSError."""
    shutil.rmtree(folder, ignore_errors=True)
    job: dict[str, Any] = {
        "mode": mode,
        "asked": asked,
        "contract": work.version.main,
        "binding": BINDING,
        "tables": _linked(folder, work.version, work.binding, work.files),
        "parameters": work.parameters,
        "kept": "" if work.run is None else str(kept_folder(settings, work.run)),
        "memory": settings.run_memory,
        "address_space": settings.run_memory_limit,
        "seconds": settings.run_seconds,
    }
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
