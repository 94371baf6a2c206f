"""What changed below /work since its base, kept in a store, and put back into another sandbox.

A checkpoint is a small manifest that names packs: bodies of files, one after the other. A later one reads and
packs only what changed since the one before. All is done from outside, by openat2 and never through a link, so
that nothing inside has to be trusted or started.
"""

import hashlib
import json
import os
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from contracts.errors import BadInput
from sandboxes import beneath
from sandboxes.protocol import Store

VERSION = 1
PIECE_BYTES = 8 << 20
PACK_BYTES = 32 << 20
# A file that is changed twice within one tick of the kernel's clock looks the same after the second time.
TICK_SECONDS = 0.02

Entry = dict[str, Any]


class Seen(NamedTuple):
    """What tells that a file is another than before. The time of change can't be set from inside."""

    kind: str
    mode: int
    size: int = 0
    changed_ns: int = 0
    inode: int = 0


class Stored(NamedTuple):
    """What was kept of a path. `doubtful`: it may have changed since without a sign, so its bytes have to tell."""

    seen: Seen
    entry: Entry
    digest: bytes = b""
    doubtful: bool = False


class Layered(Protocol):
    """A base that the kernel keeps apart from what was changed, so that nobody has to look for the difference."""

    def difference(self) -> tuple[dict[str, Seen], set[str]]: ...

    def kind(self, path: str) -> str: ...


@dataclass
class Tracker:
    """Remembers the base and what was stored last. One operation at a time."""

    label: str = ""
    base: dict[str, Seen] = field(default_factory=dict)
    stored: dict[str, Stored] = field(default_factory=dict)
    layers: Layered | None = None

    def mark(self, folder: int, label: str) -> None:
        """What is there now is the base: a checkpoint holds the difference to it."""
        self.label, self.stored = label, {}
        if self.layers and not any(self.layers.difference()):
            return
        time.sleep(TICK_SECONDS)
        self.layers, self.base = None, scan(folder)

    def difference(self, folder: int) -> tuple[dict[str, Seen], set[str]]:
        """What is other than in the base, and what of the base is gone."""
        if self.layers:
            return self.layers.difference()
        now = scan(folder)
        return {path: seen for path, seen in now.items() if self.base.get(path) != seen}, self.base.keys() - now.keys()

    def _kind(self, path: str) -> str:
        if self.layers:
            return self.layers.kind(path)
        return self.base[path].kind if path in self.base else ""

    def save(self, folder: int, store: Store) -> str:
        """The reference of a checkpoint. Unchanged work has the same one."""
        start, packer = time.time_ns(), Packer(store)
        now, gone = self.difference(folder)
        fresh: dict[str, Stored] = {}
        for path in sorted(now):
            kept = self._known(folder, path, now[path]) or _stored(folder, path, now[path], packer)
            if kept is not None:
                fresh[path] = kept._replace(doubtful=now[path].changed_ns >= start - TICK_SECONDS * 1e9)
        entries = {path: kept.entry for path, kept in fresh.items()}
        packer.close(entries)
        self.stored = fresh
        return store.put(written(self.label, sorted(gone), entries))

    def _known(self, folder: int, path: str, seen: Seen) -> Stored | None:
        """What is kept already, if it is the same still."""
        before = self.stored.get(path)
        if before is None or before.seen != seen:
            return None
        return None if before.doubtful and before.digest != _digest(folder, path, seen) else before

    def load(self, folder: int, store: Store, ref: str) -> None:
        """Bring a sandbox that is at the checkpoint's base to the checkpoint. Raises BadInput."""
        manifest = opened(store.get(ref), ref, self.label)
        if any(self.difference(folder)):
            raise changed(ref)
        packs = Packs(store)
        for path in sorted(manifest["removed"], reverse=True):
            _remove(folder, path)
        entries: dict[str, Entry] = manifest["entries"]
        for path in sorted(entries):
            _put(folder, path, entries[path], self._kind(path), packs)
        for path in sorted(entries, reverse=True):  # a closed folder is closed when all is in it
            if entries[path]["kind"] == "folder":
                _set_mode(folder, path, entries[path]["mode"])
        time.sleep(TICK_SECONDS)
        now, _ = self.difference(folder)
        self.stored = {path: Stored(now[path], entry) for path, entry in entries.items() if path in now}


def written(label: str, removed: list[str], entries: dict[str, Entry]) -> bytes:
    """The manifest: the same bytes for the same work over the same base."""
    manifest = {"version": VERSION, "base": label, "removed": removed, "entries": entries}
    return json.dumps(manifest, sort_keys=True, separators=(",", ":")).encode()


def opened(data: bytes, ref: str, label: str) -> dict[str, Any]:
    """A manifest for a sandbox that holds the base `label`. Raises BadInput."""
    manifest: dict[str, Any] = json.loads(data)
    if manifest.get("version") != VERSION:
        raise BadInput(f"{ref!r} is no checkpoint that this release can read.", subject=ref)
    if manifest["base"] != label:
        raise BadInput(
            f"The checkpoint was made over {manifest['base']!r}, and this sandbox holds {label!r}.",
            subject=ref,
            way_out="Make a sandbox with the same base, then restore.",
        )
    return manifest


def changed(ref: str) -> BadInput:
    return BadInput(
        "The sandbox was changed already, so a checkpoint would be mixed with that.",
        subject=ref,
        way_out="Restore into a new sandbox.",
    )


