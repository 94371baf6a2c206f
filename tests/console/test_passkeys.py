"""Passkeys in a real Chromium with a virtual authenticator: added on the page of one's keys, then asked for."""

import base64
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from playwright.async_api import Browser, CDPSession, expect

from contracts.decision import Signature
from contracts.passkeys import challenge
from contracts.signatures import public_line, raw_sign
from contracts.wire import fingerprint
from ledger import Ledger
from tests.console.conftest import Visitor, deps_for, visitor_of
from tests.console.pictures import picture
from tests.console.test_browser import Desk, desk_at
from tests.support.authenticator import Authenticator, text
from tests.support.register import found
from workers.devserver import DevServer

browsers = pytest.mark.browser
NAMED = "http://localhost:8400"


@dataclass
class Device:
    """Chromium's virtual authenticator of one page."""

    session: CDPSession
    name: str

    async def recognises_its_person(self, does: bool) -> None:
        asked = {"authenticatorId": self.name, "isUserVerified": does}
        await self.session.send("WebAuthn.setUserVerified", asked)


async def device(desk: Desk) -> Device:
    session = await desk.context.new_cdp_session(desk.page)
    await session.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    made = await session.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    return Device(session, made["authenticatorId"])


@pytest_asyncio.fixture
async def desk(own_server: DevServer, ledger: Ledger, browser: Browser, tmp_path: Path) -> AsyncIterator[Desk]:
    """Reached by a name: an address can have no passkeys. Rows make nobody a signer there, only signatures do."""
    async with desk_at("localhost", own_server, ledger, browser) as made:
        made.root = found(ledger, tmp_path / "trust", ledger.person("ada"))
        yield made


async def add_passkey(desk: Desk) -> None:
    await desk.page.goto(f"{desk.url}/keys")
    await desk.page.get_by_role("button", name="Add a passkey for localhost").click()
    await expect(desk.page.locator(".keys")).to_contain_text("passkey of localhost")


@browsers
async def test_a_passkey_is_added_and_signs(desk: Desk) -> None:
    run = f"changelog-harbor-{desk.ledger.realm[:8]}"
    sample = await desk.parked.park(run)
    held = await device(desk)
    await desk.enter()
    await add_passkey(desk)
    await picture(desk.page, "keys")
    [key] = desk.ledger.passkeys("ada")
    assert "passkey, made in Chromium on Linux" in key.label
    await desk.page.goto(f"{desk.url}/proposals/{sample.id}")
    await expect(desk.page.locator("#key-says")).to_contain_text("Your passkey will be asked for")
    await held.recognises_its_person(False)
    await desk.page.get_by_role("button", name=sample.button()).click()
    await expect(desk.page.locator("#progress")).to_contain_text("Nothing was signed")
    assert desk.decisions(run) == []
    await held.recognises_its_person(True)
    await desk.page.get_by_role("button", name=sample.button()).click()
    await expect(desk.page.locator("#decide h2")).to_have_text("Approved")
    [decision] = desk.decisions(run)
    assert (decision.signature.scheme, decision.signature.key) == ("passkey", key.fingerprint)
    said = json.loads(decision.signature.value)["response"]["clientDataJSON"]
    client = json.loads(base64.urlsafe_b64decode(said + "=="))
    assert client["challenge"] == text(challenge(decision.statement.signing_bytes()))


@browsers
async def test_a_device_has_one_passkey_here_and_it_can_be_taken_away(desk: Desk) -> None:
    await device(desk)
    await desk.enter()
    await add_passkey(desk)
    await desk.page.get_by_role("button", name="Add a passkey for localhost").click()
    await expect(desk.page.locator("#progress")).to_contain_text("has a passkey of yours already")
    [key] = desk.ledger.passkeys("ada")
    await desk.page.locator(".keys li", has_text=key.fingerprint).get_by_role("button").click()
    await expect(desk.page.locator(".keys li", has_text=key.fingerprint)).to_contain_text("revoked")
    assert desk.ledger.passkeys("ada") == []
    # The key that it overtook stays without power; a new link makes another one.
    run = f"changelog-harbor-{desk.ledger.realm[:8]}"
    sample = await desk.parked.park(run)
    await desk.page.goto(f"{desk.url}/proposals/{sample.id}")
    await expect(desk.page.locator("#cannot")).to_contain_text("This browser holds no key of yours")
    await desk.enter()
    await desk.page.goto(f"{desk.url}/proposals/{sample.id}")
    await desk.page.get_by_role("button", name=sample.button()).click()
    await expect(desk.page.locator("#decide h2")).to_have_text("Approved")


