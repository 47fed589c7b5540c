"""Drafts, checks, published versions and libraries."""

from __future__ import annotations

import threading
from typing import Any

import httpx
import pytest

from tests.server.conftest import EXAMPLE, Service, ok, publish

TEXT = (EXAMPLE / "contract.vbc").read_text()
NAME = "example.shared_savings"
AMENDED = EXAMPLE.parent / "03_amendments"


def test_a_check_says_what_is_wrong_and_where(client: httpx.Client) -> None:
    found = ok(client.post("/check", json={"files": {"contract.vbc": TEXT.replace("share group", "share gruop")}}))
    assert not found["ok"]
    first = found["findings"][0]
    assert (first["file"], first["severity"]) == ("contract.vbc", "error")
    assert first["line"] > 0
    assert "group_share" in str(found["document"])
    assert "/tmp" not in str(found)  # noqa: S108
    assert ok(client.post("/check", json={"files": {"contract.vbc": TEXT}}))["ok"]


def test_the_format_of_a_text(client: httpx.Client) -> None:
    assert ok(client.post("/format", json={"text": TEXT.replace("  compare", "        compare")}))["text"] == TEXT
    assert client.post("/format", json={"text": "contract"}).json()["type"] == "urn:vbc:problem:findings"


def test_a_draft_is_changed_by_who_has_read_it(client: httpx.Client) -> None:
    body = {"name": "first", "files": {"contract.vbc": TEXT}}
    made = client.post("/drafts", json=body)
    draft, tag = made.json()["id"], made.headers["etag"]
    assert client.get(f"/drafts/{draft}").headers["etag"] == tag
    assert client.get(f"/drafts/{draft}", headers={"If-None-Match": tag}).status_code == 304
    assert client.put(f"/drafts/{draft}", json=body).status_code == 428
    second = client.put(f"/drafts/{draft}", json={**body, "name": "second"}, headers={"If-Match": tag})
    assert (second.json()["name"], second.json()["revision"]) == ("second", 2)
    assert client.put(f"/drafts/{draft}", json=body, headers={"If-Match": tag}).status_code == 412
    assert client.post(f"/drafts/{draft}/publish", headers={"If-Match": tag}).status_code == 412
    assert [d["id"] for d in ok(client.get("/drafts"))["items"]] == [draft]
    assert client.delete(f"/drafts/{draft}", headers={"If-Match": second.headers["etag"]}).status_code == 204
    assert client.get(f"/drafts/{draft}").status_code == 404


def test_a_published_version_never_changes(client: httpx.Client) -> None:
    first = publish(client, TEXT)
    assert publish(client, TEXT) == first
    draft = ok(client.post("/drafts", json={"name": "x", "files": {"contract.vbc": TEXT.replace("5%", "6%")}}))
    refused = client.post(f"/drafts/{draft['id']}/publish")
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:vbc:problem:version-exists")
    commented = publish(client, TEXT.replace('"2024.1"', '"2024.2"') + "# a remark\n")
    assert commented["byte_hash"] != first["byte_hash"]
    versions = ok(client.get(f"/contracts/{NAME}/versions"))["items"]
    assert [v["version"] for v in versions] == ["2024.2", "2024.1"]
    assert ok(client.get(f"/contracts/{NAME}/versions/latest"))["version"] == "2024.2"
    source = ok(client.get(f"/contracts/{NAME}/versions/2024.1/source"))
    assert source["files"] == {"contract.vbc": TEXT}
    assert [c["name"] for c in ok(client.get("/contracts"))["items"]] == [NAME]
    assert client.get("/contracts/nothing/versions").status_code == 404


def test_the_meaning_of_a_text_does_not_depend_on_its_layout(service: Service) -> None:
    with service.tenant().client() as one, service.tenant().client() as two:
        first, second = publish(one, TEXT), publish(two, TEXT.replace("\n\n", "\n\n# a remark\n", 1))
    assert first["meaning_hash"] == second["meaning_hash"]
    assert first["byte_hash"] != second["byte_hash"]


