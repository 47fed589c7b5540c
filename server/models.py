"""The tables of the service. Every row belongs to one organisation; nothing is read across organisations."""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import JSON, BigInteger, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from server.database import Base, UtcTime, new_id, now

ID = String(40)
NAME = String(200)
HASH = String(64)


class Organisation(Base):
    """A tenant. `audit_count` and `audit_hash` are the head of its chain of audit events."""

    __tablename__ = "organisations"
    id: Mapped[str] = mapped_column(ID, primary_key=True, default=lambda: new_id("org"))
    name: Mapped[str] = mapped_column(NAME, unique=True)
    created_at: Mapped[dt.datetime] = mapped_column(UtcTime, default=now)
    two_person_publish: Mapped[bool] = mapped_column(default=True)
    two_person_approve: Mapped[bool] = mapped_column(default=True)
    audit_count: Mapped[int] = mapped_column(BigInteger, default=0)
    audit_hash: Mapped[str] = mapped_column(HASH, default="0" * 64)


class User(Base):
    """A person or a program. `subject` is the `sub` of bearer tokens; `groups` are those of a provider-group reader."""

    __tablename__ = "users"
    __table_args__ = (UniqueConstraint("organisation_id", "subject"),)
    id: Mapped[str] = mapped_column(ID, primary_key=True, default=lambda: new_id("usr"))
    organisation_id: Mapped[str] = mapped_column(ForeignKey("organisations.id"))
    subject: Mapped[str] = mapped_column(NAME)
    name: Mapped[str] = mapped_column(NAME, default="")
    roles: Mapped[list[str]] = mapped_column(JSON, default=list)
    groups: Mapped[list[str]] = mapped_column(JSON, default=list)
    active: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[dt.datetime] = mapped_column(UtcTime, default=now)


