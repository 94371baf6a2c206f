"""Bad input, through the whole platform: one failure with a name, the input and the way out; nothing half-done."""

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from contracts.changelog import ChangelogRequest
from tests.e2e.failures import failed, nothing_is_left
from tests.e2e.hasty import QUEUE, Hasty
from tests.support.platform import Platform
from tests.support.repositories import Commit, build
from tests.workflows.test_changelog import CHANGELOG, small_repository
from workers.worker import build as build_worker

MARKERS = b"# Changelog\n\n<<<<<<< HEAD\n## [Unreleased]\n=======\n## [Next]\n>>>>>>> topic\n"
TWICE = CHANGELOG + b"\n## [Unreleased]\n\n- Again\n"


@dataclass(frozen=True)
class Case:
    """What a repository is made of, what is asked, and what has to be told."""

    error: str
    names: str
    way_out: str
    files: dict[str, bytes | tuple[str, bytes]] | None = field(default_factory=dict)
    request: dict[str, str] = field(default_factory=dict)


CASES = {
    "no folder": Case("NotARepository", "app", "Give the path", files=None),
    "unknown since": Case("UnknownRange", "v1.0.9", "v1.0.0", request={"since": "v1.0.9"}),
    "unknown until": Case("UnknownRange", "nowhere", "Give a tag", request={"until": "nowhere"}),
    "both ends in one": Case("UnknownRange", "v1..HEAD", "since 'v1', until 'HEAD'", request={"since": "v1..HEAD"}),
    "no such day": Case("UnknownRange", "2023-02-30", "YYYY-MM-DD", request={"since": "2023-02-30"}),
    "merge markers": Case("ChangelogStructure", "CHANGELOG.md", "Resolve it", {"CHANGELOG.md": MARKERS}),
    "two unreleased": Case("ChangelogStructure", "CHANGELOG.md", "Merge them", {"CHANGELOG.md": TWICE}),
    "not text": Case("ChangelogStructure", "CHANGELOG.md", "UTF-8", {"CHANGELOG.md": b"# Chang\xe9log\n"}),
    "a link": Case("ChangelogStructure", "CHANGELOG.md", "Name the file", {"CHANGELOG.md": ("120000", b"/etc/passwd")}),
    "a way out of it": Case("BadInput", "../x.md", "relative", request={"changelog_path": "../x.md"}),
}


@pytest.mark.parametrize("name", CASES)
async def test_a_run_on_bad_input_fails_once_and_says_why(here: Platform, tmp_path: Path, name: str) -> None:
    case, repository = CASES[name], tmp_path / "app"
    if case.files is not None:
        small_repository(repository)
    if case.files:
        build(repository, [Commit("Break it", case.files, start="main")], checkout=True)
    run = await here.start("changelog", ChangelogRequest(repository=str(repository), **case.request))
    failure = await failed(here, run)
    assert (failure.name, failure.attempts) == (case.error, 1)
    assert case.names in failure.message
    assert case.way_out in failure.problem["way_out"]
    nothing_is_left(here, repository if case.files is not None else None)


async def test_a_plain_folder_is_no_repository(here: Platform, tmp_path: Path) -> None:
    failure = await failed(here, await here.start("changelog", ChangelogRequest(repository=str(tmp_path))))
    assert (failure.name, failure.attempts) == ("NotARepository", 1)
    assert str(tmp_path) in failure.message
    assert "git init" in failure.problem["way_out"]


async def test_an_empty_repository_has_nothing_to_tell_of(here: Platform, tmp_path: Path) -> None:
    repository = build(tmp_path / "new", [])
    failure = await failed(here, await here.start("changelog", ChangelogRequest(repository=str(repository))))
    assert (failure.name, failure.attempts) == ("UnknownRange", 1)
    assert f"{str(repository)!r} has no commits yet" in failure.message
    assert "Commit something" in failure.problem["way_out"]
    nothing_is_left(here, repository)


async def test_a_repository_that_takes_longer_than_the_policy_allows(here: Platform, tmp_path: Path) -> None:
    repository = small_repository(tmp_path / "slow")
    request = ChangelogRequest(repository=str(repository))
    async with build_worker(here.client, "agents", here.tools, workflows=[Hasty], activities=[], queue=QUEUE):
        handle = await here.client.start_workflow("hasty", request, id=f"hasty-{tmp_path.name}", task_queue=QUEUE)
        failure = await failed(here, handle.id)
    assert (failure.name, failure.attempts) == ("TookTooLong", 1)
    assert str(repository) in failure.message
    assert "wall_seconds" in failure.problem["way_out"]
    nothing_is_left(here, repository)
