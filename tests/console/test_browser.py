"""A person at a real Chromium: enter by the link, read, edit, decide; by keyboard alone too."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest
import pytest_asyncio
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from playwright.async_api import Browser, BrowserContext, Page, expect
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from contracts.decision import SignedDecision
from contracts.proposal import Proposal
from contracts.records import RunRecord
from contracts.requirements import Requirement
from ledger import Ledger
from tests.console.conftest import deps_for
from tests.console.pictures import DESK, PHONE, picture
from tests.console.running import Parked, served, working
from tests.console.samples import ENTRY, NOW, add_entries, proposal, run_record
from tests.support.register import invited
from workers.devserver import DevServer
from workers.processes import free_port

pytestmark = pytest.mark.browser


@dataclass
class Desk:
    """A console that serves, a run's gate behind it, and a browser in front of it."""

    url: str
    ledger: Ledger
    parked: Parked
    browser: Browser
    context: BrowserContext
    page: Page
    root: Ed25519PrivateKey | None = None  # ada's pinned key, where the console believes signatures only

    async def enter(self, page: Page | None = None) -> None:
        page = page or self.page
        token = (
            invited(self.ledger, "ada", self.root) if self.root else self.ledger.create_invitation("ada", seconds=60)
        )
        await page.goto(f"{self.url}/enter#{token}")
        await page.wait_for_url(f"{self.url}/")

    async def open(self, sample: Proposal) -> None:
        await self.page.goto(f"{self.url}/proposals/{sample.id}")
        await expect(self.page.locator("#key-says")).to_contain_text("in this browser")

    def decisions(self, run: str) -> list[SignedDecision]:
        return [decision for decision, ruling in self.ledger.decisions(run) if ruling.accepted]


@asynccontextmanager
async def desk_at(host: str, server: DevServer, ledger: Ledger, browser: Browser) -> AsyncIterator[Desk]:
    """A desk whose console is reached under this name of the host. No page of it may have had an error."""

    async def temporal() -> Client:
        return await Client.connect(server.address, data_converter=pydantic_data_converter)

    port = free_port()
    url = f"http://{host}:{port}"
    context = await browser.new_context(viewport=DESK, color_scheme="light")
    page = await context.new_page()
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda line: problems.append(line.text) if line.type == "error" else None)
    with served(deps_for(ledger, temporal=temporal, base_url=url, temporal_ui=server.ui), port):
        async with working(await temporal(), ledger) as parked:
            yield Desk(url, ledger, parked, browser, context, page)
            await context.close()
    assert [line for line in problems if "status of 4" not in line] == []


@pytest_asyncio.fixture
async def desk(own_server: DevServer, ledger: Ledger, browser: Browser) -> AsyncIterator[Desk]:
    async with desk_at("127.0.0.1", own_server, ledger, browser) as made:
        yield made


@pytest.fixture
def run(request: pytest.FixtureRequest, ledger: Ledger) -> str:
    return f"changelog-harbor-{ledger.realm[:8]}"


async def test_a_person_enters_reads_edits_and_approves(desk: Desk, run: str) -> None:
    sample = await desk.parked.park(run)
    await desk.enter()
    await expect(desk.page.locator("h1")).to_have_text("1 proposal needs a decision")
    assert desk.page.url == f"{desk.url}/"
    await desk.page.get_by_role("link", name=sample.title).click()
    await expect(desk.page.get_by_role("button", name=sample.button())).to_be_enabled()
    await desk.page.get_by_text("Edit it in place").click()
    await desk.page.get_by_label("The entry, in Markdown").fill(ENTRY.replace("a growing pause", "growing pauses"))
    await desk.page.get_by_role("button", name="Preview the new revision").click()
    await expect(desk.page.locator("#changed .add")).to_contain_text("growing pauses")
    await picture(desk.page, "revision")
    await desk.page.get_by_role("button", name=sample.button()).click()
    panel = desk.page.locator("#decide")
    await expect(panel).to_contain_text("Committed 5d1c2e0 on branch countersign/changelog")
    await expect(panel.locator("h2")).to_have_text("Approved")
    await picture(desk.page, "approved")
    [decision] = desk.decisions(run)
    assert decision.signature.scheme == "ed25519"
    assert decision.statement.digest != sample.digest
    assert desk.ledger.proposal(decision.statement.digest).edited_by == "ada"
    assert len(desk.ledger.effects(run=run)) == 1


