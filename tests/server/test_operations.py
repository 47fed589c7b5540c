"""What happens around requests: names, limits, numbers, logs; the audit log."""

from __future__ import annotations

import time
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner
from sqlalchemy import delete, insert, select, update
from structlog.testing import capture_logs

from server.command import serve
from server.models import AuditEvent, AuditSeal, Organisation
from server.services import audit
from server.settings import Settings
from tests.server.conftest import Service, Settled, Tenant, ok, running, settle_example


def test_every_answer_has_the_name_of_its_request(client: httpx.Client) -> None:
    assert client.get("/me", headers={"X-Request-ID": "mine-1"}).headers["x-request-id"] == "mine-1"
    for given in ("", "two words", "x" * 65, "<script>"):
        assert client.get("/me", headers={"X-Request-ID": given}).headers["x-request-id"] != given
    assert client.get("/nowhere").headers["x-request-id"]
    assert client.get("/me").headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/nowhere", 404), ("DELETE", "/me", 405), ("POST", "/runs", 422), ("GET", "/runs?limit=0", 422)],
)
def test_every_refusal_is_a_problem(client: httpx.Client, method: str, path: str, status: int) -> None:
    found = client.request(method, path)
    assert found.status_code == status
    assert found.headers["content-type"] == "application/problem+json"
    assert {"type", "title", "status", "detail"} <= set(found.json())


def test_health_readiness_and_numbers(service: Service, settled: Settled) -> None:
    for path in ("healthz", "readyz"):
        assert httpx.get(f"{service.url}/{path}").json() == {"status": "ok"}
    numbers = httpx.get(f"{service.url}/metrics").text
    assert 'vbc_requests_total{method="POST",route="/v1/runs",status="202"}' in numbers
    assert 'vbc_runs{state="succeeded"}' in numbers


def test_logs_name_no_group_and_no_value(settled: Settled) -> None:
    client, run = settled.client, settled.run["id"]
    asked = {"group": "Harbor Primary Care", "period": "2024", "value": "settlement"}
    with capture_logs() as lines:
        ok(client.get(f"/runs/{run}/explanation", params=asked))
        until = time.monotonic() + 10
        while not any(line.get("route", "").endswith("/explanation") for line in list(lines)):
            assert time.monotonic() < until  # the line is written after the answer
            time.sleep(0.01)
    said = str(lines)
    assert "/runs/{run_id}/explanation" in said
    assert "Harbor" not in said
    assert run not in said


def test_a_body_has_a_limit(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, max_body_bytes=1000, max_upload_bytes=2000)
    with running(settings) as service, service.tenant().client() as client:
        body = {"name": "x" * 2000}
        assert client.post("/datasets", json=body).status_code == 413
        pieces = client.post("/datasets", content=(b"x" * 100 for _ in range(100)))
        assert pieces.status_code == 413
        dataset = ok(client.post("/datasets", json={"name": "d"}))["id"]
        assert client.put(f"/datasets/{dataset}/tables/t", content=b"x" * 1500).status_code == 201
        too_much = client.put(f"/datasets/{dataset}/tables/u", content=(b"x" * 300 for _ in range(10)))
        assert too_much.status_code == 413
        assert not list((tmp_path / "incoming").iterdir())


# The audit log ------------------------------------------------------------------------------------------------------


def test_what_is_done_is_in_the_log(tenant: Tenant, client: httpx.Client) -> None:
    settle_example(client)
    events = ok(client.get("/audit/events", params={"limit": 200}))["items"]
    actions = [event["action"] for event in reversed(events)]
    for action in ("organisation.created", "user.created", "draft.created", "contract.published", "dataset.sealed"):
        assert action in actions
    assert actions[-2:] == ["run.started", "run.succeeded"]
    first, second = events[1], events[0]
    assert second["previous"] == first["hash"]
    assert ok(client.get("/audit/verification")) == {
        "whole": True, "events": len(events), "seals": 0, "faults": [],
    }  # fmt: skip
    only = ok(client.get("/audit/events", params={"action": "run.started"}))["items"]
    assert [event["action"] for event in only] == ["run.started"]


def test_nothing_in_the_log_can_be_changed_unseen(tenant: Tenant, client: httpx.Client) -> None:
    mine = AuditEvent.organisation_id == tenant.organisation.id
    sealed = ok(client.post("/audit/seals"))
    assert client.post("/audit/seals").json()["type"] == "urn:vbc:problem:nothing-to-seal"
    database = tenant.service.database

    def faults() -> list[str]:
        with database.read() as session:
            return list(audit.verify(session, session.get_one(Organisation, tenant.organisation.id)).faults)

    assert faults() == []
    changes = [
        update(AuditEvent).where(mine, AuditEvent.number == 2).values(actor="somebody"),
        delete(AuditEvent).where(mine, AuditEvent.number == 1),
        delete(AuditEvent).where(mine, AuditEvent.number == sealed["last"]),
        update(AuditSeal).where(AuditSeal.organisation_id == tenant.organisation.id).values(head="0" * 64),
    ]
    for change in changes:
        with database.engine.begin() as connection:
            kept = connection.execute(select(AuditEvent.__table__).where(mine)).mappings().all()
            seals = select(AuditSeal.__table__).where(AuditSeal.organisation_id == tenant.organisation.id)
            kept_seals = connection.execute(seals).mappings().all()
            connection.execute(change)
        assert faults(), change
        with database.engine.begin() as connection:
            connection.execute(delete(AuditEvent).where(mine))
            connection.execute(insert(AuditEvent), [dict(row) for row in kept])
            connection.execute(delete(AuditSeal).where(AuditSeal.organisation_id == tenant.organisation.id))
            connection.execute(insert(AuditSeal), [dict(row) for row in kept_seals])
        assert faults() == []


def test_the_command_verifies_the_log(tenant: Tenant) -> None:
    settings = tenant.service.settings
    environment = {"VBC_SERVER_DATA_DIR": str(settings.data_dir), "VBC_SERVER_DATABASE_URL": settings.database_url}
    asked = ["audit", "--organisation", tenant.organisation.name]
    found = CliRunner().invoke(serve, asked, env=environment, standalone_mode=False)
    assert found.return_value == 0, found.output
    assert "whole; 1 events" in found.output