def scan(folder: int) -> dict[str, Seen]:
    """Each file, link and folder below, by its path. Pipes, sockets and devices are no work."""
    found, waiting = {}, ["."]
    while waiting:
        at = waiting.pop()
        for name, status in _listed(folder, at):
            path = name if at == "." else f"{at}/{name}"
            if seen := seen_of(status):
                found[path] = seen
            if stat.S_ISDIR(status.st_mode):
                waiting.append(path)
    return found


def seen_of(status: os.stat_result) -> Seen | None:
    """None: neither a file nor a link nor a folder, so no work."""
    mode = status.st_mode & 0o777
    if stat.S_ISDIR(status.st_mode):
        return Seen("folder", mode)
    if stat.S_ISREG(status.st_mode) or stat.S_ISLNK(status.st_mode):
        kind = "file" if stat.S_ISREG(status.st_mode) else "link"
        return Seen(kind, mode, status.st_size, status.st_ctime_ns, status.st_ino)
    return None


def _listed(folder: int, path: str) -> Iterator[tuple[str, os.stat_result]]:
    with beneath.named_errors(path):
        try:
            descriptor = beneath.open_beneath(folder, path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        except FileNotFoundError:
            return
        try:
            with os.scandir(descriptor) as entries:
                for entry in entries:
                    with suppress(FileNotFoundError):
                        yield entry.name, entry.stat(follow_symlinks=False)
        finally:
            os.close(descriptor)


class Packer:
    """Collects bodies into packs. What a file's entry says of its place is filled in when its pack is stored."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._parts: list[bytes] = []
        self._size = 0
        self._pending: list[list[Any]] = []

    def add(self, data: bytes) -> list[Any]:
        """[reference of the pack, offset, length]; the reference comes later."""
        if self._size + len(data) > PACK_BYTES:
            self._flush()
        place: list[Any] = ["", self._size, len(data)]
        self._parts.append(data)
        self._size += len(data)
        self._pending.append(place)
        return place

    def _flush(self) -> None:
        if self._pending:
            ref = self._store.put(b"".join(self._parts))
            for place in self._pending:
                place[0] = ref
        self._parts, self._size, self._pending = [], 0, []

    def close(self, entries: dict[str, Entry]) -> None:
        self._flush()
        assert all(place[0] for entry in entries.values() for place in entry.get("pieces", ()))


class Packs:
    """Packs by reference; the last one is kept, since files lie in them in order."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._ref = ""
        self._data = b""

    def body(self, entry: Entry) -> bytes:
        return b"".join(self._piece(*piece) for piece in entry["pieces"])

    def _piece(self, ref: str, offset: int, length: int) -> bytes:
        if ref != self._ref:
            self._ref, self._data = ref, self._store.get(ref)
        return self._data[offset : offset + length]


def _stored(folder: int, path: str, seen: Seen, packer: Packer) -> Stored | None:
    """None: it is gone, or something else by now."""
    hashed = hashlib.sha256()

    def take(piece: bytes) -> list[Any]:
        hashed.update(piece)
        return packer.add(piece)

    with suppress(FileNotFoundError):  # gone since it was seen: it is found to be missing next time
        entry = _entry(folder, path, seen, take)
        return Stored(seen, entry, hashed.digest()) if entry else None
    return None


def _digest(folder: int, path: str, seen: Seen) -> bytes:
    hashed = hashlib.sha256()
    with suppress(FileNotFoundError):
        _entry(folder, path, seen, hashed.update)
    return hashed.digest()


def _entry(folder: int, path: str, seen: Seen, take: Callable[[bytes], Any]) -> Entry | None:
    """None: it is something else by now."""
    if seen.kind == "folder":
        return {"kind": "folder", "mode": seen.mode}
    with beneath.named_errors(path, passing=FileNotFoundError):
        if seen.kind == "link":
            with beneath.parent_of(folder, path) as (parent, name):
                return {"kind": "link", "target": os.readlink(name, dir_fd=parent)}
        descriptor = beneath.open_beneath(folder, path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                return None
            pieces = [take(piece) for piece in iter(lambda: file.read(PIECE_BYTES), b"")]
        return {"kind": "file", "mode": seen.mode, "pieces": pieces}


def _put(folder: int, path: str, entry: Entry, base: str, packs: Packs) -> None:
    if base and base != entry["kind"]:
        _remove(folder, path)
    if entry["kind"] == "file":
        beneath.write_file(folder, path, packs.body(entry), entry["mode"])
        return
    with beneath.named_errors(path), beneath.parent_of(folder, path) as (parent, name):
        if entry["kind"] == "folder":
            with suppress(FileExistsError):
                os.mkdir(name, 0o700, dir_fd=parent)
        else:
            with suppress(FileNotFoundError):
                os.unlink(name, dir_fd=parent)
            os.symlink(entry["target"], name, dir_fd=parent)
        beneath.give(parent, name)


def _remove(folder: int, path: str) -> None:
    with beneath.named_errors(path), suppress(FileNotFoundError), beneath.parent_of(folder, path) as (parent, name):
        if stat.S_ISDIR(os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode):
            os.rmdir(name, dir_fd=parent)
        else:
            os.unlink(name, dir_fd=parent)


def _set_mode(folder: int, path: str, mode: int) -> None:
    with beneath.named_errors(path):
        descriptor = beneath.open_beneath(folder, path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            os.fchmod(descriptor, mode)
        finally:
            os.close(descriptor)
