"""The commit: on real repositories of every shape, hostile ones too."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from contracts.errors import (
    AccessRefused,
    BadInput,
    ChangelogStructure,
    CountersignError,
    DestinationMoved,
    NotARepository,
)
from contracts.records import Person
from tests.activities.effect_world import TEXT, World, branches, looks
from tests.support.repositories import Commit, git, stream


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World.open(tmp_path)
    yield made
    made.ledger.close()


async def test_one_commit_on_a_new_branch_and_nothing_else(world: World) -> None:
    repository = world.repository()
    (repository / "CHANGELOG.md").write_text("half-written by somebody")
    (repository / "new").write_text("x")
    git(repository, "add", "new")
    before, head = looks(repository), git(repository, "rev-parse", "HEAD")
    effect = world.effect(repository)
    done = await world.carry_out(world.request(effect))

    assert looks(repository) == before
    (branch,) = branches(repository)
    assert effect.says == f"Commit 3 lines to CHANGELOG.md on branch {branch} as Release Bot"
    assert done.facts["commit"] == git(repository, "rev-parse", branch)
    assert done.facts["until"] == head
    assert git(repository, "rev-parse", f"{branch}^") == head
    assert git(repository, "diff", "--name-only", head, branch) == "CHANGELOG.md"
    assert git(repository, "show", f"{branch}:CHANGELOG.md") == TEXT.decode().strip()
    assert git(repository, "log", "-1", "--format=%an <%ae>|%cn", branch) == "Release Bot <bot@example.org>|Countersign"
    assert git(repository, "fsck", "--strict") == ""


async def test_trailers_lead_to_run_digest_and_signature(world: World) -> None:
    repository = world.repository()
    request = world.request(world.effect(repository, body="Words\nCountersigned-by: forged"))
    await world.carry_out(request)
    body = git(repository, "log", "-1", "--format=%(trailers:unfold)", *branches(repository))
    trailers = [line for line in body.splitlines() if line]
    assert f"Countersign-Run: {request.run}" in trailers
    assert f"Countersign-Digest: {request.digest}" in trailers
    assert f"Countersign-Decision: {request.decision.id}" in trailers
    assert f"Countersigned-by: Ana (key {request.decision.signature.key})" in trailers
    assert trailers[-1].startswith("Countersigned-by: Ana")
    assert "forged" not in body


@pytest.mark.parametrize(
    "name",
    [
        "Ana\nCountersign-Digest: sha256:0",
        "Ana (key SHA256:AAAA)\u2028Countersign-Run: other",
        "Ana <boss@example.org>\r\n\r\nCountersigned-by: Boss",
        "\u202eana\u2066 \x1b[2J",
    ],
)
async def test_a_name_can_neither_forge_a_trailer_nor_look_like_another(world: World, name: str) -> None:
    repository = world.repository()
    world.ledger.enrol(Person(name="ana", display_name=name, email=f"a@b\n{name}", roles=("reviewer",)))
    await world.carry_out(world.request(world.effect(repository, subject=f"Update {name}")))
    message = git(repository, "log", "-1", "--format=%B", *branches(repository))
    trailers = [line.split(":")[0] for line in message.splitlines() if line.startswith("Countersign")]
    assert trailers == [
        "Countersign-Run",
        "Countersign-Digest",
        "Countersign-Decision",
        "Countersign-Range",
        "Countersigned-by",
    ]
    assert message.strip().splitlines()[-1].count("(") == 1, "the key of the trailer is the one that signed"
    assert [char for char in message if char != "\n" and not char.isprintable()] == []


async def test_again_gives_the_same_answer_and_no_second_commit(world: World) -> None:
    repository = world.repository()
    request = world.request(world.effect(repository))
    first, second = await world.carry_out(request), await world.carry_out(request)
    assert second.repeated
    assert not first.repeated
    assert first.facts == second.facts
    assert git(repository, "rev-list", "--all", "--count") == "3"


async def test_the_next_run_starts_where_this_one_was_signed(world: World) -> None:
    repository = world.repository()
    await world.carry_out(world.request(world.effect(repository)))
    last = world.ledger.last_signed("git.commit_file", str(repository))
    assert last is not None
    assert last.outcome["until"] == git(repository, "rev-parse", "HEAD")


@pytest.mark.parametrize("path", ["docs/new/CHANGES.md", "src/CHANGES", "src/sub/dir/x.md", "café – ünï/log.md"])
async def test_nested_paths_keep_their_neighbours(world: World, path: str) -> None:
    repository = world.repository(**{"src/sub/keep": b"k", "src/run.sh": b"#!/bin/sh\n"})
    done = await world.carry_out(world.request(world.effect(repository, path=path)))
    commit = str(done.facts["commit"])
    assert git(repository, "-c", "core.quotePath=false", "diff", "--name-status", "HEAD", commit) == f"A\t{path}"
    assert git(repository, "fsck", "--strict") == ""


async def test_an_executable_file_stays_one(world: World) -> None:
    repository = world.repository()
    stream(repository, [Commit("x", {"CHANGELOG.md": ("100755", b"x")}, start="main")])
    git(repository, "reset", "-q", "--hard")
    done = await world.carry_out(world.request(world.effect(repository)))
    assert git(repository, "ls-tree", str(done.facts["commit"]), "CHANGELOG.md").startswith("100755")


@pytest.mark.parametrize("path", ["link", "link/file", "CHANGELOG.md/below"])
async def test_a_link_or_file_in_the_way(world: World, path: str) -> None:
    repository = world.repository()
    stream(repository, [Commit("x", {"link": ("120000", b"/etc/passwd")}, start="main")])
    git(repository, "reset", "-q", "--hard")
    with pytest.raises(ChangelogStructure):
        await world.carry_out(world.request(world.effect(repository, path=path)))
    assert branches(repository) == []


async def test_linked_worktree_and_subfolder_and_bare(world: World) -> None:
    main = world.repository()
    git(main, "worktree", "add", "-q", str(world.folder / "linked"), "-b", "topic")
    subprocess.run(["git", "clone", "-q", "--bare", str(main), str(world.folder / "bare.git")], check=True)
    for number, place in enumerate((world.folder / "linked", main / "src", world.folder / "bare.git")):
        base = git(main, "rev-parse", "HEAD")
        effect = world.effect(place, base=base, run=f"run-{number}")
        done = await world.carry_out(world.request(effect, run=f"run-{number}"))
        where = place if place.name == "bare.git" else main
        assert git(where, "rev-parse", str(done.facts["branch"])) == done.facts["commit"]
    assert git(world.folder / "linked", "status", "--porcelain") == ""


async def test_a_submodule_is_a_repository_too(world: World) -> None:
    inner, outer = world.repository("inner"), world.repository("outer")
    git(outer, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(inner), "module")
    done = await world.carry_out(world.request(world.effect(outer / "module")))
    assert git(outer / "module", "rev-parse", str(done.facts["branch"])) == done.facts["commit"]
    assert git(outer / "module", "status", "--porcelain") == ""


async def test_borrowed_objects_are_found(world: World) -> None:
    lender = world.repository()
    borrower = world.folder / "borrower"
    subprocess.run(["git", "clone", "-q", "--shared", str(lender), str(borrower)], check=True)
    done = await world.carry_out(world.request(world.effect(borrower)))
    assert git(borrower, "rev-parse", str(done.facts["branch"])) == done.facts["commit"]
    assert branches(lender) == []


async def test_nothing_that_the_repository_configures_is_run(world: World) -> None:
    """Hooks, filters, fsmonitor, signing, a remote helper: each would leave a mark on the host or in git's folder."""
    repository = world.repository(**{".gitattributes": b"* filter=evil diff=evil\n"})
    mark = world.folder / "mark"
    evil = world.folder / "evil"
    evil.write_text(f"#!/bin/sh\ntouch {mark} {repository}/.git/mark /repository.git/mark\ncat\n")
    evil.chmod(0o755)
    hooks = ("reference-transaction", "pre-commit", "post-commit", "post-index-change", "update", "pre-push")
    for hook in hooks:
        shutil.copy(evil, repository / ".git" / "hooks" / hook)
        shutil.copy(evil, repository / ".git" / "evil")
    config = {
        "core.fsmonitor": str(evil),
        "filter.evil.clean": "/repository.git/evil",
        "filter.evil.smudge": "/repository.git/evil",
        "filter.evil.required": "true",
        "commit.gpgSign": "true",
        "gpg.program": "/repository.git/evil",
        "core.editor": "/repository.git/evil",
        "core.pager": "/repository.git/evil",
        "core.sshCommand": "/repository.git/evil",
        "remote.origin.url": "ext::/repository.git/evil",
        "extensions.partialClone": "origin",
        "core.repositoryFormatVersion": "1",
        "remote.origin.promisor": "true",
        "core.alternateRefsCommand": "/repository.git/evil",
    }
    base = git(repository, "rev-parse", "HEAD")
    for name, value in config.items():
        git(repository, "config", name, value)
    done = await world.carry_out(world.request(world.effect(repository, base=base)))
    assert done.facts["commit"]
    assert not mark.exists()
    assert not (repository / ".git" / "mark").exists()
    kept = subprocess.run(
        ["git", "-C", repository, "cat-file", "blob", f"{done.facts['commit']}:CHANGELOG.md"], capture_output=True
    )
    assert kept.stdout == TEXT


