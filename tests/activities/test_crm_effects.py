"""Tasks, fields and messages at Salesforce, HubSpot, Slack and in a folder: once each, whatever dies or fails when."""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from activities.effects import KINDS, PostParams
from activities.effects.slack_post import blocks
from contracts.decision import ParamChange
from contracts.errors import (
    AccessRefused,
    BadInput,
    CountersignError,
    DestinationMoved,
    ServiceBusy,
    StrangeReply,
    Unaskable,
)
from contracts.proposal import Effect
from tests.activities.crm_world import ENVIRON, Selling, act, selling
from tests.support import forked
from tests.support.services.salesforce import ID, KEY, error
from tests.support.services.wire import page, said
from tests.support.tls_host import Answer, Seen

SYSTEMS = ("folder", "salesforce", "hubspot")


@pytest.fixture
async def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Selling]:
    for name, value in ENVIRON.items():
        monkeypatch.setenv(name, value)
    async with selling(tmp_path) as made:
        yield made


def tasks(here: Selling, kind: str) -> list[str]:
    """The subjects of the tasks there."""
    if kind == "folder":
        files = sorted((here.folder / "outbox").glob("*.json"))
        return [json.loads(each.read_text())["subject"] for each in files]
    if kind == "salesforce":
        return [each["Subject"] for each in here.salesforce.records.get("Task", [])]
    return [each["properties"]["hs_task_subject"] for each in here.hubspot.objects.get("tasks", [])]


@pytest.mark.parametrize("kind", SYSTEMS)
async def test_a_signed_task_is_made_once_with_owner_and_due_day(here: Selling, kind: str) -> None:
    here.salesforce.records["Task"] = [{"Id": f"00T{at}", "WhatId": ID, "Description": None} for at in range(5)]
    here.hubspot.objects["tasks"] = []
    request = here.world.request(here.task(kind, owner_id="005000000000001" if kind == "salesforce" else "7"))
    first, second = await here.carry_out(request), await here.carry_out(request)
    assert second.repeated
    assert second.facts == first.facts
    assert first.says.startswith("Task for Ana in ")
    if kind == "salesforce":
        *_, made = here.salesforce.records["Task"]
        assert len(here.salesforce.records["Task"]) == 6
        assert (made["ActivityDate"], made["OwnerId"], made["WhatId"]) == ("2026-12-01", "005000000000001", ID)
    elif kind == "hubspot":
        [found] = here.hubspot.objects["tasks"]
        assert found["properties"]["hubspot_owner_id"] == "7"
        assert found["associations"]["deals"]["results"][0]["id"] == "42"
    else:
        assert tasks(here, kind) == ["Call Acme"]


@pytest.mark.parametrize("kind", ["salesforce", "hubspot"])
async def test_a_field_is_set_and_one_that_somebody_changed_is_left(here: Selling, kind: str) -> None:
    row = (
        here.salesforce.records["Opportunity"][0]
        if kind == "salesforce"
        else here.hubspot.objects["deals"][0]["properties"]
    )
    name = "NextStep" if kind == "salesforce" else "hs_next_step"
    await here.carry_out(here.world.request(here.field(kind)))
    assert row[name] == "Call Acme"
    row[name] = "Somebody else's words"
    with pytest.raises(DestinationMoved, match="was changed since this was proposed"):
        await here.carry_out(here.world.request(here.field(kind, value="Another")))
    assert row[name] == "Somebody else's words"


@pytest.mark.parametrize("kind", ["salesforce", "hubspot", "slack"])
async def test_an_answer_that_is_lost_is_asked_for_and_nothing_happens_twice(here: Selling, kind: str) -> None:
    def lost(seen: Seen) -> Answer | None:
        posts = ("/sobjects/Task/", "/objects/tasks", "chat.postMessage")
        return said({"error": "busy"}, 503) if seen.method == "POST" and seen.target.endswith(posts) else None

    standin = getattr(here, kind)
    standin.after = lost
    request = here.world.request(here.post() if kind == "slack" else here.task(kind))
    with pytest.raises(ServiceBusy):
        await here.carry_out(request)
    standin.after = None
    done = await here.carry_out(request)
    assert done.repeated
    if kind == "slack":
        assert len(here.slack.messages["D012AB3CD"]) == 1
    else:
        assert tasks(here, kind) == ["Call Acme"]