async def test_the_private_key_cannot_leave_the_browser(desk: Desk, run: str) -> None:
    await desk.parked.park(run)
    sent: list[str] = []
    desk.page.on("request", lambda request: sent.append(request.post_data or ""))
    await desk.enter()
    script = """async () => {
      const keys = await import("/static/keys.js");
      const [mark] = await keys.held();
      const key = await keys.find([mark]);
      const tried = await crypto.subtle.exportKey("pkcs8", key.privateKey).catch((error) => error.name);
      return [mark, key.privateKey.extractable, tried];
    }"""
    mark, extractable, tried = await desk.page.evaluate(script)
    assert extractable is False
    assert tried == "InvalidAccessError"
    assert [key.fingerprint for key in desk.ledger.keys("ada")] == [mark]
    assert "Chromium on Linux" in desk.ledger.keys("ada")[0].label
    assert not any("private" in body.lower() for body in sent)


async def test_entering_again_uses_the_same_key(desk: Desk) -> None:
    await desk.enter()
    await desk.enter()
    assert len(desk.ledger.keys("ada")) == 1
    held = await desk.page.evaluate("async () => (await import('/static/keys.js')).held()")
    assert held == [desk.ledger.keys("ada")[0].fingerprint]


async def test_a_link_on_another_site_finds_the_person_signed_in(desk: Desk) -> None:
    """The cookie is not sent along from another site; the page then asks once more by itself."""
    await desk.enter()
    link = f'<a href="{desk.url}/runs">look</a>'
    await desk.page.route("http://chat.example/", lambda route: route.fulfill(content_type="text/html", body=link))
    await desk.page.goto("http://chat.example/")
    await desk.page.get_by_text("look").click()
    await expect(desk.page.locator("h1")).to_have_text("What has been running")


async def test_the_page_that_was_wanted_comes_after_signing_in(desk: Desk, run: str) -> None:
    sample = await desk.parked.park(run)
    await desk.page.goto(f"{desk.url}/proposals/{sample.id}")
    await expect(desk.page.locator("h1")).to_have_text("Sign in")
    token = desk.ledger.create_invitation("ada", seconds=60)
    opened = await desk.context.new_page()
    await opened.goto(f"{desk.url}/enter#{token}")
    await opened.wait_for_url(f"{desk.url}/proposals/{sample.id}")
    await expect(opened.locator("h1")).to_have_text(sample.title)
    await desk.enter(opened)


@pytest.mark.parametrize(
    "elsewhere", ["//evil.example/x", "https://evil.example/", "javascript:alert(1)", "/\\evil.example"]
)
async def test_only_pages_of_ours_can_be_wanted(desk: Desk, elsewhere: str) -> None:
    await desk.page.goto(f"{desk.url}/enter")
    await desk.page.evaluate("(there) => localStorage.setItem('countersign-wanted', there)", elsewhere)
    await desk.page.goto("about:blank")
    await desk.enter()


async def test_a_used_link_says_so(desk: Desk) -> None:
    token = desk.ledger.create_invitation("ada", seconds=60)
    desk.ledger.redeem_invitation(token)
    await desk.page.goto(f"{desk.url}/enter#{token}")
    await expect(desk.page.get_by_role("alert")).to_contain_text("used before")
    assert desk.ledger.keys("ada") == []
    assert token not in desk.page.url


