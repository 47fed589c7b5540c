"""Who may do what: keys, tokens, roles, tenants, and two persons."""

from __future__ import annotations

import datetime as dt
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, OctKey
from sqlalchemy import text

from server.database import Database
from server.settings import Settings
from tests.server.conftest import EXAMPLE, Service, Tenant, ended, ok, publish, register, running, settle_example


def anonymous(service: Service, token: str = "") -> httpx.Client:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return httpx.Client(base_url=f"{service.url}/v1", headers=headers)


@pytest.mark.parametrize("token", ["", "vbc_wrong", "wrong", "a.b.c", "vbc_" + "x" * 20_000])
def test_who_has_no_key_gets_nothing(service: Service, token: str) -> None:
    with anonymous(service, token[:8000]) as client:
        found = client.get("/me")
    assert found.status_code == 401
    assert found.headers["www-authenticate"].startswith("Bearer")
    assert found.json()["type"] == "urn:vbc:problem:unauthenticated"


def test_a_key_ends_with_its_time_its_revocation_and_its_user(tenant: Tenant) -> None:
    user = tenant.user("analyst")
    with anonymous(tenant.service, tenant.key(user, lifetime=dt.timedelta(seconds=-1))) as client:
        assert client.get("/me").status_code == 401
    with tenant.client() as admin, anonymous(tenant.service, tenant.key(user)) as client:
        assert ok(client.get("/me"))["user_id"] == user.id
        ok(admin.patch(f"/users/{user.id}", json={"active": False}))
        assert client.get("/me").status_code == 401
        ok(admin.patch(f"/users/{user.id}", json={"active": True}))
        key = next(k for k in ok(admin.get("/keys"))["items"] if k["user_id"] == user.id)
        ok(admin.post(f"/keys/{key['id']}/revoke"))
        keys = [k for k in ok(admin.get("/keys"))["items"] if k["user_id"] == user.id]
        for key in keys:
            ok(admin.post(f"/keys/{key['id']}/revoke"))
        assert client.get("/me").status_code == 401


def test_the_secret_of_a_key_is_kept_nowhere(tenant: Tenant) -> None:
    with tenant.client() as admin:
        user = ok(admin.post("/users", json={"subject": "somebody", "roles": ["analyst"]}))
        made = ok(admin.post(f"/users/{user['id']}/keys", json={"scopes": ["data:read"], "days": 1}))
        assert "secret" not in ok(admin.get("/keys"))["items"][0]
    with anonymous(tenant.service, made["secret"]) as client:
        assert ok(client.get("/me"))["permissions"] == ["data:read"]
        assert client.post("/datasets", json={"name": "x"}).status_code == 403
    with tenant.service.database.read() as session:
        stored = session.execute(text("select * from api_keys where id = :id"), {"id": made["id"]}).one()
    assert made["secret"] not in str(stored)


ALLOWED = {
    "designer": {"drafts": 201, "datasets": 403, "users": 403, "audit/events": 403},
    "analyst": {"drafts": 403, "datasets": 201, "users": 403, "audit/events": 403},
    "auditor": {"drafts": 403, "datasets": 403, "users": 403, "audit/events": 200},
    "administrator": {"drafts": 403, "datasets": 403, "users": 200, "audit/events": 200},
    "reader": {"drafts": 403, "datasets": 403, "users": 403, "audit/events": 403},
}


@pytest.mark.parametrize("role", ALLOWED)
def test_a_role_allows_what_it_says_and_no_more(tenant: Tenant, role: str) -> None:
    with tenant.client(role) as client:
        draft = {"name": "x", "files": {"contract.vbc": "contract a"}}
        found = {
            "drafts": client.post("/drafts", json=draft).status_code,
            "datasets": client.post("/datasets", json={"name": "x"}).status_code,
            "users": client.get("/users").status_code,
            "audit/events": client.get("/audit/events").status_code,
        }
    assert found == ALLOWED[role]


def test_one_tenant_sees_nothing_of_another(service: Service) -> None:
    first, second = service.tenant(), service.tenant()
    with first.client() as owner, second.client() as other:
        made = settle_example(owner)
        run, name = made.run["id"], made.version["name"]
        for path in (
            f"/runs/{run}", f"/runs/{run}/result", f"/runs/{run}/files/results.csv", f"/datasets/{made.dataset}",
            f"/bindings/{made.binding}", f"/contracts/{name}/versions/latest",
            f"/runs/{run}/statement?group=x&period=2024",
        ):  # fmt: skip
            assert ok(owner.get(path)) if path.count("/") < 3 else True
            assert other.get(path).status_code == 404, path
        for path in (f"/runs/{run}/cancel", f"/runs/{run}/approve", f"/datasets/{made.dataset}/seal"):
            assert other.post(path).status_code == 404, path
        assert other.post("/runs", json=made.asked).status_code == 404
        upload = other.put(f"/datasets/{made.dataset}/tables/more", content=b"a,b\n")
        assert upload.status_code == 404
        assert ok(other.get("/runs"))["items"] == []
        assert run not in str(ok(other.get("/audit/events")))


