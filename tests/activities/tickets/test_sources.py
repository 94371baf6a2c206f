"""Tickets of GitHub, Linear and Jira, from stand-ins that speak their protocols over TLS."""

import socket
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from activities.services.service import Services
from activities.services.web import Reply, patience
from activities.tickets import bounds
from activities.tickets.source import from_service
from contracts.errors import (
    AccessRefused,
    BadInput,
    CountersignError,
    Moved,
    NotFound,
    ServiceBusy,
    StrangeReply,
)
from contracts.ticket import Ticket
from tests.support.git_server import READ
from tests.support.repositories import Commit, build
from tests.support.services import jira as jira_standin
from tests.support.services import linear as linear_standin
from tests.support.services.github import Repository, StandInGitHub, standin_github
from tests.support.services.jira import StandInJira, paragraph, standin_jira
from tests.support.services.linear import StandInLinear, standin_linear
from tests.support.services.names import HOST, resolving
from tests.support.services.wire import page, said
from tests.support.tls_host import Answer, authority
from workers.services import services
from workers.settings import Settings

SECRETS = (READ, linear_standin.KEY, jira_standin.TOKEN)


@dataclass
class World:
    """The three stand-ins, and an installation that knows them."""

    github: StandInGitHub
    linear: StandInLinear
    jira: StandInJira
    app: Repository
    settings: Settings

    def services(self, **changed: str) -> Services:
        return services(self.settings.model_copy(update=changed), "agents")

    async def read(self, ticket: str, **changed: str) -> Ticket:
        return await from_service(ticket, self.services(**changed))

    async def fails(self, ticket: str, **changed: str) -> CountersignError:
        """The error, which tells what it is about, a way out, and no secret."""
        with pytest.raises(CountersignError) as caught:
            await self.read(ticket, **changed)
        error = caught.value
        chain, cause = "", error  # type: tuple[str, BaseException | None]
        while cause is not None:
            chain, cause = f"{chain}{cause!r}{cause}", cause.__cause__ or cause.__context__
        assert [secret for secret in SECRETS if secret in chain + str(error.problem())] == []
        return error


