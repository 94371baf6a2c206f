"""Handing on in the console: signed like a decision, seen by both, ended by either."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.async_api import Route, expect

from contracts.decision import Signature
from contracts.delegation import Delegation
from contracts.proposal import Proposal
from contracts.records import Person
from contracts.signatures import public_line, raw_sign
from contracts.wire import fingerprint
from ledger import Ledger
from tests.console.conftest import Visitor, deps_for, visitor_of
from tests.console.pictures import picture
from tests.console.samples import NOW, proposal
from tests.console.test_batches import in_all_sizes
from tests.console.test_browser import Desk, desk
from tests.ledger.support import enrolled

__all__ = ["desk"]


def stored(ledger: Ledger, run: str, **fields: Any) -> Proposal:
    made = proposal(ledger, run=run, title=f"Changelog of {run}", **fields)
    ledger.store_proposal(made)
    return made


async def hand_in(ada: Visitor, **wish: Any) -> Any:
    asked = await ada.post("/api/delegations/statement", wish)
    if asked.status_code != 200:
        return asked
    made = Delegation.model_validate_json(asked.json()["statement"])
    value = raw_sign(ada.private, made.signing_bytes())
    signature = Signature(scheme="ed25519", key=fingerprint(public_line(ada.private)), value=value)
    body = {"statement": made.model_dump(mode="json"), "signature": signature.model_dump()}
    return await ada.post("/api/delegations/signed", body)


async def test_both_see_it_in_their_inbox_and_either_ends_it(ada: Visitor, ledger: Ledger) -> None:
    enrolled(ledger, "ben")
    stored(ledger, "quay", created_at=NOW - timedelta(days=2))
    handed = stored(ledger, "harbor")
    given = await hand_in(ada, to="ben", digest=handed.id, words="You know <b>the</b> pump.")
    assert given.status_code == 200, given.text
    assert (
        "Handed to <strong>ben</strong> by you: You know &lt;b&gt;the&lt;/b&gt; pump." in (await ada.http.get("/")).text
    )
    ben = visitor_of(deps_for(ledger))
    async with ben.http:
        await ben.sign_in("ben")
        page = (await ben.http.get("/")).text
        assert "Handed to <strong>you</strong> by ada" in page
        assert page.index(handed.title) < page.index("Changelog of quay"), "what was handed to one comes first"
        assert "Give it back" in (await ben.http.get("/delegations")).text
        [listed] = (await ben.http.get("/api/delegations")).json()
        assert (await hand_in(ben, revokes=listed["id"])).status_code == 200
        assert "Handed to" not in (await ben.http.get("/")).text


async def test_what_cannot_be_handed_on_is_said(ada: Visitor, ledger: Ledger) -> None:
    ledger.enrol(Person(name="vic", display_name="Vic", roles=("viewer",)))
    enrolled(ledger, "ben")
    made, soon = stored(ledger, "harbor"), (datetime.now(UTC) + timedelta(days=7)).isoformat()
    wrong: dict[str, dict[str, Any]] = {
        "names somebody else": {"to": "ada", "digest": made.digest},
        "until a date": {"to": "ben"},
        "within 92 days": {"to": "ben", "until": (datetime.now(UTC) + timedelta(days=100)).isoformat()},
        "does not have the role": {"to": "vic", "digest": made.digest},
        "no role that decides": {"to": "vic", "until": soon},
    }
    for says, wish in wrong.items():
        answer = await hand_in(ada, **wish)
        assert (answer.status_code, says in answer.json()["detail"]) == (403, True), answer.text
    assert (await hand_in(ada, revokes="0123456789ab")).status_code == 404
    given = await hand_in(ada, to="ben", until=soon)
    assert given.status_code == 200, given.text
    body = given.json()["signed"]
    ben = visitor_of(deps_for(ledger))
    async with ben.http:
        await ben.sign_in("ben")
        answer = await ben.post("/api/delegations/signed", body)
        assert "'ben' is signed in" in answer.json()["detail"]
    assert len(ledger.delegations()) == 1


@pytest.mark.browser
async def test_a_person_hands_one_on_and_takes_it_back(desk: Desk) -> None:
    enrolled(desk.ledger, "ben"), enrolled(desk.ledger, "cyn")
    sample = stored(desk.ledger, "harbor")
    await desk.enter()
    await desk.open(sample)

    async def to_another(route: Route) -> None:
        asked = route.request.post_data_json
        await route.continue_(post_data=json.dumps({**asked, "to": "cyn"}))

    await desk.page.get_by_text("Hand it on").click()
    await desk.page.get_by_label("To somebody who may decide").select_option("ben")
    await desk.page.route("**/api/delegations/statement", to_another)
    await desk.page.get_by_role("button", name="Sign and hand on").click()
    await expect(desk.page.locator("#delegating-says")).to_contain_text("differs from this page (to)")
    assert desk.ledger.delegations() == []
    await desk.page.unroute("**/api/delegations/statement")
    await desk.page.get_by_role("button", name="Sign and hand on").click()
    await expect(desk.page.locator("#delegating")).to_contain_text("Handed to ben by ada")
    await picture(desk.page, "handed")
    await desk.page.get_by_role("button", name="Take it back").click()
    await expect(desk.page.locator("#delegating")).not_to_contain_text("Handed to")
    await desk.page.goto(f"{desk.url}/delegations")
    await desk.page.get_by_label("To", exact=True).select_option("ben")
    await desk.page.get_by_label("Until the end of").fill(f"{NOW + timedelta(days=9):%Y-%m-%d}")
    await desk.page.get_by_role("button", name="Sign and hand on").click()
    await expect(desk.page.locator("#delegating")).to_contain_text("All that waits for ada")
    await in_all_sizes(desk.page, "delegations")
    [record] = desk.ledger.delegations()
    assert (record.statement.to, record.statement.run) == ("ben", "")
