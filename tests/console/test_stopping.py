"""The kill switch in the console: shown wherever it matters, thrown by administrators only, from our pages only."""

from datetime import UTC, datetime

import pytest

from contracts.records import EffectRecord, Person
from ledger import Ledger
from tests.console.conftest import BASE, Visitor
from tests.console.samples import proposal, run_record
from tests.ledger.support import effect_record, enrolled

RUN = "changelog-harbor-2026-11-23"
WORDS = "<b>wrong</b> branch"
SHOWN = "&lt;b&gt;wrong&lt;/b&gt; branch"


@pytest.fixture
def administrator(ledger: Ledger) -> None:
    ledger.enrol(Person(name="ada", display_name="Ada Lovelace", roles=("reviewer", "administrator")))


def effect(ledger: Ledger) -> EffectRecord:
    """One that has begun, of a run with a proposal."""
    ledger.start_run(run_record())
    stored = proposal(ledger)
    ledger.store_proposal(stored)
    now = datetime.now(UTC)
    decision = enrolled(ledger, "bo").decide(stored, decided_at=now)
    record = effect_record(decision, key=f"{RUN}/commit", intended_at=now)
    ledger.intend(record)
    ledger.begin_effect(record.key, again=True)
    return record


async def test_an_administrator_stops_effects_and_lets_them_go_on(
    administrator: None, ada: Visitor, ledger: Ledger
) -> None:
    record = effect(ledger)
    page = (await ada.http.get("/health")).text
    assert "Stop all effects now" in page
    assert "Effects are carried out." in page
    answer = await ada.form("/effects/stop", words=WORDS)
    assert (answer.status_code, answer.headers["location"]) == (303, "/health")
    assert (ledger.effect_switch().stopped, ledger.effect_switch().person) == (True, "ada")
    for url in ("/health", "/", f"/runs/{RUN}", f"/proposals/{record.digest[7:19]}"):
        page = (await ada.http.get(url)).text
        assert "Effects are stopped by ada since" in page, url
        assert SHOWN in page, url
        assert WORDS not in page, url
        assert "Let effects go on" in page, url
    assert record.key in (await ada.http.get("/health")).text, "what was in flight is named"
    await ada.form("/effects/start")
    assert not ledger.effect_switch().stopped
    assert "Effects are stopped" not in (await ada.http.get("/health")).text


async def test_who_may_not_sees_it_and_has_no_button(ada: Visitor, ledger: Ledger) -> None:
    ledger.enrol(Person(name="root", display_name="Root", roles=("administrator",)))
    assert "Stop all effects" not in (await ada.http.get("/health")).text
    ledger.stop_effects("root", "why")
    page = (await ada.http.get("/")).text
    assert "Effects are stopped by root since" in page
    assert "Let effects go on" not in page
    for url in ("/effects/start", "/effects/stop"):
        answer = await ada.form(url)
        assert answer.status_code == 403
        assert "administrator" in answer.text
    assert ledger.effect_switch().stopped


@pytest.mark.parametrize("url", ["/effects/stop", "/effects/start", "/effects/settle"])
async def test_only_our_own_pages_can_ask(administrator: None, ada: Visitor, ledger: Ledger, url: str) -> None:
    fields = {"key": "k", "answer": "happened"}
    assert (await ada.http.post(url, data=fields, headers={"origin": BASE})).status_code == 403
    foreign = await ada.http.post(url, data={**fields, "csrf": ada.csrf}, headers={"origin": "https://evil.example"})
    assert foreign.status_code == 403
    ada.http.cookies.clear()
    assert (await ada.form(url, **fields)).status_code == 401
    assert ledger.effect_switch().number == 0


async def test_what_nobody_knows_is_asked_and_answered(administrator: None, ada: Visitor, ledger: Ledger) -> None:
    record = effect(ledger)
    ledger.doubt_effect(record.key, "<i>its process</i> died")
    for url in ("/", "/health", f"/runs/{RUN}"):
        page = (await ada.http.get(url)).text
        assert "Did it happen? &lt;i&gt;its process&lt;/i&gt; died" in page, url
        assert "It did not: carry it out" in page, url
    assert (await ada.form("/effects/settle", key=record.key, answer="perhaps")).status_code == 422
    answer = await ada.form("/effects/settle", key=record.key, answer="happened", words="it is there")
    assert answer.status_code == 303, "no server answers here, and that is no error"
    settled = ledger.effect(record.key)
    assert settled is not None
    assert settled.state == "done"
    assert "ada says that it happened: it is there" in (await ada.http.get(f"/runs/{RUN}")).text
    assert (await ada.form("/effects/settle", key=record.key, answer="happened")).status_code == 409
