"""GitHub, GitLab, Jira and Linear over TLS: issues are read in pages, and changed once whatever gets lost."""

from typing import Any

import pytest

from activities.bug_triage.sources.place import one_key, place_of
from activities.bug_triage.states import is_new
from activities.progress import Progress
from activities.tickets.named import named
from activities.tickets.source import from_service
from contracts.errors import (
    AccessRefused,
    BadInput,
    CountersignError,
    DestinationMoved,
    NotFound,
    ServiceBusy,
    StrangeReply,
)
from tests.activities.bug_triage.conftest import KINDS, Trackers
from tests.support.services.wire import page, said
from tests.support.tls_host import Answer, Seen
from workers.services import services

WANTED: dict[str, Any] = {"labels": ("bug", "ui"), "assignee": "ana", "comment": "Which version?\n"}


@pytest.mark.parametrize("kind", KINDS)
async def test_all_issues_are_read_in_pages(trackers: Trackers, kind: str) -> None:
    one = trackers.all[kind]
    one.add(230)
    one.issues[7].closed, one.issues[8].assignee, one.issues[9].labels = True, "ana", ["bug"]
    issues = {each.key: each for each in await trackers.read(kind)}
    assert set(issues) == {one.key(number) for number in range(1, 231)}
    assert issues[one.key(5)].title == "Issue 5"
    assert issues[one.key(5)].body.strip() == "It breaks, number 5"
    new = {key for key, each in issues.items() if is_new(each, kind)}
    known = {one.key(7), one.key(8), *([] if kind == "jira" else [one.key(9)])}
    assert set(issues) - new == known
    place = place_of(one.source, services(trackers.settings, "agents"))
    assert one_key(place, "5" if kind in ("github", "gitlab") else "app-5") == one.key(5)
    assert one_key(place, one.key(5)) == one.key(5)


async def test_a_pull_request_is_no_issue(trackers: Trackers) -> None:
    trackers.all["github"].add(2)
    trackers.all["github"].issues[2].is_pull = True
    assert [each.key for each in await trackers.read("github")] == [trackers.all["github"].key(1)]