class ApiKey(Base):
    """A key of a user. Only the hash of its secret is kept; `scopes` narrow what the user's roles allow."""

    __tablename__ = "api_keys"
    id: Mapped[str] = mapped_column(ID, primary_key=True, default=lambda: new_id("key"))
    organisation_id: Mapped[str] = mapped_column(ForeignKey("organisations.id"), index=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"))
    name: Mapped[str] = mapped_column(NAME, default="")
    digest: Mapped[str] = mapped_column(HASH, unique=True)
    scopes: Mapped[list[str] | None] = mapped_column(JSON)
    created_at: Mapped[dt.datetime] = mapped_column(UtcTime, default=now)
    expires_at: Mapped[dt.datetime] = mapped_column(UtcTime)
    revoked_at: Mapped[dt.datetime | None] = mapped_column(UtcTime)


class Contract(Base):
    """A contract by name; its texts are drafts and versions."""

    __tablename__ = "contracts"
    __table_args__ = (UniqueConstraint("organisation_id", "name"),)
    id: Mapped[str] = mapped_column(ID, primary_key=True, default=lambda: new_id("con"))
    organisation_id: Mapped[str] = mapped_column(ForeignKey("organisations.id"))
    name: Mapped[str] = mapped_column(NAME)
    title: Mapped[str] = mapped_column(Text, default="")
    created_at: Mapped[dt.datetime] = mapped_column(UtcTime, default=now)


class Draft(Base):
    """A text that may change. `files` maps paths to texts; `main` is the contract among them."""

    __tablename__ = "drafts"
    id: Mapped[str] = mapped_column(ID, primary_key=True, default=lambda: new_id("dft"))
    organisation_id: Mapped[str] = mapped_column(ForeignKey("organisations.id"), index=True)
    name: Mapped[str] = mapped_column(NAME)
    files: Mapped[dict[str, str]] = mapped_column(JSON)
    main: Mapped[str] = mapped_column(NAME)
    revision: Mapped[int] = mapped_column(default=1)
    authors: Mapped[list[str]] = mapped_column(JSON, default=list)
    created_at: Mapped[dt.datetime] = mapped_column(UtcTime, default=now)
    updated_at: Mapped[dt.datetime] = mapped_column(UtcTime, default=now)


class Version(Base):
    """A published text: never changed, never deleted. `byte_hash` is over all files, `meaning_hash` over what they say."""

    __tablename__ = "versions"
    __table_args__ = (UniqueConstraint("contract_id", "version"),)
    id: Mapped[str] = mapped_column(ID, primary_key=True, default=lambda: new_id("ver"))
    organisation_id: Mapped[str] = mapped_column(ForeignKey("organisations.id"), index=True)
    contract_id: Mapped[str] = mapped_column(ForeignKey("contracts.id"))
    name: Mapped[str] = mapped_column(NAME)
    version: Mapped[str] = mapped_column(NAME)
    title: Mapped[str] = mapped_column(Text, default="")
    byte_hash: Mapped[str] = mapped_column(HASH)
    meaning_hash: Mapped[str] = mapped_column(HASH)
    files: Mapped[dict[str, str]] = mapped_column(JSON)
    main: Mapped[str] = mapped_column(NAME)
    language: Mapped[str] = mapped_column(NAME)
    written_by: Mapped[list[str]] = mapped_column(JSON)
    published_by: Mapped[str] = mapped_column(ID)
    published_at: Mapped[dt.datetime] = mapped_column(UtcTime, default=now)


class Library(Base):
    """A published library that contracts of the organisation may use; as unchangeable as a version."""

    __tablename__ = "libraries"
    __table_args__ = (UniqueConstraint("organisation_id", "name", "version"),)
    id: Mapped[str] = mapped_column(ID, primary_key=True, default=lambda: new_id("lib"))
    organisation_id: Mapped[str] = mapped_column(ForeignKey("organisations.id"))
    name: Mapped[str] = mapped_column(NAME)
    version: Mapped[str] = mapped_column(NAME)
    text: Mapped[str] = mapped_column(Text)
    byte_hash: Mapped[str] = mapped_column(HASH)
    published_by: Mapped[str] = mapped_column(ID)
    published_at: Mapped[dt.datetime] = mapped_column(UtcTime, default=now)


class Dataset(Base):
    """Data under a name. Once `sealed`, its files never change; runs read sealed data only."""

    __tablename__ = "datasets"
    id: Mapped[str] = mapped_column(ID, primary_key=True, default=lambda: new_id("dat"))
    organisation_id: Mapped[str] = mapped_column(ForeignKey("organisations.id"), index=True)
    name: Mapped[str] = mapped_column(NAME)
    sealed: Mapped[bool] = mapped_column(default=False)
    created_by: Mapped[str] = mapped_column(ID)
    created_at: Mapped[dt.datetime] = mapped_column(UtcTime, default=now)


class DataFile(Base):
    """The file of one table. `path` is inside the data folder, or a registered path that stays where it is."""

    __tablename__ = "data_files"
    __table_args__ = (UniqueConstraint("dataset_id", "table_name"),)
    id: Mapped[str] = mapped_column(ID, primary_key=True, default=lambda: new_id("fil"))
    organisation_id: Mapped[str] = mapped_column(ForeignKey("organisations.id"), index=True)
    dataset_id: Mapped[str] = mapped_column(ForeignKey("datasets.id"))
    table_name: Mapped[str] = mapped_column(NAME)
    format: Mapped[str] = mapped_column(String(10))
    origin: Mapped[str] = mapped_column(String(10))
    path: Mapped[str] = mapped_column(Text)
    sha256: Mapped[str] = mapped_column(HASH)
    size: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[dt.datetime] = mapped_column(UtcTime, default=now)


class Binding(Base):
    """Which columns hold what a contract calls its inputs: the text of a binding file, unchangeable."""

    __tablename__ = "bindings"
    id: Mapped[str] = mapped_column(ID, primary_key=True, default=lambda: new_id("bnd"))
    organisation_id: Mapped[str] = mapped_column(ForeignKey("organisations.id"), index=True)
    name: Mapped[str] = mapped_column(NAME)
    text: Mapped[str] = mapped_column(Text)
    sha256: Mapped[str] = mapped_column(HASH)
    created_by: Mapped[str] = mapped_column(ID)
    created_at: Mapped[dt.datetime] = mapped_column(UtcTime, default=now)


class Run(Base):
    """A settlement. `key` identifies what is computed: the same request finds the same run.

    `queued` → `running` → `succeeded`, `failed` or `cancelled`. A running run belongs to `worker` until `lease_until`;
    `attempt` counts the claims (those after `attempt_base` since it was last queued); only the latest may finish the run. `stages` are those that are done.
    """

    __tablename__ = "runs"
    __table_args__ = (
        UniqueConstraint("organisation_id", "key"),
        Index("ix_runs_state_created_at", "state", "created_at"),
    )
    id: Mapped[str] = mapped_column(ID, primary_key=True, default=lambda: new_id("run"))
    organisation_id: Mapped[str] = mapped_column(ForeignKey("organisations.id"))
    key: Mapped[str] = mapped_column(HASH)
    version_id: Mapped[str] = mapped_column(ForeignKey("versions.id"))
    dataset_id: Mapped[str] = mapped_column(ForeignKey("datasets.id"))
    binding_id: Mapped[str] = mapped_column(ForeignKey("bindings.id"))
    parameters: Mapped[dict[str, Any]] = mapped_column(JSON)
    state: Mapped[str] = mapped_column(String(20), default="queued")
    stage: Mapped[str] = mapped_column(String(40), default="")
    stages: Mapped[list[str]] = mapped_column(JSON, default=list)
    done: Mapped[int] = mapped_column(default=0)
    to_do: Mapped[int] = mapped_column(default=0)
    attempt: Mapped[int] = mapped_column(default=0)
    attempt_base: Mapped[int] = mapped_column(default=0)
    worker: Mapped[str] = mapped_column(NAME, default="")
    lease_until: Mapped[dt.datetime | None] = mapped_column(UtcTime)
    cancel_wanted: Mapped[bool] = mapped_column(default=False)
    problem: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    created_by: Mapped[str] = mapped_column(ID)
    created_at: Mapped[dt.datetime] = mapped_column(UtcTime, default=now)
    started_at: Mapped[dt.datetime | None] = mapped_column(UtcTime)
    finished_at: Mapped[dt.datetime | None] = mapped_column(UtcTime)


class RunResult(Base):
    """What a run found: its files with their hashes, the description of the run, and who approved it."""

    __tablename__ = "results"
    run_id: Mapped[str] = mapped_column(ForeignKey("runs.id"), primary_key=True)
    organisation_id: Mapped[str] = mapped_column(ForeignKey("organisations.id"), index=True)
    folder: Mapped[str] = mapped_column(Text)
    files: Mapped[dict[str, Any]] = mapped_column(JSON)
    summary: Mapped[dict[str, Any]] = mapped_column(JSON)
    created_at: Mapped[dt.datetime] = mapped_column(UtcTime, default=now)
    approved_by: Mapped[str | None] = mapped_column(ID)
    approved_at: Mapped[dt.datetime | None] = mapped_column(UtcTime)


class AuditEvent(Base):
    """Who did what; `hash` covers the event and `previous`, the hash of the event before it."""

    __tablename__ = "audit_events"
    organisation_id: Mapped[str] = mapped_column(ForeignKey("organisations.id"), primary_key=True)
    number: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    at: Mapped[dt.datetime] = mapped_column(UtcTime)
    actor: Mapped[str] = mapped_column(NAME)
    action: Mapped[str] = mapped_column(NAME)
    subject: Mapped[str] = mapped_column(NAME)
    detail: Mapped[dict[str, Any]] = mapped_column(JSON)
    previous: Mapped[str] = mapped_column(HASH)
    hash: Mapped[str] = mapped_column(HASH)


class AuditSeal(Base):
    """A closed batch of audit events: from `first` to `last`, with the hash of the last and of the seal before."""

    __tablename__ = "audit_seals"
    organisation_id: Mapped[str] = mapped_column(ForeignKey("organisations.id"), primary_key=True)
    first: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    last: Mapped[int] = mapped_column(BigInteger)
    head: Mapped[str] = mapped_column(HASH)
    previous: Mapped[str] = mapped_column(HASH)
    seal: Mapped[str] = mapped_column(HASH)
    sealed_at: Mapped[dt.datetime] = mapped_column(UtcTime, default=now)
