"""A work tree that many see and nobody copies: overlayfs, with what a sandbox changes on the sandbox's own disk.

The lower folder is the host's shared tree. The kernel never writes to it, whatever is done above; the upper one is
out of the sandbox's sight. So a checkpoint need only look at the upper: it costs what was changed.
"""

import ctypes
import os
import stat
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

from sandboxes import beneath, disks
from sandboxes.checkpoints import Seen, seen_of

# Renamed folders and changed modes are copied, so that the upper alone tells all. The disk is thrown away: nothing is
# gained by waiting until it is written.
OPTIONS = "redirect_dir=off,metacopy=off,index=off,volatile"
OPAQUE = "trusted.overlay.opaque"
UPPER, OVER, MERGED = "upper", "over", "work"


def mount(lower: Path, home: Path) -> Path:
    """A folder `work` in `home`, on a disk: `lower`, and what is written to it in `home/upper`. Raises OSError."""
    places = [lower, home / UPPER, home / OVER]
    if any(letter in str(place) for place in places for letter in ",:\\"):
        raise OSError(f"overlayfs can't take a path with a comma, colon or backslash: {home}")
    for name in (UPPER, OVER, MERGED):
        (home / name).mkdir(mode=0o755, exist_ok=True)
    shape = lower.stat()
    os.chown(home / UPPER, shape.st_uid, shape.st_gid)
    words = ",".join(f"{name}dir={place}" for name, place in zip(("lower", "upper", "work"), places, strict=True))
    flags = ctypes.c_ulong(disks.NOSUID | disks.NODEV | disks.NOATIME)
    disks.call("mount", b"overlay", os.fsencode(home / MERGED), b"overlay", flags, os.fsencode(f"{words},{OPTIONS}"))
    return home / MERGED


@dataclass
class Layers:
    """Two open folders, from which the difference is read."""

    lower: int
    upper: int

    @classmethod
    def open(cls, lower: Path, upper: Path) -> "Layers":
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
        return cls(os.open(lower, flags), os.open(upper, flags))

    def close(self) -> None:
        os.close(self.lower)
        os.close(self.upper)

    def kind(self, path: str) -> str:
        """What the base has there: file, link, folder; or nothing, which is an empty word."""
        with suppress(OSError), beneath.parent_of(self.lower, path) as (parent, name):
            seen = seen_of(os.stat(name, dir_fd=parent, follow_symlinks=False))
            return seen.kind if seen else ""
        return ""

    def difference(self) -> tuple[dict[str, Seen], set[str]]:
        """What is other than in the base, as `checkpoints.scan` sees it, and what of the base is gone."""
        walk = _Walk(self.lower, self.upper)
        walk.run()
        return walk.changed, walk.removed


class _Walk:
    """Through the upper folder, with the lower one beside it wherever that shows through or once did.

    Whatever lies in the upper is work; names are taken one by one and links are never followed.
    """

    def __init__(self, lower: int, upper: int) -> None:
        self.lower, self.upper = lower, upper
        self.changed: dict[str, Seen] = {}
        self.removed: set[str] = set()
        self.waiting: list[tuple[str, bool, bool]] = [(".", True, False)]

    def run(self) -> None:
        while self.waiting:
            path, has_lower, opaque = self.waiting.pop()
            with ExitStack() as stack, suppress(FileNotFoundError):  # gone since it was seen
                above = _opened(self.upper, path)
                stack.callback(os.close, above)
                below = _opened(self.lower, path) if has_lower else -1
                if has_lower:
                    stack.callback(os.close, below)
                    opaque = opaque or _is_opaque(above)
                self._folder("" if path == "." else f"{path}/", above, below, opaque)

    def _folder(self, prefix: str, above: int, below: int, opaque: bool) -> None:
        names = set()
        for name in _names(above):
            names.add(name)
            with suppress(FileNotFoundError):
                self._entry(prefix, name, above, below, opaque)
        if opaque and below >= 0:
            for name in _names(below) - names:
                self._gone(prefix + name, os.stat(name, dir_fd=below, follow_symlinks=False))

    def _entry(self, prefix: str, name: str, above: int, below: int, opaque: bool) -> None:
        path, status = prefix + name, os.stat(name, dir_fd=above, follow_symlinks=False)
        base = _status(below, name)
        now, before = seen_of(status), seen_of(base) if base else None
        if base and before and (now is None or now.kind != before.kind):
            self._gone(path, base, itself=now is None)
        if now is None:
            return
        same_folder = before is not None and now.kind == before.kind == "folder"
        if not (same_folder and now == before) and not (base and _is_same(name, above, below, status, base)):
            self.changed[path] = now
        if now.kind == "folder":
            self.waiting.append((path, same_folder, opaque))

    def _gone(self, path: str, base: os.stat_result, *, itself: bool = True) -> None:
        if itself and seen_of(base):
            self.removed.add(path)
        if stat.S_ISDIR(base.st_mode):
            self.removed.update(_below(self.lower, path))


def _below(folder: int, path: str) -> Iterator[str]:
    waiting = [path]
    while waiting:
        at = waiting.pop()
        descriptor = _opened(folder, at)
        try:
            for name in _names(descriptor):
                seen = seen_of(os.stat(name, dir_fd=descriptor, follow_symlinks=False))
                if seen:
                    yield f"{at}/{name}"
                if seen and seen.kind == "folder":
                    waiting.append(f"{at}/{name}")
        finally:
            os.close(descriptor)


def _is_same(name: str, above: int, below: int, status: os.stat_result, base: os.stat_result) -> bool:
    """A file that was opened for writing is in the upper though nothing was written to it."""
    if not stat.S_ISREG(status.st_mode):
        return False
    facts = [(each.st_mode, each.st_size, each.st_mtime_ns) for each in (status, base)]
    if facts[0] != facts[1]:
        return False
    return all(one == other for one, other in zip(_pieces(above, name), _pieces(below, name), strict=False))


def _pieces(folder: int, name: str) -> Iterator[bytes]:
    with os.fdopen(os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder), "rb") as file:
        while piece := file.read(1 << 20):
            yield piece
        yield b""


def _status(folder: int, name: str) -> os.stat_result | None:
    if folder < 0:
        return None
    try:
        return os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return None


def _names(folder: int) -> set[str]:
    with os.scandir(folder) as entries:
        return {entry.name for entry in entries}


def _opened(folder: int, path: str) -> int:
    with beneath.named_errors(path, passing=FileNotFoundError):
        return beneath.open_beneath(folder, path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)


def _is_opaque(folder: int) -> bool:
    with suppress(OSError):
        return os.getxattr(folder, OPAQUE) == b"y"
    return False


def works(folder: Path) -> bool:
    """Whether this host can, tried out in a folder where disks are made."""
    try:
        with disks.trial(folder) as place:
            disks.Disks(folder).mount(disks.SMALLEST, place)
            (place / "lower").mkdir()
            mount(place / "lower", place)
    except OSError:
        return False
    return True
