"""Standing approvals in the console: proposed with their evidence, signed, used, seen, revoked; by team."""

import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.async_api import Route, expect

from contracts.decision import Signature
from contracts.records import EffectRecord, Person
from contracts.requirements import Requirement
from contracts.signatures import public_line, raw_sign
from contracts.standing import Measured, StandingApproval
from contracts.suggesting import ENOUGH, MeasuredRun
from contracts.wire import fingerprint
from ledger import Ledger
from tests.console.conftest import Visitor
from tests.console.samples import proposal
from tests.console.test_batches import in_all_sizes
from tests.console.test_browser import Desk, desk

ODD = "/srv/<b>repo</b>"


__all__ = ["desk"]


@pytest.fixture
def measured(ledger: Ledger) -> None:
    measure(ledger)


def measure(ledger: Ledger) -> None:
    """As many runs in a row as speak for one."""
    one = Measured(kind="git.commit_file", destination=ODD, paths=("CHANGELOG.md",), lines=3)
    for number in range(ENOUGH):
        row: dict[str, Any] = {"workflow": "changelog", "version": "1", "team": "platform", "drafted_by": "model"}
        row |= {"outcome": "signed", "digest": f"sha256:{number:064}", "effects": (one,)}
        row |= {"needs": (Requirement(roles=("reviewer",), standing=True),)}
        ledger.measure_run(MeasuredRun(run=f"r-{number}", decided_at=datetime.now(UTC) - timedelta(days=number), **row))


async def signed(ada: Visitor, ledger: Ledger) -> StandingApproval:
    [suggested] = ledger.standing_suggestions()
    prepared = await ada.post("/standing/statement", {"suggestion": suggested.id, "uses": 2})
    standing = StandingApproval.model_validate_json(prepared.json()["statement"])
    value = raw_sign(ada.private, standing.signing_bytes())
    signature = Signature(scheme="ed25519", key=fingerprint(public_line(ada.private)), value=value)
    body = {"standing": standing.model_dump(mode="json"), "signature": signature.model_dump()}
    wider = {**body["standing"], "most_uses": 3}
    assert (await ada.post("/standing/sign", {**body, "standing": wider})).status_code == 403
    other = {**body["standing"], "person": "bo"}
    assert (await ada.post("/standing/sign", {**body, "standing": other})).status_code == 403
    answer = await ada.post("/standing/sign", body)
    assert answer.json() == {"id": standing.id}, answer.text
    return standing


@pytest.mark.usefixtures("measured")
async def test_it_is_proposed_signed_used_seen_and_revoked(ada: Visitor, ledger: Ledger) -> None:
    for url in ("/", "/standing"):
        page = (await ada.http.get(url)).text
        assert "20 in a row were signed unedited" in page, url
        assert "/srv/&lt;b&gt;repo" in page, url
        assert ODD not in page, url
    standing = await signed(ada, ledger)
    assert "in force" in (await ada.http.get("/standing")).text
    made = proposal(ledger)
    ledger.store_proposal(made)
    record: dict[str, Any] = {"key": "k", "kind": "git.commit_file", "run": made.run, "digest": made.digest}
    record |= {"decision": "sha256:0", "state": "intent", "intended_at": datetime.now(UTC)}
    ledger.intend(EffectRecord.model_validate(record), standing=standing)
    assert "Done on your standing approval" in (await ada.http.get("/")).text
    await ada.form("/standing/seen", standing=standing.digest, number="1")
    assert "Done on your standing approval" not in (await ada.http.get("/")).text
    answer = await ada.form("/standing/revoke", standing=standing.digest, words="<i>enough</i>")
    assert answer.status_code == 303
    assert ledger.standing_approval(standing.id).ended == "ada revoked it: <i>enough</i>"
    page = (await ada.http.get("/standing")).text
    assert "ada revoked it: &lt;i&gt;enough&lt;/i&gt;" in page
    assert "20 in a row" not in page, "what somebody ended is not proposed again at once"


@pytest.mark.usefixtures("measured")
async def test_nothing_of_it_is_another_teams(ada: Visitor, ledger: Ledger) -> None:
    standing = await signed(ada, ledger)
    ledger.enrol(Person(name="ada", display_name="Ada", roles=("payments:reviewer",)))
    assert "/srv/" not in (await ada.http.get("/standing")).text
    assert (await ada.form("/standing/revoke", standing=standing.digest)).status_code == 404
    assert ledger.standing_approval(standing.id).ended == ""


async def test_without_anything_measured_there_is_none(ada: Visitor) -> None:
    assert "no measured decisions speak for one yet" in (await ada.http.get("/standing")).text
    assert (await ada.post("/standing/statement", {"suggestion": "0123456789ab"})).status_code == 404


def widened(change: dict[str, Any]) -> Callable[[Route], Awaitable[None]]:
    """A server that asks to sign something else than it shows."""

    async def answer(route: Route) -> None:
        given = await route.fetch()
        statement = json.loads((await given.json())["statement"]) | change
        await route.fulfill(json={"statement": json.dumps(statement)})

    return answer


@pytest.mark.browser
async def test_a_person_signs_what_the_page_says_and_no_more(desk: Desk) -> None:
    measure(desk.ledger)
    await desk.enter()
    await desk.page.goto(f"{desk.url}/standing")
    button = desk.page.get_by_role("button", name="Approve these ahead for 14 days, 20 at most")
    for name, change in {
        "bounds": {
            "bounds": {"kinds": ["git.commit_file"], "destinations": ["/etc"], "most_effects": 9, "most_files": 9}
        },
        "uses": {"most_uses": 100, "most_a_day": 100},
        "end": {"valid_until": "2099-01-01T00:00:00Z"},
        "person": {"person": "bo"},
    }.items():
        await desk.page.route("**/standing/statement", widened(change))
        await button.click()
        await expect(desk.page.locator("#progress")).to_contain_text(f"differs from this page ({name})")
        await desk.page.unroute("**/standing/statement")
    assert desk.ledger.standing_approvals() == []
    await in_all_sizes(desk.page, "standing-proposed")
    await button.click()
    await expect(desk.page.locator(".card").first).to_contain_text("in force")
    await in_all_sizes(desk.page, "standing")
    [kept] = desk.ledger.standing_approvals()
    assert (kept.standing.person, kept.standing.bounds.destinations) == ("ada", (ODD,))
