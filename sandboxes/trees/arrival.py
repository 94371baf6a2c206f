"""The work trees of this host, and the way that one comes into a sandbox.

overlay: a worker that may mount. The tree is shared, and what a sandbox changes lies on its own disk.
reflink: a file system that shares blocks between files, such as XFS or btrfs. The tree is copied, its bytes are not.
clone: anywhere. Git checks the commit out in the sandbox; its objects are shared all the same.

A tree belongs to one git folder, so that a repository which lies about a commit lies to itself only, and to one start
of the host: what a power cut left half written is never used.
"""

import asyncio
import fcntl
import hashlib
import os
import shutil
import subprocess
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Literal, get_args

from contracts.errors import NotARepository
from contracts.policy import SandboxPolicy
from sandboxes.process import User
from sandboxes.protocol import Mount, Sandbox, Tree
from sandboxes.shelf import Shelf
from sandboxes.trees import making, objects, overlay
from sandboxes.trees.overlay import Layers

Way = Literal["overlay", "reflink", "clone"]
WAYS: tuple[Way, ...] = get_args(Way)
MADE_AT = "/tree"
ROOT = "root"
FICLONE = 0x40049409  # linux/fs.h

Make = Callable[[SandboxPolicy, Sequence[Mount]], Awaitable[Sandbox]]


@dataclass
class Arrival:
    """What a sandbox holds of the shared things while it lives. `lower`: the tree that is there already."""

    tree: Tree
    way: Way
    objects: Path
    lower: Path | None = None
    held: list[int] = field(default_factory=list)

    @property
    def mount(self) -> Mount:
        return Mount(self.objects, making.OBJECTS)

    def enter(self, work: Path) -> Layers | None:
        """Bring the tree to a sandbox's empty work folder, as far as that can be done from outside. Raises OSError."""
        if self.lower and self.way == "overlay":
            overlay.mount(self.lower, work.parent)
            return Layers.open(self.lower, work.parent / overlay.UPPER)
        if self.lower:
            self._copy(work)
        return None

    def _copy(self, work: Path) -> None:
        words = ["cp", "-a", "--reflink=always", f"{self.lower}/.", str(work)]
        done = subprocess.run(words, env={"PATH": "/usr/bin:/bin"}, capture_output=True, check=False)
        if done.returncode != 0:
            raise OSError(done.stderr.decode(errors="replace").strip()[-300:])

    async def finish(self, sandbox: Sandbox) -> None:
        """What is left to do inside, and the base of its checkpoints. Raises as `making.check_out` does."""
        if self.lower is None:
            place, limit = f"/work/{self.tree.folder}", sandbox_limit(sandbox)
            await making.check_out(sandbox, place, self.tree.commit, str(self.tree.git_dir), limit, aged=False)
        await sandbox.mark_base(self.tree.commit)

    def close(self) -> None:
        """Nobody needs the shared things for this sandbox any more. Twice is fine."""
        while self.held:
            os.close(self.held.pop())


def sandbox_limit(sandbox: Sandbox) -> int:
    policy = getattr(sandbox, "policy", SandboxPolicy())
    return int(policy.disk_bytes)


