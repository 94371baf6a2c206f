"""A repository arrives: a clean work tree, by each way that there is, and nothing inside reaches what is shared."""

import asyncio
import contextlib
import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from contracts.errors import BadInput, DiskFull, NotARepository, UnknownRange
from contracts.policy import SandboxPolicy
from ledger import FolderArtifacts
from sandboxes import Bubblewrap, Tree
from sandboxes.bubblewrap import BubblewrapSandbox
from sandboxes.trees import WAYS
from tests.support.repositories import Commit, build, git, stream

ROOT = Path(__file__).parents[2]
POLICY = SandboxPolicy(disk_bytes=64 << 20, wall_seconds=30)
LONG = "n" * 255
FILES: dict[str | bytes, bytes | tuple[str, bytes] | None] = {
    "a.txt": b"a\n",
    "run.sh": ("100755", b"#!/bin/sh\necho ran\n"),
    "link": ("120000", b"a.txt"),
    "out": ("120000", b"/etc/passwd"),
    "deep/er/b.txt": b"b\n",
    "deep/er/c.txt": b"c\n",
    "deep/d.txt": b"d\n",
    f"long/{LONG}": b"long\n",
    b"odd/caf\xe9\n": b"odd\n",
    ".gitattributes": b"*.lfs filter=lfs\n",
    **{f"many/{number}.py": b"x = %d\n" % number for number in range(200)},
}
# Everything that git, a build or an agent does to a tree.
CHANGE = """
set -e
echo changed > a.txt; rm deep/er/b.txt; chmod 700 run.sh; ln -sf deep link
rm -r many; mkdir many; echo new > many/1.py; mkdir -p many/sub
rm -r deep/er; echo file > deep/er; rm out; mkdir out; echo in > out/in
mkdir -p made/by/us; echo x > made/by/us/x; mkfifo pipe; echo o > "$(printf 'odd/caf\\351\\n')"
mkdir gone; rmdir gone; touch made/t; chmod 555 made/by; cp -r long long2
"""
TELL = (
    "cd /work/repository; find . -path ./.git -prune -o -printf '%p %y %m %l\\n' | sort;"
    " find . -path ./.git -prune -o -type f -exec sha256sum {} + | sort"
)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    commits = [Commit("First", {"a.txt": b"older\n"}), Commit("Second", FILES)]
    return build(tmp_path_factory.mktemp("source") / "demo", commits) / ".git"


@contextlib.contextmanager
def sharing_blocks(folder: Path) -> Iterator[Path]:
    """A file system on which files share blocks, in a loop device."""
    if os.getuid() != 0 or not shutil.which("mkfs.xfs"):
        pytest.skip("no file system that shares blocks can be made here")
    image, place = folder / "image", folder / "xfs"
    with image.open("wb") as file:
        file.truncate(400 << 20)
    place.mkdir()
    subprocess.run(["mkfs.xfs", "-q", "-m", "reflink=1", str(image)], check=True)
    if subprocess.run(["mount", "-o", "loop", str(image), str(place)], check=False).returncode:
        pytest.skip("no loop device may be mounted here")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


@pytest.fixture(scope="module", params=WAYS)
def provider(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bubblewrap]:
    """One for each way: overlay as it is chosen here, reflink and clone as a worker has it that may not mount."""
    folder = tmp_path_factory.mktemp("sandboxes")
    with contextlib.ExitStack() as stack:
        if request.param == "reflink":
            folder = stack.enter_context(sharing_blocks(folder))
        made = Bubblewrap(folder)
        host = made.check()
        if request.param == "overlay" and host.way != "overlay":
            pytest.skip("this worker may not mount")
        if request.param != "overlay":
            made._host = dataclasses.replace(host, disks=None)
            made._host = dataclasses.replace(made._host, way=made._way(None))
        assert made.check().way == request.param
        yield made


@pytest.fixture
def tree(source: Path) -> Tree:
    return Tree(source, git(source, "rev-parse", "main"))