def decoded(said: str) -> bytes:
    return base64.urlsafe_b64decode(said + "=" * (-len(said) % 4))


def by_browser(ada: Visitor) -> Callable[[bytes], Signature]:
    mark = fingerprint(public_line(ada.private))
    return lambda data: Signature(scheme="ed25519", key=mark, value=raw_sign(ada.private, data))


def by_passkey(held: Authenticator, mark: str) -> Callable[[bytes], Signature]:
    return lambda data: Signature(scheme="passkey", key=mark, value=held.assertion(challenge(data)))


async def added(ada: Visitor, fresh: Authenticator, sign: Callable[[bytes], Signature]) -> httpx.Response:
    """The calls that the page's scripts make."""
    options = (await ada.post("/api/keys/passkeys/options", {})).json()
    assert options["authenticatorSelection"]["userVerification"] == "required"
    made = {"registration": fresh.registration(decoded(options["challenge"]))}
    said = (await ada.post("/api/keys/passkeys/statement", made)).json()["statement"]
    signed = {"enrolment": json.loads(said), "signature": sign(said.encode()).model_dump()}
    return await ada.post("/api/keys/passkeys", {**made, "signed": signed})


async def test_a_second_passkey_is_added_by_the_first(ledger: Ledger) -> None:
    ada = visitor_of(deps_for(ledger, base_url=NAMED), NAMED)
    async with ada.http:
        await ada.sign_in()
        first, second = Authenticator("localhost", NAMED), Authenticator("localhost", NAMED)
        answer = await added(ada, first, by_browser(ada))
        assert answer.status_code == 200, answer.text
        refused = await added(ada, second, by_browser(ada))
        assert refused.status_code == 403
        assert "has a passkey" in refused.json()["detail"]
        assert (await added(ada, second, by_passkey(first, answer.json()["key"]))).status_code == 200
    assert len(ledger.passkeys("ada")) == 2


async def test_a_page_reached_by_an_address_says_why_it_has_none(ada: Visitor) -> None:
    page = await ada.http.get("/keys")
    assert "COUNTERSIGN_PUBLIC_URL" in page.text
    answer = await ada.post("/api/keys/passkeys/options", {})
    assert answer.status_code == 422
    assert "not to this address" in answer.json()["detail"]


async def test_a_session_alone_adds_no_key(ada: Visitor) -> None:
    """Who stole the cookie has the page's own token too, and no key of the person's."""
    made = Authenticator("localhost", "http://localhost:1").registration(b"guessed")
    answer = await ada.post("/api/keys/passkeys/statement", {"registration": made})
    assert answer.status_code == 422
    assert ada.ledger.passkeys("ada") == []


async def test_nobody_takes_another_persons_key_away(ada: Visitor) -> None:
    mine = ada.ledger.keys("ada")[0].fingerprint
    assert (await ada.form("/keys/revoke", key="SHA256:of-somebody-else")).status_code == 404
    answer = await ada.http.post("/keys/revoke", data={"key": mine}, headers={"origin": "http://127.0.0.1:8400"})
    assert answer.status_code == 403
    assert ada.ledger.keys("ada")[0].revoked_at is None
    assert (await ada.form("/keys/revoke", key=mine)).status_code == 303
    assert ada.ledger.keys("ada")[0].revoked_at is not None


async def test_a_key_that_nobody_signed_for_says_so(ledger: Ledger, tmp_path: Path) -> None:
    ada = visitor_of(deps_for(ledger))
    await ada.sign_in()
    assert "signs nothing yet" not in (await ada.http.get("/keys")).text
    found(ledger, tmp_path / "trust", ledger.person("ada"))
    page = (await ada.http.get("/keys")).text
    assert "It signs nothing yet" in page
    assert "countersign trust accept ada" in page
    await ada.http.aclose()
