"""Checkpoints of a hosted sandbox, in the form of the local ones: either kind restores in the other.

The comparing is done here, by what a scan inside tells, and so is the packing: the same work over the same base has
the same reference as in a local sandbox. What a scan tells is checked, and bounded by the sandbox's disk.
"""

import asyncio
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from contracts.errors import BadInput
from sandboxes import beneath, checkpoints
from sandboxes.checkpoints import PACK_BYTES, PIECE_BYTES, TICK_SECONDS, Entry, Packer, Packs, Seen
from sandboxes.hosted import replies
from sandboxes.hosted.far import Far
from sandboxes.protocol import Store

MOST_AT_ONCE = 2000
LONGEST_SCAN = 1 << 28
SCAN_SLACK = 1 << 20  # a file may grow between the scan and the reading

Row = tuple[str, str, int, int, bool]


@dataclass
class FarTracker:
    """As `sandboxes.checkpoints.Tracker`, over a sandbox that is elsewhere. One operation at a time."""

    far: Far
    label: str = ""
    base: dict[str, Seen] = field(default_factory=dict)
    stored: dict[str, tuple[Seen, Entry]] = field(default_factory=dict)

    async def mark(self, label: str) -> None:
        await asyncio.sleep(TICK_SECONDS)
        self.label, self.base, self.stored = label, (await self._scan())[1], {}

    async def save(self, store: Store) -> str:
        """The reference of a checkpoint. Unchanged work has the same one."""
        start, now = await self._scan()
        changed = sorted(path for path, seen in now.items() if self.base.get(path) != seen)
        entries = {path: entry for path in changed if (entry := self._known(path, now[path])) is not None}
        packer = Packer(store)
        for batch in _batches([path for path in changed if path not in entries], now):
            parts = await self._bodies(batch, now)
            entries |= await asyncio.to_thread(_packed, batch, parts, now, packer)
        await asyncio.to_thread(packer.close, entries)
        old = start - TICK_SECONDS * 1e9
        self.stored = {path: (now[path], entry) for path, entry in entries.items() if now[path].changed_ns < old}
        removed = sorted(self.base.keys() - now.keys())
        ordered = {path: entries[path] for path in sorted(entries)}
        return await asyncio.to_thread(store.put, checkpoints.written(self.label, removed, ordered))

    def _known(self, path: str, seen: Seen) -> Entry | None:
        before = self.stored.get(path)
        return before[1] if before and before[0] == seen else None

    async def load(self, store: Store, ref: str) -> None:
        """Bring a sandbox that is at the checkpoint's base to the checkpoint. Raises BadInput."""
        manifest = checkpoints.opened(await asyncio.to_thread(store.get, ref), ref, self.label)
        if (await self._scan())[1] != self.base:
            raise checkpoints.changed(ref)
        entries: dict[str, Entry] = manifest["entries"]
        for path in [*entries, *manifest["removed"]]:
            _check(path, ref)
        await self._call("apply", remove=sorted(manifest["removed"], reverse=True), put=[], modes=[])
        packs = Packs(store)
        for batch in _batches(sorted(entries), {path: _size(entry) for path, entry in entries.items()}):
            rows, body = await asyncio.to_thread(_unpacked, batch, entries, self.base, packs)
            await self._call("apply", body, remove=[], put=rows, modes=[])
        modes = [[path, entries[path]["mode"]] for path in sorted(entries, reverse=True) if _is_folder(entries[path])]
        await self._call("apply", remove=[], put=[], modes=modes)
        await asyncio.sleep(TICK_SECONDS)
        now = (await self._scan())[1]
        self.stored = {path: (now[path], entry) for path, entry in entries.items() if path in now}

    async def _scan(self) -> tuple[int, dict[str, Seen]]:
        """The sandbox's clock when it began (ns), and what is there."""
        found, body = await self._call("scan", most=LONGEST_SCAN)
        return replies.number(found, "now", 1 << 63), await asyncio.to_thread(replies.seen, body)

    async def _bodies(self, batch: Sequence[str], now: dict[str, Seen]) -> list[bytes | None]:
        """None: it is gone, or something else by now. Folders have no body."""
        paths = [path for path in batch if now[path].kind != "folder"]
        if not paths:
            return [b""] * len(batch)
        most = min(self.far.room, sum(now[path].size for path in paths) + SCAN_SLACK)
        found, body = await self._call("bodies", most=most, paths=paths)
        parts, at = {}, 0
        for path, length in zip(paths, replies.lengths(found, len(paths), len(body)), strict=True):
            parts[path] = None if length < 0 else body[at : at + length]
            at += max(length, 0)
        return [parts.get(path, b"") for path in batch]

    async def _call(self, op: str, body: bytes | None = None, **ask: Any) -> tuple[dict[str, Any], bytes]:
        found, answered = await self.far.call(op, body, **ask)
        raise_named(found)
        return found, answered


def raise_named(found: dict[str, Any], path: str = "") -> None:
    """What went wrong inside, as a local sandbox would say it."""
    if "errno" in found:
        number = replies.number(found, "errno", 4096)
        name = path or str(found.get("path", ""))[:200]
        with beneath.named_errors(name):
            raise OSError(number, os.strerror(number), name)


def _check(path: str, ref: str) -> None:
    try:
        replies.path(path)
    except Exception as error:
        raise BadInput(f"{ref!r} names a path that can't be: {path[:80]!r}.", subject=ref) from error


def _is_folder(entry: Entry) -> bool:
    return bool(entry["kind"] == "folder")


def _size(entry: Entry) -> Seen:
    pieces = entry.get("pieces", ())
    return Seen(entry["kind"], entry.get("mode", 0), sum(length for _, _, length in pieces))


def _batches(paths: Sequence[str], sizes: dict[str, Seen]) -> Iterator[list[str]]:
    """In order, each of a pack's size at most, or a single file."""
    batch: list[str] = []
    total = 0
    for path in paths:
        if batch and (total + sizes[path].size > PACK_BYTES or len(batch) == MOST_AT_ONCE):
            yield batch
            batch, total = [], 0
        batch.append(path)
        total += sizes[path].size
    if batch:
        yield batch


def _packed(
    batch: Sequence[str], parts: Sequence[bytes | None], now: dict[str, Seen], packer: Packer
) -> dict[str, Entry]:
    entries: dict[str, Entry] = {}
    for path, part in zip(batch, parts, strict=True):
        seen = now[path]
        if seen.kind == "folder":
            entries[path] = {"kind": "folder", "mode": seen.mode}
        elif part is not None and seen.kind == "link":
            entries[path] = {"kind": "link", "target": os.fsdecode(part)}
        elif part is not None:
            pieces = [packer.add(part[at : at + PIECE_BYTES]) for at in range(0, len(part), PIECE_BYTES)]
            entries[path] = {"kind": "file", "mode": seen.mode, "pieces": pieces}
    return entries


def _unpacked(
    batch: Sequence[str], entries: dict[str, Entry], base: dict[str, Seen], packs: Packs
) -> tuple[list[Row], bytes]:
    rows, parts = [], []
    for path in batch:
        entry, before = entries[path], base.get(path)
        part = packs.body(entry) if entry["kind"] == "file" else os.fsencode(entry.get("target", ""))
        clear = before is not None and before.kind != entry["kind"]
        rows.append((path, entry["kind"], entry.get("mode", 0), len(part), clear))
        parts.append(part)
    return rows, b"".join(parts)
