"""The change of several files: one commit, and a merge where that was signed."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from activities.effects.git_params import ChangeParams
from contracts.errors import BadInput, DestinationMoved, NotSigned
from tests.activities.effect_world import World, act, branches, looks
from tests.support import forked
from tests.support.repositories import Commit, build, git

FILES: dict[str, bytes | None] = {"src/a.py": b"a = 2\n", "src/new/b.py": b"b = 1\n", "b": None}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World.open(tmp_path)
    yield made
    made.ledger.close()


def bare(world: World, source: Path) -> Path:
    remote = world.folder / "bare.git"
    subprocess.run(["git", "clone", "-q", "--bare", str(source), str(remote)], check=True)
    return remote


async def test_files_are_changed_added_and_removed_in_one_commit(world: World) -> None:
    repository = world.repository()
    before, head = looks(repository), git(repository, "rev-parse", "HEAD")
    effect = world.change(repository, FILES)
    done = await world.carry_out(world.request(effect))

    assert looks(repository) == before
    (branch,) = branches(repository)
    assert effect.says == f"Commit 3 files on branch {branch} as Release Bot"
    assert git(repository, "diff", "--name-status", head, branch).split("\n") == [
        "D\tb",
        "M\tsrc/a.py",
        "A\tsrc/new/b.py",
    ]
    assert done.says == f"Committed 3 files as {done.facts['commit'][:12]} on branch {branch}"  # type: ignore[index]
    assert git(repository, "fsck", "--strict", "--no-dangling") == ""


async def test_a_folder_left_empty_goes_too_and_modes_are_as_signed(world: World) -> None:
    repository = world.repository(**{"deep/er/only": b"1", "run.sh": b"#!/bin/sh\n"})
    effect = world.change(
        repository, {"deep/er/only": None, "run.sh": b"#!/bin/sh\ntrue\n"}, modes={"run.sh": "100755"}
    )
    done = await world.carry_out(world.request(effect))
    listed = git(repository, "ls-tree", "-r", str(done.facts["commit"]))
    assert "deep" not in listed
    assert [line.split()[0] for line in listed.splitlines() if line.endswith("\trun.sh")] == ["100755"]


async def test_merged_by_moving_forward_and_once(world: World) -> None:
    remote = bare(world, world.repository())
    target = git(remote, "symbolic-ref", "--short", "HEAD")
    request = world.request(world.change(remote, FILES, merge_into=target))
    first, second = await world.carry_out(request), await world.carry_out(request)
    assert first.says.endswith(f"and merged into {target}")
    assert git(remote, "rev-parse", target) == first.facts["commit"]
    assert second.repeated
    assert first.facts == second.facts


async def test_merged_into_a_target_that_moved_on_elsewhere(world: World) -> None:
    main = world.repository()
    remote = bare(world, main)
    target = git(remote, "symbolic-ref", "--short", "HEAD")
    effect = world.change(remote, {"src/a.py": b"a = 2\n"}, merge_into=target)
    other = advance(main, remote, target, {"README": b"other"})
    done = await world.carry_out(world.request(effect))
    assert git(remote, "log", "-1", "--format=%P", target).split() == [other, done.facts["commit"]]
    assert git(remote, "show", f"{target}:README") == "other"
    assert git(remote, "show", f"{target}:src/a.py") == "a = 2"


async def test_not_merged_where_others_changed_the_same_file(world: World) -> None:
    main = world.repository()
    remote = bare(world, main)
    target = git(remote, "symbolic-ref", "--short", "HEAD")
    effect = world.change(remote, {"src/a.py": b"a = 2\n"}, merge_into=target)
    other = advance(main, remote, target, {"src/a.py": b"# theirs\na = 1\n"})
    with pytest.raises(DestinationMoved, match=r"src/a\.py"):
        await world.carry_out(world.request(effect))
    assert git(remote, "rev-parse", target) == other


def advance(main: Path, remote: Path, target: str, files: dict[str, bytes]) -> str:
    for path, body in files.items():
        (main / path).write_bytes(body)
    git(main, "add", "--all")
    git(main, "-c", "user.name=x", "-c", "user.email=x@localhost", "commit", "-qm", "Theirs")
    git(main, "push", "-q", str(remote), f"HEAD:{target}")
    return git(remote, "rev-parse", target)


async def test_by_url_the_branch_and_the_merge_are_pushed(world: World) -> None:
    remote = bare(world, world.repository())
    target = git(remote, "symbolic-ref", "--short", "HEAD")
    base = git(remote, "rev-parse", target)
    effect = world.change(f"file://{remote}", FILES, base=base, merge_into=target)
    done = await world.carry_out(world.request(effect))
    assert git(remote, "rev-parse", target) == done.facts["commit"]


@pytest.mark.parametrize("shown", ["another body", "not at all", "another mode"])
async def test_a_diff_that_was_not_shown_is_not_committed(world: World, shown: str) -> None:
    repository = world.repository()
    effect = world.change(repository, FILES, modes={"src/a.py": "100755"})
    panels = {panel.path: panel for panel in world.panels(effect)}
    if shown == "not at all":
        del panels["b"]
    elif shown == "another body":
        panels["src/a.py"] = panels["src/a.py"].model_copy(
            update={"diff": panels["src/a.py"].diff.replace("a = 2", "a = 3")}
        )
    else:
        panels["src/a.py"] = panels["src/a.py"].model_copy(update={"diff": panels["src/a.py"].diff.split("\n", 1)[1]})
    with pytest.raises(NotSigned, match="was shown"):
        await world.carry_out(world.request(effect, panels=tuple(panels.values())))
    assert branches(repository) == []


MERGING = ("git.after_commit", "git.after_ref", "git.before_merge", "git.after_merge", "effect.after_act")
AROUND = (
    *("effect.before_intent", "effect.after_intent", "effect.after_ask", "effect.begun"),
    *("git.after_objects", "effect.after_finish"),
)
POINTS_OF_IT = (*MERGING, *AROUND)


@pytest.mark.chaos
@pytest.mark.parametrize(
    ("point", "moved"), [*((point, True) for point in MERGING), *((point, False) for point in POINTS_OF_IT)]
)
async def test_killed_anywhere_there_is_one_commit_and_one_merge(world: World, point: str, moved: bool) -> None:
    main = world.repository()
    remote = bare(world, main)
    target = git(remote, "symbolic-ref", "--short", "HEAD")
    request = world.request(world.change(remote, {"src/a.py": b"a = 2\n"}, merge_into=target))
    if moved:
        advance(main, remote, target, {"README": b"other"})
    (world.folder / "request.json").write_text(request.model_dump_json())
    environ = os.environ | {"COUNTERSIGN_FAULT": point, "COUNTERSIGN_FAULT_ONCE": str(world.folder / "once")}
    forked.died(act, world.folder, environ=environ, output=world.folder / "killed.log")

    done = await world.carry_out(request)
    assert git(remote, "merge-base", "--is-ancestor", str(done.facts["commit"]), target) == ""
    # Two at first, one of theirs and a merge where the target moved, and ours.
    assert git(remote, "rev-list", "--all", "--count") == ("5" if moved else "3")


@pytest.mark.parametrize(
    ("files", "problem"),
    [({}, "at least 1"), ({"../x": b""}, "inside"), ({".git/config": b""}, "inside"), ({"a//b": b""}, "inside")],
)
def test_files_that_cannot_be(world: World, files: dict[str, bytes], problem: str) -> None:
    repository = world.repository()
    with pytest.raises((BadInput, ValueError), match=problem):
        world.change(repository, files)


def test_a_file_is_named_once() -> None:
    one = {"path": "a", "ref": "sha256:" + "0" * 64}
    with pytest.raises(ValueError, match="twice"):
        ChangeParams(repository="r", base="0" * 40, branch="b", subject="s", files=(one, one))  # type: ignore[arg-type]


def test_the_key_is_of_the_content(world: World) -> None:
    repository = build(world.folder / "r", [Commit("First", {"a": b"1"})])
    keys = {world.change(repository, {"a": body}).key for body in (b"2", b"2", b"3")}
    assert len(keys) == 2
