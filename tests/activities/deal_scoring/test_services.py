"""Deals out of Salesforce and HubSpot, at stand-ins that speak their protocols: pages, refusals, patience, rubbish."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from activities.crm.patience import Patience
from activities.deal_scoring.gather import DealsGathering, book_of
from activities.deal_scoring.methodology import methodology_at
from contracts.deals import Activity, Book, GatherDeals, StageChange
from contracts.errors import AccessRefused, BadInput, ServiceBusy, StrangeReply
from tests.activities.crm_world import ENVIRON, Selling, selling
from tests.support.services import hubspot
from tests.support.services.salesforce import error
from tests.support.services.wire import page, path_of, said
from tests.support.tls_host import Answer, Seen
from workers.services import services
from workers.settings import Settings

TODAY = date(2026, 11, 27)
SERVICES = ("salesforce", "hubspot")
DEALS = 5


@pytest.fixture
async def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Selling]:
    for name, value in ENVIRON.items():
        monkeypatch.setenv(name, value)
    async with selling(tmp_path) as made:
        read = f"{made.salesforce.place}=TEST_SALESFORCE,{made.hubspot.place}=TEST_HUBSPOT"
        made.settings = made.settings.model_copy(update={"crm_read_credentials": read, "crm_write_credentials": ""})
        fill_salesforce(made)
        fill_hubspot(made)
        yield made


def fill_salesforce(here: Selling) -> None:
    """Five deals: three open, one won, one lost. The first has activities and a history."""
    ana, stages = {"Name": "Ana"}, ["Evaluation", "Discovery", "Proposal", "Closed Won", "No Budget"]
    here.salesforce.fields = {
        **dict.fromkeys(("Id", "Name", "StageName", "Amount", "CreatedDate", "CloseDate", "IsClosed", "IsWon"), ""),
        **{"Pain__c": "Identified Pain", "Champion__c": "Who speaks for us", "Secret__c": "Not asked for"},
    }
    here.salesforce.records = {
        "Opportunity": [
            {
                **{"Id": f"00600000000000{at}AAA", "Name": f"Deal {at}", "Owner": ana, "StageName": stages[at]},
                **{"Amount": 1000.5 * at, "CreatedDate": "2026-09-01T08:00:00.000+0000", "CloseDate": f"2026-12-1{at}"},
                **{"IsClosed": at > 2, "IsWon": at == 3, "Pain__c": "slow" if at == 0 else None, "Champion__c": "Bob"},
            }
            for at in range(DEALS)
        ],
        "Task": [
            {**task(0, "Call", "2026-11-01"), "IsArchived": True},
            task(0, "Email", "2026-11-20"),
            {**task(0, "Call", "2026-12-20"), "IsClosed": False},
            {**task(0, "Call", "2026-11-21"), "IsDeleted": True},
        ],
        "Event": [task(0, "", "2026-11-10")],
        "OpportunityHistory": [
            moved(0, "Qualification", "2026-09-01"),
            moved(0, "Qualification", "2026-09-20"),  # its amount was changed
            moved(0, "Evaluation", "2026-10-05"),
            moved(1, "Discovery", "2026-09-01"),
        ],
    }


def task(deal: int, kind: str, day: str) -> dict[str, object]:
    words = {"WhatId": f"00600000000000{deal}AAA", "TaskSubtype": kind, "Subject": "Hello", "Owner": {"Name": "Ana"}}
    return {**words, "ActivityDate": day, "CreatedDate": day, "IsClosed": True}


def moved(deal: int, stage: str, day: str) -> dict[str, object]:
    return {"OpportunityId": f"00600000000000{deal}AAA", "StageName": stage, "CreatedDate": f"{day}T08:00:00.000+0000"}


def fill_hubspot(here: Selling) -> None:
    """The same deals."""
    hub = here.hubspot
    hub.objects.clear()
    labels = {"1": "Qualification", "2": "Discovery", "3": "Evaluation", "4": "Proposal", "8": "Yes!", "9": "No"}
    chances = {"8": "1.0", "9": "0.0"}
    hub.stages = [
        {
            "id": key,
            "label": label,
            "metadata": {"probability": chances.get(key, "0.5"), "isClosed": str(key in chances).lower()},
        }
        for key, label in labels.items()
    ]
    hub.owners = [
        {"id": "7", "firstName": "Ana", "lastName": "", "email": "ana@example.com"},
        {"id": "8", "firstName": "", "lastName": "", "email": "ben@example.com", "archived": True},
    ]
    hub.properties = {"pain": "Identified Pain", "champion": "Champion", "secret": "Not asked for"}
    history = [
        {"value": "3", "timestamp": "2026-10-05T08:00:00Z"},
        {"value": "1", "timestamp": "2026-09-01T08:00:00Z"},
    ]
    for at, stage in enumerate(("3", "2", "4", "8", "9")):
        given: dict[str, Any] = {
            **{"dealname": f"Deal {at}", "dealstage": stage, "amount": str(1000.5 * at), "pipeline": "default"},
            **{"createdate": "2026-09-01T08:00:00Z", "closedate": f"2026-12-1{at}T08:00:00Z", "champion": "Bob"},
            **{"hubspot_owner_id": "8" if at == 4 else "7", "pain": "slow" if at == 0 else None},
        }
        own = [{"value": stage, "timestamp": "2026-09-01T08:00:00Z"}]
        hub.add("deals", f"10{at}", (), history if at == 0 else own, **given)
    mine: dict[str, Any] = {"hubspot_owner_id": "7"}
    hub.add("calls", "1", ("100",), hs_timestamp="2026-11-01T08:00:00Z", hs_call_title="Hello", **mine)
    hub.add("emails", "2", ("100",), hs_timestamp="2026-11-20T08:00:00Z", hs_email_subject="Hello", **mine)
    hub.add("emails", "5", (), hs_timestamp="2026-11-20T08:00:00Z", hs_email_subject="Of no deal", **mine)
    hub.add("meetings", "3", ("100",), hs_timestamp="2026-11-10T08:00:00Z", hs_meeting_title="Hello", **mine)
    hub.add("tasks", "4", ("100",), hs_timestamp="2026-12-20T08:00:00Z", hs_task_status="NOT_STARTED", **mine)


async def read(here: Selling, kind: str, source: str = "") -> Book:
    known = services(here.settings, "agents")
    where, methodology = source or here.target(kind)[0], methodology_at("meddicc")
    return await asyncio.to_thread(book_of, where, methodology, TODAY, known, lambda says: None)


def standin(here: Selling, kind: str) -> "hubspot.StandInHubSpot":
    return getattr(here, kind)  # type: ignore[no-any-return]


@pytest.fixture
def naps(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What it would have waited."""
    slept = list[float]()
    monkeypatch.setattr("activities.crm.patience.time", SimpleNamespace(sleep=slept.append))
    return slept