class Trees:
    """The trees kept in `folder`, and the objects that they borrow."""

    def __init__(self, folder: Path) -> None:
        self.objects, self.trees = Shelf(folder / "objects"), Shelf(folder / "trees")

    async def arrive(self, tree: Tree, policy: SandboxPolicy, *, user: User | None, way: Way, make: Make) -> Arrival:
        """All that a sandbox needs to start with a tree; made now if this is the first. Close it in the end.

        `make` gives a sandbox for the checking out. Raises BadInput, NotARepository, UnknownRange, DiskFull.
        """
        making.checked(tree.commit, tree.folder)
        if not (tree.git_dir / "objects").is_dir():
            raise NotARepository(f"{str(tree.git_dir)!r} is not a git folder.", subject=str(tree.git_dir))
        key = _key(tree.git_dir, user)
        store, place = self.objects.folder / key, self.trees.folder / f"{key}-{_name(tree)}"
        arrival = Arrival(tree, way, store / "objects")
        try:
            await self._fill(arrival, store, place, make, policy, user)
        except BaseException:
            arrival.close()
            raise
        return arrival

    async def _fill(
        self, arrival: Arrival, store: Path, place: Path, make: Make, policy: SandboxPolicy, user: User | None
    ) -> None:
        try:
            if arrival.way != "clone":
                arrival.held.append(self.trees.use(place))
                arrival.held.append(self.objects.use(store))
        except FileNotFoundError:
            arrival.close()
        if not arrival.held:
            await self._keep(arrival, store)
            if arrival.way != "clone":
                await self._make(arrival, place, make, policy, user)
            if self.objects.is_due():
                await asyncio.to_thread(self.prune)
        if arrival.way != "clone":
            arrival.lower = place / ROOT

    async def _keep(self, arrival: Arrival, store: Path) -> None:
        async with self.objects.alone(store):
            await asyncio.to_thread(_keep, arrival.tree.git_dir / "objects", store)
            arrival.held.append(self.objects.use(store))

    async def _make(self, arrival: Arrival, place: Path, make: Make, policy: SandboxPolicy, user: User | None) -> None:
        async with self.trees.alone(place):
            if not place.is_dir():
                fresh = self.trees.fresh()
                try:
                    await self._check_out(arrival, fresh / ROOT, make, policy, user)
                    self.trees.put(fresh, place)
                finally:
                    await asyncio.to_thread(shutil.rmtree, fresh, ignore_errors=True)
            arrival.held.append(self.trees.use(place))

    async def _check_out(
        self, arrival: Arrival, root: Path, make: Make, policy: SandboxPolicy, user: User | None
    ) -> None:
        root.mkdir(mode=0o755)
        if user:
            os.chown(root, user.uid, user.gid)
        mounts = [arrival.mount, Mount(root, MADE_AT, writable=True)]
        async with await make(making.policy_for(policy), mounts) as sandbox:
            tree, folder = arrival.tree, f"{MADE_AT}/{arrival.tree.folder}"
            await making.check_out(sandbox, folder, tree.commit, str(tree.git_dir), policy.disk_bytes)

    def prune(self, *, days: float = 7, total: int = 20 << 30) -> list[str]:
        """Remove trees that nobody used for so long, or that are too much; then objects that no tree borrows."""
        gone = self.trees.prune(days=days, total=total)

        def borrowed(store: Path) -> bool:
            return any(self.trees.folder.glob(f"{store.name}-*/"))

        return [*gone, *self.objects.prune(days=days, total=total, needed=borrowed)]


def _keep(source: Path, store: Path) -> None:
    (store / "objects" / "pack").mkdir(parents=True, exist_ok=True)
    objects.keep(source, store / "objects")
    with suppress(FileNotFoundError):  # where the history of a shallow clone ends
        shutil.copyfile(source.parent / "shallow", store / "objects" / "shallow", follow_symlinks=False)


def _key(git_dir: Path, user: User | None) -> str:
    uid = user.uid if user else os.geteuid()
    return hashlib.sha256(f"{_boot()}\0{git_dir.resolve()}\0{uid}".encode(errors="surrogateescape")).hexdigest()[:20]


def _name(tree: Tree) -> str:
    return f"{tree.commit}-{hashlib.sha256(tree.folder.encode()).hexdigest()[:8]}"


@cache
def _boot() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def reflinks(folder: Path) -> bool:
    """Whether files in `folder` can share blocks, tried out."""
    one, other = (folder / f".reflink-{os.getpid()}-{number}" for number in (1, 2))
    try:
        one.write_bytes(b"x" * 8192)
        with one.open("rb") as source, other.open("wb") as target:
            fcntl.ioctl(target, FICLONE, source.fileno())
    except OSError:
        return False
    else:
        return True
    finally:
        one.unlink(missing_ok=True)
        other.unlink(missing_ok=True)
