"""A person's own page of how they are told."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from console.told import notified
from contracts.decision import SignedDecision, Statement
from contracts.notify import Defaults, Notice
from contracts.records import EffectRecord, Person
from contracts.requirements import Requirement
from ledger import FolderArtifacts, Ledger
from tests.console.conftest import Visitor, deps_for, visitor_of
from tests.console.running import served
from tests.console.samples import proposal
from workers.processes import free_port

FORM = {"window": "hour", "daily_at": "08:30", "time_zone": "Europe/Berlin"}


async def test_a_person_changes_how_they_are_told(ada: Visitor, ledger: Ledger) -> None:
    quiet = {"quiet_from": "18:00", "quiet_to": "08:00", "quiet_weekends": "true"}
    answer = await ada.form("/notify", channels="slack", slack=" U012AB3CDEF ", **FORM, **quiet)
    assert answer.status_code == 303, answer.text
    kept = ledger.preference("ada", Defaults())
    assert (kept.channels, kept.slack, kept.window, kept.urgent_at_once) == (("slack",), "U012AB3CDEF", "hour", False)
    assert kept.quiet is not None
    assert kept.quiet.weekends
    page = (await ada.http.get("/notify")).text
    for shown in ('value="U012AB3CDEF"', 'value="hour" selected', 'value="18:00"', 'value="Europe/Berlin"'):
        assert shown in page
    assert "No channel is set up here" in page


async def test_a_new_address_counts_once_its_code_is_entered(ada: Visitor, ledger: Ledger) -> None:
    await ada.form("/notify", channels="email", email="ada@example.com", **FORM)
    assert ledger.preference("ada", Defaults()).email == ""
    assert "Is ada@example.com yours?" in (await ada.http.get("/notify")).text
    _, code = ledger.new_code("ada")
    wrong = await ada.form("/notify/prove", code="12345678x")
    assert wrong.status_code == 422
    assert (await ada.form("/notify/prove", code=code)).status_code == 303
    assert ledger.preference("ada", Defaults()).email == "ada@example.com"


async def test_what_can_not_be_is_refused_by_its_field(ada: Visitor, ledger: Ledger) -> None:
    for field, value in (
        ("email", "ada@example.com, all@example.com"),
        ("email", "ada@example.com\r\nBcc: all@example.com"),
        ("slack", "<!channel>"),
        ("webhook", "http://169.254.169.254/latest"),
        ("webhook", "https://user:pass@example.com/"),
        ("time_zone", "Mars/Base"),
        ("window", "never"),
        ("daily_at", "25:00"),
        ("channels", "pigeon"),
        ("quiet_from", "18:00"),
    ):
        answer = await ada.form("/notify", **(FORM | {field: value}))
        assert answer.status_code == 422, field
        assert field.partition("_")[0] in answer.text
    assert ledger.notices() == []


async def test_nobody_changes_it_without_the_pages_token(ada: Visitor, ledger: Ledger) -> None:
    for url in ("/notify", "/notify/prove", "/notify/test"):
        answer = await ada.form(url, csrf="0" * 64, code="1", **FORM)
        assert answer.status_code == 403
    assert ledger.preference("ada", Defaults()).window == "15 minutes"


async def test_a_test_goes_to_what_is_set_up_and_not_twice_a_minute(ledger: Ledger) -> None:
    visitor = visitor_of(deps_for(ledger, channels=("email",)))
    async with visitor.http:
        await visitor.sign_in()
        assert (await visitor.form("/notify/test")).status_code == 422  # no address yet
        await visitor.form("/notify", channels="email", email="ada@example.com", **FORM)
        ledger.prove_email("ada", ledger.new_code("ada")[1])
        assert (await visitor.form("/notify/test")).status_code == 303
        assert (await visitor.form("/notify/test")).status_code == 409
        assert [each.reason for each in ledger.notices()] == ["verify", "test"]
        assert "This is a test" in (await visitor.http.get("/notify")).text


async def test_every_page_says_how_much_needs_whoever_looks(ada: Visitor, ledger: Ledger) -> None:
    assert (await ada.http.get("/waits")).json() == {"count": 0}
    assert "/static/mark.svg" in (await ada.http.get("/keys")).text
    first, second = (proposal(ledger, run=name) for name in ("a", "b"))
    for each in (first, second, proposal(ledger, run="c", role="release")):
        ledger.store_proposal(each)
    page = (await ada.http.get("/keys")).text
    assert "<title>(2) Your keys" in page
    assert 'aria-label="2 for you">2</span>' in page
    assert "/static/mark-waits.svg" in page
    ledger.set_proposal_state(second.digest, "rejected")
    assert (await ada.http.get("/waits")).json() == {"count": 1}
    # Not hers any more once she has approved it, though it waits for another.
    two = (Requirement(rule="two", roles=("reviewer",), needs=2, effects=tuple(e.key for e in first.effects)),)
    both = proposal(ledger, run="a", revision=2, needs=two, role="")
    ledger.store_proposal(both)
    assert (await ada.http.get("/waits")).json() == {"count": 1}
    statement = Statement(
        realm=ledger.realm,
        run="a",
        digest=both.digest,
        verdict="approve",
        person="ada",
        decided_at=datetime.now(UTC),
        nonce="0" * 32,
    )
    decision = SignedDecision.model_validate(ada.signed(statement))
    ruling = ledger.judge(decision, run="a", digest=both.digest)
    assert ruling.accepted, ruling.why
    ledger.record_decision(decision, ruling)
    assert (await ada.http.get("/waits")).json() == {"count": 0}


async def test_administrators_are_counted_effects_in_doubt(stranger: Visitor, ledger: Ledger) -> None:
    ledger.enrol(Person(name="root", display_name="Root", roles=("administrator",)))
    await stranger.sign_in("root")
    ledger.intend(effect("k"))
    ledger.begin_effect("k", again=False)
    ledger.doubt_effect("k", "The connection broke.")
    assert (await stranger.http.get("/waits")).json() == {"count": 1}


def effect(key: str) -> EffectRecord:
    return EffectRecord(
        key=key, kind="git.change", run="r", digest="d", decision="x", state="intent", intended_at=datetime.now(UTC)
    )


def test_health_says_who_tells_people_and_what_did_not_get_through(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    moved = [now]
    database = f"sqlite:///{tmp_path / 'ledger.db'}"
    with Ledger.open(database, FolderArtifacts(tmp_path / "artifacts"), clock=lambda: moved[0]) as ledger:
        assert notified(ledger).ok
        moved[0] = now - timedelta(minutes=10)
        ledger.set_notifier_looked()
        away = notified(ledger)
        assert not away.ok
        assert "countersign notify serve" in away.fix
        moved[0] = now
        ledger.set_notifier_looked()
        assert notified(ledger).says == "People are told. 0 things gathered."
        told = Notice(person="ana", subject="r", reason="waiting", channel="slack", revision="1", made_at=now)
        ledger.add_notices([told])
        ledger.claim_notices("ana", "slack", [told.key], "m", now + timedelta(minutes=5))
        ledger.put_off_message("m", now, "Slack does not let us in: invalid_auth.")
        failing = notified(ledger)
        assert not failing.ok
        assert "ana in Slack: Slack does not let us in: invalid_auth." in failing.says
        ledger.end_message("m", "failed", "Slack can't tell U1: channel_not_found.", [told])
        assert "1 were given up" in notified(ledger).says
        assert {each.name: each.value for each in notified(ledger).figures} == {
            "notices_pending": 0,
            "notices_failing": 0,
            "notices_failed": 1,
        }


@pytest.mark.browser
async def test_the_badge_follows_on_a_page_that_follows_nothing_else(ledger: Ledger, browser: Browser) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with served(deps_for(ledger, base_url=url), port):
        page = await browser.new_page()
        token = ledger.create_session("ada", 3600)
        await page.context.add_cookies([{"name": f"countersign_{port}", "value": token, "url": url}])
        await page.goto(f"{url}/notify")
        await page.get_by_label("Time zone").fill("Europe/Berlin")
        await expect(page).to_have_title("How you are told · Countersign")
        sample = proposal(ledger)
        ledger.store_proposal(sample)
        await expect(page).to_have_title("(1) How you are told · Countersign", timeout=60_000)
        await expect(page.locator("nav")).to_contain_text("Inbox1")
        await expect(page.locator("link[rel=icon]")).to_have_attribute("href", "/static/mark-waits.svg")
        ledger.set_proposal_state(sample.digest, "rejected")
        await expect(page).to_have_title("How you are told · Countersign", timeout=60_000)
        await expect(page.get_by_label("Time zone")).to_have_value("Europe/Berlin")  # what is written stays
        await page.context.close()