@pytest.mark.parametrize("kind", SERVICES)
async def test_all_pages_are_read_into_the_same_book(here: Selling, kind: str) -> None:
    book = await read(here, kind)
    first = book.opportunities[0]
    assert [each.won for each in book.opportunities] == [None, None, None, True, False]
    assert (first.name, first.stage, first.owner) == ("Deal 0", "Evaluation", "Ana")
    assert (first.created, first.closes, first.closed) == (date(2026, 9, 1), date(2026, 12, 10), None)
    assert book.opportunities[3].value == Decimal("3001.50")
    assert book.opportunities[4].closed == date(2026, 12, 14)
    # By what people call the field; and only what the methodology asks for.
    assert first.fields["identified_pain"] == "slow"
    assert "secret" not in str(first.fields)
    assert book.activities == (
        Activity(first.id, date(2026, 11, 1), "call", "Ana", "Hello"),
        Activity(first.id, date(2026, 11, 10), "meeting", "Ana", "Hello"),
        Activity(first.id, date(2026, 11, 20), "email", "Ana", "Hello"),
    )
    assert [each for each in book.changes if each.deal == first.id] == [
        StageChange(first.id, date(2026, 9, 1), "Qualification"),
        StageChange(first.id, date(2026, 10, 5), "Evaluation", "Qualification"),
    ]
    assert book.target == here.target(kind)[0]
    # What neither has is told, and nothing else.
    assert all("for economic_buyer" in each.says or "which " in each.says for each in book.flaws), book.flaws