async def shell(box: BubblewrapSandbox, script: str, cwd: str = "repository") -> str:
    result = await box.exec(["sh", "-c", script], cwd=cwd)
    assert result.exit_code == 0, result.stderr.decode()
    return result.stdout.decode(errors="replace")


async def told(box: BubblewrapSandbox) -> bytes:
    return (await box.exec(["sh", "-c", TELL])).stdout


def prints(folder: Path) -> list[tuple[str, int, int, int]]:
    """What would show that a cache was changed."""
    found = [(path, path.lstat()) for path in folder.rglob("*") if not path.name.endswith(".lock")]
    return sorted((str(path), each.st_size, each.st_mtime_ns, each.st_mode) for path, each in found)


async def test_it_is_a_repository_like_any_other(provider: Bubblewrap, tree: Tree) -> None:
    async with await provider.create(POLICY, tree=tree) as box:
        assert await shell(box, "git status --porcelain --ignored") == ""
        assert (await shell(box, "git log --format=%s")).split() == ["Second", "First"]
        assert (await shell(box, "git rev-parse HEAD")).strip() == tree.commit
        assert await shell(box, "git fsck 2>&1; ./run.sh; cat link deep/er/b.txt") == "ran\na\nb\n"
        assert await box.read(f"repository/long/{LONG}") == b"long\n"
        assert "caf" in "".join(await box.list("repository/odd"))
        await shell(box, "echo more >> a.txt && git -c user.name=a -c user.email=a@b commit -qam Third")
        assert (await shell(box, "git log --format=%s -2; git status --porcelain")).split() == ["Third", "Second"]
        assert b"+more" in (await box.diff(folder="repository", base=tree.commit)).text
        assert (await shell(box, "git gc --quiet; git repack -qad; git log --oneline | wc -l")).strip() == "3"
        owners = {path.lstat().st_uid for path in box.place.rglob("*")}
        assert owners == {os.geteuid()}


async def test_the_first_status_reads_no_file(provider: Bubblewrap, tree: Tree) -> None:
    """The index knows each file, so that git compares and does not read: it has no reason to write a new index."""
    async with await provider.create(POLICY, tree=tree) as box:
        index = box.place / "repository/.git/index"
        if provider.check().way == "clone":
            return  # git's own clone; files as old as its index are read once
        before = index.stat().st_ino
        count = "strace -f -e trace=openat git status 2>&1 >/dev/null | grep -c '\\.py\"' || true"
        if shutil.which("strace"):
            assert (await shell(box, count)).strip() == "0"
        await shell(box, "git status")
        assert index.stat().st_ino == before


async def test_the_shared_things_can_not_be_changed(provider: Bubblewrap, tree: Tree, source: Path) -> None:
    async with await provider.create(POLICY, tree=tree):
        pass
    caches = [source, provider.folder / "objects", provider.folder / "trees"]
    before = [prints(cache) for cache in caches]
    async with await provider.create(POLICY, tree=tree) as box, await provider.create(POLICY, tree=tree) as other:
        for script in (
            "echo x > a.txt; chmod 777 a.txt; touch -d 2001-01-01 deep/d.txt; ln a.txt hard; rm -rf many .git/refs",
            "for f in $(find /objects -type f); do echo x > $f; chmod 666 $f; rm -f $f; done; touch /objects/new",
            "cp -r /objects /work/o; echo /work/o > .git/objects/info/alternates; rm -rf /objects",
            "git config core.fsmonitor 'touch /objects/x'; git config core.hooksPath /objects; git status",
            "find . -depth -delete; rm -rf /work/repository; mkdir -p /work/repository; echo x > a.txt",
        ):
            await box.exec(["sh", "-c", script], cwd="repository")
        assert await shell(other, "git status --porcelain; cat a.txt") == "a\n"
    assert [prints(cache) for cache in caches] == before
    async with await provider.create(POLICY, tree=tree) as box:
        assert await shell(box, "git status --porcelain; cat a.txt; ls many | wc -l") == "a\n200\n"


