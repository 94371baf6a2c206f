"""Mirrors of URLs: fetched once for all, never changed by a sandbox, made anew when damaged, pruned when unused."""

import asyncio
import os
import shutil
import time
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from activities.repositories import Repositories, Source
from contracts.errors import AccessRefused, NotARepository, UnknownRange
from contracts.policy import SandboxPolicy
from sandboxes import Bubblewrap, Mount
from tests.support.repositories import Commit, git, small, stream

POLICY = SandboxPolicy()


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Bubblewrap:
    return Bubblewrap(tmp_path_factory.mktemp("sandboxes"))


@pytest.fixture
def repositories(provider: Bubblewrap, tmp_path: Path) -> Repositories:
    return Repositories(tmp_path / "mirrors", provider)


async def tip(repositories: Repositories, url: str) -> str:
    async with repositories.bring(url, POLICY) as brought:
        return await repositories.commit(brought, "main", POLICY)


def began(repositories: Repositories, url: str) -> float:
    mirrors = repositories.mirrors()
    return mirrors.fetched(mirrors.at(url))


async def test_those_who_ask_meanwhile_share_one_fetch(repositories: Repositories, served: tuple[Path, str]) -> None:
    """The first one's fetch may have begun before the others asked; theirs is one more, for all of them."""
    _, url = served
    times: list[float] = []

    async def one(stack: AsyncExitStack) -> Source:
        brought = await stack.enter_async_context(repositories.bring(url, POLICY))
        times.append(began(repositories, url))
        return brought

    async with AsyncExitStack() as stack:
        brought = await asyncio.gather(*(one(stack) for _ in range(6)))
        assert len({each.git_dir for each in brought}) == 1
        assert len(set(times)) <= 2
        assert [(each.in_use, each.bytes > 10_000) for each in repositories.mirrors().kept()] == [(True, True)]
    assert [each.in_use for each in repositories.mirrors().kept()] == [False]


async def test_a_commit_that_is_there_is_not_fetched(repositories: Repositories, served: tuple[Path, str]) -> None:
    folder, url = served
    first = await tip(repositories, url)
    before = began(repositories, url)
    async with repositories.bring(url, POLICY, commit=first):
        assert began(repositories, url) == before
    stream(folder, [Commit("One more", {"z": b"z"}, start="main")])
    async with repositories.bring(url, POLICY, commit=git(folder, "rev-parse", "main")) as brought:
        assert began(repositories, url) > before
        with pytest.raises(UnknownRange, match="'nothing'"):
            await repositories.commit(brought, "nothing", POLICY)


async def test_a_sandbox_can_not_change_a_mirror(
    repositories: Repositories, provider: Bubblewrap, served: tuple[Path, str]
) -> None:
    _, url = served

    def state(folder: Path) -> list[tuple[str, int, int]]:
        return sorted((str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in folder.rglob("*"))

    async with repositories.bring(url, POLICY) as brought:
        before = state(brought.git_dir)
        async with await provider.create(POLICY, mounts=[Mount(brought.git_dir, "/source")]) as box:
            for script in (
                "touch /source/new",
                "echo x > /source/HEAD",
                "rm -rf /source/objects",
                "chmod -R 777 /source",
                "git --git-dir=/source update-ref -d refs/heads/main",
                "git --git-dir=/source fetch /source main:other",
                "mount -o remount,rw /source",
                "git clone -q --shared --bare /source c && echo x > c/objects/info/../../../../source/HEAD",
            ):
                result = await box.exec(["sh", "-c", script])
                assert result.exit_code != 0, script
        assert state(brought.git_dir) == before


async def test_a_damaged_one_is_made_anew(repositories: Repositories, served: tuple[Path, str]) -> None:
    """Found by a fetch that fails, by a fetch that never ended, and by a reader that could not read."""
    folder, url = served
    expected = await tip(repositories, url)
    place = repositories.mirrors().at(url)

    def damage() -> None:
        for name in ("pack", *(f"{byte:02x}" for byte in range(256))):
            shutil.rmtree(place / "objects" / name, ignore_errors=True)

    damage()
    stream(folder, [Commit("One more", {"z": b"z"}, start="main")])
    expected = git(folder, "rev-parse", "main")
    assert await tip(repositories, url) == expected
    damage()
    repositories.mirrors().note_fetch(place, 0)  # as a killed worker leaves it
    assert await tip(repositories, url) == expected
    damage()
    with pytest.raises(NotARepository):
        async with repositories.bring(url, POLICY, commit=expected):
            raise NotARepository("A reader's git could not read it.")
    assert await tip(repositories, url) == expected
    assert [path.name for path in repositories.folder.glob(".away*")] == []


async def test_a_source_that_fails_leaves_the_mirror(repositories: Repositories, served: tuple[Path, str]) -> None:
    folder, url = served
    expected = await tip(repositories, url)
    inode = repositories.mirrors().at(url).stat().st_ino
    folder.rename(folder.with_name("gone.git"))
    with pytest.raises(AccessRefused):
        await tip(repositories, url)
    folder.with_name("gone.git").rename(folder)
    assert await tip(repositories, url) == expected
    assert repositories.mirrors().at(url).stat().st_ino == inode


async def test_what_is_old_or_too_much_is_removed(repositories: Repositories, served: tuple[Path, str]) -> None:
    """Never one in use: not by age and not by size."""
    _, url = served
    mirrors = repositories.mirrors()
    async with repositories.bring(url, POLICY) as brought:
        os.utime(f"{brought.git_dir}.lock", (0, 0))
        assert mirrors.prune() == []
        assert mirrors.prune(total=0) == []
    assert mirrors.prune() == [brought.git_dir.name]
    assert not brought.git_dir.exists()
    await tip(repositories, url)
    assert mirrors.prune() == []
    assert mirrors.prune(total=0) == [brought.git_dir.name]
    assert mirrors.kept() == []


async def test_a_path_is_used_as_it_is(repositories: Repositories, tmp_path: Path) -> None:
    folder = small(tmp_path / "demo")
    before = time.time_ns()
    async with repositories.bring(str(folder), POLICY) as brought:
        assert await repositories.commit(brought, "", POLICY) == git(folder, "rev-parse", "HEAD")
    assert brought.git_dir == folder / ".git"
    assert all(path.lstat().st_ctime_ns < before for path in (folder / ".git").rglob("*"))
    assert not repositories.folder.exists()