async def test_everything_by_keyboard(desk: Desk, run: str) -> None:
    sample = await desk.parked.park(run)
    await desk.enter()
    press = desk.page.keyboard.press
    await to(desk.page, sample.title)
    await press("Enter")
    await desk.page.wait_for_url("**/proposals/*")
    await expect(desk.page.locator("#key-says")).to_contain_text("in this browser")
    await to(desk.page, "Reject")
    await press("Enter")
    await press("Tab")
    await press("Space")
    await press("ArrowRight")
    await press("Tab")
    await desk.page.keyboard.type("Not this week")
    await press("Tab")
    await press("Enter")
    await expect(desk.page.locator("#decide h2")).to_have_text("Rejected")
    [decision] = desk.decisions(run)
    assert decision.statement.verdict == "reject"
    assert decision.statement.reason == "incorrect"
    assert decision.statement.words == "Not this week"


async def to(page: Page, name: str) -> None:
    """Tab until the focused element says so."""
    for _ in range(60):
        await page.keyboard.press("Tab")
        if (await page.evaluate("document.activeElement.innerText ?? ''")).strip() == name:
            return
    raise AssertionError(f"Tab never reached {name!r}")


async def test_a_rejection_without_a_reason_is_not_sent(desk: Desk, run: str) -> None:
    sample = await desk.parked.park(run)
    await desk.enter()
    await desk.open(sample)
    await desk.page.get_by_text("Reject", exact=True).click()
    await desk.page.get_by_role("button", name="Reject and change nothing").click()
    await expect(desk.page.locator("#progress")).to_have_text("Choose a reason first.")
    assert desk.ledger.decisions(run) == []


async def test_a_statement_that_differs_from_the_page_is_not_signed(desk: Desk, run: str) -> None:
    """A server that swaps the digest under the button gets no signature."""
    sample = await desk.parked.park(run)
    other = proposal(desk.ledger, run=f"{run}-other")
    desk.ledger.store_proposal(other)
    await desk.enter()
    await desk.open(sample)
    swapped = sample.digest.removeprefix("sha256:")
    await desk.page.route(
        "**/statement",
        lambda route: route.continue_(url=route.request.url.replace(swapped, other.digest.removeprefix("sha256:"))),
    )
    await desk.page.get_by_role("button", name=sample.button()).click()
    await expect(desk.page.locator("#progress")).to_contain_text("differs from this page (digest)")
    assert desk.ledger.decisions(run) == []
    assert desk.ledger.decisions(other.run) == []


async def test_a_refusal_is_shown_where_the_person_is(desk: Desk, run: str) -> None:
    sample = await desk.parked.park(run, role="release")
    ada = desk.ledger.person("ada")
    desk.ledger.enrol(ada.model_copy(update={"roles": (*ada.roles, "release")}))
    await desk.enter()
    await desk.open(sample)
    desk.ledger.enrol(ada)  # while the page is open
    await desk.page.get_by_role("button", name=sample.button()).click()
    await expect(desk.page.locator("#decide .rulings")).to_contain_text("does not have the role")
    await expect(desk.page.locator("#progress")).to_contain_text("does not have the role")
    await expect(desk.page.locator("#why-not")).to_contain_text("does not have the role 'release'")
    await expect(desk.page.get_by_role("button", name=sample.button())).to_have_count(0)
    assert desk.ledger.proposal_record(sample.digest).state == "open"


async def test_one_of_two_approves_and_takes_it_back(desk: Desk, run: str) -> None:
    needs = (Requirement(rule="deploy", roles=("reviewer",), needs=2, effects=(f"{run}/1",)),)
    sample = await desk.parked.park(run, role="", needs=needs)
    await desk.enter()
    await desk.open(sample)
    await desk.page.get_by_role("button", name=sample.button()).click()
    await expect(desk.page.locator("#decide .needs")).to_contain_text("deploy: 1 of 2 by reviewer")
    await desk.page.get_by_role("button", name="Withdraw my approval").click()
    await expect(desk.page.locator("#decide .needs")).to_contain_text("deploy: 0 of 2 by reviewer")
    await expect(desk.page.get_by_role("button", name=sample.button())).to_be_enabled()
    assert [ruling.verdict for _, ruling in desk.ledger.decisions(run)] == ["approve", "withdraw"]


