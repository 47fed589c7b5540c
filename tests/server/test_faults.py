"""What breaks: processes are killed, two want the same, an upload stops, a disk is full, too many come at once."""

from __future__ import annotations

import asyncio
import errno
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import select, text

import contractlang
from server.auth.keys import make_key
from server.database import Database
from server.jobs import claims
from server.jobs.worker import Worker
from server.migrations import upgrade
from server.models import Organisation, Run
from server.services.audit import verify
from server.services.organisations import create_organisation, create_user
from server.settings import Settings
from tests.server.conftest import (
    EVERYTHING,
    EXAMPLE,
    Service,
    Tenant,
    bind,
    ended,
    ok,
    publish,
    register,
    running,
    settle_example,
)

TEXT = (EXAMPLE / "contract.vbc").read_text()
BINDING = (EXAMPLE / "binding.toml").read_text()


# Processes that die ----------------------------------------------------------------------------------------------------


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Processes:
    """A server and two workers as processes, which can be killed and started again."""

    folder: Path
    port: int
    key: str
    alive: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, name: str) -> None:
        settings = {"DATA_DIR": self.folder, "PORT": self.port, "WORKERS": 0, "LEASE_SECONDS": 3, "POLL_SECONDS": 0.1}
        environment = os.environ | {f"VBC_SERVER_{k}": str(v) for k, v in {**settings, "ATTEMPTS": 50}.items()}
        command = (
            ["-m", "server.jobs.worker"] if name != "server" else ["-c", "from contractlang.cli import main; main()"]
        )
        command += ["serve"] if name == "server" else []
        with (self.folder / f"{name}.log").open("ab") as log:
            self.alive[name] = subprocess.Popen(
                [sys.executable, *command], env=environment, stdout=log, stderr=log, start_new_session=True
            )

    def kill(self, name: str) -> None:
        os.kill(self.alive[name].pid, signal.SIGKILL)
        self.alive[name].wait()

    def call(self, method: str, path: str, **more: Any) -> httpx.Response:
        """A request, again and again until a server answers."""
        for _ in range(600):
            try:
                return httpx.request(
                    method,
                    f"http://127.0.0.1:{self.port}/v1{path}",
                    headers={"Authorization": f"Bearer {self.key}"},
                    timeout=30,
                    **more,
                )
            except httpx.TransportError:
                time.sleep(0.1)
        raise AssertionError("no server answers")


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[Processes]:
    settings = Settings(data_dir=tmp_path)
    database = Database(settings.url, 1)
    upgrade(database.engine)
    with database.write() as session:
        organisation = create_organisation(session, "org", alone=True)
        key = make_key(session, create_user(session, organisation.id, "test", "all", roles=EVERYTHING))[1]
    database.close()
    found = Processes(tmp_path, free_port(), key)
    for name in ("server", "worker 1", "worker 2"):
        found.start(name)
    yield found
    for process in found.alive.values():
        process.kill()
        process.wait()


