"""The shapes of requests and answers."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any, Literal

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


class CheckedOut(BaseModel):
    """`document` is what `vbc check --format json` prints, with every place and fix."""

    ok: bool
    findings: list[FindingOut]
    document: dict[str, Any]


class FormatIn(Asked):
    text: str


class FormatOut(BaseModel):
    text: str


class ContractOut(Answer):
    id: str
    name: str
    title: str
    created_at: dt.datetime


class SourcesOut(BaseModel):
    main: str
    files: dict[str, str]
    byte_hash: str


class LibraryIn(Asked):
    draft: Label


class LibraryOut(Answer):
    id: str
    name: str
    version: str
    text: str
    byte_hash: str
    published_by: str
    published_at: dt.datetime


class PathIn(Asked):
    """The absolute path of a file that an administrator allows the organisation to register."""

    path: Annotated[str, StringConstraints(min_length=1, max_length=4000)]
    format: Literal["csv", "parquet"] = "parquet"


class TableIn(Asked):
    """A table of a database that an administrator allows, as `schema.table`."""

    source: Label
    table: Label


class ValidateIn(Asked):
    contract: Name
    version: Label = "latest"
    binding: Label


class ValidatedOut(BaseModel):
    """Whether the data fit the tables of the contract; `report` says what was read, left out and rounded."""

    ok: bool
    findings: list[FindingOut]
    report: dict[str, Any]


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


Amount = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,15}(\.[0-9]{1,6})?$")]
State = Literal["queued", "running", "succeeded", "failed", "cancelled"]


class ReconcileIn(Asked):
    """Compare with amounts that the data state in the column `against`; `uncertain` maps inputs to half a printed step."""

    against: Label
    value: Label | None = None
    tolerance: Amount = "1"
    uncertain: dict[Label, Label] = Field(default={}, max_length=50)


class RunIn(Asked):
    contract: Name
    version: Label = "latest"
    dataset: Label
    binding: Label
    periods: list[Label] = Field(default=[], max_length=1000)
    groups: list[Label] = Field(default=[], max_length=10_000)
    overrides: dict[Label, Label] = Field(default={}, max_length=100)
    known_on: dt.date | None = Field(default=None, description="Data and amendments as they were known on this day.")
    reconcile: ReconcileIn | None = None


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


class EvaluateIn(Asked):
    """Tables by name, each with its columns as lists of equal length. `values` names what is computed, each as null."""

    tables: dict[Label, dict[Label, list[Any]]] = Field(max_length=100)
    values: dict[Label, None] = Field(default={}, max_length=500)
    periods: list[Label] = Field(default=[], max_length=1000)
    groups: list[Label] = Field(default=[], max_length=10_000)


class EvaluatedOut(BaseModel):
    """`columns` has the keys, the status and the values, one entry per row."""

    contract: str
    version: str
    byte_hash: str
    meaning_hash: str
    rows: int
    columns: dict[str, list[Any]]
    findings: list[FindingOut]


class MemberRowsIn(Asked):
    """`purpose` says why somebody looks at single persons; it stays in the audit log."""

    group: Label
    period: Label
    purpose: Annotated[str, StringConstraints(min_length=10, max_length=1000, strip_whitespace=True)]
    limit: int = Field(default=100, ge=1, le=1000)


class PopulationOut(BaseModel):
    """Rows of one population; `left_out` is null where a row counts. `more`: there are further rows."""

    block: str
    table: str
    rows: list[dict[str, Any]]
    more: bool


class MemberRowsOut(BaseModel):
    populations: list[PopulationOut]


Role = Literal["designer", "publisher", "analyst", "row-explainer", "reader", "auditor", "administrator"]


class OrganisationIn(Asked):
    two_person_publish: bool | None = None
    two_person_approve: bool | None = None


class OrganisationOut(Answer):
    id: str
    name: str
    two_person_publish: bool
    two_person_approve: bool
    created_at: dt.datetime


class CallerOut(BaseModel):
    organisation_id: str
    user_id: str
    subject: str
    permissions: list[str]
    groups: list[str]


class UserIn(Asked):
    subject: Name
    name: str = Field(default="", max_length=200)
    roles: list[Role] = []
    groups: list[Label] = Field(default=[], max_length=1000)


class UserChange(Asked):
    roles: list[Role] | None = None
    groups: list[Label] | None = Field(default=None, max_length=1000)
    active: bool | None = None


class UserOut(Answer):
    id: str
    subject: str
    name: str
    roles: list[str]
    groups: list[str]
    active: bool
    created_at: dt.datetime


class KeyIn(Asked):
    """`scopes` narrow what the roles of the user allow; without them the key may do what the user may."""

    name: str = Field(default="", max_length=200)
    scopes: list[Label] | None = Field(default=None, max_length=50)
    days: int = Field(default=90, ge=1, le=3660)


class KeyOut(Answer):
    id: str
    user_id: str
    name: str
    scopes: list[str] | None
    created_at: dt.datetime
    expires_at: dt.datetime
    revoked_at: dt.datetime | None


class KeyMadeOut(KeyOut):
    secret: str


class AuditEventOut(Answer):
    number: int
    at: dt.datetime
    actor: str
    action: str
    subject: str
    detail: dict[str, Any]
    previous: str
    hash: str


class AuditSealOut(Answer):
    first: int
    last: int
    head: str
    previous: str
    seal: str
    sealed_at: dt.datetime


class VerifiedOut(BaseModel):
    whole: bool
    events: int
    seals: int
    faults: list[str]