@pytest.mark.parametrize("kind", SERVICES)
async def test_the_step_reads_the_service_that_no_host_is_named_of(here: Selling, kind: str) -> None:
    tools = replace(here.world.toolbox, services=services(here.settings, "agents"))
    request = GatherDeals(source=f"{kind}://", now=datetime(2026, 11, 27, 7, tzinfo=UTC))
    found = await DealsGathering(tools).gather(request)
    assert (found.open, found.closed, found.activities) == (3, 2, 3)
    book = tools.artifacts.get_model(Book, found.book)
    assert book.target == here.target(kind)[0]  # effects know where


@pytest.mark.parametrize("kind", SERVICES)
async def test_a_busy_page_is_waited_for_and_not_the_first_again(here: Selling, kind: str, naps: list[float]) -> None:
    seen = list[str]()

    def busy(request: Seen) -> Answer | None:
        seen.append(request.target)
        if len(seen) == 4:
            return said({"message": "limit"}, 429, retry_after="7")
        return said({"message": "down"}, 503) if len(seen) == 7 else None

    standin(here, kind).trouble = busy
    assert len((await read(here, kind)).opportunities) == DEALS
    assert naps == [7.0, 1.0]
    assert (seen[3], seen[6]) == (seen[4], seen[7])


@pytest.mark.parametrize("kind", SERVICES)
async def test_who_asks_for_long_patience_is_left_to_be_asked_again(
    here: Selling, kind: str, naps: list[float]
) -> None:
    standin(here, kind).trouble = lambda seen: said({"message": "limit"}, 429, retry_after="600")
    with pytest.raises(ServiceBusy, match="asks for patience") as found:
        await read(here, kind)
    assert (found.value.retry_after, naps) == (600.0, [])


@pytest.mark.parametrize("kind", SERVICES)
async def test_a_credential_that_is_refused_midway_is_no_book_without_activities(here: Selling, kind: str) -> None:
    def expired(seen: Seen) -> Answer | None:
        late = "calls" in seen.target or "+FROM+Event" in seen.target or "%20FROM%20Event" in seen.target
        return error("INVALID_SESSION_ID", "Session expired", 401) if late else None

    standin(here, kind).trouble = expired
    with pytest.raises(AccessRefused, match="does not take the credential") as found:
        await read(here, kind)
    assert f"TEST_{kind.upper()}" in found.value.way_out


@pytest.mark.parametrize("kind", SERVICES)
async def test_what_it_may_not_see_beside_deals_is_told(here: Selling, kind: str) -> None:
    def hidden(seen: Seen) -> Answer | None:
        if "/meetings" in seen.target:
            return hubspot.error("MISSING_SCOPES", "This app hasn't been granted all required scopes", 403)
        if "FROM+Event" in seen.target or "FROM%20Event" in seen.target:
            return error("INVALID_TYPE", "sObject type 'Event' is not supported.", 400)
        return None

    standin(here, kind).trouble = hidden
    book = await read(here, kind)
    assert [each.kind for each in book.activities] == ["call", "email"]
    assert any(each.where in ("meetings", "events") and "not read" in each.says for each in book.flaws)


