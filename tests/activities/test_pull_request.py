"""A signed pull request: pushed and opened once, at a stand-in that speaks GitHub's protocol, whatever is killed."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from activities.faults import POINTS
from activities.services.repository import github_repository
from contracts.errors import AccessRefused, BadInput, CountersignError, DestinationMoved, NotSigned, ServiceBusy
from tests.activities.pull_world import Pulling, act, pulling
from tests.support import forked
from tests.support.git_server import READ, WRITE
from tests.support.repositories import git
from tests.support.services.names import resolving
from tests.support.services.wire import said
from tests.support.tls_host import Answer, Seen
from workers.services import services
from workers.settings import Settings

PULLING = ("pull.before_open", "pull.after_open")


@pytest.fixture
async def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Pulling]:
    monkeypatch.setenv("TEST_WRITE", WRITE)
    monkeypatch.setattr(socket, "getaddrinfo", resolving)
    async with pulling(tmp_path) as made:
        yield made


async def test_what_was_signed_is_pushed_and_opened_once(here: Pulling, tmp_path: Path) -> None:
    request = here.request(files={"src/a.py": b"a = 2\n", "b": None})
    first, second = await here.worker().carry_out(request), await here.worker().carry_out(request)
    [pull], [branch] = here.app.pulls, here.branches()
    assert git(here.app.folder, "rev-parse", branch) == first.facts["commit"] == pull["head"]["sha"]
    assert git(here.app.folder, "diff", "--name-status", f"main..{branch}").split() == ["D", "b", "M", "src/a.py"]
    assert (pull["base"]["ref"], pull["title"]) == ("main", "Fix №7"), "a ticket's words close no issue"
    assert git(here.app.folder, "log", "-1", "--format=%s", branch) == "Fix №7"
    assert pull["body"].splitlines()[0] == "Ticket: `acme/app#12`"
    assert pull["body"].splitlines()[-1] == f"Countersign-Digest: {request.digest}"
    assert first.facts["pull_request"] == f"{here.github.url}/Acme/App/pull/{pull['number']}"
    assert second.repeated
    assert second.facts == first.facts
    kept = [each for each in tmp_path.rglob("*") if each.is_file() and not {"hosted", "disks"} & set(each.parts)]
    assert [each for each in kept if WRITE.encode() in each.read_bytes()] == []


POINTS_OF_IT = (
    *("effect.before_intent", "effect.after_intent", "effect.after_ask", "effect.begun"),
    *("git.after_objects", "git.after_commit", "git.after_push", *PULLING),
    *("effect.after_act", "effect.after_finish"),
)


@pytest.mark.chaos
@pytest.mark.parametrize("point", POINTS_OF_IT)
async def test_killed_anywhere_there_is_one_pull_request(here: Pulling, tmp_path: Path, point: str) -> None:
    request = here.request()
    (tmp_path / "request.json").write_text(request.model_dump_json())
    (tmp_path / "settings.json").write_text(here.settings.model_dump_json())
    environ = os.environ | {"COUNTERSIGN_FAULT": point, "COUNTERSIGN_FAULT_ONCE": str(tmp_path / "once")}
    await asyncio.to_thread(forked.died, act, tmp_path, environ=environ, output=tmp_path / "killed.log")

    done = await here.worker().carry_out(request)
    [pull], [branch] = here.app.pulls, here.branches()
    assert pull["head"]["sha"] == git(here.app.folder, "rev-parse", branch) == done.facts["commit"]
    assert git(here.app.folder, "rev-list", "--all", "--count") == "3"
    assert [record.state for record in here.world.ledger.effects(run=request.run)] == ["done"]


def test_every_point_of_it_is_killed_at() -> None:
    assert {point for point in POINTS if point.startswith("pull.")} <= set(POINTS_OF_IT)


@pytest.mark.parametrize("became", ["closed", "merged"])
async def test_what_was_closed_or_merged_since_is_not_opened_again(here: Pulling, became: str) -> None:
    """Also where its branch is gone, and the process died before it wrote down what it did."""
    request = here.request()
    await here.worker().carry_out(request)
    here.app.pulls[0].update(state="closed", merged_at="2026-11-24T12:00:00Z" if became == "merged" else None)
    git(here.app.folder, "update-ref", "-d", f"refs/heads/{here.branches()[0]}")
    forget(here)
    done = await here.worker().carry_out(request)
    assert done.facts["state"] == became
    assert f"which is {became}" in done.says
    assert len(here.app.pulls) == 1
    assert here.branches() == []


def forget(here: Pulling) -> None:
    """As if the process had died before the outcome was written."""
    from sqlalchemy import text

    with here.world.ledger.store.engine.begin() as connection:
        connection.execute(text("UPDATE effects SET state = 'intent', outcome = '{}'"))


async def test_a_branch_with_something_else_is_a_conflict(here: Pulling) -> None:
    request = here.request()
    branch = str(here.effect()[1].branch)
    git(here.app.folder, "update-ref", f"refs/heads/{branch}", "main")
    with pytest.raises(DestinationMoved, match="there already with another commit"):
        await here.worker().carry_out(request)
    assert here.app.pulls == []
    git(here.app.folder, "update-ref", "-d", f"refs/heads/{branch}")
    await here.worker().carry_out(request)
    assert len(here.app.pulls) == 1, "the signature stays good"


async def test_one_that_a_person_opened_from_the_branch_is_taken(here: Pulling) -> None:
    """The branch was pushed, no answer came, and somebody helped."""
    here.github.trouble = lambda seen: said({}, 502) if seen.method == "POST" and "/pulls" in seen.target else None
    request = here.request()
    with pytest.raises(ServiceBusy):
        await here.worker().carry_out(request)
    here.github.trouble = None
    [branch] = here.branches()
    sha = git(here.app.folder, "rev-parse", branch)
    here.app.pulls.append(
        {
            "number": 5,
            "state": "open",
            "body": "by hand",
            "head": {"label": f"Acme:{branch}", "ref": branch, "sha": sha},
        }
    )
    done = await here.worker().carry_out(request)
    assert done.facts["number"] == 5
    assert len(here.app.pulls) == 1


async def test_an_answer_that_was_lost(here: Pulling) -> None:
    """GitHub did it, and the answer never came: asked again, it is there."""

    def lost(seen: Seen) -> Answer | None:
        return Answer(b"", 504) if seen.method == "POST" and "/api/v3/" in seen.target else None

    here.github.after = lost
    request = here.request()
    with pytest.raises(ServiceBusy):
        await here.worker().carry_out(request)
    assert len(here.app.pulls) == 1
    done = await here.worker().carry_out(request)
    assert done.repeated
    assert done.facts["number"] == here.app.pulls[0]["number"]
    assert len(here.github.asked("POST", "/pulls$")) == 1


async def test_a_list_that_lags_behind(here: Pulling) -> None:
    """The list doesn't show it yet, and the second try is told that it exists."""
    request = here.request()
    await here.worker().carry_out(request)
    forget(here)
    lists = 0

    def lagging(seen: Seen) -> Answer | None:
        nonlocal lists
        if seen.method == "GET" and "/pulls" in seen.target:
            lists += 1
            return said([]) if lists < 3 else None
        return None

    here.github.trouble = lagging
    done = await here.worker().carry_out(request)
    assert done.facts["number"] == here.app.pulls[0]["number"]
    assert len(here.app.pulls) == 1


