"""Several proposals approved by one signature: chosen in the inbox, read as a list, all or none."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from contracts.batch import Batch
from contracts.decision import Signature
from contracts.passkeys import challenge
from contracts.proposal import Effect, Proposal
from contracts.requirements import Requirement
from contracts.signatures import public_line, raw_sign
from contracts.wire import fingerprint
from ledger import Ledger
from tests.console.conftest import Visitor, deps_for, visitor_of
from tests.console.pictures import DESK, PHONE, picture
from tests.console.running import Parked, working
from tests.console.samples import NOW, proposal
from tests.console.test_browser import Desk, desk_at
from tests.console.test_passkeys import add_passkey, device
from tests.support.authenticator import text
from workers.devserver import DevServer

browsers = pytest.mark.browser


def needs(run: str, **asked: Any) -> dict[str, Any]:
    return {"role": "", "needs": (Requirement(roles=("reviewer",), effects=(f"{run}/1",), **asked),)}


def titled(ledger: Ledger, name: str, **changes: Any) -> Proposal:
    """A small proposal of a run of its own; stored."""
    run = f"{name}-{ledger.realm[:8]}"
    effect = Effect(kind="git.commit_file", key=f"{run}/1", says=f"Commit 2 lines to {name}/CHANGELOG.md", params={})
    fields = {"title": f"Changelog of acme/{name}", "effects": (effect,), **changes}
    made = proposal(ledger, run=run, **fields)
    ledger.store_proposal(made)
    return made


async def parked(parking: Parked, name: str, **changes: Any) -> Proposal:
    made = titled(parking.ledger, name, **changes)
    fields = made.model_dump(include=set(type(made).model_fields) - {"run", "digest"})
    return await parking.park(made.run, **fields)


# In a browser --------------------------------------------------------------------------------------------------------


@pytest_asyncio.fixture
async def desk(own_server: DevServer, ledger: Ledger, browser: Browser) -> AsyncIterator[Desk]:
    """Reached by a name: an address can have no passkeys."""
    async with desk_at("localhost", own_server, ledger, browser) as made:
        yield made


async def in_all_sizes(page: Page, name: str) -> None:
    for scheme in ("light", "dark"):
        await page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        await picture(page, f"{name}-{scheme}")
    await page.set_viewport_size(PHONE)
    await picture(page, f"{name}-phone")
    assert await page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"], f"{name} scrolls sideways"
    await page.set_viewport_size(DESK)


@browsers
async def test_a_list_is_chosen_by_keyboard_read_and_signed_once_by_a_passkey(desk: Desk) -> None:
    harbor, atlas, quay = [await parked(desk.parked, name) for name in ("harbor", "atlas", "quay")]
    run = f"pier-{desk.ledger.realm[:8]}"
    grave = titled(desk.ledger, "pier", **needs(run, critical=True))
    await device(desk)
    await desk.enter()
    await add_passkey(desk)
    await desk.page.goto(desk.url)
    boxes = desk.page.get_by_role("checkbox")
    await expect(boxes).to_have_count(4)
    await expect(desk.page.get_by_label(f"others: {grave.title}")).to_be_disabled()
    await expect(desk.page.locator(".card", has_text=grave.title)).to_contain_text("is critical, so it is in no batch")
    for key in "jxjxjxjx":
        await desk.page.keyboard.press(key)
    await expect(desk.page.locator("#ticked")).to_have_text("3 ticked")
    await in_all_sizes(desk.page, "inbox-ticked")
    await desk.page.keyboard.press("b")
    await expect(desk.page.locator("h1")).to_have_text("Shall all 3 of these happen?")
    await in_all_sizes(desk.page, "batch")
    await desk.page.get_by_role("link", name=f"Take out: {quay.title}").click()
    sign = desk.page.get_by_role("button", name="Approve all 2 and make 2 changes in the outside world")
    await sign.click()
    await expect(desk.page.locator("h1")).to_have_text("What became of 2 proposals")
    await expect(desk.page.locator("#batch-region")).to_contain_text("Committed 5d1c2e0")
    await in_all_sizes(desk.page, "batch-done")
    decisions = [each for one in (harbor, atlas) for each in desk.decisions(one.run)]
    assert len(decisions) == 2
    assert decisions[0].batch == decisions[1].batch
    assert decisions[0].signature == decisions[1].signature
    [batch, signature] = decisions[0].batch, decisions[0].signature
    assert batch
    assert {item.digest for item in batch.items} == {harbor.digest, atlas.digest}
    said = json.loads(signature.value)["response"]["clientDataJSON"]
    client = json.loads(base64.urlsafe_b64decode(said + "=="))
    assert client["challenge"] == text(challenge(batch.signing_bytes()))
    assert desk.ledger.proposal_record(quay.digest).state == "open"


@browsers
async def test_a_list_that_differs_from_the_page_is_not_signed(desk: Desk) -> None:
    """A server that puts one more proposal under the button gets no signature."""
    shown = [await parked(desk.parked, name) for name in ("harbor", "atlas")]
    more = titled(desk.ledger, "quay")
    await desk.enter()
    await desk.page.goto(f"{desk.url}/batch?id={shown[0].id}&id={shown[1].id}")

    async def with_one_more(route: Any) -> None:
        asked = route.request.post_data_json
        await route.continue_(post_data=json.dumps({"digests": [*asked["digests"], more.digest]}))

    await desk.page.route("**/api/batches/statement", with_one_more)
    await desk.page.get_by_role("button", name="Approve all 2").click()
    await expect(desk.page.locator("#progress")).to_contain_text("differs from this page (list)")
    assert not any(desk.ledger.decisions(each.run) for each in (*shown, more))


@browsers
async def test_what_was_ticked_stays_ticked_when_something_new_comes(desk: Desk) -> None:
    first = titled(desk.ledger, "harbor")
    titled(desk.ledger, "atlas")
    await desk.enter()
    box = desk.page.get_by_label(f"others: {first.title}")
    await box.check()
    titled(desk.ledger, "quay")
    await expect(desk.page.locator("h1")).to_contain_text("3 proposals")
    await expect(box).to_be_checked()
    await expect(box).to_be_focused()
    await expect(desk.page.locator("#ticked")).to_contain_text("1 ticked")


@browsers
async def test_what_happened_before_the_page_listened_is_shown_and_an_overtaken_answer_is_not(desk: Desk) -> None:
    titled(desk.ledger, "harbor")
    await desk.enter()
    listens, held, old = asyncio.Event(), asyncio.Event(), list[str]()

    async def later(route: Any) -> None:
        await listens.wait()
        await route.continue_()

    async def once_held(route: Any) -> None:
        if route.request.resource_type != "fetch" or old:
            await route.continue_()
            return
        old.append("")
        answer = await route.fetch()
        old[0] = await answer.text()
        await held.wait()
        await route.fulfill(response=answer)

    await desk.page.route("**/events", later)
    await desk.page.goto(desk.url)
    await expect(desk.page.locator("h1")).to_contain_text("1 proposal")
    titled(desk.ledger, "atlas")
    listens.set()
    await expect(desk.page.locator("h1")).to_contain_text("2 proposals")

    await desk.page.route(f"{desk.url}/", once_held)
    titled(desk.ledger, "quay")
    while not (old and old[0]):
        await asyncio.sleep(0.05)
    titled(desk.ledger, "pier")
    await expect(desk.page.locator("h1")).to_contain_text("4 proposals")
    async with desk.page.expect_event("requestfinished"):
        held.set()
    await desk.page.evaluate("new Promise((done) => setTimeout(done, 200))")
    assert "3 proposals" in old[0]
    await expect(desk.page.locator("h1")).to_contain_text("4 proposals")


# By the API -----------------------------------------------------------------------------------------------------------


def signed(ada: Visitor, statement: str) -> dict[str, Any]:
    batch = Batch.model_validate_json(statement)
    value = raw_sign(ada.private, batch.signing_bytes())
    signature = Signature(scheme="ed25519", key=fingerprint(public_line(ada.private)), value=value)
    return {"batch": batch.model_dump(mode="json"), "signature": signature.model_dump()}


async def prepared(ada: Visitor, *proposals: Proposal) -> dict[str, Any]:
    answer = await ada.post("/api/batches/statement", {"digests": [each.digest for each in proposals]})
    assert answer.status_code == 200, answer.text
    return signed(ada, answer.json()["statement"])


async def test_the_server_says_which_may_not_be_in_a_batch_and_why(ada: Visitor) -> None:
    ledger, realm = ada.ledger, ada.ledger.realm[:8]
    plain, other = titled(ledger, "harbor"), titled(ledger, "atlas")
    apart = {
        "is critical, so it is in no batch": titled(ledger, "pier", **needs(f"pier-{realm}", critical=True)),
        "needs several people, so it is in no batch": titled(ledger, "quay", **needs(f"quay-{realm}", needs=2)),
        "does not have the role": titled(ledger, "dock", role="release"),
        "has expired": titled(ledger, "mole", expires_at=NOW),
    }
    page = (await ada.http.get("/")).text.replace("&#39;", "'")
    listed = (await ada.http.get("/batch", params={"id": [each.id for each in (plain, other, *apart.values())]})).text
    assert page.count(" disabled>") == len(apart)
    assert listed.count("data-digest=") == 2
    for why, each in apart.items():
        assert why in page
        assert why in listed
        answer = await ada.post("/api/batches/statement", {"digests": [plain.digest, each.digest]})
        assert answer.status_code == 403, answer.text
        assert why in answer.json()["detail"]
    once = await ada.post("/api/batches/statement", {"digests": [plain.digest, plain.id]})
    assert (once.status_code, once.json()["detail"]) == (422, "These are one proposal.")


async def test_whoever_may_only_read_ticks_nothing(stranger: Visitor, ledger: Ledger) -> None:
    ledger.enrol(ledger.person("ada").model_copy(update={"name": "vic", "roles": ("viewer",)}))
    titled(ledger, "harbor"), titled(ledger, "atlas")
    await stranger.sign_in("vic")
    assert 'type="checkbox"' not in (await stranger.http.get("/")).text


async def test_a_batch_is_whole_or_refused(ada: Visitor) -> None:
    """Without a Temporal server, too: what the rule refuses never gets that far."""
    harbor, atlas, quay = (titled(ada.ledger, name) for name in ("harbor", "atlas", "quay"))
    given = await prepared(ada, harbor, atlas)
    ada.ledger.enrol(ada.ledger.person("ada").model_copy(update={"name": "eve"}))
    forged = {**given, "batch": {**given["batch"], "person": "eve"}}
    assert (await ada.post("/api/batches", forged)).status_code == 403
    wider = sorted([*given["batch"]["items"], {"run": quay.run, "digest": quay.digest}], key=lambda i: i["digest"])
    answer = await ada.post("/api/batches", {**given, "batch": {**given["batch"], "items": wider}})
    assert (answer.status_code, answer.json()["title"]) == (403, "BadSignature")
    assert (await ada.post("/api/batches", given)).json()["title"] == "TemporalUnavailable"
    ada.ledger.set_proposal_state(max(harbor.digest, atlas.digest), "withdrawn")
    answer = await ada.post("/api/batches", given)
    assert (answer.status_code, answer.json()["title"]) == (403, "NotInBatch")
    assert "was withdrawn" in answer.json()["detail"]
    assert not any(ruling.accepted for one in (harbor, atlas, quay) for _, ruling in ada.ledger.decisions(one.run))


async def test_nothing_is_sent_where_one_of_the_runs_is_over(ledger: Ledger, own_server: DevServer) -> None:
    async def temporal() -> Client:
        return await Client.connect(own_server.address, data_converter=pydantic_data_converter)

    client = await temporal()
    ada = visitor_of(deps_for(ledger, temporal=temporal))
    async with ada.http, working(client, ledger) as parking:
        await ada.sign_in()
        going, over, left = [await parked(parking, name) for name in ("harbor", "atlas", "quay")]
        await client.get_workflow_handle(over.run).terminate()
        answer = await ada.post("/api/batches", await prepared(ada, going, over))
        assert answer.status_code == 409, answer.text
        assert answer.json()["subject"] == over.run
        assert ledger.decisions(going.run) == []
        answer = await ada.post("/api/batches", await prepared(ada, going, left))
        assert answer.status_code == 200, answer.text
        assert answer.json()["says"] == "Signed. All 2 are approved."
        assert {item["state"] for item in answer.json()["items"]} == {"approved"}