@pytest.mark.parametrize(
    "rubbish",
    [page(), said([]), said({"results": 7, "records": {}, "fields": 5}), said({"results": [3], "fields": [3]})],
    ids=["a page", "a list", "numbers", "no rows"],
)
@pytest.mark.parametrize("kind", SERVICES)
async def test_rubbish_is_an_error_with_a_name(here: Selling, kind: str, rubbish: Answer) -> None:
    standin(here, kind).trouble = lambda seen: rubbish
    with pytest.raises(StrangeReply, match="answers"):
        await read(here, kind)


@pytest.mark.parametrize("kind", SERVICES)
async def test_pages_without_an_end_end(here: Selling, kind: str) -> None:
    def again(seen: Seen) -> Answer | None:
        if "objects/deals" in path_of(seen):
            return said({"results": [], "paging": {"next": {"after": "5"}}})
        if "/query" in path_of(seen):
            return said({"records": [], "done": False, "nextRecordsUrl": "/services/data/v59.0/query/01g0-2"})
        return None

    standin(here, kind).trouble = again
    with pytest.raises(StrangeReply, match="without an end of its pages"):
        await read(here, kind)


async def test_the_next_page_is_asked_of_nobody_else(here: Selling) -> None:
    def elsewhere(seen: Seen) -> Answer | None:
        if "/query" not in path_of(seen):
            return None
        return said({"records": [], "done": False, "nextRecordsUrl": "@elsewhere.example/services/data"})

    here.salesforce.trouble = elsewhere
    with pytest.raises(StrangeReply, match="addresses below its own"):
        await read(here, "salesforce")


@pytest.mark.parametrize("kind", SERVICES)
async def test_odd_rows_are_counted_and_the_others_used(here: Selling, kind: str) -> None:
    if kind == "salesforce":
        here.salesforce.records["Opportunity"].append({"Id": None, "CloseDate": 7, "Owner": "?"})
        here.salesforce.records["Task"].append({"WhatId": {"a": 1}, "IsClosed": True})
    else:
        here.hubspot.objects["deals"].append({"id": None, "properties": 7, "propertiesWithHistory": {"dealstage": 3}})
        here.hubspot.objects["notes"] = [{"associations": {"deals": {"results": [{"id": "x"}, 4]}}, "properties": []}]
    book = await read(here, kind)
    assert len(book.opportunities) == DEALS
    told = {each.says for each in book.flaws}
    assert {"no id: the row is not used", "belongs to no deal that is there: the row is not used"} <= told


@pytest.mark.parametrize(("source", "setting"), [("salesforce://else.where", "COUNTERSIGN_SALESFORCE")])
async def test_a_host_that_no_setting_names_is_not_reached(here: Selling, source: str, setting: str) -> None:
    with pytest.raises(BadInput, match="no service of the settings") as found:
        await read(here, "", source=source)
    assert setting in found.value.way_out


@pytest.mark.parametrize("kind", SERVICES)
async def test_without_a_credential_the_setting_is_named(here: Selling, kind: str) -> None:
    here.settings = here.settings.model_copy(update={"crm_read_credentials": ""})
    with pytest.raises(AccessRefused, match="Nothing lets this process into") as found:
        await read(here, kind)
    assert "COUNTERSIGN_CRM_READ_CREDENTIALS" in found.value.way_out


def test_patience_ends(naps: list[float]) -> None:
    def busy() -> None:
        raise ServiceBusy("busy", subject="x")

    asked: Callable[[], None] = busy
    with pytest.raises(ServiceBusy):
        Patience(3)(asked)
    assert naps == [1.0, 2.0, 4.0]


def test_who_proposes_messages_knows_where_slack_is_and_has_nothing_that_posts() -> None:
    settings = Settings(slack="slack.example", crm_write_credentials="slack.example=TEST_SLACK")
    [reads], [writes] = (services(settings, kind).of("slack") for kind in ("agents", "effects"))
    assert (reads.place, reads.credential) == ("slack.example", None)
    assert writes.credential is not None
    posting = settings.model_copy(update={"crm_read_credentials": "slack.example=TEST_SLACK"})
    with pytest.raises(BadInput, match="no service of sales"):
        services(posting, "agents")