def test_the_resolved_model_and_the_text_in_force(client: httpx.Client) -> None:
    files = {str(p.relative_to(AMENDED)): p.read_text() for p in sorted(AMENDED.rglob("*.vbc"))}
    text = files.pop("contract.vbc")
    version = publish(client, text, **files)
    assert version["version"].count("+") == 2
    path = f"/contracts/{version['name']}/versions/{version['version']}"
    model = ok(client.get(f"{path}/model"))
    assert (model["format"], len(model["texts"]), model["unit"]) == ("vbc-model/1", 3, "group")
    assert "/tmp" not in str(model)  # noqa: S108
    texts = {day: client.get(f"{path}/text", params={"on": day}).text for day in ("2011-06-01", "2013-06-01")}
    assert texts["2011-06-01"] != texts["2013-06-01"] == client.get(f"{path}/text").text
    assert client.get(f"{path}/text", params={"on": "1999-01-01"}).status_code == 404


def test_a_contract_uses_a_library_of_its_organisation_as_it_was(client: httpx.Client) -> None:
    library = 'library house.rates\nversion "1"\n\nconstant rate = 3%\n'
    using = TEXT.replace("input results", 'use house.rates version "1" as house\n\ninput results', 1).replace(
        "cap 5% of budget", "cap house.rate of budget"
    )
    assert not ok(client.post("/check", json={"files": {"contract.vbc": using}}))["ok"]
    draft = ok(client.post("/drafts", json={"name": "l", "main": "l.vbc", "files": {"l.vbc": library}}))
    made = ok(client.post("/libraries", json={"draft": draft["id"]}))
    assert (made["name"], made["version"]) == ("house.rates", "1")
    version = publish(client, using)
    source = ok(client.get(f"/contracts/{version['name']}/versions/latest/source"))
    assert library in source["files"].values()
    assert ok(client.get(f"/contracts/{version['name']}/versions/latest/model"))["contract"] == NAME
    assert ok(client.get(f"/libraries/{made['id']}"))["text"] == library
    assert len(ok(client.get("/libraries"))["items"]) == 1


BAD: dict[str, dict[str, Any]] = {
    "no main": {"files": {"other.vbc": TEXT}},
    "out of the folder": {"files": {"contract.vbc": TEXT, "../x.vbc": TEXT}},
    "absolute": {"files": {"contract.vbc": TEXT, "/etc/x.vbc": TEXT}},
    "hidden": {"files": {"contract.vbc": TEXT, ".git/x.vbc": TEXT}},
    "no contract file": {"files": {"contract.vbc": TEXT, "x.py": TEXT}},
    "only capitals differ": {"files": {"contract.vbc": TEXT, "Contract.vbc": TEXT}},
    "deep": {"files": {"contract.vbc": TEXT, "a/b/c/d/x.vbc": TEXT}},
    "nul": {"files": {"contract.vbc": TEXT + "\0"}},
    "large": {"files": {"contract.vbc": "#" * 2_000_001}},
    "many": {"files": {f"f{i}.vbc": "" for i in range(201)} | {"contract.vbc": TEXT}},
    "unknown member": {"files": {"contract.vbc": TEXT}, "more": 1},
}


@pytest.mark.parametrize("name", BAD)
def test_files_that_are_no_contract_are_refused(client: httpx.Client, name: str) -> None:
    assert client.post("/check", json=BAD[name]).status_code == 422
    assert client.post("/drafts", json={"name": "x", **BAD[name]}).status_code == 422


def test_two_publishers_race_for_one_version(client: httpx.Client) -> None:
    texts = [TEXT, TEXT.replace("5% of budget", "6% of budget")]
    drafts = [
        ok(client.post("/drafts", json={"name": "race", "files": {"contract.vbc": text}}))["id"] for text in texts * 4
    ]
    answers: list[httpx.Response] = []
    threads = [threading.Thread(target=lambda d=d: answers.append(client.post(f"/drafts/{d}/publish"))) for d in drafts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted({a.status_code for a in answers}) == [201, 409]
    assert len({a.json()["byte_hash"] for a in answers if a.status_code == 201}) == 1
    assert len(ok(client.get(f"/contracts/{NAME}/versions"))["items"]) == 1