TROUBLES: dict[str, tuple[Callable[[Seen], Answer | None], type[CountersignError], str]] = {
    "401": (lambda seen: said([], 401), AccessRefused, "does not take the credential"),
    "429": (lambda seen: said({}, 429, Retry_After="17"), ServiceBusy, "asks for patience"),
    "503": (lambda seen: said({}, 503), ServiceBusy, "answers 503"),
    "a page": (lambda seen: page(), StrangeReply, "and not with JSON"),
    "elsewhere": (lambda seen: said({}, 302, Location="https://evil.example/"), StrangeReply, "sends us elsewhere"),
    "rubbish": (lambda seen: said([1, "x"]), StrangeReply, "answers without"),
}


@pytest.mark.parametrize("kind", ["salesforce", "hubspot"])
@pytest.mark.parametrize("trouble", TROUBLES)
async def test_troubles_have_names(here: Selling, kind: str, trouble: str) -> None:
    answer, expected, told = TROUBLES[trouble]
    getattr(here, kind).trouble = answer
    with pytest.raises(expected) as caught:
        await here.carry_out(here.world.request(here.task(kind)))
    assert told in str(caught.value)
    assert not any(value in str(caught.value) for value in ENVIRON.values())
    if trouble == "429":
        assert getattr(caught.value, "retry_after", None) == 17


async def test_words_of_salesforce_are_told_without_the_token(here: Selling) -> None:
    here.salesforce.trouble = lambda seen: error(
        "FIELD_CUSTOM_VALIDATION", f"Not on Fridays {ENVIRON['TEST_SALESFORCE']}", 400
    )
    with pytest.raises(BadInput) as caught:
        await here.carry_out(here.world.request(here.task("salesforce")))
    assert "Not on Fridays …" in str(caught.value)
    here.salesforce.trouble = lambda seen: error("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.", 403)
    with pytest.raises(ServiceBusy, match="REQUEST_LIMIT_EXCEEDED"):
        await here.carry_out(here.world.request(here.task("salesforce", subject="Another")))


async def test_salesforce_lets_a_connected_app_in_and_nobody_without_a_credential(here: Selling) -> None:
    place = here.salesforce.place
    request = here.world.request(here.task("salesforce"))
    with pytest.raises(AccessRefused, match="COUNTERSIGN_CRM_WRITE_CREDENTIALS"):
        await here.worker(crm_write_credentials="").carry_out(request)
    with pytest.raises(AccessRefused, match="does not take"):
        await here.worker(crm_write_credentials=f"{place}=wrong:TEST_CONSUMER").carry_out(request)
    await here.worker(crm_write_credentials=f"{place}={KEY}:TEST_CONSUMER").carry_out(request)
    assert tasks(here, "salesforce") == ["Call Acme"]


@pytest.mark.parametrize(("kind", "deal"), [("salesforce", "x' OR Id != '"), ("hubspot", "42/../owners")])
async def test_an_id_that_is_none_never_gets_into_a_query(here: Selling, kind: str, deal: str) -> None:
    with pytest.raises(BadInput, match="is no id of"):
        await here.carry_out(here.world.request(here.task(kind, deal=deal)))


async def test_a_target_that_no_setting_names_is_refused(here: Selling) -> None:
    with pytest.raises(BadInput, match="COUNTERSIGN_SALESFORCE"):
        await here.carry_out(here.world.request(here.task(target="salesforce://evil.example")))
    with pytest.raises(DestinationMoved, match="is not there any more"):
        await here.carry_out(here.world.request(here.task(target="/nowhere/at/all")))


async def test_a_message_is_posted_once_and_nothing_in_it_is_markup(here: Selling) -> None:
    evil = "<!channel> <https://evil|Approve> & *bold*"
    request = here.world.request(here.post(heading=evil, lines=[evil]))
    await here.carry_out(request)
    [posted] = here.slack.messages["D012AB3CD"]
    assert "<!channel>" not in json.dumps(posted["blocks"])
    assert all(each["text"]["verbatim"] for each in posted["blocks"])
    assert (await here.carry_out(request)).repeated


