"""How fast the service answers on loopback: one group at a hundred requests a second, a batch, a check.

The server is a process of its own with two workers, as `vbc serve` starts them. Latencies are measured at the client, each
from the moment at which the request was due, so that a server that falls behind is seen to fall behind.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import quantiles
from typing import Any

import httpx
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from contractlang.locations import contracts_folder
from server.auth.keys import make_key
from server.database import Database
from server.migrations import upgrade
from server.services.organisations import create_organisation, create_user
from server.settings import Settings
from tests.server.conftest import EVERYTHING, EXAMPLE, ok, publish

pytestmark = pytest.mark.benchmark
PACE = 100  # requests per second
CALLERS = 16
SECONDS = 20
BATCH = 100_000


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A client of `vbc serve` with two workers, and the shared savings example published."""
    folder = tmp_path_factory.mktemp("service")
    database = Database(Settings(data_dir=folder).url, 1)
    upgrade(database.engine)
    with database.write() as session:
        organisation = create_organisation(session, "org", alone=True)
        key = make_key(session, create_user(session, organisation.id, "test", "all", roles=EVERYTHING))[1]
    database.close()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    settings = {"DATA_DIR": folder, "PORT": port, "WORKERS": 2, "RATE_LIMIT": "1000000/minute", "LOG_LEVEL": "ERROR"}
    environment = os.environ | {f"VBC_SERVER_{name}": str(value) for name, value in settings.items()}
    command = [sys.executable, "-c", "from contractlang.cli import main; main()", "serve"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    limits = httpx.Limits(max_connections=64, max_keepalive_connections=64)
    headers = {"Authorization": f"Bearer {key}"}
    with httpx.Client(base_url=f"http://127.0.0.1:{port}/v1", headers=headers, timeout=60, limits=limits) as found:
        while True:
            try:
                ok(found.get("/me"))
                break
            except httpx.TransportError:
                time.sleep(0.1)
        publish(found, (EXAMPLE / "contract.vbc").read_text())
        yield found
    process.terminate()
    process.wait()


def asked(rows: int) -> dict[str, Any]:
    return {
        "tables": {
            "results": {
                "group": [f"G{i}" for i in range(rows)],
                "year": ["2024"] * rows,
                "target": ["412.50"] * rows,
                "cost": [f"{24_000_000 + i}.55" for i in range(rows)],
                "member_months": [60_120] * rows,
                "quality": ["0.784"] * rows,
            }
        },
        "values": {"settlement": None},
    }


def evaluate(client: httpx.Client, body: dict[str, Any]) -> httpx.Response:
    found = client.post("/contracts/example.shared_savings/versions/2024.1/evaluate", json=body)
    assert found.status_code == 200, found.text[:500]
    return found


def test_one_group_at_a_hundred_requests_a_second(benchmark: BenchmarkFixture, client: httpx.Client) -> None:
    body = asked(1)
    assert evaluate(client, body).json()["columns"]["settlement"]
    latencies: list[float] = []

    def send(first: int, step: int) -> None:
        evaluate(client, body)  # the connection is open and everybody is there
        begin.wait()
        for i in range(first, PACE * SECONDS, step):
            due = start[0] + i / PACE
            time.sleep(max(0.0, due - time.perf_counter()))
            evaluate(client, body)
            latencies.append(time.perf_counter() - due)

    start: list[float] = []
    begin = threading.Barrier(CALLERS, lambda: start.append(time.perf_counter()))

    def run() -> None:
        threads = [threading.Thread(target=send, args=(i, CALLERS)) for i in range(CALLERS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    measured: Any = benchmark.pedantic
    measured(run, rounds=1)
    cuts = quantiles(latencies, n=100)
    benchmark.extra_info |= {"p50_ms": round(cuts[49] * 1000, 2), "p99_ms": round(cuts[98] * 1000, 2)}


def test_a_hundred_thousand_groups(benchmark: BenchmarkFixture, client: httpx.Client) -> None:
    body = asked(BATCH)
    measured: Any = benchmark.pedantic
    found = measured(evaluate, args=(client, body), rounds=5, warmup_rounds=1)
    assert found.json()["rows"] == BATCH


def test_check(benchmark: BenchmarkFixture, client: httpx.Client) -> None:
    """A contract that has 229 lines with its libraries."""
    text = Path(contracts_folder() / "bcbsma" / "aqc_2009.vbc").read_text(encoding="utf-8")

    def check() -> httpx.Response:
        return client.post("/check", json={"files": {"contract.vbc": text}})

    measured: Any = benchmark.pedantic
    assert measured(check, rounds=50, warmup_rounds=3).json()["ok"]