async def test_objects_stay_when_the_path_is_cleaned(provider: Bubblewrap, tmp_path: Path) -> None:
    folder = build(tmp_path / "demo", [Commit("Only", {"a": b"a"})])
    tree = Tree(folder / ".git", git(folder, "rev-parse", "main"))
    async with await provider.create(POLICY, tree=tree) as box:
        shutil.rmtree(folder)
        assert await shell(box, "git log --format=%s; git show HEAD:a; git fsck") == "Only\na"
    build(folder, [Commit("Another", {"a": b"b"})])
    if provider.check().way != "clone":  # the tree is there, and all that it needs
        async with await provider.create(POLICY, tree=tree) as box:
            assert await shell(box, "git status --porcelain; git show HEAD:a") == "a"


async def test_a_commit_that_comes_later(provider: Bubblewrap, tmp_path: Path) -> None:
    folder = build(tmp_path / "demo", [Commit("One", {"a": b"1"})])
    for number in range(2, 4):
        tree = Tree(folder / ".git", git(folder, "rev-parse", "main"), folder=f"in/{number}")
        async with await provider.create(POLICY, tree=tree) as box:
            assert (
                await shell(box, "git log --format=%s | wc -l; cat a", f"in/{number}") == f"{number - 1}\n{number - 1}"
            )
        stream(folder, [Commit("More", {"a": b"%d" % number}, start="main")])


async def test_a_shallow_clone(provider: Bubblewrap, source: Path, tmp_path: Path) -> None:
    git(tmp_path, "clone", "--quiet", "--depth=1", f"file://{source}", "shallow")
    tree = Tree(tmp_path / "shallow" / ".git", git(source, "rev-parse", "main"))
    async with await provider.create(POLICY, tree=tree) as box:
        assert await shell(box, "git log --format=%s; git status --porcelain") == "Second\n"


async def test_many_start_at_once(provider: Bubblewrap, tmp_path: Path) -> None:
    """The first makes the tree, the others wait for it."""
    folder = build(tmp_path / "demo", [Commit("One", {f"f{n}": b"%d" % n for n in range(50)})])
    tree = Tree(folder / ".git", git(folder, "rev-parse", "main"))
    boxes = await asyncio.gather(*(provider.create(POLICY, tree=tree) for _ in range(6)))
    try:
        assert {await shell(box, "git status --porcelain; ls | wc -l") for box in boxes} == {"50\n"}
        named = list((provider.folder / "trees").glob(f"*{tree.commit}*/")) if provider.check().way != "clone" else [0]
        assert len(named) == 1
    finally:
        await asyncio.gather(*(box.destroy() for box in boxes))


async def test_what_can_not_arrive_is_named(provider: Bubblewrap, tree: Tree, tmp_path: Path) -> None:
    for error, bad in (
        (UnknownRange, dataclasses.replace(tree, commit="1" * 40)),
        (BadInput, dataclasses.replace(tree, commit="main")),
        (BadInput, dataclasses.replace(tree, folder="../x")),
        (BadInput, dataclasses.replace(tree, folder=".git")),
        (BadInput, dataclasses.replace(tree, git_dir=tmp_path / "nothing")),
        (NotARepository, dataclasses.replace(tree, git_dir=tmp_path)),
    ):
        with pytest.raises(error):
            await provider.create(POLICY, tree=bad)
    with pytest.raises(DiskFull, match="larger than the policy's"):
        await provider.create(
            SandboxPolicy(disk_bytes=1 << 20), tree=Tree(tree.git_dir, git(tree.git_dir, "rev-parse", "main~1"))
        ) if False else await provider.create(SandboxPolicy(disk_bytes=1 << 20), tree=big(tmp_path))
    assert provider.alive() == []
    assert list((provider.folder / "trees").glob(".away*/*")) == []


def big(folder: Path) -> Tree:
    """A work tree of 2^20 files that takes a few hundred bytes in git: each folder holds the one below twice."""
    made = build(folder / "big", [Commit("One", {"a": b"x" * 5000})])
    below = git(made, "rev-parse", "main^{tree}")
    for _ in range(20):
        below = git(made, "mktree", stdin=b"".join(b"040000 tree %s\t%s\n" % (below.encode(), n) for n in (b"a", b"b")))
    commit = git(made, "commit-tree", "-m", "big", below)
    return Tree(made / ".git", commit)


