"""The pages in a real browser: sign in, read, check a text as one types, settle, see why."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from server.settings import Settings
from tests.server.conftest import EXAMPLE, Service, Tenant, running, settle_example

QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running(Settings(data_dir=tmp_path_factory.mktemp("pages"), poll_seconds=0.05, pool_size=5)) as found:
        yield found


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        message = "no Chromium on this machine"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    with sync_playwright() as driver:
        found = driver.chromium.launch(executable_path=path, args=QUIET)
        yield found
        found.close()


@pytest.fixture
def tenant(site: Service) -> Tenant:
    return site.tenant()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    found = context.new_page()
    faults: list[str] = []
    found.on("pageerror", lambda error: faults.append(str(error)))
    found.on("response", lambda answer: faults.append(answer.url) if answer.status >= 500 else None)
    yield found
    context.close()
    assert not faults


def sign_in(page: Page, tenant: Tenant, *roles: str, groups: tuple[str, ...] = ()) -> None:
    key = tenant.key(tenant.user(*(roles or ("designer", "publisher", "analyst", "auditor")), groups=groups))
    page.goto(tenant.service.url)
    page.get_by_label("Key").fill(key)
    page.get_by_role("button", name="Sign in").click()


def test_nobody_sees_a_page_without_signing_in(page: Page, tenant: Tenant) -> None:
    page.goto(f"{tenant.service.url}/runs")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    page.get_by_label("Key").fill("vbc_guess")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("not valid")


def test_from_a_draft_to_a_version(page: Page, tenant: Tenant) -> None:
    """A mistake is told as one types, at its line; the text that checks is saved and published."""
    sign_in(page, tenant)
    page.get_by_role("link", name="New draft").click()
    editor = page.get_by_label("Contract text")
    text = (EXAMPLE / "contract.vbc").read_text()
    editor.fill(text.replace("target * member_months", "target + member_months"))
    finding = page.locator(".finding.error")
    expect(finding).to_contain_text("adding USD pmpm and member_months")
    expect(page.locator(".marks .error")).to_contain_text("adding USD pmpm")
    editor.fill(text)
    expect(page.locator("#findings .good")).to_contain_text("checks")
    page.get_by_role("button", name="Save").click()
    page.get_by_role("button", name="Publish").click()
    expect(page.get_by_role("heading", name="Shared savings for primary care groups")).to_be_visible()
    expect(page.locator("aside")).to_contain_text("2024.1")
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_text("In force on 2024-01-01")).to_be_visible()


def test_settle_and_ask_why(page: Page, tenant: Tenant) -> None:
    """From data and a binding to the result, the statement of a group, and the cell of the file behind it."""
    with tenant.client() as client:
        settle_example(client)
    sign_in(page, tenant)
    page.get_by_role("link", name="Data", exact=True).click()
    page.locator("form[action='/datasets']").get_by_label("Name").fill("results of 2024")
    page.get_by_role("button", name="Make").click()
    page.get_by_label("Table of the contract").fill("results")
    page.get_by_label("File").set_input_files(str(EXAMPLE / "results.csv"))
    page.get_by_role("button", name="Add").click()
    page.get_by_role("button", name="Seal").click()
    expect(page.locator(".badge")).to_have_text("sealed")
    page.get_by_role("link", name="Runs").click()
    page.get_by_role("link", name="New run").click()
    page.get_by_label("Periods").fill("2024")
    page.get_by_role("button", name="Settle").click()
    page.get_by_role("link", name="Harbor Primary Care").click(timeout=30_000)
    expect(page.locator("tfoot").last).to_contain_text("$255,725.24")
    page.locator("tfoot").last.get_by_role("link", name="$255,725.24").click()
    expect(page.get_by_role("heading", name="Why settlement is $255,725.24")).to_be_visible()
    page.locator("summary", has_text="budget").first.click()
    expect(page.locator(".tree")).to_contain_text("row 1, column Target PMPM")


def test_a_reader_sees_its_own_groups_only(page: Page, tenant: Tenant) -> None:
    with tenant.client() as client:
        run = settle_example(client).run["id"]
    sign_in(page, tenant, "reader", groups=("Harbor Primary Care",))
    page.locator("tbody a").first.click()
    expect(page.locator("tbody tr")).to_have_count(1)
    expect(page.locator("table.money")).to_have_count(0)
    answer = page.goto(f"{tenant.service.url}/runs/{run}/statement?group=Lakeside+Medical&period=2024")
    assert answer is not None
    assert answer.status == 403
    expect(page.get_by_text("own groups only")).to_be_visible()


def test_text_of_others_is_never_markup(page: Page, tenant: Tenant) -> None:
    """Names and texts are shown as they are; nothing in them runs."""
    evil = "<img src=x onerror=\"document.title='run'\">"
    sign_in(page, tenant)
    page.get_by_role("link", name="New draft").click()
    page.get_by_label("Draft").fill(evil)
    page.get_by_label("Contract text").fill(f'contract x\ntitle "{evil}"\ndefine {evil} = 1')
    expect(page.locator(".finding").first).to_be_visible()
    page.get_by_role("button", name="Save").click()
    page.goto(f"{tenant.service.url}/contracts")
    expect(page.get_by_role("link", name=evil)).to_be_visible()
    assert page.locator("img").count() == 0


def test_forms_of_other_sites_are_refused(page: Page, tenant: Tenant) -> None:
    sign_in(page, tenant)
    expect(page.get_by_role("heading", name="Contracts")).to_be_visible()
    answer = page.request.post(
        f"{tenant.service.url}/datasets", form={"name": "planted"}, headers={"origin": "https://elsewhere.example"}
    )
    assert answer.status == 403
