"""Datasets: uploaded, registered by path, copied from a database; sealed and validated."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import httpx
import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from server.settings import DatabaseSource, Settings
from tests.server.conftest import EXAMPLE, Service, Tenant, bind, ended, ok, publish, register, running

DATA = (EXAMPLE / "results.csv").read_bytes()


def test_an_upload_is_kept_as_it_came(client: httpx.Client) -> None:
    dataset = ok(client.post("/datasets", json={"name": "d"}))["id"]
    found = ok(client.put(f"/datasets/{dataset}/tables/results", content=DATA))
    assert (found["sha256"], found["size"]) == (hashlib.sha256(DATA).hexdigest(), len(DATA))
    assert ok(client.put(f"/datasets/{dataset}/tables/results", content=DATA)) == found
    assert client.put(f"/datasets/{dataset}/tables/results", content=DATA + b"\n").status_code == 409
    assert client.put(f"/datasets/{dataset}/tables/..%2Fx", content=DATA).status_code in {404, 422}
    assert client.put(f"/datasets/{dataset}/tables/x-y", content=DATA).status_code == 422
    assert client.put(f"/datasets/{dataset}/tables/x", params={"format": "zip"}, content=DATA).status_code == 422
    sealed = ok(client.post(f"/datasets/{dataset}/seal"))
    assert (sealed["sealed"], len(sealed["files"])) == (True, 1)
    assert client.put(f"/datasets/{dataset}/tables/more", content=DATA).status_code == 409
    assert ok(client.get(f"/datasets/{dataset}")) == sealed
    assert [d["id"] for d in ok(client.get("/datasets"))["items"]] == [dataset]


def test_an_empty_dataset_is_not_sealed_and_an_open_one_not_run(client: httpx.Client) -> None:
    dataset = ok(client.post("/datasets", json={"name": "d"}))["id"]
    assert client.post(f"/datasets/{dataset}/seal").json()["type"] == "urn:vbc:problem:dataset-empty"
    version, binding = publish(client, (EXAMPLE / "contract.vbc").read_text()), bind(client, "")
    asked = {"contract": version["name"], "dataset": dataset, "binding": binding}
    assert client.post("/runs", json=asked).json()["type"] == "urn:vbc:problem:dataset-open"


def test_data_are_validated_against_the_tables_of_a_contract(client: httpx.Client, tmp_path: Path) -> None:
    publish(client, (EXAMPLE / "contract.vbc").read_text())
    binding = bind(client, (EXAMPLE / "binding.toml").read_text())
    asked = {"contract": "example.shared_savings", "binding": binding}
    good = register(client, results=EXAMPLE / "results.csv")
    found = ok(client.post(f"/datasets/{good}/validate", json=asked))
    assert found["ok"]
    assert found["report"]["tables"][0]["rows"] == 5
    (tmp_path / "results.csv").write_bytes(DATA.replace(b"78.4%", b"seventy"))
    bad = register(client, results=tmp_path / "results.csv")
    found = ok(client.post(f"/datasets/{bad}/validate", json=asked))
    assert not found["ok"]
    assert found["findings"][0]["code"] == "cell-unreadable"
    assert "/tmp" not in str(found)  # noqa: S108
    run = ended(client, ok(client.post("/runs", json={**asked, "dataset": bad}))["id"])
    assert (run["state"], run["problem"]["kind"]) == ("failed", "findings")
    assert run["problem"]["findings"][0]["code"] == "cell-unreadable"


# What an administrator allows ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def allowing(postgres: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("allowing")
    (folder / "allowed").mkdir()
    (folder / "allowed" / "results.csv").write_bytes(DATA)
    (folder / "secret.csv").write_bytes(DATA)
    (folder / "allowed" / "link.csv").symlink_to(folder / "secret.csv")
    uri = postgres.replace("+psycopg", "")
    with psycopg.connect(uri, autocommit=True) as connection:
        connection.execute("create table if not exists exhibit (g text, n numeric(12,2), d date)")
        connection.execute("truncate exhibit")
        connection.execute("insert into exhibit values ('a', 1234567.89, '2024-01-31'), ('b', null, null)")
    settings = Settings(
        data_dir=folder / "data",
        allowed_paths={"allowed": [str(folder / "allowed")]},
        allowed_databases={"allowed": {"warehouse": DatabaseSource(uri=uri, tables=["public.exhibit"])}},
        poll_seconds=0.05,
    )
    with running(settings) as found:
        yield found


@pytest.fixture(scope="module")
def trusted(allowing: Service) -> Tenant:
    return allowing.tenant(name="allowed")


def test_a_path_is_registered_where_it_is_allowed(allowing: Service, trusted: Tenant) -> None:
    folder = allowing.settings.data_dir.parent
    inside = {"path": str(folder / "allowed" / "results.csv"), "format": "csv"}
    with trusted.client() as client, allowing.tenant().client() as other:
        dataset = ok(client.post("/datasets", json={"name": "d"}))["id"]
        for path in (
            folder / "secret.csv", folder / "allowed" / "link.csv", folder / "allowed" / ".." / "secret.csv",
            folder / "allowed", folder / "allowed" / "nothing.csv", "results.csv", "\0",
        ):  # fmt: skip
            refused = client.post(f"/datasets/{dataset}/tables/t/path", json={"path": str(path), "format": "csv"})
            assert refused.status_code == 403, path
        found = ok(client.post(f"/datasets/{dataset}/tables/results/path", json=inside))
        assert found["sha256"] == hashlib.sha256(DATA).hexdigest()
        others = ok(other.post("/datasets", json={"name": "d"}))["id"]
        assert other.post(f"/datasets/{others}/tables/results/path", json=inside).status_code == 403


def test_a_registered_file_that_changed_is_not_run(allowing: Service, trusted: Tenant) -> None:
    path = allowing.settings.data_dir.parent / "allowed" / "changing.csv"
    path.write_bytes(DATA)
    with trusted.client() as client:
        dataset = ok(client.post("/datasets", json={"name": "d"}))["id"]
        ok(client.post(f"/datasets/{dataset}/tables/results/path", json={"path": str(path), "format": "csv"}))
        ok(client.post(f"/datasets/{dataset}/seal"))
        version = publish(client, (EXAMPLE / "contract.vbc").read_text())
        asked = {
            "contract": version["name"], "dataset": dataset, "binding": bind(client, (EXAMPLE / "binding.toml").read_text())
        }  # fmt: skip
        path.write_bytes(DATA.replace(b"78.4%", b"78.5%"))
        run = ended(client, ok(client.post("/runs", json=asked))["id"])
        assert (run["state"], run["problem"]["kind"]) == ("failed", "data-changed")
        path.write_bytes(DATA)
        again = client.post("/runs", json=asked)
        assert (again.status_code, again.json()["id"]) == (202, run["id"])
        assert ended(client, run["id"])["state"] == "succeeded"


def test_a_table_of_a_database_is_copied(allowing: Service, trusted: Tenant) -> None:
    asked = {"source": "warehouse", "table": "public.exhibit"}
    with trusted.client() as client, allowing.tenant().client() as other:
        dataset = ok(client.post("/datasets", json={"name": "d"}))["id"]
        found = ok(client.post(f"/datasets/{dataset}/tables/exhibit/copy", json=asked))
        assert (found["format"], found["origin"]) == ("parquet", "table")
        for wrong in ({**asked, "table": "public.pg_user"}, {**asked, "source": "x"}):
            assert client.post(f"/datasets/{dataset}/tables/other/copy", json=wrong).status_code == 403
        others = ok(other.post("/datasets", json={"name": "d"}))["id"]
        assert other.post(f"/datasets/{others}/tables/exhibit/copy", json=asked).status_code == 403
    paths = list((allowing.settings.data_dir / "datasets").rglob(f"exhibit-{found['sha256'][:16]}.parquet"))
    table = pq.read_table(paths[0])
    assert table.column("n").to_pylist() == ["1234567.89", None]
    assert pa.types.is_date(table.schema.field("d").type)
