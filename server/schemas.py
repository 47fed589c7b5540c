"""The shapes of requests and answers."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Name = Annotated[
    str, StringConstraints(min_length=1, max_length=200, strip_whitespace=True, pattern=r"^[^\x00-\x1f]+$")
]
Label = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f]+$")]


class Asked(BaseModel):
    """A request: members that are not known are refused."""

    model_config = ConfigDict(extra="forbid")


class Answer(BaseModel):
    """An answer, read from a row."""

    model_config = ConfigDict(from_attributes=True)


class FindingOut(Answer):
    code: str
    severity: str
    message: str
    file: str
    line: int
    column: int
    help: str
    notes: list[str]
    frame: str = ""


class SourcesIn(Asked):
    """A contract as files: `main` names the contract among them; the others are amendments and libraries."""

    main: str = "contract.vbc"
    files: dict[str, str] = Field(min_length=1)


class DraftIn(SourcesIn):
    name: Name


class DraftOut(Answer):
    id: str
    name: str
    main: str
    files: dict[str, str]
    revision: int
    authors: list[str]
    created_at: dt.datetime
    updated_at: dt.datetime


class VersionOut(Answer):
    """A published text. `byte_hash` is over the files, `meaning_hash` over what they say."""

    id: str
    name: str
    version: str
    title: str
    byte_hash: str
    meaning_hash: str
    language: str
    written_by: list[str]
    published_by: str
    published_at: dt.datetime


class DatasetIn(Asked):
    name: Name


class DataFileOut(Answer):
    table_name: str
    format: str
    origin: str
    sha256: str
    size: int
    created_at: dt.datetime


class DatasetOut(Answer):
    id: str
    name: str
    sealed: bool
    created_by: str
    created_at: dt.datetime
    files: list[DataFileOut] = []


class BindingIn(Asked):
    """The text of a binding file; its `file` entries are not read: the tables come from the dataset."""

    name: Name
    text: str = Field(max_length=1_000_000)


class BindingOut(Answer):
    id: str
    name: str
    text: str
    sha256: str
    created_by: str
    created_at: dt.datetime


class RunIn(Asked):
    contract: Name
    version: Label = "latest"
    dataset: Label
    binding: Label
    periods: list[Label] = Field(default=[], max_length=1000)
    groups: list[Label] = Field(default=[], max_length=10_000)
    overrides: dict[Label, Label] = Field(default={}, max_length=100)


class RunOut(Answer):
    id: str
    key: str
    version_id: str
    dataset_id: str
    binding_id: str
    parameters: dict[str, Any]
    state: str
    stage: str
    done: int
    to_do: int
    attempt: int
    cancel_wanted: bool
    problem: dict[str, Any] | None
    created_by: str
    created_at: dt.datetime
    started_at: dt.datetime | None
    finished_at: dt.datetime | None


class FileOut(Answer):
    sha256: str
    size: int


class ResultOut(Answer):
    """What a run found. `summary` is `run.json` of the command line: payments, guarantees, controls, the binding."""

    run_id: str
    files: dict[str, FileOut]
    summary: dict[str, Any]
    created_at: dt.datetime
    approved_by: str | None
    approved_at: dt.datetime | None
