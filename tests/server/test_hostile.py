"""What somebody sends who means harm: each is refused with a reason, none is a fault, and nothing of it is kept."""

from __future__ import annotations

import csv
import io
import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from server.settings import Settings
from tests.server.conftest import EXAMPLE, Service, Tenant, bind, ended, ok, publish, register, running, settle_example

TEXT = (EXAMPLE / "contract.vbc").read_text()
HEAD = 'contract bomb.of\nversion "1"\nsettles group per year\nterm 2024-01-01 to 2024-12-31\n\n'


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running(
        Settings(
            data_dir=tmp_path_factory.mktemp("hostile"),
            poll_seconds=0.05,
            pool_size=5,
            max_upload_bytes=2_000_000,
            max_body_bytes=3_000_000,
            run_memory="200MB",
            run_memory_limit=3_000_000_000,
            run_seconds=60,
        )
    ) as found:
        yield found


@pytest.fixture
def tenant(site: Service) -> Tenant:
    return site.tenant()


@pytest.fixture
def client(tenant: Tenant) -> Iterator[httpx.Client]:
    with tenant.client() as found:
        yield found


def refused(answer: httpx.Response, *statuses: int) -> dict[str, Any]:
    """The problem of a refusal."""
    assert answer.status_code in (statuses or (400, 403, 404, 409, 413, 422)), answer.text[:500]
    assert answer.headers["content-type"] == "application/problem+json"
    found: dict[str, Any] = answer.json()
    return found


# Contract texts --------------------------------------------------------------------------------------------------------