async def test_where_slack_may_not_be_read_a_person_is_asked(here: Selling) -> None:
    """It had begun, and its answer was lost."""
    here.slack.after = lambda seen: said({"ok": False}, 503) if "post" in seen.target else None
    request = here.world.request(here.post())
    with pytest.raises(ServiceBusy):
        await here.carry_out(request)
    here.slack.after, here.slack.unreadable = None, True
    with pytest.raises(Unaskable, match="missing_scope"):
        await here.carry_out(request)
    assert len(here.slack.messages["D012AB3CD"]) == 1


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (said({"ok": False, "error": "channel_not_found"}), DestinationMoved),
        (said({"ok": False, "error": "invalid_auth"}), AccessRefused),
        (said({"ok": False, "error": "ratelimited"}, 429, Retry_After="30"), ServiceBusy),
        (page(), CountersignError),
    ],
)
async def test_what_slack_refuses_has_a_name(here: Selling, answer: Answer, expected: type[CountersignError]) -> None:
    here.slack.trouble = lambda seen: answer
    with pytest.raises(expected):
        await here.carry_out(here.world.request(here.post()))


def test_long_messages_fit_slacks_sections() -> None:
    wanted = PostParams(to="U012", whom="Ana", heading="x", lines=("y" * 2_000,) * 5)
    assert all(len(each["text"]["text"]) <= 3_000 for each in blocks(wanted))


def test_a_reviewer_may_change_whose_a_task_is_and_what_it_says(here: Selling) -> None:
    from activities.changing import changed

    effect = here.task(owner_id="005000000000001")
    changes = [
        ParamChange(effect=effect.key, param="owner", value="Ben"),
        ParamChange(effect=effect.key, param="due", value="2026-12-24"),
    ]
    [made], _ = changed([effect], (), changes, 2)
    assert made.says == "Task for Ben in the folder 'deals': Call Acme, due 2026-12-24"
    assert made.params["owner_id"] == ""
    assert made.key != effect.key
    with pytest.raises(BadInput, match="due of this effect"):
        changed([effect], (), [ParamChange(effect=effect.key, param="due", value="soon")], 2)


AROUND = ("effect.before_intent", "effect.after_intent", "effect.after_ask", "effect.begun")
AFTER = ("effect.after_act", "effect.after_finish")
POINTS_OF_TASK = POINTS_OF_FIELD = (*AROUND, "crm.after_change", *AFTER)
POINTS_OF_POST = (*AROUND, "slack.after_post", *AFTER)


@pytest.mark.chaos
@pytest.mark.parametrize(
    ("kind", "point"),
    [
        *(("crm.task", point) for point in POINTS_OF_TASK),
        *(("crm.field", point) for point in POINTS_OF_FIELD),
        *(("slack.post", point) for point in POINTS_OF_POST),
    ],
)
async def test_killed_anywhere_it_happens_once(here: Selling, tmp_path: Path, kind: str, point: str) -> None:
    made: dict[str, Effect] = {"crm.task": here.task("hubspot"), "crm.field": here.field(), "slack.post": here.post()}
    assert set(made) <= set(KINDS)
    request = here.world.request(made[kind])
    (tmp_path / "request.json").write_text(request.model_dump_json())
    fault = {"COUNTERSIGN_FAULT": point, "COUNTERSIGN_FAULT_ONCE": str(tmp_path / "once")}
    settings = here.settings.model_dump_json()
    log = tmp_path / "killed.log"
    await asyncio.to_thread(forked.died, act, tmp_path, settings, environ=os.environ | fault, output=log)
    await here.carry_out(request)
    counts = {
        "crm.task": len(here.hubspot.objects.get("tasks", [])),
        "crm.field": len(list((here.folder / "outbox").glob("*.json"))),
        "slack.post": len(here.slack.messages.get("D012AB3CD", [])),
    }
    assert counts == {name: int(name == kind) for name in counts}


async def test_a_message_tells_only_of_tasks_that_are_signed_with_it(here: Selling) -> None:
    """A reviewer took the task of D-2 out, and changed the words of the other."""
    task = here.task(subject="Write to Acme")
    post = here.post(lines=["Call Acme", "Call Beta", "3 deals moved"], about=["D-1", "D-2"])
    await here.carry_out(here.world.request(post, task))
    said = json.dumps(here.slack.messages["D012AB3CD"][0]["blocks"])
    assert "Write to Acme (due 2026-12-01, Ana)" in said
    assert "3 deals moved" in said
    assert "Call" not in said