@pytest.fixture(scope="module")
async def started(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    folder = tmp_path_factory.mktemp("services")
    ca, pem = authority(folder, ("localhost", HOST))
    source = build(folder / "source", [Commit("Start", {"a": b"1"})])
    async with AsyncExitStack() as stack:
        github = await stack.enter_async_context(standin_github(folder / "git", pem))
        linear = await stack.enter_async_context(standin_linear(pem))
        jira = await stack.enter_async_context(standin_jira(pem, "/jira"))
        host = jira.place.partition("/")[0]
        settings = Settings(
            state=folder / "state",
            github=github.place,
            linear=linear.place,
            jira=jira.place,
            egress_authorities=str(ca),
            ticket_credentials=f"{github.place}=TEST_GITHUB,{linear.place}=TEST_LINEAR,"
            f"{host}={jira_standin.USER}:TEST_JIRA",
        )
        yield World(github, linear, jira, github.add("Acme/App", source), settings)


@pytest.fixture
def world(started: World, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr(socket, "getaddrinfo", resolving)
    for name, secret in zip(("TEST_GITHUB", "TEST_LINEAR", "TEST_JIRA"), SECRETS, strict=True):
        monkeypatch.setenv(name, secret)
    started.github.trouble = started.linear.trouble = started.jira.trouble = None
    started.github.remaining = 4999
    started.app.issues.clear()
    started.github.issue(started.app, 12, "add() subtracts", "add(2, 3) gives -1\r\n")
    started.linear.issue("ABC-12", "add() subtracts", "add(2, 3) gives **-1**", "seen too")
    started.jira.issue("ABC-12", "add() subtracts", paragraph("add(2, 3) gives -1"), paragraph("seen too"))
    started.jira.old, started.linear.old, started.github.moved = {}, {}, {}
    return started


async def test_an_issue_of_github(world: World) -> None:
    world.github.comment(world.app, 12, "me too", "\u202eevil")
    ticket = await world.read("github:acme/app#12")
    assert ticket.key == f"github:{world.github.place}/acme/app#12"
    assert (ticket.title, ticket.body) == ("add() subtracts", "add(2, 3) gives -1\r\n")
    assert (ticket.author, ticket.state, ticket.labels) == ("octocat", "open", ("bug",))
    assert [(each.author, each.text) for each in ticket.comments] == [("user0", "me too"), ("user1", "\u202eevil")]
    assert ticket.url == f"{world.github.url}/acme/app/issues/12"
    [asked] = world.github.asked("GET", r"/issues/12$")[-1:]
    assert asked.header("authorization") == [f"token {READ}"]
    assert asked.header("accept") == ["application/vnd.github.v3+json"]


async def test_every_spelling_is_the_same_ticket(world: World) -> None:
    github, jira, linear = world.github.place, world.jira.place, world.linear.place
    spellings = [
        [
            "github:acme/app#12",
            f"github:{github}/ACME/App#12",
            f"https://{github}/acme/App/issues/12",
            f"https://{github}/acme/App/issues/12/?x=1#issuecomment-7",
        ],
        ["linear:ABC-12", "linear:abc-12", "https://linear.app/acme/issue/ABC-12/add-subtracts"],
        [
            "jira:ABC-12",
            "jira:abc-12",
            f"jira:{jira}/ABC-12",
            f"https://{jira}/browse/ABC-12",
            f"https://{jira}/projects/ABC/boards/1?view=x&selectedIssue=ABC-12",
        ],
    ]
    for each in spellings:
        keys = {(await world.read(spelling)).key for spelling in each}
        assert len(keys) == 1, keys
        assert {(await world.read(key)).key for key in keys} == keys, "a key is a spelling as well"
    assert linear


async def test_comments_are_read_in_pages_and_not_without_end(world: World) -> None:
    texts = [f"comment {at}" for at in range(bounds.MOST_COMMENTS + 30)]
    world.github.comment(world.app, 12, *texts)
    world.linear.issue("ABC-12", "x", "y", *texts)
    world.jira.issue("ABC-12", "x", paragraph("y"), *map(paragraph, texts))
    for ticket in ("github:acme/app#12", "linear:ABC-12", "jira:ABC-12"):
        read = await world.read(ticket)
        assert [each.text for each in read.comments] == texts[: bounds.MOST_COMMENTS]
        assert read.left_out == (1 if ticket.startswith("linear") else 30)


async def test_an_issue_of_linear(world: World) -> None:
    ticket = await world.read("linear:ABC-12")
    assert (ticket.key, ticket.title, ticket.body) == ("linear:ABC-12", "add() subtracts", "add(2, 3) gives **-1**")
    assert (ticket.author, ticket.state, ticket.labels) == ("ana", "In Progress", ("Bug",))
    assert [each.text for each in ticket.comments] == ["seen too"]
    assert ticket.url == "https://linear.app/acme/issue/ABC-12/slug"


async def test_an_issue_of_jira_cloud_and_of_a_jira_of_ones_own(world: World) -> None:
    cloud = await world.read("jira:ABC-12")
    assert (cloud.title, cloud.body, cloud.state) == ("add() subtracts", "add(2, 3) gives -1", "To Do")
    assert (cloud.author, cloud.labels, cloud.comments[0].author) == ("Ana", ("regression",), "Bo")
    assert cloud.url == f"https://{world.jira.place}/browse/ABC-12"
    world.jira.issue("ABC-12", "add() subtracts", "as *wiki* text", "seen too")
    place = world.jira.place.partition("/")[0]
    own = await world.read("jira:ABC-12", ticket_credentials=f"{place}=TEST_JIRA")
    assert (own.body, own.comments[0].text) == ("as *wiki* text", "seen too")


async def test_what_moved_keeps_its_new_key_where_the_service_leads_there(world: World) -> None:
    world.linear.old["OLD-1"] = world.jira.old["OLD-1"] = "ABC-12"
    assert (await world.read("linear:OLD-1")).key == "linear:ABC-12"
    assert (await world.read("jira:OLD-1")).key == f"jira:{world.jira.place}/ABC-12"


async def test_a_transferred_issue_or_renamed_repository_says_that_it_moved(world: World) -> None:
    world.github.moved["acme/app/issues/12"] = "/repositories/77/issues/3"
    error = await world.fails("github:acme/app#12")
    assert isinstance(error, Moved)
    assert "/repositories/77/issues/3" in error.what
    assert not error.retryable


async def test_what_is_not_there_or_hidden(world: World) -> None:
    for ticket in ("github:acme/app#99", "github:acme/other#1", "linear:ABC-99", "jira:ABC-99"):
        error = await world.fails(ticket)
        assert isinstance(error, NotFound), error
        assert "TEST_" in error.way_out, "the variable to look at is named"
        assert error.subject.lower().startswith(ticket.split(":")[0])
    error = await world.fails("github:acme/app#12", ticket_credentials="")
    assert isinstance(error, NotFound)
    assert f"COUNTERSIGN_TICKET_CREDENTIALS={world.github.place}=NAME" in error.way_out
    world.github.issue(world.app, 13, "Gone", state="deleted")
    assert "was deleted" in (await world.fails("github:acme/app#13")).what
    assert isinstance(await world.fails("https://linear.app/other/issue/ABC-12"), NotFound), "another workspace's"


async def test_a_public_issue_needs_no_token(world: World) -> None:
    world.app.private = False
    try:
        assert (await world.read("github:acme/app#12", ticket_credentials="")).title == "add() subtracts"
    finally:
        world.app.private = True


async def test_bad_keys(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TEST_GITHUB", "TEST_LINEAR", "TEST_JIRA"):
        monkeypatch.setenv(name, "an expired token")
    for ticket, name in (("github:a/b#1", "GITHUB"), ("linear:ABC-12", "LINEAR"), ("jira:ABC-12", "JIRA")):
        error = await world.fails(ticket)
        assert isinstance(error, AccessRefused), error
        assert f"TEST_{name}" in error.way_out
    assert isinstance(await world.fails("linear:ABC-12", ticket_credentials=""), AccessRefused)
    monkeypatch.delenv("TEST_GITHUB")
    error = await world.fails("github:acme/app#12")
    assert isinstance(error, BadInput)
    assert error.way_out == "Set TEST_GITHUB where the worker is started."


async def test_a_pull_request_is_no_ticket(world: World) -> None:
    world.github.issue(world.app, 14, "A change", pull_request={"url": "x"})
    error = await world.fails(f"{world.github.url}/acme/app/pull/14")
    assert isinstance(error, BadInput)
    assert "is a pull request" in error.what


LIMITS: dict[str, tuple[str, Answer, tuple[float, float]]] = {
    "github primary": (
        "github",
        said({"message": "API rate limit exceeded"}, 403, X_RateLimit_Limit="5000", X_RateLimit_Remaining="0"),
        (700, 801),
    ),
    "github secondary": (
        "github",
        said({"message": "You have exceeded a secondary rate limit"}, 403, X_RateLimit_Remaining="4000"),
        (60, 60),
    ),
    "github retry-after": ("github", said({"message": "slow down"}, 403, Retry_After="17"), (17, 17)),
    "github page": ("github", page(429, Retry_After="9"), (9, 9)),
    "linear": (
        "linear",
        linear_standin.error(
            "Rate limit exceeded", "ratelimited", "RATELIMITED", 400, X_RateLimit_Requests_Remaining="0"
        ),
        (700, 801),
    ),
    "jira": ("jira", said({"errorMessages": ["Rate limit exceeded."]}, 429, Retry_After="33"), (33, 33)),
}


@pytest.mark.parametrize("case", LIMITS)
async def test_a_rate_limit_is_waited_for(world: World, case: str) -> None:
    kind, answer, (least, most) = LIMITS[case]
    at = time.time() + 800
    resets = {
        "github primary": ("X-RateLimit-Reset", f"{at:.0f}"),
        "linear": ("X-RateLimit-Requests-Reset", f"{at * 1000:.0f}"),
    }
    answer = Answer(answer.body, answer.status, [*answer.headers, *filter(None, [resets.get(case)])])
    getattr(world, kind).trouble = lambda seen: answer
    error = await world.fails(f"{kind}:{'acme/app#12' if kind == 'github' else 'ABC-12'}")
    assert isinstance(error, ServiceBusy), error
    assert error.retryable
    assert error.retry_after is not None
    assert least <= error.retry_after <= most


TICKETS = {"github": "github:acme/app#12", "linear": "linear:ABC-12", "jira": "jira:ABC-12"}
TROUBLE: dict[str, tuple[Answer, type[CountersignError], str]] = {
    "down": (Answer(b"<html>", 502, [("Content-Type", "text/html")]), ServiceBusy, "answers 502"),
    "a page": (page(200), StrangeReply, "text/html"),
    "a page that says no": (page(403), StrangeReply, "text/html"),
    "no json": (Answer(b"{", 200, [("Content-Type", "application/json")]), CountersignError, ""),
    "another json": (said(["x"]), StrangeReply, ""),
    "null": (said(None), StrangeReply, ""),
    "no title": (said({"number": 1, "fields": {}, "data": {"issue": {}}}), StrangeReply, ""),
    "huge": (Answer(b"[" + b"1," * (5 << 20), 200, [("Content-Type", "application/json")]), StrangeReply, "8 MB"),
    "a redirect": (page(302, Location="https://evil.example/login"), CountersignError, ""),
}


@pytest.mark.parametrize("kind", TICKETS)
@pytest.mark.parametrize("case", TROUBLE)
async def test_answers_that_are_none(world: World, kind: str, case: str) -> None:
    answer, expected, words = TROUBLE[case]
    getattr(world, kind).trouble = lambda seen: answer
    error = await world.fails(TICKETS[kind])
    assert isinstance(error, expected), error
    assert words in error.what
    assert error.retryable == (expected is ServiceBusy)


async def test_a_service_that_is_out_of_reach(world: World) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        place = f"localhost:{closed.getsockname()[1]}"
        error = await world.fails("github:acme/app#12", github=place, ticket_credentials="")
        assert isinstance(error, ServiceBusy)
        assert "can not be reached" in error.what
    error = await world.fails("github:acme/app#12", egress_authorities="")
    assert isinstance(error, AccessRefused)
    assert "COUNTERSIGN_EGRESS_AUTHORITIES" in error.way_out


async def test_a_url_never_decides_who_is_asked(world: World) -> None:
    """Only hosts of the settings are asked, whatever a URL says, and whatever they answer."""
    port = world.github.git.port
    before = len(world.github.seen), len(world.jira.host.seen)
    for ticket in (
        "https://169.254.169.254/latest/meta-data/issues/1",
        "https://evil.example/acme/app/issues/12",
        f"https://127.0.0.1:{port}/acme/app/issues/12",
        f"https://{HOST}.evil.example:{port}/acme/app/issues/12",
        f"https://{HOST}:{port}@evil.example/acme/app/issues/12",
        f"http://{HOST}:{port}/acme/app/issues/12",
        f"https://{HOST}:{port}/acme/../../api/v3/user",
        f"https://{HOST}:{port}/acme/%2e%2e/issues/12",
        f"https://{HOST}:{port}/acme/../issues/12",
        "github:evil.example/acme/app#12",
        "github:acme/..#12",
        "github:acme/app%23#12",
        "jira:evil.example/ABC-12",
        "jira:../../x/ABC-12",
        "linear:../ABC-12",
        "linear:evil.example/ABC-12",
        "https://linear.app/acme/team/ABC-12",
        "https://[::1",
        "file:///etc/passwd",
    ):
        assert isinstance(await world.fails(ticket), BadInput), ticket
    assert before == (len(world.github.seen), len(world.jira.host.seen)), "nobody was asked"


async def test_the_next_page_is_on_the_same_host(world: World) -> None:
    world.github.comment(world.app, 12, "a")

    def elsewhere(seen: object) -> Answer | None:
        target = seen.target  # type: ignore[attr-defined]
        link = '<https://evil.example/steal>; rel="next"'
        return said([], 200, Link=link) if "comments" in target else None

    world.github.trouble = elsewhere
    error = await world.fails("github:acme/app#12")
    assert isinstance(error, StrangeReply)
    assert "elsewhere" in error.what


def test_a_secret_in_a_url_is_refused_and_not_repeated(world: World) -> None:
    from activities.tickets.named import named

    with pytest.raises(BadInput) as caught:
        named(f"https://x:{READ}@{world.github.place}/acme/app/issues/1", world.services())
    assert READ not in str(caught.value)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"jira": "http://jira.example.com"}, "not reached over https"),
        ({"github": "ghe.example.com/api"}, "has a path"),
        ({"jira": "10.0.0.1"}, "exact name"),
        ({"ticket_credentials": "elsewhere.example=NAME"}, "which is no service"),
        ({"ticket_credentials": "github.com=COUNTERSIGN_X"}, "seen by every process"),
    ],
)
def test_settings_that_cannot_be(changed: dict[str, str], words: str) -> None:
    with pytest.raises(BadInput, match=words):
        services(Settings.model_validate(changed), "agents")


