"""A conversation with one MCP server: started, held within its time and size, and ended with all that it started.

The SDK speaks the protocol. What carries it is ours: a command runs in a sandbox, and neither way takes in more than
`MOST_BYTES`, whatever comes.
"""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from activities.mcp.servers import Server
from contracts.errors import BadInput, CountersignError, SandboxUnavailable
from sandboxes.protocol import Converses, Mount, SandboxProvider

if TYPE_CHECKING:
    import httpx2
    from mcp import Client

MOST_BYTES, MOST_LINES = 8 << 20, 1000  # that a server may say in one conversation
SHORTEST_SECRET = 8


class ServerProblem(Exception):
    """The server could not be asked, or gave no usable answer. The words are for people and models."""


class TooMuch(Exception):
    """A server said more than is taken in."""


@asynccontextmanager
async def talking(server: Server, sandboxes: SandboxProvider, owner: str) -> "AsyncIterator[Client]":
    """A client of the server. Whatever goes wrong in the block or before it is a ServerProblem, after at most
    `server.seconds`; only a cancellation goes on as one.
    """
    from mcp import Client  # takes a second, and most workers have no server

    carrier = _by_http(server) if server.url else _in_a_sandbox(server, sandboxes, owner)
    try:
        async with asyncio.timeout(server.seconds):
            async with Client(carrier, cache=None, read_timeout_seconds=server.seconds) as client:
                yield client
    except TimeoutError as error:
        raise ServerProblem(f"it took longer than {server.seconds:g} s") from error
    except ServerProblem:
        raise
    except Exception as error:
        raise ServerProblem(in_words(error)) from error


def in_words(error: BaseException) -> str:
    """What went wrong: the first cause in a group, which is how anyio tells of it."""
    while isinstance(error, BaseExceptionGroup):
        error = (
            next((each for each in error.exceptions if not isinstance(each, asyncio.CancelledError)), None)
            or (error.exceptions[0])
        )
    if isinstance(error, CountersignError):
        return error.what.rstrip(".")
    said = (str(error).strip().splitlines() or [""])[0][:200].rstrip(".")
    return said or type(error).__name__


# By HTTP


@asynccontextmanager
async def _by_http(server: Server) -> AsyncIterator[Any]:
    """Streams to a server's address. Redirects stay on its origin, and no proxy of the environment is asked."""
    import httpx2
    from mcp.client.streamable_http import streamable_http_client

    headers = {"Accept-Encoding": "identity", **_credential(server)}
    limits = httpx2.Timeout(server.seconds)
    async with (
        httpx2.AsyncClient(headers=headers, timeout=limits, trust_env=False, transport=_bounded()) as client,
        streamable_http_client(server.url, http_client=client, max_sse_event_size=MOST_BYTES) as streams,
    ):
        yield streams


def _credential(server: Server) -> dict[str, str]:
    if not server.credential:
        return {}
    value = os.environ.get(server.credential, "").strip()
    if len(value) < SHORTEST_SECRET or not value.isprintable() or not value.isascii():
        raise BadInput(f"The variable {server.credential} is not set to a secret.", subject=server.credential)
    return {server.header: server.template.format(value)}


def _bounded() -> "httpx2.AsyncBaseTransport":
    """A transport that reads at most MOST_BYTES in all, and nothing that is packed."""
    import httpx2

    left = MOST_BYTES

    class Counted(httpx2.AsyncByteStream):
        def __init__(self, inner: httpx2.AsyncByteStream) -> None:
            self.inner = inner

        async def __aiter__(self) -> AsyncIterator[bytes]:
            nonlocal left
            async for chunk in self.inner:
                left -= len(chunk)
                if left < 0:
                    raise httpx2.ReadError(f"it said more than {MOST_BYTES:,} bytes")
                yield chunk

        async def aclose(self) -> None:
            await self.inner.aclose()

    class Bounded(httpx2.AsyncHTTPTransport):
        async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
            response = await super().handle_async_request(request)
            if response.headers.get("content-encoding", "identity") != "identity":
                await response.aclose()
                raise httpx2.ReadError("its answer is packed, though it was asked not to")
            assert isinstance(response.stream, httpx2.AsyncByteStream)
            response.stream = Counted(response.stream)
            return response

    return Bounded()


# In a sandbox


@asynccontextmanager
async def _in_a_sandbox(server: Server, sandboxes: SandboxProvider, owner: str) -> AsyncIterator[Any]:
    """Streams to a command's input and output: JSON, a line a message."""
    mounts = [Mount(folder, place) for place, folder in server.folders.items()]
    async with await sandboxes.create(server.sandbox, owner=owner, mounts=mounts) as box:
        if not isinstance(box, Converses):
            raise SandboxUnavailable(
                f"A sandbox of {server.sandbox.provider!r} can't hold a server.", way_out='Use provider="bubblewrap".'
            )
        lines = _Lines(server, box)
        try:
            async with lines as streams:
                yield streams
        except Exception as error:
            raise (ServerProblem(lines.why) if lines.why else error) from error


class _Lines:
    """Between the SDK's streams of messages and a command's lines."""

    def __init__(self, server: Server, box: Converses) -> None:
        import anyio

        self.server, self.box = server, box
        self.to_us, self.read = anyio.create_memory_object_stream[Any](MOST_LINES)
        self.write, self.from_us = anyio.create_memory_object_stream[Any](0)
        self.rest, self.left, self.why = b"", MOST_BYTES, ""
        self.lines = 0

    async def __aenter__(self) -> Any:
        self.running = asyncio.create_task(self._run())
        return self.read, self.write

    async def __aexit__(self, *_: object) -> None:
        self.running.cancel()
        await asyncio.wait([self.running])
        for stream in (self.read, self.write, self.to_us, self.from_us):
            stream.close()

    async def _run(self) -> None:
        """The command, until it ends or is ended. Whoever waits for an answer is told why there will be none."""
        try:
            done = await self.box.converse(self.server.command, self._said(), self._heard, seconds=self.server.seconds)
            said = done.stderr.decode(errors="replace").strip().splitlines()
            self.why = f"it ended with exit code {done.exit_code}" + (f": {said[-1][:200]}" if said else "")
        except Exception as error:
            self.why = in_words(error)
        self.to_us.close()

    async def _said(self) -> AsyncIterator[bytes]:
        async for message in self.from_us:
            yield message.message.model_dump_json(by_alias=True, exclude_unset=True).encode() + b"\n"

    def _heard(self, chunk: bytes) -> None:
        from mcp.shared.message import SessionMessage
        from mcp.types import jsonrpc_message_adapter

        self.left -= len(chunk)
        if self.left < 0:
            raise TooMuch(f"it said more than {MOST_BYTES:,} bytes")
        *lines, self.rest = (self.rest + chunk).split(b"\n")
        for line in filter(bytes.strip, lines):
            try:
                heard: Any = SessionMessage(jsonrpc_message_adapter.validate_json(line, by_name=False))
            except ValueError as error:
                heard = error
            self.lines += 1
            if self.lines > MOST_LINES:
                raise TooMuch(f"it said more than {MOST_LINES:,} lines")
            self.to_us.send_nowait(heard)