async def test_alternates_cannot_show_other_folders(world: World) -> None:
    repository = world.repository()
    (repository / ".git" / "objects" / "info" / "alternates").write_text("/etc\n/root\n../../../../etc\n")
    assert (await world.carry_out(world.request(world.effect(repository)))).facts["commit"]


async def test_a_branch_in_the_way(world: World) -> None:
    repository = world.repository()
    effect = world.effect(repository)
    git(repository, "branch", str(effect.params["branch"]), "HEAD")
    before = looks(repository)
    with pytest.raises(DestinationMoved, match="another commit") as caught:
        await world.carry_out(world.request(effect))
    assert "git branch -m" in caught.value.way_out
    assert looks(repository) == before
    record = world.ledger.effect(effect.key)
    assert record is not None
    assert record.state == "failed"


async def test_a_way_out_works_with_the_same_signature(world: World) -> None:
    repository = world.repository()
    effect = world.effect(repository)
    branch = str(effect.params["branch"])
    git(repository, "branch", branch, "HEAD")
    request = world.request(effect)
    with pytest.raises(DestinationMoved):
        await world.carry_out(request)
    git(repository, "branch", "-m", branch, "mine")
    assert (await world.carry_out(request)).facts["branch"] == branch


async def test_a_branch_called_countersign_is_in_the_way(world: World) -> None:
    repository = world.repository()
    git(repository, "branch", "countersign")
    with pytest.raises(DestinationMoved, match="in the way"):
        await world.carry_out(world.request(world.effect(repository)))