async def test_a_closed_repository_of_another_user(provider: Bubblewrap) -> None:
    """A worker that is root: inside, the work is done as the owner, and all that arrives belongs to that one."""
    if os.getuid() != 0 or not provider.check().disks:
        pytest.skip("plays two users")
    given = Path("/tmp/countersign-closed")
    shutil.rmtree(given, ignore_errors=True)
    try:
        build(given, [Commit("One", {"a": b"1"})])
        tree = Tree(given / ".git", git(given, "rev-parse", "main"))
        subprocess.run(["chown", "-R", "65534:65534", given], check=True)
        given.chmod(0o700)
        async with await provider.create(POLICY, tree=tree) as box:
            assert (
                await shell(box, "set -e; git status --porcelain; cat a; git log --format=%s; echo 2 > b") == "1One\n"
            )
            assert {path.lstat().st_uid for path in (box.place / "repository").rglob("*")} == {65534}
            await box.write("repository/c", b"3")
            assert await shell(box, "echo 4 >> c; cat c") == "34\n"
        assert not [line for line in Path("/proc/self/mounts").read_text().splitlines() if box.id in line]
    finally:
        shutil.rmtree(given)


# The work survives, whichever way the tree arrived


async def test_a_checkpoint_is_the_change(provider: Bubblewrap, tree: Tree, tmp_path: Path) -> None:
    store = FolderArtifacts(tmp_path / "artifacts")
    async with await provider.create(POLICY, tree=tree) as box:
        empty = await box.checkpoint(store)
        assert json.loads(store.get(empty)) == {"base": tree.commit, "entries": {}, "removed": [], "version": 1}
        await shell(box, CHANGE)
        ref = await box.checkpoint(store)
        expected = await told(box)
        assert expected
        assert await box.checkpoint(store) == ref
        await box.exec(["sh", "-c", "exec 3<>deep/d.txt; exec 3>&-"], cwd="repository")  # opened, nothing written
        assert await box.checkpoint(store) == ref
        with pytest.raises(BadInput, match="changed already"):
            await box.restore(store, ref)
    async with await provider.create(POLICY, tree=tree) as other:
        await other.restore(store, ref)
        await box_without_pipe(other, expected)
        assert await other.checkpoint(store) == ref
        await shell(other, "git status --porcelain >/dev/null; echo later > later")
        later = await other.checkpoint(store)
    async with await provider.create(POLICY, tree=tree) as third:
        await third.restore(store, later)
        assert await third.read("repository/later") == b"later\n"


async def box_without_pipe(box: BubblewrapSandbox, expected: bytes) -> None:
    """Pipes are not kept."""
    lines = [line for line in expected.split(b"\n") if not line.startswith(b"./pipe p")]
    assert await told(box) == b"\n".join(lines)


REFS: dict[str, str] = {}


