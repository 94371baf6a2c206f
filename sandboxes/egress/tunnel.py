"""A tunnel: bytes to a host and back, seen by nobody in between. They are counted, and that is all."""

import asyncio

import httpcore2

from contracts.policy import Allow
from sandboxes.egress import words
from sandboxes.egress.client import CHUNK, Client
from sandboxes.egress.upstream import Stream, Upstream

IDLE_SECONDS = 300


async def tunnel(client: Client, entry: Allow, upstream: Upstream) -> None:
    """Until one end closes, nothing comes for long, or the budget is used up. Raises Denied."""
    async for _ in client.body():
        raise words.malformed("a tunnel is asked for without a body")
    if client.has_more():
        raise words.malformed("it sends before the tunnel is there")
    stream = await upstream.connect(entry.host, entry.port)
    try:
        await client.answer(200, b"Connection established", [])
        await _both_ways(client, stream)
    except TimeoutError:
        raise words.upstream(entry.host, "and the sandbox have nothing more to say", status=504) from None
    except (httpcore2.NetworkError, httpcore2.TimeoutException, OSError):
        raise words.upstream(entry.host, "broke off") from None
    finally:
        await stream.aclose()


async def _both_ways(client: Client, stream: Stream) -> None:
    """Either end's close ends both: TLS has an end of its own, and nothing of it is lost."""
    ways = [asyncio.create_task(_out(client, stream)), asyncio.create_task(_in(client, stream))]
    try:
        done, _ = await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        for each in done:
            each.result()
    finally:
        for each in ways:
            each.cancel()
        await asyncio.gather(*ways, return_exceptions=True)


async def _out(client: Client, stream: Stream) -> None:
    while data := await asyncio.wait_for(client.reader.read(CHUNK), IDLE_SECONDS):
        await stream.write(data, IDLE_SECONDS)


async def _in(client: Client, stream: Stream) -> None:
    while data := await stream.read(CHUNK, IDLE_SECONDS):
        client.writer.write(data)
        await asyncio.wait_for(client.writer.drain(), IDLE_SECONDS)
