"""Small tables are evaluated at once, as JSON and as Arrow, with exact numbers on both sides."""

from __future__ import annotations

import io
from typing import Any

import httpx
import pyarrow as pa
import pytest

from tests.runtime.test_given import columns
from tests.server.conftest import EXAMPLE, Settled, ok, publish

PATH = "/contracts/example.shared_savings/versions/latest/evaluate"


def stream(table: pa.Table) -> bytes:
    out = io.BytesIO()
    with pa.ipc.new_stream(out, table.schema) as writer:
        writer.write_table(table)
    return out.getvalue()


@pytest.fixture
def published(client: httpx.Client) -> httpx.Client:
    publish(client, (EXAMPLE / "contract.vbc").read_text())
    return client


def test_json_gives_what_a_run_gives(settled: Settled) -> None:
    client, run = settled.client, settled.run["id"]
    rows = ok(client.get(f"/runs/{run}/rows"))["items"]
    asked = {"tables": {"results": columns()}, "values": {"settlement": None, "savings": None}}
    found = ok(client.post(PATH, json=asked))
    assert found["rows"] == len(rows)
    for name in ("group", "year", "status", "settlement", "savings.amount"):
        assert found["columns"][name] == [row[name] for row in rows]
    assert all(isinstance(v, str) for v in found["columns"]["settlement"])
    only = ok(client.post(PATH, json={"tables": {"results": columns()}, "groups": [rows[0]["group"]]}))
    assert only["columns"]["settlement"] == [rows[0]["settlement"]]


def test_arrow_gives_what_json_gives(published: httpx.Client) -> None:
    expected = ok(published.post(PATH, json={"tables": {"results": columns()}}))["columns"]
    body = stream(pa.table(columns()))
    answer = published.post(f"{PATH}/arrow", content=body)
    assert answer.status_code == 200, answer.text
    table = pa.ipc.open_stream(answer.content).read_all()
    assert [str(v) for v in table.column("settlement").to_pylist()] == expected["settlement"]
    named = pa.table(columns()).replace_schema_metadata({"table": "results"})
    again = published.post(f"{PATH}/arrow", content=stream(named), params={"value": ["savings"], "group": "nobody"})
    assert again.json()["findings"][0]["code"] == "nothing-to-settle"


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"cost": [1.0] * 5}, "cell-unreadable"),
        ({"quality": ["2"] * 5}, "out-of-range"),
        ({"more": ["2"] * 5}, "binding-unknown-key"),
    ],
)
def test_bad_values_are_problems_with_findings(published: httpx.Client, changed: dict[str, Any], code: str) -> None:
    found = published.post(PATH, json={"tables": {"results": {**columns(), **changed}}})
    assert found.status_code == 422
    assert found.headers["content-type"] == "application/problem+json"
    assert found.json()["findings"][0]["code"] == code


@pytest.mark.parametrize("body", [b"", b"no arrow", b"\xff" * 64, stream(pa.table({"a": [1]}))[:-20]])
def test_what_is_no_arrow_stream_is_refused(published: httpx.Client, body: bytes) -> None:
    assert published.post(f"{PATH}/arrow", content=body).status_code == 422


@pytest.mark.parametrize("codec", ["zstd", "lz4"])
@pytest.mark.parametrize("encoded", [False, True])
def test_a_compressed_stream_is_refused(published: httpx.Client, codec: str, *, encoded: bool) -> None:
    table = pa.table({"group": pa.array(["a" * 100] * 1000), "year": ["2024"] * 1000})
    if encoded:
        table = table.set_column(0, "group", table.column("group").dictionary_encode())
    out = io.BytesIO()
    with pa.ipc.new_stream(out, table.schema, options=pa.ipc.IpcWriteOptions(compression=codec)) as writer:
        writer.write_table(table)
    found = published.post(f"{PATH}/arrow", content=out.getvalue())
    assert "compressed" in found.json()["detail"]
    assert "compressed" not in published.post(f"{PATH}/arrow", content=stream(table)).json()["detail"]


def test_values_of_a_caller_are_never_computed_values(published: httpx.Client) -> None:
    asked = {"tables": {"results": columns()}, "values": {"settlement": ["1"]}}
    assert published.post(PATH, json=asked).status_code == 422
    asked["values"] = {"nothing": None}
    assert "no value `nothing`" in published.post(PATH, json=asked).json()["detail"]