async def test_the_same_work_has_the_same_reference_whichever_way(
    provider: Bubblewrap, tree: Tree, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """And each way brings up what another one kept."""
    store = FolderArtifacts(tmp_path_factory.getbasetemp() / "shared-artifacts")
    async with await provider.create(POLICY, tree=tree) as box:
        await shell(box, CHANGE)
        REFS[provider.check().way] = ref = await box.checkpoint(store)
    assert set(REFS.values()) == {ref}
    for kept in REFS.values():
        async with await provider.create(POLICY, tree=tree) as other:
            await other.restore(store, kept)
            assert await other.checkpoint(store) == ref


async def test_another_base_can_be_marked_later(provider: Bubblewrap, tree: Tree, tmp_path: Path) -> None:
    store = FolderArtifacts(tmp_path / "artifacts")
    async with await provider.create(POLICY, tree=tree) as box:
        await box.mark_base("named otherwise")
        await box.write("repository/a.txt", b"1")
        assert list(json.loads(store.get(await box.checkpoint(store)))["entries"]) == ["repository/a.txt"]
        await box.mark_base("with a.txt")
        await box.write("repository/b.txt", b"1")
        kept = json.loads(store.get(await box.checkpoint(store)))
        assert (kept["base"], list(kept["entries"])) == ("with a.txt", ["repository/b.txt"])


# Nothing is left


async def test_the_disk_is_bounded_and_nothing_stays(provider: Bubblewrap, tree: Tree) -> None:
    if not provider.check().disks:
        pytest.skip("this worker may not mount")
    async with await provider.create(SandboxPolicy(disk_bytes=8 << 20), tree=tree) as box:
        result = await box.exec(["sh", "-c", "cat many/*; head -c 20000000 /dev/zero > zeros"], cwd="repository")
        assert b"No space left" in result.stderr
        assert box.id in Path("/proc/self/mounts").read_text()
    assert box.id not in Path("/proc/self/mounts").read_text()
    assert not list((provider.folder / "boxes").iterdir())


async def test_pruning_spares_what_is_used(provider: Bubblewrap, tree: Tree) -> None:
    trees, way = provider._trees, provider.check().way

    def used() -> set[str]:
        return {each.name for shelf in (trees.trees, trees.objects) for each in shelf.kept() if each.in_use}

    async with await provider.create(POLICY, tree=tree) as box:
        mine = used()
        assert len(mine) == (1 if way == "clone" else 2)
        assert not mine & set(trees.prune(days=0, total=0))
        assert await shell(box, "git status --porcelain; git log --format=%s -1") == "Second\n"
    for _ in range(100):
        if not used():
            break
        await asyncio.sleep(0.02)
    assert mine <= set(trees.prune(days=0, total=0))
    async with await provider.create(POLICY, tree=tree) as box:
        assert await shell(box, "git status --porcelain; cat a.txt") == "a\n"


@pytest.mark.chaos
async def test_a_killed_worker_leaves_nothing(tmp_path: Path, tree: Tree) -> None:
    """Its processes die with it; mounts, cgroup and folder go with the next worker, and the cache stays good."""
    script = textwrap.dedent(f"""
        import asyncio
        from pathlib import Path
        from contracts.policy import SandboxPolicy
        from sandboxes import Bubblewrap, Tree

        async def main():
            tree = Tree(Path({str(tree.git_dir)!r}), {tree.commit!r})
            box = await Bubblewrap(Path({str(tmp_path / "sandboxes")!r})).create(SandboxPolicy(), tree=tree)
            await box.exec(["sh", "-c", "echo x > a.txt; echo on; exec sleep 1000"], cwd="repository",
                on_stdout=lambda _: print(box.id, flush=True))

        asyncio.run(main())
    """)
    worker = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, cwd=ROOT)
    assert worker.stdout
    name = worker.stdout.readline().decode().strip()
    os.kill(worker.pid, signal.SIGKILL)
    worker.wait()
    worker.stdout.close()
    assert name
    after = Bubblewrap(tmp_path / "sandboxes")
    assert after.reap() == [name]
    assert str(tmp_path / "sandboxes" / "boxes") not in Path("/proc/self/mounts").read_text()
    assert not list((tmp_path / "sandboxes" / "boxes").iterdir())
    async with await after.create(POLICY, tree=tree) as box:
        assert await shell(box, "git status --porcelain; cat a.txt") == "a\n"


async def test_processes_over_an_overlay_are_found(provider: Bubblewrap, tree: Tree) -> None:
    """The reaper knows whose they are, though an overlay's mount has no path of its own."""
    from sandboxes import reaper

    async with await provider.create(POLICY, tree=tree) as box:
        running = asyncio.create_task(box.exec(["sh", "-c", "echo on; exec sleep 60"], on_stdout=lambda _: on.set()))
        on = asyncio.Event()
        await on.wait()
        found = reaper.processes_inside(provider.folder / "boxes" / box.id / "work")
        assert len(found) >= 2
        os.kill(found[0], signal.SIGKILL)
        await asyncio.wait([running])