async def test_the_page_follows_what_happens_elsewhere(desk: Desk, run: str) -> None:
    await desk.enter()
    await expect(desk.page.locator("h1")).to_have_text("Nothing needs you")
    sample = await desk.parked.park(run)
    await expect(desk.page.locator("h1")).to_have_text("1 proposal needs a decision")
    await desk.open(sample)
    await desk.page.get_by_text("Ask for changes", exact=True).click()
    await desk.page.get_by_label("What should be different?").fill("Half a sentence")
    desk.ledger.set_proposal_state(sample.digest, "withdrawn")
    await expect(desk.page.locator("#stale")).to_be_visible()
    await expect(desk.page.get_by_label("What should be different?")).to_have_value("Half a sentence")


async def test_without_a_key_the_page_names_the_command(desk: Desk, run: str) -> None:
    sample = await desk.parked.park(run)
    await desk.enter()
    await desk.page.evaluate("indexedDB.deleteDatabase('countersign')")
    await desk.page.goto(f"{desk.url}/proposals/{sample.id}")
    await expect(desk.page.locator("#cannot")).to_contain_text(f"countersign approve {sample.id}")
    await expect(desk.page.get_by_role("button", name=sample.button())).to_be_disabled()


async def test_hostile_words_run_nothing(desk: Desk) -> None:
    words = "<img src=x onerror=\"document.title='pwned'\"><script>document.title='pwned'</script>"
    sample = proposal(desk.ledger, run=words, title=words, summary=words)
    desk.ledger.store_proposal(sample)
    await desk.enter()
    for url in ("/", f"/proposals/{sample.id}"):
        await desk.page.goto(desk.url + url)
        assert "pwned" not in await desk.page.title() or words in await desk.page.title()
        assert await desk.page.locator("img[src='x']").count() == 0


# Pictures, to be looked at


async def full_house(desk: Desk, run: str) -> Proposal:
    """A platform in use: a waiting proposal, a decided one, a run that failed, a run that went well."""
    ledger = desk.ledger
    sample = await desk.parked.park(run)
    other = proposal(
        ledger, run="changelog-atlas", title="Changelog of acme/atlas since 19 October", drafted_by="baseline"
    )
    ledger.start_run(
        run_record("changelog-atlas", subject="acme/atlas", state="done", says="Committed 77ab310.", finished_at=NOW)
    )
    ledger.store_proposal(other)
    ledger.set_proposal_state(other.digest, "approved", by="ada")
    says = "'/srv/git/quay' is not a git repository."
    ledger.start_run(run_record("changelog-quay", subject="acme/quay", state="failed", says=says, finished_at=NOW))
    failed = RunRecord.model_validate(
        run_record("changelog-pier", subject="acme/pier", state="running", says="Reading the history")
    )
    ledger.start_run(failed)
    add_entries(ledger, "changelog-atlas")
    return sample


async def test_pictures_in_light_dark_and_on_a_phone(desk: Desk, run: str) -> None:
    sample = await full_house(desk, run)
    await desk.enter()
    pages = {
        "inbox": "/",
        "proposal": f"/proposals/{sample.id}",
        "run": "/runs/changelog-atlas",
        "runs": "/runs",
        "ledger": "/ledger",
        "workflows": "/workflows",
        "health": "/health",
        "missing": "/nothing",
    }
    for name, url in pages.items():
        await desk.page.goto(desk.url + url)
        for scheme in ("light", "dark"):
            await desk.page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
            await desk.page.set_viewport_size(DESK)
            await picture(desk.page, f"{name}-{scheme}")
        await desk.page.set_viewport_size(PHONE)
        await picture(desk.page, f"{name}-phone")
        wide = await desk.page.evaluate("document.documentElement.scrollWidth")
        assert wide <= PHONE["width"], f"{name} scrolls sideways on a phone"
