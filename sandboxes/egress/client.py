"""The sandbox's end of a connection: h11 parses, this reads and writes with time limits.

Who asks here is the code that nobody has read. All it can do by asking badly is to lose its own connection.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import h11

from sandboxes.egress import words

HEADERS_BYTES = 32 << 10
HEADERS_COUNT = 100
IDLE_SECONDS = 60  # between requests, and for the head of one
BODY_SECONDS = 60  # without a byte
CHUNK = 1 << 16
LINGER_SECONDS, LINGER_CHUNKS = 1, 64


class Gone(Exception):
    """The sandbox's end went away, or has nothing more to ask."""


class Client:
    """One connection of the sandbox's."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=HEADERS_BYTES)
        self.answered = 0  # the status that was sent for the request in work

    async def request(self) -> h11.Request:
        """The next request's head. Raises Gone, Denied for one that is no HTTP."""
        try:
            async with asyncio.timeout(IDLE_SECONDS):
                event = await self._event()
        except TimeoutError:
            raise Gone from None
        if not isinstance(event, h11.Request):
            raise Gone
        if len(event.headers) > HEADERS_COUNT:
            raise words.malformed("it has too many headers", 431)
        return event

    async def body(self) -> AsyncIterator[bytes]:
        """The request's body as it comes; who waits for a sign to send it is given it. Raises Gone, Denied."""
        if self._http.they_are_waiting_for_100_continue:
            await self._send(h11.InformationalResponse(status_code=100, headers=[], reason="Continue"))
        while True:
            try:
                async with asyncio.timeout(BODY_SECONDS):
                    event = await self._event()
            except TimeoutError:
                raise words.Denied("The request's body does not come.", status=408, decision="failed") from None
            if isinstance(event, h11.Data):
                yield bytes(event.data)
            elif isinstance(event, h11.EndOfMessage):
                return
            else:
                raise Gone

    async def _event(self) -> object:
        try:
            while True:
                event = self._http.next_event()
                if event is not h11.NEED_DATA:
                    return event
                self._http.receive_data(await self.reader.read(CHUNK))
        except h11.RemoteProtocolError as error:
            raise words.malformed(_plainly(error), error.error_status_hint) from None
        except OSError:
            raise Gone from None

    def has_more(self) -> bool:
        """Whether something came after the request's head without waiting for an answer."""
        return bool(self._http.trailing_data[0])

    async def answer(self, status: int, reason: bytes, headers: list[tuple[bytes, bytes]], data: bytes = b"") -> None:
        """The head and the first of the body, at once: a write costs more than all else of a small answer."""
        events: list[h11.Event] = [h11.Data(data=data)] if data else []
        await self._send(h11.Response(status_code=status, headers=headers, reason=reason), *events)
        self.answered = status

    async def data(self, data: bytes) -> None:
        await self._send(h11.Data(data=data))

    async def end(self) -> None:
        await self._send(h11.EndOfMessage())

    async def refuse(self, denied: words.Denied) -> None:
        """Answer with the broker's own words, where no answer has begun. The connection is not used again."""
        if self._http.our_state not in (h11.IDLE, h11.SEND_RESPONSE) or self.answered:
            return
        text = denied.text.encode(errors="replace")
        headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", b"%d" % len(text))]
        await self.answer(denied.status, _phrase(denied), [*headers, (b"connection", b"close")], text)
        await self.end()
        await self._linger()

    async def _linger(self) -> None:
        """Read for a moment what is still on its way: a connection closed over it would take the answer along."""
        with contextlib.suppress(OSError, TimeoutError):
            self.writer.write_eof()
            async with asyncio.timeout(LINGER_SECONDS):
                for _ in range(LINGER_CHUNKS):
                    if not await self.reader.read(CHUNK):
                        break

    def again(self) -> bool:
        """Make ready for the next request of the connection, if there can be one."""
        self.answered = 0
        if self._http.our_state is not h11.DONE or self._http.their_state is not h11.DONE:
            return False
        self._http.start_next_cycle()
        return True

    async def _send(self, *events: h11.Event) -> None:
        try:
            data = b"".join(self._http.send(event) or b"" for event in events)
            if data:
                self.writer.write(data)
                async with asyncio.timeout(BODY_SECONDS):
                    await self.writer.drain()
        except (OSError, TimeoutError, h11.LocalProtocolError):
            raise Gone from None


def _phrase(denied: words.Denied) -> bytes:
    """Many tools show the reason phrase and not the body."""
    return denied.why.encode("ascii", "replace")[:200]


def _plainly(error: h11.RemoteProtocolError) -> str:
    """h11's own words, without what they quote of the request."""
    text = str(error).split(":")[0].split(" (")[0]
    return text if text.isascii() and text.isprintable() else "it is not HTTP"