@pytest.mark.parametrize("runs", [4, pytest.param(50, marks=pytest.mark.slow)])
def test_no_result_is_lost_doubled_or_half_written(processes: Processes, runs: int, tmp_path: Path) -> None:
    """Server and workers are killed at random moments until every run has ended; each result is that of the language."""
    settle = _register(processes)
    minimums = [f"{1 + i / 100}%" for i in range(runs)]
    ids = [settle(minimum)["id"] for minimum in minimums]
    assert len(set(ids)) == runs
    dice = random.Random(runs)
    kills = 0
    while any(state(processes, run) not in {"succeeded", "failed"} for run in ids):
        if kills < max(3, runs // 2):
            name = dice.choice(sorted(processes.alive))
            processes.kill(name)
            processes.start(name)
            kills += 1
        time.sleep(dice.uniform(0.2, 1.5))
    for minimum, run in zip(minimums, ids, strict=True):
        assert settle(minimum)["id"] == run
        found = processes.call("GET", f"/runs/{run}/files/results.csv")
        settled = contractlang.evaluate(
            EXAMPLE / "contract.vbc", EXAMPLE / "binding.toml", overrides={"savings.surplus.minimum": minimum}
        )
        settled.write(tmp_path / "expected")
        assert found.content == (tmp_path / "expected" / "results.csv").read_bytes()
    database = Database(Settings(data_dir=tmp_path).url, 1)
    with database.read() as session:
        organisation = session.scalars(select(Organisation)).one()
        assert verify(session, organisation).faults == ()
        assert {run.state for run in session.scalars(select(Run))} == {"succeeded"}
    database.close()
    kept = list((tmp_path / "results").glob("*/*/*/results.csv"))
    assert len(kept) == runs


def state(processes: Processes, run: str) -> str:
    return str(ok(processes.call("GET", f"/runs/{run}"))["state"])


def _register(processes: Processes) -> Callable[[str], dict[str, Any]]:
    """The example, published and registered; gives what starts a run with another minimum savings rate."""
    call = processes.call
    draft = ok(call("POST", "/drafts", json={"name": "x", "files": {"contract.vbc": TEXT}}))["id"]
    version = ok(call("POST", f"/drafts/{draft}/publish"))
    dataset = ok(call("POST", "/datasets", json={"name": "x"}))["id"]
    ok(call("PUT", f"/datasets/{dataset}/tables/results", content=(EXAMPLE / "results.csv").read_bytes()))
    ok(call("POST", f"/datasets/{dataset}/seal"))
    binding = ok(call("POST", "/bindings", json={"name": "x", "text": BINDING}))["id"]
    asked = {"contract": version["name"], "dataset": dataset, "binding": binding}
    return lambda minimum: ok(call("POST", "/runs", json=asked | {"overrides": {"savings.surplus.minimum": minimum}}))


# Races -----------------------------------------------------------------------------------------------------------------


def at_once(*calls: Callable[[], httpx.Response]) -> list[httpx.Response]:
    """The answers of calls that begin at the same moment."""
    gate = threading.Barrier(len(calls))
    found: list[httpx.Response | None] = [None] * len(calls)

    def one(i: int) -> None:
        gate.wait()
        found[i] = calls[i]()

    threads = [threading.Thread(target=one, args=(i,)) for i in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [answer for answer in found if answer is not None]


def test_one_of_two_publishers_gets_the_version(tenant: Tenant) -> None:
    with tenant.client() as one, tenant.client() as other:
        texts = [TEXT, TEXT.replace("cap 5% of budget", "cap 4% of budget")]
        assert texts[0] != texts[1]
        drafts = [
            ok(c.post("/drafts", json={"name": "x", "files": {"contract.vbc": t}}))["id"]
            for c, t in zip((one, other), texts, strict=True)
        ]
        answers = at_once(
            lambda: one.post(f"/drafts/{drafts[0]}/publish"), lambda: other.post(f"/drafts/{drafts[1]}/publish")
        )
        assert sorted(a.status_code for a in answers) == [201, 409], [a.text for a in answers]
        refused = next(a for a in answers if a.status_code == 409)
        assert refused.json()["type"] == "urn:vbc:problem:version-exists"
        assert len(ok(one.get("/contracts/example.shared_savings/versions"))["items"]) == 1


def test_the_same_request_at_the_same_time_is_one_run(tenant: Tenant) -> None:
    with tenant.client() as client:
        made = settle_example(client)
        asked = made.asked | {"overrides": {"savings.surplus.minimum": "3%"}}
        answers = at_once(*[lambda: client.post("/runs", json=asked)] * 4)
        assert {a.status_code for a in answers} <= {200, 202}, [a.text for a in answers]
        assert len({a.json()["id"] for a in answers}) == 1
        assert ended(client, answers[0].json()["id"])["state"] == "succeeded"


def test_clocks_of_machines_do_not_matter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker whose clock is a day ahead takes no run of another; one that lost its lease changes nothing."""
    with running(Settings(data_dir=tmp_path, workers=0, poll_seconds=3600)) as service:
        with service.tenant().client() as client:
            version = publish(client, TEXT)["name"]
            dataset, binding = register(client, results=EXAMPLE / "results.csv"), bind(client, BINDING)
            time.sleep(0.2)  # the worker of the fixture has looked once and sleeps
            ok(client.post("/runs", json={"contract": version, "dataset": dataset, "binding": binding}))
        first = claims.claim(service.database, "first", 0.5, 3)
        assert first is not None
        ahead = time.time() + 86_400
        monkeypatch.setattr(time, "time", lambda moment=ahead: moment)
        assert claims.claim(service.database, "ahead", 30, 3) is None
        time.sleep(0.6)
        second = claims.claim(service.database, "behind", 30, 3)
        assert second is not None
        assert not claims.heartbeat(service.database, first, 30).held
        assert not claims.end(service.database, first, "failed")
        assert claims.heartbeat(service.database, second, 30).held


# Half of something -----------------------------------------------------------------------------------------------------


def test_an_upload_that_stops_half_way_leaves_nothing(tenant: Tenant) -> None:
    service = tenant.service
    with tenant.client() as client:
        dataset = ok(client.post("/datasets", json={"name": "x"}))["id"]
        key = client.headers["authorization"]
        url = httpx.URL(service.url)
        before = set((service.settings.data_dir / "incoming").glob("*"))
        with socket.create_connection((url.host, url.port)) as wire:
            wire.sendall(
                f"PUT /v1/datasets/{dataset}/tables/results HTTP/1.1\r\nHost: x\r\nAuthorization: {key}\r\n"
                "Content-Length: 1000000\r\n\r\n".encode()
                + b"a" * 400_000
            )
        for _ in range(100):
            if set((service.settings.data_dir / "incoming").glob("*")) <= before:
                break
            time.sleep(0.05)
        assert set((service.settings.data_dir / "incoming").glob("*")) <= before
        assert ok(client.get(f"/datasets/{dataset}"))["files"] == []
        ok(client.put(f"/datasets/{dataset}/tables/results", content=(EXAMPLE / "results.csv").read_bytes()))


def test_a_full_disk_fails_the_run_and_keeps_no_half_of_a_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("server.jobs.worker._to_disk", full)
    with running(Settings(data_dir=tmp_path, poll_seconds=0.05)) as service, service.tenant().client() as client:
        version = publish(client, TEXT)["name"]
        asked = {
            "contract": version,
            "dataset": register(client, results=EXAMPLE / "results.csv"),
            "binding": bind(client, BINDING),
        }
        run = ended(client, ok(client.post("/runs", json=asked))["id"])
        assert run["state"] == "failed"
        assert "No space left" in run["problem"]["detail"]
        assert not list(tmp_path.glob("results/*/*/*"))
        monkeypatch.undo()
        again = ok(client.post("/runs", json=asked))
        assert again["id"] == run["id"]
        assert ended(client, run["id"])["state"] == "succeeded"


def test_connections_that_the_database_ends_are_opened_again(service: Service, tenant: Tenant) -> None:
    if service.database.is_sqlite:
        pytest.skip("SQLite has no server that could end a connection")
    with tenant.client() as client:
        ok(client.get("/me"))
        with service.database.engine.connect() as connection:
            connection.execute(
                text(
                    "select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() and datname = current_database()"
                )
            )
        answers = [client.get("/me") for _ in range(8)]
        assert {a.status_code for a in answers} <= {200, 503}
        assert all("retry-after" in a.headers for a in answers if a.status_code == 503)
        assert answers[-1].status_code == 200
        assert settle_example(client).run["state"] == "succeeded"


# Too much --------------------------------------------------------------------------------------------------------------


def test_a_thousand_requests_at_once_are_all_answered(tenant: Tenant) -> None:
    with tenant.client() as client:
        key = client.headers["authorization"]

    async def ask(count: int) -> Sequence[httpx.Response]:
        limits = httpx.Limits(max_connections=count, max_keepalive_connections=count)
        async with httpx.AsyncClient(
            base_url=tenant.service.url, headers={"Authorization": key}, limits=limits, timeout=120
        ) as many:
            return await asyncio.gather(*(many.get("/v1/me") for _ in range(count)))

    answers = asyncio.run(ask(1000))
    assert {a.status_code for a in answers} <= {200, 429, 503}
    assert all("retry-after" in a.headers for a in answers if a.status_code != 200)
    assert sum(a.status_code == 200 for a in answers) > 100


def test_a_worker_that_is_told_to_end_gives_its_run_back(tmp_path: Path) -> None:
    with running(Settings(data_dir=tmp_path, poll_seconds=3600)) as service, service.tenant().client() as client:
        time.sleep(0.2)
        asked = {
            "contract": publish(client, TEXT)["name"],
            "dataset": register(client, results=EXAMPLE / "results.csv"),
            "binding": bind(client, BINDING),
        }
        run = ok(client.post("/runs", json=asked))["id"]
        worker = Worker(service.settings, service.database)
        worker.stop.set()
        worker.once()
        assert ok(client.get(f"/runs/{run}"))["state"] == "queued"
        Worker(service.settings, service.database).once()
        assert ok(client.get(f"/runs/{run}"))["state"] == "succeeded"