BOMBS = {
    "deep": HEAD + "define x = " + "(" * 20_000 + "1" + ")" * 20_000,
    "long": HEAD + "define x = " + " + ".join(["1"] * 100_000),
    "wide": HEAD + "table t per k {\n  | k | v |\n" + "".join(f"  | a{i} | 1 |\n" for i in range(20_000)) + "}\n",
    "many": HEAD + "".join(f"define x{i} = 1\n" for i in range(20_000)),
    "powers": HEAD + "define x0 = 9\n" + "".join(f"define x{i + 1} = x{i} ^ 99\n" for i in range(30)),
    "doubling": HEAD + "define x0 = 1\n" + "".join(f"define x{i + 1} = x{i} * x{i}\n" for i in range(200)),
    "one line": HEAD + "x" * 1_500_000,
    "comments": HEAD + "#" * 1_500_000,
    "quotes": HEAD + '"' * 100_001,
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_text_that_grows_is_answered(client: httpx.Client, name: str) -> None:
    found = ok(client.post("/check", json={"files": {"contract.vbc": BOMBS[name]}}, timeout=60))
    assert not found["ok"]
    assert len(found["findings"]) <= 1000


def test_libraries_that_use_each_other_twice_are_read_once(client: httpx.Client) -> None:
    """Twenty libraries, each of which uses the next one under two names: a million ways, twenty texts."""
    files = {"contract.vbc": HEAD + "use bomb.l0\n"}
    for i in range(20):
        inner = f"use bomb.l{i + 1} as a\nuse bomb.l{i + 1} as b\n" if i < 19 else "constant x = 1\n"
        files[f"l{i}.vbc"] = f'library bomb.l{i}\nversion "1"\n\n{inner}'
    ok(client.post("/check", json={"files": files}, timeout=60))


@pytest.mark.parametrize(
    "path",
    ["../up.vbc", "/etc/passwd", "a/../../b.vbc", "a\\b.vbc", "x.vbc\0.txt", "..", "", "a/b/c/d/e.vbc", "x.toml"],
)
def test_names_of_files_stay_inside(client: httpx.Client, path: str) -> None:
    refused(client.post("/drafts", json={"name": "x", "main": path, "files": {path: TEXT}}))


@pytest.mark.parametrize("used", ["use /etc/passwd", 'use ".."', "use ../../secrets", "use std.\u202enoitcirtser"])
def test_imports_read_nothing_outside(client: httpx.Client, used: str) -> None:
    found = ok(client.post("/check", json={"files": {"contract.vbc": HEAD + used + "\n"}}))
    assert not found["ok"]
    assert "root:" not in json.dumps(found)


def test_a_contract_of_too_many_bytes_is_not_taken(client: httpx.Client) -> None:
    refused(client.post("/drafts", json={"name": "x", "files": {"contract.vbc": "#" * 2_500_000}}), 413, 422)
    refused(client.post("/drafts", json={"name": "x", "files": {"contract.vbc": "#" * 4_000_000}}), 413)


def test_a_text_without_a_regular_form_is_refused(client: httpx.Client) -> None:
    for body in (
        b"{",
        b"[" * 100_000,
        b'{"name": "x", "files": {"contract.vbc": "\\ud800"}}',
        b"\xff\xfe",
        b"null",
        b"1e999",
    ):
        refused(client.post("/drafts", content=body, headers={"content-type": "application/json"}))


# Data ------------------------------------------------------------------------------------------------------------------


def settled(client: httpx.Client, path: Path, seconds: float = 90) -> dict[str, Any]:
    """The run of the example on another file of results."""
    version = publish(client, TEXT)
    run = ok(
        client.post(
            "/runs",
            json={
                "contract": version["name"],
                "dataset": register(client, results=path),
                "binding": bind(client, (EXAMPLE / "binding.toml").read_text()),
            },
        )
    )
    return ended(client, run["id"], seconds)


def parquet_bomb(path: Path) -> None:
    """Few bytes on disk, many rows in memory: one value, run-length encoded, a hundred million times."""
    column = pa.DictionaryArray.from_arrays(pa.array([0] * 1_000_000, pa.int32()), pa.array(["Harbor"]))
    with pq.ParquetWriter(path, pa.schema([("Group", column.type)])) as writer:
        for _ in range(100):
            writer.write_batch(pa.RecordBatch.from_arrays([column], ["Group"]))


def test_a_parquet_file_that_unfolds_ends_the_run_and_nothing_else(client: httpx.Client, tmp_path: Path) -> None:
    parquet_bomb(tmp_path / "results.parquet")
    assert (tmp_path / "results.parquet").stat().st_size < 2_000_000
    run = settled(client, tmp_path / "results.parquet")
    assert run["state"] == "failed"
    assert run["problem"]["detail"]
    assert client.get("/me").status_code == 200


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("results.parquet", b"PAR1" + b"\0" * 100),
        ("results.parquet", b"not parquet at all"),
        ("results.csv", b"\x00\xff" * 5000),
        ("results.csv", b'"' + b"a" * 1_000_000),
        ("results.csv", zlib.compress(b"0" * 10_000_000)),
    ],
)
def test_broken_data_fail_the_run_with_a_reason(
    client: httpx.Client, tmp_path: Path, name: str, content: bytes
) -> None:
    (tmp_path / name).write_bytes(content)
    run = settled(client, tmp_path / name)
    assert run["state"] == "failed"
    assert run["problem"]["findings"], run["problem"]


def test_an_upload_has_an_end(client: httpx.Client) -> None:
    dataset = ok(client.post("/datasets", json={"name": "data"}))["id"]
    refused(client.put(f"/datasets/{dataset}/tables/results", content=b"x" * 2_500_000), 413)
    refused(client.put(f"/datasets/{dataset}/tables/results", content=iter([b"x" * 500_000] * 5)), 413)
    assert ok(client.get(f"/datasets/{dataset}"))["files"] == []


@pytest.mark.parametrize("table", ["a/b", "a;drop table runs", "a b", "1a", "x" * 100, "%00", "'"])
def test_names_of_tables_are_plain(client: httpx.Client, table: str) -> None:
    dataset = ok(client.post("/datasets", json={"name": "data"}))["id"]
    refused(client.put(f"/datasets/{dataset}/tables/{httpx.URL('/' + table).raw_path.decode()[1:]}", content=b"a\n1\n"))


