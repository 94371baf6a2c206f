"""Output and files on their way to a workflow: short ones as they are, long ones by head, tail and reference."""

import asyncio

from contracts.machine import Body
from ledger import ArtifactStore

WHOLE = 16 << 10  # bytes up to which a body travels as it is
HEAD, TAIL = 4 << 10, 12 << 10
KEPT = 32 << 20  # bytes of one body that are held in memory and kept in the artifact store


class Collector:
    """Takes a body in chunks. Holds its first 32 MiB and its end."""

    def __init__(self) -> None:
        self.size = 0
        self._kept = bytearray()
        self._tail = b""

    def take(self, chunk: bytes) -> None:
        self.size += len(chunk)
        if len(self._kept) < KEPT:
            self._kept += chunk[: KEPT - len(self._kept)]
        self._tail = (self._tail + chunk[-TAIL:])[-TAIL:]

    async def body(self, artifacts: ArtifactStore) -> Body:
        """What was taken, as a message carries it."""
        if self.size <= WHOLE:
            head, whole = _text(bytes(self._kept))
            return Body(head=head, size=self.size, ref="" if whole else await self._stored(artifacts))
        return Body(
            head=_text(bytes(self._kept[:HEAD]))[0],
            tail=_text(self._tail)[0],
            size=self.size,
            ref=await self._stored(artifacts),
            cut=self.size > KEPT,
        )

    async def _stored(self, artifacts: ArtifactStore) -> str:
        return await asyncio.to_thread(artifacts.put, bytes(self._kept))


async def body_of(data: bytes, artifacts: ArtifactStore) -> Body:
    """A body that is at hand already."""
    collector = Collector()
    collector.take(data)
    return await collector.body(artifacts)


def _text(data: bytes) -> tuple[str, bool]:
    """The text, and whether it says exactly what the bytes say."""
    try:
        return data.decode(), True
    except UnicodeDecodeError:
        return data.decode(errors="replace"), False
