"""Results: rows in every form, files, reconciliations; runs that are asked for again, cancelled, tried."""

from __future__ import annotations

import io
from typing import Any

import httpx
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from tests.server.conftest import EXAMPLE, Settled, bind, ended, ok, publish, register, settle_example


def test_rows_in_pages_and_in_every_form(settled: Settled) -> None:
    client, run = settled.client, settled.run["id"]
    whole = ok(client.get(f"/runs/{run}/rows"))
    assert whole["next"] is None
    assert len(whole["items"]) == 5
    assert isinstance(whole["items"][0]["settlement"], str)
    pages: list[dict[str, Any]] = []
    cursor: str | None = ""
    while cursor is not None:
        page = ok(client.get(f"/runs/{run}/rows", params={"limit": 2, **({"cursor": cursor} if cursor else {})}))
        pages += page["items"]
        cursor = page["next"]
    assert pages == whole["items"]
    assert client.get(f"/runs/{run}/rows", params={"cursor": "nonsense"}).status_code == 422
    group = whole["items"][1]["group"]
    narrow = {"group": group, "column": ["settlement", "budget"]}
    assert list(ok(client.get(f"/runs/{run}/rows", params=narrow))["items"][0]) == [
        "group", "year", "settlement", "budget",
    ]  # fmt: skip
    amounts = [row["settlement"] for row in whole["items"]]
    file = client.get(f"/runs/{run}/files/results.parquet").content
    for form in ("csv", "parquet", "arrow"):
        body = client.get(f"/runs/{run}/rows", params={"format": form}).content
        if form == "csv":
            assert body == client.get(f"/runs/{run}/files/results.csv").content
            continue
        table = pq.read_table(io.BytesIO(body)) if form == "parquet" else pa.ipc.open_stream(body).read_all()
        assert table.equals(pq.read_table(io.BytesIO(file)))
        assert [str(v) for v in table.column("settlement").to_pylist()] == amounts
    empty = client.get(f"/runs/{run}/rows", params={"format": "csv", "period": "1999"})
    assert empty.text.count("\n") == 1
    assert client.get(f"/runs/{run}/rows", params={"column": "nothing"}).status_code == 422
    assert client.get(f"/runs/{run}/rows", params={"table": "../run"}).status_code == 404


def test_files_have_tags_of_their_bytes(settled: Settled) -> None:
    client, run = settled.client, settled.run["id"]
    result = ok(client.get(f"/runs/{run}/result"))
    assert result["summary"]["payments"][0]["payment"] == "settlement"
    found = client.get(f"/runs/{run}/files/results.csv")
    assert found.headers["etag"] == f'"{result["files"]["results.csv"]["sha256"]}"'
    again = client.get(f"/runs/{run}/files/results.csv", headers={"If-None-Match": found.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    answer = client.get(f"/runs/{run}")
    assert client.get(f"/runs/{run}", headers={"If-None-Match": answer.headers["etag"]}).status_code == 304
    assert client.get(f"/runs/{run}/files/..%2Frun.json").status_code == 404


def test_the_same_request_is_the_same_run(client: httpx.Client) -> None:
    made = settle_example(client)
    again = client.post("/runs", json=made.asked)
    assert (again.status_code, again.json()["id"]) == (200, made.run["id"])
    other = client.post("/runs", json={**made.asked, "groups": ["Harbor Primary Care"]})
    assert (other.status_code, other.json()["id"] == made.run["id"]) == (202, False)
    assert other.json()["key"] != made.run["key"]
    assert [r["id"] for r in ok(client.get("/runs"))["items"]] == [other.json()["id"], made.run["id"]]
    ended(client, other.json()["id"])
    assert ok(client.get("/runs", params={"state": "failed"}))["items"] == []


def test_a_trial_says_that_it_is_not_the_contract(client: httpx.Client) -> None:
    made = settle_example(client)
    asked = {**made.asked, "overrides": {"savings.surplus.cap": "1% of budget"}}
    trial = ended(client, ok(client.post("/runs", json=asked))["id"])
    assert trial["state"] == "succeeded", trial
    assert ok(client.get(f"/runs/{trial['id']}/result"))["summary"]["not_the_contract"] is True
    row = ok(client.get(f"/runs/{trial['id']}/rows"))["items"][0]
    assert row["not_the_contract"].startswith("not the contract")
    asked = {"group": row["group"], "period": "2024", "value": "settlement"}
    assert "not the contract" in ok(client.get(f"/runs/{trial['id']}/explanation", params=asked))["text"]


def test_a_run_compares_with_stated_amounts(client: httpx.Client) -> None:
    publish(client, (EXAMPLE / "contract.vbc").read_text())
    dataset = register(client, results=EXAMPLE / "results.csv")
    binding = bind(client, (EXAMPLE / "binding.toml").read_text() + '\n[tables.results.stated]\npaid = "Target PMPM"\n')
    asked = {
        "contract": "example.shared_savings", "dataset": dataset, "binding": binding, "reconcile": {"against": "paid"}
    }  # fmt: skip
    run = ended(client, ok(client.post("/runs", json=asked))["id"])
    assert run["state"] == "succeeded", run
    found = ok(client.get(f"/runs/{run['id']}/reconciliation"))
    assert (found["value"], found["rows"]) == ("settlement", 5)


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("statement?group=nobody&period=2024", "not-found"),
        ("statement?group=Harbor%20Primary%20Care&period=1999", "not-found"),
        ("explanation?group=Harbor%20Primary%20Care&period=2024&value=nothing", "value-unknown"),
        ("reconciliation", "not-found"),
        ("rows?table=nothing", "not-found"),
    ],
)
def test_what_a_result_lacks_is_a_problem(settled: Settled, path: str, kind: str) -> None:
    found = settled.client.get(f"/runs/{settled.run['id']}/{path}")
    assert (found.status_code, found.json()["type"]) == (404, f"urn:vbc:problem:{kind}")
