"""Runs: what is asked for, under a key that says what will be computed."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

import contractlang
from server.database import now
from server.errors import Problem, conflict, invalid, not_found
from server.models import Binding, Dataset, Organisation, Run, RunResult, Version
from server.permissions import Caller, Permission, see
from server.services import audit
from server.services.datasets import files_of

QUEUED, RUNNING, SUCCEEDED, FAILED, CANCELLED = "queued", "running", "succeeded", "failed", "cancelled"
STATES = (QUEUED, RUNNING, SUCCEEDED, FAILED, CANCELLED)
ENDED = frozenset({SUCCEEDED, FAILED, CANCELLED})


@dataclass(frozen=True, slots=True)
class Parameters:
    """What a run may be asked for beside contract and data. `overrides` make it a trial, which is not the contract."""

    periods: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    overrides: dict[str, str] = field(default_factory=dict)
    known_on: str | None = None
    engine: str = "auto"
    reconcile: dict[str, Any] | None = None

    def document(self) -> dict[str, Any]:
        return json.loads(json.dumps(asdict(self), sort_keys=True))  # type: ignore[no-any-return]


def key_of(version: Version, data: dict[str, str], binding: Binding, parameters: Parameters) -> str:
    """The same for everything that gives the same result: contract, data, binding, parameters and engine version."""
    said = {
        "meaning": version.meaning_hash,
        "contract": version.byte_hash,
        "data": data,
        "binding": binding.sha256,
        "parameters": parameters.document(),
        "engine": contractlang.__version__,
    }
    return hashlib.sha256(json.dumps(said, sort_keys=True, ensure_ascii=True).encode()).hexdigest()


def start(
    session: Session, caller: Caller, version: Version, dataset: Dataset, binding: Binding, parameters: Parameters
) -> tuple[Run, bool]:
    """Queue a run; the run that has the same key, when there is one that did not fail. The flag says whether it is new."""
    if not dataset.sealed:
        raise conflict(
            "dataset-open", "the dataset is not sealed: seal it, so that its files cannot change under a run"
        )
    data = {file.table_name: file.sha256 for file in files_of(session, dataset)}
    key = key_of(version, data, binding, parameters)
    query = select(Run).where(Run.organisation_id == caller.organisation_id, Run.key == key)
    found = session.scalar(query.with_for_update())
    if found is None:
        found = Run(
            organisation_id=caller.organisation_id,
            key=key,
            version_id=version.id,
            dataset_id=dataset.id,
            binding_id=binding.id,
            parameters=parameters.document(),
            created_by=caller.user_id,
        )
        try:
            with session.begin_nested():
                session.add(found)
                session.flush()
        except IntegrityError:  # the same request came twice at the same time
            return session.scalars(query).one(), False
    elif found.state in {FAILED, CANCELLED}:
        queue_again(found)
    else:
        return found, False
    detail = {"key": key, "version": version.id, "dataset": dataset.id, "binding": binding.id}
    audit.record(session, caller.organisation_id, caller.user_id, "run.started", found.id, detail)
    return found, True


def queue_again(run: Run) -> None:
    """Queue a run that ended without a result. What its finished stages left is used again."""
    run.state, run.problem, run.worker, run.lease_until = QUEUED, None, "", None
    run.cancel_wanted, run.finished_at, run.stage, run.done, run.to_do = False, None, "", 0, 0
    run.attempt_base = run.attempt


def cancel(session: Session, caller: Caller, run: Run) -> Run:
    """Ask for the end of a run; one that waits ends at once."""
    if run.state in ENDED:
        return run
    run.cancel_wanted = True
    if run.state == QUEUED:
        run.state, run.finished_at = CANCELLED, now()
    audit.record(session, caller.organisation_id, caller.user_id, "run.cancelled", run.id)
    return run


def run_of(session: Session, caller: Caller, run_id: str, *, lock: bool = False) -> Run:
    query = select(Run).where(Run.id == run_id, Run.organisation_id == caller.organisation_id)
    found = session.scalar(query.with_for_update() if lock else query)
    if found is None:
        raise not_found("run")
    return found


def result_of(session: Session, run: Run) -> RunResult:
    """The result of a run. Raises a problem that says why there is none."""
    found = session.get(RunResult, run.id)
    if found is not None:
        return found
    if run.state in {QUEUED, RUNNING}:
        raise conflict("run-not-finished", f"the run is {run.state}: there is no result yet", state=run.state)
    raise conflict("run-without-result", f"the run {run.state}: there is no result", state=run.state)


def approve(session: Session, caller: Caller, run: Run) -> RunResult:
    """Approve a result. Raises a problem for who started the run, where two persons are asked for."""
    result = result_of(session, run)
    if result.approved_by is not None:
        return result
    organisation = session.get_one(Organisation, run.organisation_id)
    if organisation.two_person_approve and run.created_by == caller.user_id:
        raise Problem(403, "two-persons", "who started a run does not approve its result alone: another person has to")
    result.approved_by, result.approved_at = caller.user_id, now()
    audit.record(session, caller.organisation_id, caller.user_id, "result.approved", run.id)
    return result


def readable_result(session: Session, caller: Caller, run: Run) -> RunResult:
    """The result, when the caller may read some of it: readers see approved results, where approval is asked for."""
    caller.need(Permission.READ_RESULTS, Permission.READ_OWN_RESULTS)
    if caller.sees_all_groups:
        return result_of(session, run)
    found = session.get(RunResult, run.id)
    if found is None or (found.approved_by is None and _needs_approval(session, caller)):
        raise not_found("run")
    return found


def of_group(session: Session, caller: Caller, run_id: str, group: str) -> tuple[Run, Version]:
    """A run with a result in which the caller may see the group, and what it settled."""
    see(caller, group)
    run = run_of(session, caller, run_id)
    readable_result(session, caller, run)
    return run, session.get_one(Version, run.version_id)


def visible_runs(session: Session, caller: Caller) -> Select[Run]:
    """All runs of the organisation; for readers those whose results they may read."""
    query = select(Run).where(Run.organisation_id == caller.organisation_id)
    if caller.sees_all_groups:
        return query
    query = query.join(RunResult, RunResult.run_id == Run.id)
    return query.where(RunResult.approved_by.is_not(None)) if _needs_approval(session, caller) else query


def _needs_approval(session: Session, caller: Caller) -> bool:
    return session.get_one(Organisation, caller.organisation_id).two_person_approve


def add_binding(session: Session, caller: Caller, name: str, text: str) -> Binding:
    """Keep the text of a binding. The same text is kept once."""
    if "\0" in text:
        raise invalid("the binding is not text")
    sha256 = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    query = select(Binding).where(Binding.organisation_id == caller.organisation_id, Binding.sha256 == sha256)
    found = session.scalar(query.limit(1))
    if found is not None:
        return found
    binding = Binding(
        organisation_id=caller.organisation_id, name=name, text=text, sha256=sha256, created_by=caller.user_id
    )
    session.add(binding)
    session.flush()
    audit.record(session, caller.organisation_id, caller.user_id, "binding.created", binding.id, {"bytes": sha256})
    return binding


def binding_of(session: Session, caller: Caller, binding_id: str) -> Binding:
    query = select(Binding).where(Binding.id == binding_id, Binding.organisation_id == caller.organisation_id)
    found = session.scalar(query)
    if found is None:
        raise not_found("binding")
    return found