async def test_words_that_were_not_shown_are_not_opened(here: Pulling) -> None:
    for revision, changed in enumerate(({"title": "Harmless"}, {"text": "Harmless"}, {"into": "other"})):
        _, params = here.effect(revision=revision)
        request = here.request(shown=params.model_copy(update=changed), revision=revision)
        with pytest.raises(NotSigned, match="was shown"):
            await here.worker().carry_out(request)
    assert (here.branches(), here.app.pulls) == ([], [])


REFUSED: dict[str, tuple[dict[str, str], str, type[CountersignError], str]] = {
    "no token": ({"git_write_credentials": ""}, WRITE, AccessRefused, "COUNTERSIGN_GIT_WRITE_CREDENTIALS="),
    "a wrong token": ({}, "a wrong token", AccessRefused, "TEST_WRITE"),
    "a token that may only read": ({}, READ, AccessRefused, "COUNTERSIGN_GIT_WRITE_CREDENTIALS"),
    "no GitHub": ({"github": "ghe.example.com"}, WRITE, BadInput, "COUNTERSIGN_GITHUB"),
}


@pytest.mark.parametrize("case", REFUSED)
async def test_who_may_not_is_told_which_setting(here: Pulling, monkeypatch: pytest.MonkeyPatch, case: str) -> None:
    changed, token, expected, words = REFUSED[case]
    monkeypatch.setenv("TEST_WRITE", token)
    with pytest.raises(expected) as caught:
        await here.worker(**changed).carry_out(here.request())
    assert words in str(caught.value)
    assert token not in str(caught.value) or token == "a wrong token"
    assert (here.branches(), here.app.pulls) == ([], [])


@pytest.mark.parametrize(
    ("case", "expected", "words"),
    [("archived", AccessRefused, "archived"), ("no base", DestinationMoved, "open it by hand")],
)
async def test_what_github_refuses(here: Pulling, case: str, expected: type[Exception], words: str) -> None:
    here.app.archived = case == "archived"
    into: Any = {"into": "gone"} if case == "no base" else {}
    with pytest.raises(expected, match=words):
        await here.worker().carry_out(here.request(**into))
    assert here.app.pulls == []


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("https://github.com/Acme/app.js.git", "Acme/app.js"),
        ("https://github.com/acme/app", "acme/app"),
        ("git@github.com:acme/app.git", "acme/app"),
        ("ssh://git@github.com:22/acme/app.git", "acme/app"),
        ("https://ghe.example.com:8443/acme/app", "acme/app"),
        ("ssh://git@ghe.example.com/acme/app", "acme/app"),
        ("https://ghe.example.com/acme/app", None),
        ("https://gitlab.com/acme/app", None),
        ("https://github.com.evil.example/acme/app", None),
        ("https://github.com/acme/app/tree", None),
        ("https://github.com/acme/..", None),
        ("/srv/github.com/acme/app", None),
        ("http://github.com/acme/app", None),
    ],
)
def test_which_repositories_are_at_a_github(url: str, found: str | None) -> None:
    known = services(Settings(github="github.com,ghe.example.com:8443"), "effects")
    repository = github_repository(url, known)
    assert (str(repository) if repository else None) == found
