"""Every operation of the documented interface, with drawn requests of every shape: no answer is a fault."""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis import Case

from server.app import create_app
from server.settings import Settings
from tests.server.conftest import EXAMPLE, Service, ok, running, settle_example

EXAMPLES = int(os.environ.get("SCHEMA_EXAMPLES", "8"))
"""Requests per operation."""
SCHEMA = schemathesis.openapi.from_dict(create_app(Settings()).openapi())
schemathesis.serializer.alias("application/vnd.apache.arrow.stream", "application/octet-stream")
OPEN = {"/healthz", "/readyz", "/metrics"}


@dataclass(frozen=True)
class Site:
    """A running service with a tenant that has one of everything; `known` are its identifiers by path parameter."""

    service: Service
    key: str
    known: dict[str, str]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with running(
        Settings(data_dir=tmp_path_factory.mktemp("schema"), poll_seconds=0.2, max_body_bytes=1_000_000)
    ) as service:
        tenant = service.tenant()
        user = tenant.user("designer", "publisher", "analyst", "row-explainer", "auditor", "administrator")
        with tenant.client() as client:
            made = settle_example(client)
            draft = ok(
                client.post(
                    "/drafts", json={"name": "x", "files": {"contract.vbc": (EXAMPLE / "contract.vbc").read_text()}}
                )
            )["id"]
        known = {
            "draft_id": draft,
            "name": made.version["name"],
            "version": made.version["version"],
            "dataset_id": made.dataset,
            "binding_id": made.binding,
            "run_id": made.run["id"],
            "file": "results.csv",
            "table": "results",
            "user_id": user.id,
        }
        yield Site(service, tenant.key(user), known)


@SCHEMA.parametrize()
@settings(max_examples=EXAMPLES, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_no_request_is_a_fault(case: Case[Any], site: Site) -> None:
    parameters = dict(case.path_parameters or {})
    for name, drawn in parameters.items():
        if (
            name in site.known and zlib.crc32(str(drawn).encode()) % 3
        ):  # most requests are about something that is there
            parameters[name] = site.known[name]
    case.path_parameters = parameters
    answer = case.call(base_url=site.service.url, headers={"Authorization": f"Bearer {site.key}"}, timeout=60)
    assert answer.status_code < 500, f"{case.method} {case.path}: {answer.status_code} {answer.text[:300]}"
    if answer.status_code >= 400 and case.method != "HEAD" and case.path not in OPEN:
        assert answer.headers["content-type"][0].startswith("application/problem+json"), answer.text[:300]


def test_every_operation_says_what_it_does() -> None:
    for found in SCHEMA.get_all_operations():
        operation: Any = found.ok()  # type: ignore[union-attr]
        raw = operation.definition.raw
        assert raw.get("summary") or raw.get("description"), operation.label
        assert raw.get("tags") or operation.path in OPEN, operation.label