def test_where_the_apis_are() -> None:
    known = services(
        Settings(github="github.com,acme.ghe.com,ghe.example.com:8443", jira="acme.atlassian.net"), "agents"
    )
    assert [each.api for each in known.all] == [
        "https://api.github.com",
        "https://api.acme.ghe.com",
        "https://ghe.example.com:8443/api/v3",
        "https://gitlab.com/api/v4",
        "https://api.linear.app",
        "https://acme.atlassian.net",
        "https://api.hubapi.com",
        "https://slack.com",  # to be named, without a credential
    ]


def test_each_worker_has_its_own_credentials() -> None:
    settings = Settings(
        ticket_credentials="github.com=READS,api.linear.app=LINEAR", git_write_credentials="github.com=bot:WRITES"
    )
    found = {
        worker: [each.credential.name for each in services(settings, worker).all if each.credential]  # type: ignore[arg-type]
        for worker in ("agents", "effects")
    }
    assert found == {"agents": ["READS", "LINEAR"], "effects": ["WRITES"]}


NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("status", "headers", "seconds"),
    [
        (429, {"retry-after": "30"}, 30),
        (503, {"retry-after": "Tue, 24 Nov 2026 12:00:40 GMT"}, 40),
        (429, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": f"{NOW.timestamp() + 50:.0f}"}, 50),
        (429, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "2026-11-24T12:01Z"}, 60),
        (502, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": f"{NOW.timestamp() + 50:.0f}"}, None),
        (429, {"x-ratelimit-reset": "99999999999"}, 3900),
        (429, {"x-ratelimit-reset": "1"}, 1),
        (429, {"retry-after": "soon"}, None),
        (429, {"retry-after": "9" * 400}, None),
        (500, {}, None),
    ],
)
def test_how_long_to_wait(status: int, headers: dict[str, str], seconds: float | None) -> None:
    assert patience(Reply(status, headers, b""), NOW) == seconds
