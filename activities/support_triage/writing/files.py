"""Updates of tickets in files: a line each in a file beside them. The tickets themselves are never written to."""

import asyncio
import fcntl
import json
import os
from pathlib import Path

from activities.beside import UPDATES, append
from activities.support_triage.writing.protocol import Signed
from contracts.errors import AccessRefused, DestinationMoved


class FileWriter:
    """See `protocol.Writer`. `tickets.jsonl` has `tickets.jsonl.updates.jsonl`; a folder has a file inside."""

    def __init__(self, source: str) -> None:
        self.source = Path(source)
        self.path = self.source / f"countersign{UPDATES}" if self.source.is_dir() else Path(f"{source}{UPDATES}")

    async def happened(self, signed: Signed) -> bool:
        return await asyncio.to_thread(self._has, signed.mark)

    async def write(self, signed: Signed) -> None:
        await asyncio.to_thread(self._write, signed)

    def _has(self, mark: str) -> bool:
        if not self.path.is_file():
            return False
        with self.path.open("rb") as file:
            return any(_mark(line) == mark for line in file if mark.encode() in line)

    def _write(self, signed: Signed) -> None:
        if not self.source.exists():
            raise DestinationMoved(
                f"The tickets {str(self.source)!r} are gone.", subject=str(self.source), way_out="Start a new run."
            )
        try:
            number = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o644)
        except OSError as error:
            raise AccessRefused(
                f"The updates can't be written to {str(self.path)!r}: {error.strerror}.",
                subject=str(self.path),
                way_out="Let the effects' worker write there.",
            ) from None
        with os.fdopen(number, "r+b", buffering=0) as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            if not self._has(signed.mark):
                append(number, line(signed), self.path)


def line(signed: Signed) -> bytes:
    """The update as the file has it."""
    told = signed.params.model_dump(mode="json", exclude={"source"})
    told |= {"note": signed.note, "signed_by": signed.person, "run": signed.run, "digest": signed.digest}
    return json.dumps({"effect": signed.mark, **told}, ensure_ascii=False, sort_keys=True).encode() + b"\n"


def _mark(told: bytes) -> str:
    try:
        found = json.loads(told)
    except ValueError:
        return ""
    return str(found.get("effect", "")) if isinstance(found, dict) else ""