@pytest.mark.parametrize("kind", KINDS)
async def test_told_to_wait_it_goes_on_with_the_page_that_it_was_at(trackers: Trackers, kind: str) -> None:
    one, told = trackers.all[kind], Progress("")
    one.add(230)
    asked: list[Seen] = []

    def limited(seen: Seen) -> Answer | None:
        asked.append(seen)
        return said({"message": "slow down"}, 429, Retry_After="7") if len(asked) == 2 else None

    one.trouble = limited
    error = await trackers.fails(kind, told)
    assert isinstance(error, ServiceBusy)
    assert error.retry_after == 7
    assert len(await trackers.read(kind, told)) == 230
    assert len(asked) == 4, "the first page is not asked for twice"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (page(200), StrangeReply),
        (said(["rubbish", 7]), StrangeReply),
        (said({"message": "Forbidden", "errorMessages": ["Forbidden"]}, 403), (AccessRefused, StrangeReply)),
        (said({"message": "rate limit"}, 403, X_RateLimit_Remaining="0"), ServiceBusy),
        (said({}, 503), ServiceBusy),
    ],
)
async def test_what_is_no_answer_is_named(
    trackers: Trackers, kind: str, answer: Answer, error: type[CountersignError]
) -> None:
    trackers.all[kind].trouble = lambda seen: answer
    assert isinstance(await trackers.fails(kind), error)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_wrong_token_names_its_variable(trackers: Trackers, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_TRACKER", "an-expired-token")
    error = await trackers.fails(kind)
    assert isinstance(error, AccessRefused)
    assert "TEST_TRACKER" in error.way_out


@pytest.mark.parametrize("kind", KINDS)
async def test_an_issue_is_changed_once(trackers: Trackers, kind: str) -> None:
    one = trackers.all[kind]
    one.add(2)
    more = {"priority": "High"} if kind in ("jira", "linear") else {}
    request = trackers.asked(kind, duplicate_of=one.key(2), **WANTED, **more)
    done = await trackers.carry_out(request)
    assert done.says.startswith("#1: label" if kind in ("github", "gitlab") else "APP-1: label")
    issue, changes = one.issues[1], len(one.changes())
    assert (issue.labels, issue.assignee) == (["bug", "ui"], "ana")
    assert issue.priority == more.get("priority", "")
    assert issue.links == ([] if kind == "github" else [2])
    [comment] = issue.comments
    assert comment.startswith("Which version?")
    assert f"Countersign-Digest: {request.digest}" in comment
    assert (await trackers.carry_out(request)).repeated
    assert len(one.changes()) == changes


@pytest.mark.parametrize("kind", KINDS)
async def test_an_answer_that_gets_lost_makes_nothing_happen_twice(trackers: Trackers, kind: str) -> None:
    """After every single change the answer is an outage, once."""
    one = trackers.all[kind]
    one.add(2)
    lost: list[bytes] = []

    def lose(seen: Seen) -> Answer | None:
        if seen.method == "GET" or b"query " in seen.body[:20] or seen.body in lost:
            return None
        lost.append(seen.body)
        return said({}, 502)

    one.after = lose
    request = trackers.asked(kind, run=3, duplicate_of=one.key(2), **WANTED)
    for _ in range(6):
        try:
            await trackers.carry_out(request)
            break
        except ServiceBusy:
            continue
    assert len(lost) >= 3
    issue = one.issues[1]
    assert (issue.labels, issue.assignee, len(issue.comments)) == (["bug", "ui"], "ana", 1)
    assert issue.links == ([] if kind == "github" else [2])


@pytest.mark.parametrize("kind", KINDS)
async def test_a_question_is_asked_once_and_peoples_decisions_stay(trackers: Trackers, kind: str) -> None:
    one = trackers.all[kind]
    one.add(1)
    await trackers.carry_out(trackers.asked(kind, comment="Which version?", question=True))
    one.issues[1].assignee = "bo"
    again = trackers.asked(kind, run=2, comment="And which one?", question=True, assignee="ana", labels=("bug",))
    done = await trackers.carry_out(again)
    assert len(one.issues[1].comments) == 1
    assert one.issues[1].assignee == "bo"
    assert "assignee is bo" in done.says
    assert one.issues[1].labels == ["bug"]


@pytest.mark.parametrize(
    ("kind", "wanted", "error"),
    [
        ("github", {"assignee": "nobody-there"}, DestinationMoved),
        ("gitlab", {"assignee": "nobody-there"}, DestinationMoved),
        ("jira", {"assignee": "nobody-there"}, BadInput),
        ("linear", {"labels": ("no such label",)}, BadInput),
        ("github", {"milestone": "3.0"}, BadInput),
    ],
)
async def test_what_a_tracker_does_not_take_is_named(
    trackers: Trackers, kind: str, wanted: dict[str, Any], error: type[CountersignError]
) -> None:
    trackers.all[kind].add(1)
    with pytest.raises(error):
        await trackers.carry_out(trackers.asked(kind, **wanted))


@pytest.mark.parametrize("kind", ["jira", "linear"])
async def test_a_reviewer_may_write_a_name_where_the_tracker_has_ids(trackers: Trackers, kind: str) -> None:
    trackers.all[kind].add(1)
    request = trackers.asked(kind, run=6, assignee="bo example")
    assert "Left" not in (await trackers.carry_out(request)).says
    assert trackers.all[kind].issues[1].assignee == "bo"
    assert "Left" not in (await trackers.carry_out(request)).says, "what it did is nobody else's decision"


@pytest.mark.parametrize("kind", ["github", "gitlab", "jira"])
async def test_a_blocker_gets_its_milestone_once(trackers: Trackers, kind: str) -> None:
    trackers.all[kind].add(1)
    request = trackers.asked(kind, run=5, milestone="2.0", labels=("bug",))
    for _ in range(2):
        await trackers.carry_out(request)
    assert trackers.all[kind].issues[1].milestone == "2.0"
    assert len(trackers.all[kind].changes()) == 2


@pytest.mark.parametrize("kind", KINDS)
async def test_an_issue_is_a_ticket_that_can_be_fixed(trackers: Trackers, kind: str) -> None:
    """By the key that a triage names in its command."""
    key = trackers.all[kind].key(1)
    assert str(named(key, trackers.tools.services)) == key


async def test_an_issue_of_gitlab_is_read_as_a_ticket(trackers: Trackers) -> None:
    one = trackers.all["gitlab"]
    one.add(1, labels=["bug"])
    one.issues[1].comments += ["me too", "and I"]
    known = trackers.tools.services
    ticket = await from_service(one.key(1), known)
    assert (ticket.key, ticket.title, ticket.body) == (one.key(1), "Issue 1", "It breaks, number 1")
    assert (ticket.author, ticket.state, ticket.labels) == ("octocat", "opened", ("bug",))
    assert [each.text for each in ticket.comments] == ["me too", "and I"]
    assert ticket.url == f"https://{one.place}/acme/web/app/-/issues/1"
    assert (await from_service(ticket.url, known)).key == ticket.key
    for wrong, error in ((one.key(99), NotFound), ("gitlab:acme", BadInput), (f"https://{one.place}/acme", BadInput)):
        with pytest.raises(error):
            await from_service(wrong, known)


async def test_without_a_credential_to_write_nothing_is_asked(trackers: Trackers) -> None:
    trackers.all["gitlab"].add(1)
    request, kept = trackers.asked("gitlab", labels=("bug",)), trackers.settings
    trackers.settings = kept.model_copy(update={"ticket_write_credentials": ""})
    try:
        with pytest.raises(AccessRefused, match="Nothing lets this process"):
            await trackers.carry_out(request)
    finally:
        trackers.settings = kept
    assert trackers.all["gitlab"].host.seen == []