def test_a_reader_sees_its_own_groups_only(tenant: Tenant) -> None:
    with tenant.client() as client:
        run = settle_example(client).run["id"]
        rows = ok(client.get(f"/runs/{run}/rows"))["items"]
    groups = sorted({row["group"] for row in rows})
    mine, other = groups[0], groups[1]
    with tenant.client("reader", groups=[mine]) as reader:
        asked = {"group": mine, "period": "2024"}
        assert ok(reader.get(f"/runs/{run}/statement", params=asked))["unit"]["label"] == mine
        assert ok(reader.get(f"/runs/{run}/explanation", params={**asked, "value": "settlement"}))
        asked["group"] = other
        assert reader.get(f"/runs/{run}/statement", params=asked).status_code == 403
        assert reader.get(f"/runs/{run}/explanation", params={**asked, "value": "settlement"}).status_code == 403
        own = ok(reader.get(f"/runs/{run}/rows"))["items"]
        assert {row["group"] for row in own} == {mine}
        assert reader.get(f"/runs/{run}/rows", params={"group": other}).status_code == 403
        for path in ("files/results.csv", "result", "reconciliation"):
            assert reader.get(f"/runs/{run}/{path}").status_code == 403
        for form in ("csv", "parquet", "arrow"):
            body = reader.get(f"/runs/{run}/rows", params={"format": form}).content
            assert mine.encode() in body
            assert other.encode() not in body


def test_two_persons_publish_and_approve(service: Service) -> None:
    tenant = service.tenant(alone=False)
    with tenant.client() as first, tenant.client() as second:
        text_ = (EXAMPLE / "contract.vbc").read_text()
        draft = ok(first.post("/drafts", json={"name": "draft", "files": {"contract.vbc": text_}}))
        refused = first.post(f"/drafts/{draft['id']}/publish")
        assert (refused.status_code, refused.json()["type"]) == (403, "urn:vbc:problem:two-persons")
        version = ok(second.post(f"/drafts/{draft['id']}/publish"))
        dataset = register(first, results=EXAMPLE / "results.csv")
        binding = ok(first.post("/bindings", json={"name": "b", "text": (EXAMPLE / "binding.toml").read_text()}))
        asked = {"contract": version["name"], "dataset": dataset, "binding": binding["id"]}
        run = ended(first, ok(first.post("/runs", json=asked))["id"])["id"]
        assert first.post(f"/runs/{run}/approve").json()["type"] == "urn:vbc:problem:two-persons"
        assert ok(second.post(f"/runs/{run}/approve"))["approved_by"]
        ok(first.patch("/organisation", json={"two_person_publish": False}))
        assert publish(first, text_.replace('"2024.1"', '"2024.2"'))["version"] == "2024.2"


# Tokens --------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def provider() -> ECKey:
    return ECKey.generate_key("P-256", {"kid": "one", "alg": "ES256", "use": "sig"})


@pytest.fixture(scope="module")
def trusting(provider: ECKey, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("oidc")
    keys = folder / "keys.json"
    keys.write_text(json.dumps(KeySet([provider]).as_dict(private=False)))
    with running(Settings(data_dir=folder, oidc_issuer="https://issuer.example", oidc_keys=str(keys))) as found:
        yield found


def test_a_token_of_the_provider_is_a_user(trusting: Service, provider: ECKey) -> None:
    tenant = trusting.tenant()
    user = tenant.user("analyst", subject="anna")
    good = {
        "iss": "https://issuer.example", "aud": "vbc", "sub": "anna", "organisation": tenant.organisation.name,
        "exp": int(time.time()) + 60,
    }  # fmt: skip
    header = {"alg": "ES256", "kid": "one"}

    def status(claims: dict[str, Any], head: dict[str, str] = header, key: Any = provider) -> int:
        with anonymous(trusting, jwt.encode(head, claims, key)) as client:
            return client.get("/me").status_code

    with anonymous(trusting, jwt.encode(header, good, provider)) as client:
        assert ok(client.get("/me"))["user_id"] == user.id
        assert client.get("/users").status_code == 403
    with anonymous(trusting, jwt.encode(header, {**good, "scope": "openid data:read"}, provider)) as client:
        assert ok(client.get("/me"))["permissions"] == ["data:read"]
    wrong: dict[str, Any] = {
        "iss": "https://other.example", "aud": "other", "sub": "nobody", "organisation": "other",
        "exp": int(time.time()) - 3600,
    }  # fmt: skip
    for claim, value in wrong.items():
        assert status({**good, claim: value}) == 401, claim
        assert status({k: v for k, v in good.items() if k != claim}) == 401, claim
    other = ECKey.generate_key("P-256", {"kid": "one"})
    assert status(good, key=other) == 401
    secret = OctKey.import_key(b"a word that both know, long enough for a key")
    assert status(good, {"alg": "HS256", "kid": "one"}, secret) == 401
    whole = jwt.encode(header, good, provider)
    head, body, signature = whole.split(".")
    for tampered in (f"{head}.{body[:-4]}AAAA.{signature}", f"{head}.{body}.", "eyJhbGciOiJub25lIn0." + body + "."):
        with anonymous(trusting, tampered) as client:
            assert client.get("/me").status_code == 401


def test_who_is_wrong_too_often_has_to_wait(tmp_path: Path) -> None:
    with running(Settings(data_dir=tmp_path, rate_limit_failures="3/minute", rate_limit="5/minute")) as service:
        tenant = service.tenant()
        with tenant.client() as client:
            answers = [client.get("/me").status_code for _ in range(8)]
            assert answers == [200] * 5 + [429] * 3
            assert int(client.get("/me").headers["retry-after"]) >= 1
        with anonymous(service, "vbc_wrong") as client:
            assert [client.get("/me").status_code for _ in range(5)] == [401, 401, 401, 429, 429]
        assert isinstance(service.database, Database)