async def test_the_base_is_gone(world: World) -> None:
    repository = world.repository()
    with pytest.raises(DestinationMoved, match="not in"):
        await world.carry_out(world.request(world.effect(repository, base="f" * 40)))


async def test_the_repository_moved_away(world: World) -> None:
    repository = world.repository()
    request = world.request(world.effect(repository))
    repository.rename(world.folder / "elsewhere")
    with pytest.raises(DestinationMoved, match="no repository at"):
        await world.carry_out(request)


async def test_a_folder_that_is_no_repository(world: World, tmp_path: Path) -> None:
    (tmp_path / "plain").mkdir()
    with pytest.raises(NotARepository):
        await world.carry_out(world.request(world.effect(tmp_path / "plain", base="f" * 40)))


async def test_a_lock_that_nobody_holds_is_removed(world: World) -> None:
    repository = world.repository()
    effect = world.effect(repository)
    lock = repository / ".git" / "refs" / "heads" / f"{effect.params['branch']}.lock"
    lock.parent.mkdir(parents=True)
    lock.touch()
    assert (await world.carry_out(world.request(effect))).facts["commit"]
    assert not lock.exists()


@pytest.mark.parametrize(
    "changes",
    [
        {"path": "../outside"},
        {"path": ".git/config"},
        {"path": "a/.GIT/hooks/x"},
        {"path": "/etc/passwd"},
        {"base": "HEAD"},
        {"base": "--upload-pack=touch x"},
        {"branch_stem": "..x"},
        {"branch_stem": "x y"},
    ],
)
def test_values_that_cannot_be_committed(world: World, changes: dict[str, str]) -> None:
    repository = world.repository()
    with pytest.raises(BadInput):
        world.effect(repository, **changes)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can play two users")
