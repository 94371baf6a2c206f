"""One call of `inside/files.py` in a sandbox: the request in, the answer out, bodies of any size both ways."""

import base64
import contextlib
import json
import secrets
import zlib
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

from contracts.errors import SandboxUnavailable
from sandboxes.hosted import replies
from sandboxes.hosted.errors import named
from sandboxes.hosted.limits import SCRATCH
from sandboxes.hosted.options import Options

if TYPE_CHECKING:
    from daytona import AsyncSandbox

ROOT = "/work"
LONGEST_WORD = 1 << 14
NOT_FOUND = 127


@cache
def script(name: str) -> str:
    """A program for the far side's interpreter, as words for its shell."""
    source = resources.files("sandboxes.hosted.inside").joinpath(f"{name}.py").read_bytes()
    packed = base64.b64encode(zlib.compress(source, 9)).decode()
    return f"python3 -I -c 'import zlib,base64;exec(zlib.decompress(base64.b64decode(\"{packed}\")))'"


class Far:
    """The files of one sandbox. What it may hold is bounded by `room`, in bytes."""

    def __init__(self, sandbox: "AsyncSandbox", options: Options, room: int) -> None:
        self.sandbox, self.room = sandbox, room
        self._options = options

    async def call(
        self, op: str, body: bytes | None = None, *, most: int | None = None, **ask: Any
    ) -> tuple[dict[str, Any], bytes]:
        """The answer and its body, of at most `most` bytes (else what the sandbox may hold)."""
        word = await self._word(ask | {"op": op, "root": ROOT, "scratch": SCRATCH}, body)
        with named(self.sandbox.id, self._options.key):
            done = await self.sandbox.process.exec(
                f"{script('files')} {word}", cwd="/", timeout=self._options.call_seconds
            )
        if done.exit_code == NOT_FOUND:
            raise SandboxUnavailable(
                "The image has no python3, which a hosted sandbox needs.",
                subject=self.sandbox.id,
                way_out="Use an image with Python 3.8 or newer, git and a shell.",
            )
        found = replies.answer(done.result)
        return found, await self._body(found, self.room if most is None else most)

    async def _word(self, ask: dict[str, Any], body: bytes | None) -> str:
        head = json.dumps(ask).encode()
        if body is None and len(head) <= LONGEST_WORD:
            return base64.b64encode(head).decode()
        return "@" + await self.leave(head + b"\n" + (body or b""))

    async def leave(self, source: bytes | str) -> str:
        """Put bytes (or a file of this host) into the scratch folder, by the vendor's files. Its path there."""
        path = f"{SCRATCH}/{secrets.token_hex(16)}"
        with named(self.sandbox.id, self._options.key):
            await self.sandbox.fs.upload_file(source, path, timeout=self._options.call_seconds)
        return path

    async def _body(self, found: dict[str, Any], most: int) -> bytes:
        size = replies.number(found, "size", most)
        if "staged" not in found:
            return replies.unpacked(replies.inline(found), size, found.get("sha256"))
        name = found["staged"]
        if not (isinstance(name, str) and len(name) == 32 and name.isalnum()):
            raise replies.unusable("a name that is none")
        packed = await self._fetch(f"{SCRATCH}/{name}", replies.number(found, "packed", size + 1024 + size // 512))
        return replies.unpacked(packed, size, found.get("sha256"))

    async def _fetch(self, path: str, size: int) -> bytes:
        parts, total = [], 0
        with named(self.sandbox.id, self._options.key):
            stream = await self.sandbox.fs.download_file_stream(path, timeout=self._options.call_seconds)
            async with contextlib.aclosing(stream) as chunks:  # type: ignore[type-var]
                async for chunk in chunks:
                    total += len(chunk)
                    if total > size:
                        raise replies.unusable("more than it said")
                    parts.append(chunk)
            await self.sandbox.fs.delete_file(path, request_timeout=self._options.call_seconds)
        return b"".join(parts)