def test_formulas_in_data_are_harmless_in_csv(client: httpx.Client, tmp_path: Path) -> None:
    evil = '=HYPERLINK("http://elsewhere.example","x")'
    text = (EXAMPLE / "results.csv").read_text()
    rows = list(csv.reader(io.StringIO(text)))
    at = rows[0].index("Group") if "Group" in rows[0] else 0
    rows[1][at] = evil
    with (tmp_path / "results.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    run = settled(client, tmp_path / "results.csv")
    assert run["state"] == "succeeded", run["problem"]
    for path in ("files/results.csv", "rows?format=csv"):
        found = client.get(f"/runs/{run['id']}/{path}").text
        cells = [cell for row in csv.reader(io.StringIO(found)) for cell in row]
        assert f"'{evil}" in cells
        assert evil not in cells


def test_words_of_sql_are_only_words(client: httpx.Client, tenant: Tenant) -> None:
    evil = "x'); drop table runs; --"
    ok(client.post("/datasets", json={"name": evil}))
    assert evil in {d["name"] for d in ok(client.get("/datasets"))["items"]}
    for path in (f"/contracts/{evil}/versions", f"/runs/{evil}", f"/datasets/{evil}"):
        refused(client.get(path), 404, 422)
    made = settle_example(client)
    refused(client.get(f"/runs/{made.run['id']}/rows", params={"column": evil}), 422)
    assert client.get(f"/runs/{made.run['id']}/rows", params={"group": evil}).json()["items"] == []


def test_a_binding_reads_nothing_but_the_dataset(client: httpx.Client, tmp_path: Path) -> None:
    """Paths in a binding are not followed."""
    text = (EXAMPLE / "binding.toml").read_text()
    version = publish(client, TEXT)
    dataset = register(client, results=EXAMPLE / "results.csv")
    for path in ("/etc/passwd", "../../../../etc/passwd", "https://elsewhere.example/x.csv", "s3://x/y"):
        evil = text.replace("results.csv", path)
        run = ok(
            client.post("/runs", json={"contract": version["name"], "dataset": dataset, "binding": bind(client, evil)})
        )
        found = ended(client, run["id"])
        assert found["state"] == "succeeded", found["problem"]
        assert "root:" not in client.get(f"/runs/{run['id']}/files/run.json").text


# Callers ---------------------------------------------------------------------------------------------------------------


def test_everything_of_another_tenant_is_not_there(site: Service) -> None:
    mine, theirs = site.tenant(), site.tenant()
    with mine.client() as me, theirs.client() as other:
        made = settle_example(other)
        draft = ok(other.post("/drafts", json={"name": "x", "files": {"contract.vbc": TEXT}}))["id"]
        run, group = made.run["id"], "Harbor Primary Care"
        for path in (
            f"/drafts/{draft}",
            f"/contracts/{made.version['name']}/versions/{made.version['version']}",
            f"/datasets/{made.dataset}",
            f"/bindings/{made.binding}",
            f"/runs/{run}",
            f"/runs/{run}/result",
            f"/runs/{run}/rows",
            f"/runs/{run}/files/results.csv",
            f"/runs/{run}/statement?group={group}&period=2024",
            f"/runs/{run}/explanation?value=settlement&group={group}&period=2024",
        ):
            refused(me.get(path), 404)
        for asked in (
            me.post("/runs", json=made.asked),
            me.post(f"/runs/{run}/cancel"),
            me.post(f"/drafts/{draft}/publish"),
            me.post(f"/datasets/{made.dataset}/seal"),
            me.put(f"/datasets/{made.dataset}/tables/more", content=b"a\n"),
        ):
            refused(asked, 404)
        mine_again = settle_example(me)
        for part in ("dataset", "binding"):
            refused(me.post("/runs", json=mine_again.asked | {part: made.asked[part]}), 404)


@pytest.mark.parametrize("path", ["files/..%2f..%2fbinding.toml", "files/%2e%2e/x", "files/findings.json%00"])
def test_files_of_a_result_are_those_of_its_list(client: httpx.Client, path: str) -> None:
    run = settle_example(client).run["id"]
    refused(client.get(f"/runs/{run}/{path}"), 404, 422)


def test_money_is_never_a_float(client: httpx.Client) -> None:
    """An override is text; a number of JSON in its place is refused."""
    made = settle_example(client)
    refused(client.post("/runs", json=made.asked | {"overrides": {"savings.surplus.minimum": 0.01}}), 422)
    statement = ok(
        client.get(f"/runs/{made.run['id']}/statement", params={"group": "Harbor Primary Care", "period": "2024"})
    )
    amounts = [line["amount"] for section in statement["sections"] for line in section["lines"]]
    assert all(amount is None or isinstance(amount, str) for amount in amounts)