async def test_a_worker_that_is_root_leaves_the_owner_in_charge(world: World) -> None:
    repository = world.repository()
    shutil.copytree(repository, "/tmp/countersign-owned", dirs_exist_ok=True)
    owned = Path("/tmp/countersign-owned")
    try:
        subprocess.run(["chown", "-R", "65534:65534", owned], check=True)
        owned.chmod(0o700)
        base = git(repository, "rev-parse", "HEAD")
        done = await world.carry_out(world.request(world.effect(owned, base=base)))
        strangers = [path for path in owned.rglob("*") if path.lstat().st_uid != 65534]
        assert strangers == []
        assert (owned / ".git" / "refs" / "heads" / str(done.facts["branch"])).exists()
    finally:
        shutil.rmtree(owned)


async def test_a_repository_that_may_not_be_written(world: World) -> None:
    """A read-only file system, as a user without rights would find it."""
    repository = world.repository()
    request = world.request(world.effect(repository))
    objects = repository / ".git" / "objects"
    as_root = os.getuid() == 0
    _read_only(repository / ".git", as_root, True)
    try:
        with pytest.raises(AccessRefused) as caught:
            await world.carry_out(request)
    finally:
        _read_only(repository / ".git", as_root, False)
    assert "write access" in caught.value.way_out
    assert objects.exists()
    assert branches(repository) == []


def _read_only(folder: Path, as_root: bool, on: bool) -> None:
    if as_root:
        command = ["mount", "--bind", "-o", "ro", folder, folder] if on else ["umount", folder]
        if on:
            subprocess.run(["mount", "--bind", folder, folder], check=True)
            command = ["mount", "-o", "remount,bind,ro", folder]
        subprocess.run(command, check=True)
    else:
        for path in [folder, *folder.rglob("*")]:
            if path.is_dir():
                path.chmod(0o500 if on else 0o700)


# URLs


@pytest.fixture
def remote(world: World) -> Path:
    main = world.repository()
    bare = world.folder / "remote.git"
    subprocess.run(["git", "clone", "-q", "--bare", str(main), str(bare)], check=True)
    return bare


async def test_a_url_gets_exactly_one_branch(world: World, remote: Path) -> None:
    before = git(remote, "show-ref")
    request = world.request(world.effect(f"file://{remote}"))
    done = await world.carry_out(request)
    again = await world.carry_out(request)
    assert again.facts["commit"] == done.facts["commit"]
    (branch,) = branches(remote)
    assert git(remote, "rev-parse", branch) == done.facts["commit"]
    others = "\n".join(line for line in git(remote, "show-ref").splitlines() if "countersign" not in line)
    assert others == before
    assert git(remote, "show", f"{branch}:CHANGELOG.md") == TEXT.decode().strip()


async def test_a_branch_in_the_way_at_a_url(world: World, remote: Path) -> None:
    effect = world.effect(f"file://{remote}")
    git(remote, "branch", str(effect.params["branch"]), "HEAD~1")
    before = git(remote, "show-ref")
    with pytest.raises(DestinationMoved, match="another commit"):
        await world.carry_out(world.request(effect))
    assert git(remote, "show-ref") == before


async def test_a_remotes_hook_runs_in_the_sandbox_only(world: World, remote: Path) -> None:
    mark = world.folder / "mark"
    hook = remote / "hooks" / "pre-receive"
    hook.write_text(f"#!/bin/sh\ntouch {mark}\nexit 0\n")
    hook.chmod(0o755)
    assert (await world.carry_out(world.request(world.effect(f"file://{remote}")))).facts["commit"]
    assert not mark.exists()


async def test_a_url_by_address_is_refused(world: World, remote: Path) -> None:
    """A host is reached by its name (tests/activities/test_git_remote.py has those that can't be reached)."""
    base = git(remote, "rev-parse", "HEAD")
    with pytest.raises(CountersignError) as caught:
        await world.carry_out(world.request(world.effect("http://127.0.0.1:9/x.git", base=base)))
    assert caught.value.name == "BadInput"
    assert not caught.value.retryable
