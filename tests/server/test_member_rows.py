"""Rows about single persons: who may see them, why, and that every look is in the audit log."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.server.conftest import Tenant, bind, ended, ok, publish, register

EXAMPLE = Path(__file__).parents[2] / "examples" / "02_member_months"


def test_a_look_needs_a_permission_and_a_purpose_and_is_logged(tenant: Tenant) -> None:
    with tenant.client() as client:
        version = publish(client, (EXAMPLE / "contract.vbc").read_text())
        dataset = register(client, member_month=EXAMPLE / "members.csv", terms=EXAMPLE / "terms.csv")
        asked = {
            "contract": version["name"], "dataset": dataset, "binding": bind(client, (EXAMPLE / "binding.toml").read_text())
        }  # fmt: skip
        run = ended(client, ok(client.post("/runs", json=asked))["id"])
        assert run["state"] == "succeeded", run
        path = f"/runs/{run['id']}/member-rows"
        group = ok(client.get(f"/runs/{run['id']}/rows"))["items"][0]["group"]
        look = {"group": group, "period": "2024", "purpose": "question 1182 of the group"}
        assert client.post(path, json=look).status_code == 403
        with tenant.client("row-explainer") as alone:
            assert alone.post(path, json=look).status_code == 403
        with tenant.client("reader", "row-explainer", groups=["Another group"]) as other:
            assert other.post(path, json=look).status_code == 403
        with tenant.client("analyst", "row-explainer") as explainer:
            for purpose in ("", "   ", "short"):
                assert explainer.post(path, json={**look, "purpose": purpose}).status_code == 422
            found = ok(explainer.post(path, json=look))["populations"][0]
            few = ok(explainer.post(path, json={**look, "limit": 2}))["populations"][0]
            wrong = explainer.post(path, json={**look, "period": "1999"})
        events = ok(client.get("/audit/events", params={"action": "member-rows.read"}))["items"]
        counted = ok(client.get(f"/runs/{run['id']}/rows", params={"group": group}))["items"][0]["panel.member_months"]
    assert (found["block"], found["table"], found["more"]) == ("panel", "member_month", False)
    assert sum(row["left_out"] is None for row in found["rows"]) == int(float(counted))
    assert {row["left_out"] for row in found["rows"]} > {None}
    assert isinstance(found["rows"][0]["medical_allowed"], str)
    assert (len(few["rows"]), few["more"]) == (2, True)
    assert wrong.status_code in {404, 422}
    assert len(events) == 3
    assert all(event["detail"]["purpose"] == look["purpose"] for event in events)


@pytest.mark.parametrize("limit", [0, 1001])
def test_a_look_has_an_end(tenant: Tenant, limit: int) -> None:
    with tenant.client("analyst", "row-explainer") as client:
        look = {"group": "x", "period": "2024", "purpose": "long enough a purpose", "limit": limit}
        assert client.post("/runs/run_x/member-rows", json=look).status_code == 422
