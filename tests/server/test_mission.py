"""A contract change is a new published version, never a deployment: over HTTP only, while others go on asking."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import httpx
import pytest

from contractlang.locations import contracts_folder
from server.settings import Settings
from tests.server.conftest import Service, Tenant, bind, ended, ok, publish, running

FIRST = (contracts_folder() / "bcbsma" / "aqc_2009.vbc").read_text(encoding="utf-8")
SMALL = FIRST.replace("constant minimum_panel = 5_000 members", "constant minimum_panel = 100 members")
CHANGED = (
    SMALL.replace('version  "2009.1"', 'version  "2009.2"')
    .replace(
        "  deficit  share elections.risk_share\n",
        "  deficit  share elections.risk_share\n  cap      1% of global.total\n",
    )
    .replace(
        "  | breast_cancer |      1 |    74% |",
        "  | preventive_visit |   1 |    80% |    84% |    88% |    92% |    96% |\n  | breast_cancer |      1 |    74% |",
    )
)
CAPPED = """
example "1.1: no more than 1% of the budget is shared" {
  given   global.total = $50_000_000, medical_expense.total = $52_000_000, elections.risk_share = 50%
  given   ambulatory_payout = 5%, hospital_payout = 3%
  expect  risk = -$500_000.00, settlement = $1_500_000.00
}
"""
GIGABYTE = 1_000_000  # in the kilobytes of getrusage
RATE = 50  # requests per second
assert len({FIRST, SMALL, CHANGED}) == 3


@pytest.fixture(
    scope="module", params=[pytest.param(2_000, id="small"), pytest.param(660_000, id="25M", marks=pytest.mark.slow)]
)
def data(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sampled members of four years; the large size has 25 million member-months."""
    folder = tmp_path_factory.mktemp("sample")
    (folder / "contract.vbc").write_text(SMALL)
    _vbc(folder, "sample", "--programme", "aqc", "--contract", "contract.vbc", "--out", "data", "--groups", "3",
         "--members", str(request.param))  # fmt: skip
    return folder


@pytest.fixture(scope="module")
def service(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running(Settings(data_dir=tmp_path_factory.mktemp("mission"), poll_seconds=0.05, pool_size=5)) as found:
        yield found


def _vbc(folder: Path, *arguments: str) -> None:
    command = [sys.executable, "-c", "from contractlang.cli import main; main()", *arguments]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)


class Asking:
    """Somebody who asks fifty times a second until the end; every answer that is no success is kept."""

    def __init__(self, service: Service, key: str) -> None:
        self.answers = 0
        self.failed: list[str] = []
        self._end = threading.Event()
        self._client = httpx.Client(base_url=f"{service.url}/v1", headers={"Authorization": key}, timeout=60)
        self._threads = [threading.Thread(target=self._ask, args=(i,)) for i in range(4)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        for thread in self._threads:
            thread.join()
        self._client.close()

    def _ask(self, number: int) -> None:
        paths = ["/me", "/contracts", "/runs", "/contracts/bcbsma.aqc/versions/latest"]
        while not self._end.is_set():
            began = time.monotonic()
            found = self._client.get(paths[number])
            self.answers += 1
            if not found.is_success:
                self.failed.append(f"{paths[number]}: {found.status_code}")
            self._end.wait(max(0.0, len(self._threads) / RATE - (time.monotonic() - began)))


def settle(client: httpx.Client, data: Path, text: str) -> tuple[dict[str, Any], dict[str, Any]]:
    version = publish(client, text)
    dataset = ok(client.post("/datasets", json={"name": "members"}))["id"]
    for table in ("member_month", "measure_result", "elections", "hospital_result"):
        with (data / "data" / f"{table}.parquet").open("rb") as file:
            pieces = iter(lambda: file.read(1 << 20), b"")
            ok(client.put(f"/datasets/{dataset}/tables/{table}", params={"format": "parquet"}, content=pieces))
    ok(client.post(f"/datasets/{dataset}/seal"))
    binding = bind(client, (data / "data" / "binding.toml").read_text())
    run = run_again(client, version, dataset, binding)
    return run, {"contract": version["name"], "dataset": dataset, "binding": binding}


def run_again(client: httpx.Client, version: dict[str, Any], dataset: str, binding: str) -> dict[str, Any]:
    asked = {"contract": version["name"], "version": version["version"], "dataset": dataset, "binding": binding}
    run = ended(client, ok(client.post("/runs", json=asked))["id"], 900)
    assert run["state"] == "succeeded", run["problem"]
    return run


def test_publish_change_repeat_explain(service: Service, data: Path, tmp_path: Path) -> None:
    tenant, again = service.tenant(), service.tenant()
    pid = os.getpid()
    with tenant.client() as client, again.client() as other:
        first, parts = settle(client, data, SMALL)
        # The same bytes as the command line.
        (data / "data-for-cli").mkdir(exist_ok=True)
        for name in ("results.csv", "results_by_measure.csv"):
            _vbc(data, "run", "contract.vbc", "--data", "data/binding.toml", "--out", str(tmp_path / "cli"))
            assert client.get(f"/runs/{first['id']}/files/{name}").content == (tmp_path / "cli" / name).read_bytes()
        # Another version, while others ask: no restart, no request that fails.
        key = client.headers["authorization"]
        with Asking(service, key) as asking:
            second = publish(client, CHANGED + CAPPED)
            changed = run_again(client, second, parts["dataset"], parts["binding"])
            repeated, _ = settle(other, data, SMALL)
        assert asking.failed == []
        assert asking.answers > 20
        assert ok(client.get("/me"))
        assert os.getpid() == pid
        # The first version repeats to the byte; the second differs as its example says.
        for name in ("results.csv", "results_by_measure.csv"):
            one, two = (c.get(f"/runs/{r['id']}/files/{name}").content for c, r in ((client, first), (other, repeated)))
            assert one == two
        before, after = (rows(client, run["id"]) for run in (first, changed))
        assert before.keys() == after.keys()
        for place, row in after.items():
            budget, risk = float(row["global.total"]), float(row["risk.amount"])
            assert abs(risk) <= 0.01 * budget + 0.01
            if abs(float(before[place]["risk.amount"])) <= 0.01 * budget:
                assert row["risk.amount"] == before[place]["risk.amount"]
        assert any(after[p]["risk.amount"] != before[p]["risk.amount"] for p in after)
        measures = client.get(
            f"/runs/{changed['id']}/rows", params={"table": "results_by_measure", "limit": 1000}
        ).json()
        assert any(r["measure"] == "preventive_visit" and r["ambulatory.rate"] for r in measures["items"])
        _explained(tenant, changed["id"], next(iter(after)))
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss < 2 * GIGABYTE


def rows(client: httpx.Client, run: str) -> dict[tuple[str, str], dict[str, Any]]:
    found = ok(client.get(f"/runs/{run}/rows", params={"limit": 1000, "status": "settled"}))["items"]
    return {(row["group"], row["year"]): row for row in found}


def _explained(tenant: Tenant, run: str, place: tuple[str, str]) -> None:
    """A reader gets its own value explained, down to how many member rows made it up, and nothing of others."""
    group, period = place
    with tenant.client("reader", groups=[group]) as reader:
        found = ok(reader.get(f"/runs/{run}/explanation?value=settlement&group={group}&period={period}"))
        assert "rows" in json.dumps(found["trace"])
        assert reader.get(f"/runs/{run}/explanation?value=settlement&group=other&period={period}").status_code == 403
