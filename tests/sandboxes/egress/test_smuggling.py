"""Requests made to be understood in two ways. Each is refused, or reaches the host as exactly one clean request."""

import pytest

from sandboxes import Bubblewrap
from tests.sandboxes.egress.world import World, curl, raw

INNER = b"GET /smuggled HTTP/1.1\r\nHost: api.test:PORT\r\n\r\n"
TUNNEL = b"CONNECT tunnel.test:PORT HTTP/1.1\r\nHost: tunnel.test:PORT\r\n"
HEAD = b"POST http://api.test:PORT/outer HTTP/1.1\r\nHost: api.test:PORT\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"

REFUSED: dict[str, bytes] = {
    "two lengths": HEAD + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello" + INNER,
    "two lengths in one": HEAD + b"Content-Length: 5, 6\r\n\r\nhello" + INNER,
    "a length with a sign": HEAD + b"Content-Length: +5\r\n\r\nhello" + INNER,
    "length and chunks": HEAD + b"Content-Length: 5\r\n" + CHUNKED + b"\r\n0\r\n\r\n" + INNER,
    "chunks and length": HEAD + CHUNKED + b"Content-Length: 5\r\n\r\n0\r\n\r\n" + INNER,
    "an unknown coding": HEAD + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + INNER,
    "two codings": HEAD + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n" + INNER,
    "a space before the colon": HEAD + b"Content-Length : 5\r\n\r\nhello" + INNER,
    "a zero byte in a header": HEAD + b"X: a\0b\r\n\r\n",
    "a bare return in a header": HEAD + b"X: a\rContent-Length: 5\r\n\r\nhello",
    "a header without a name": HEAD + b": x\r\n\r\n",
    "a line that is no header": HEAD + b"garbage\r\n\r\n",
    "a space in the target": b"GET http://api.test:PORT/a b HTTP/1.1\r\nHost: api.test:PORT\r\n\r\n",
    "a return in the target": b"GET http://api.test:PORT/a\rb HTTP/1.1\r\nHost: api.test:PORT\r\n\r\n",
    "another host": b"GET http://api.test:PORT/ HTTP/1.1\r\nHost: other.test:PORT\r\n\r\n",
    "another port": b"GET http://api.test:PORT/ HTTP/1.1\r\nHost: api.test:1\r\n\r\n",
    "two hosts": b"GET http://api.test:PORT/ HTTP/1.1\r\nHost: api.test:PORT\r\nHost: other.test\r\n\r\n",
    "no host": b"GET http://api.test:PORT/ HTTP/1.1\r\n\r\n",
    "a user in the target": b"GET http://api.test:PORT@other.test/ HTTP/1.1\r\nHost: api.test:PORT\r\n\r\n",
    "a target without a host": b"GET /outer HTTP/1.1\r\nHost: api.test:PORT\r\n\r\n",
    "a fragment": b"GET http://api.test:PORT/a#/b HTTP/1.1\r\nHost: api.test:PORT\r\n\r\n",
    "another scheme": b"GET ftp://api.test:PORT/ HTTP/1.1\r\nHost: api.test:PORT\r\n\r\n",
    "a backslash for the host": b"GET http://api.test:PORT\\@other.test/ HTTP/1.1\r\nHost: api.test:PORT\r\n\r\n",
    "CONNECT with a body": TUNNEL + b"Content-Length: 5\r\n\r\nhello",
    "CONNECT with chunks": b"CONNECT tunnel.test:PORT HTTP/1.1\r\nHost: tunnel.test:PORT\r\n"
    + CHUNKED
    + b"\r\n0\r\n\r\n",
    "CONNECT that doesn't wait": b"CONNECT tunnel.test:PORT HTTP/1.1\r\nHost: tunnel.test:PORT\r\n\r\nhello",
    "CONNECT with a path": b"CONNECT tunnel.test:PORT/x HTTP/1.1\r\nHost: tunnel.test:PORT\r\n\r\n",
    "CONNECT without a port": b"CONNECT tunnel.test HTTP/1.1\r\nHost: tunnel.test\r\n\r\n",
    "a huge header": HEAD + b"X: " + b"a" * 70_000 + b"\r\n\r\n",
    "many headers": HEAD + b"".join(b"X-%d: y\r\n" % n for n in range(200)) + b"\r\n",
    "a huge target": b"GET http://api.test:PORT/" + b"a" * 70_000 + b" HTTP/1.1\r\nHost: api.test:PORT\r\n\r\n",
    "not HTTP": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"x" * 300 + b"\r\n\r\n",
    "TRACE": b"TRACE http://api.test:PORT/ HTTP/1.1\r\nHost: api.test:PORT\r\n\r\n",
}


@pytest.mark.parametrize("name", REFUSED)
async def test_it_is_refused(provider: Bubblewrap, world: World, name: str) -> None:
    data = REFUSED[name].replace(b"PORT", b"%d" % world.port)
    allow = (world.entry(methods=("GET", "POST")), world.entry("tunnel.test", tunnel=True))
    async with world.box(provider, *allow) as box:
        answer = await raw(box, data)
        assert answer.startswith((b"HTTP/1.1 4", b"HTTP/1.1 501")), answer[:200]
        assert b"\r\nconnection: close\r\n" in answer
        assert answer.count(b"HTTP/1.1 ") == 1, "nothing is answered after it"
        assert (await curl(box, world.url()))[0] == 200, "and the broker goes on"
    assert [seen.target for seen in world.host.seen] == ["/"], "the host heard nothing of it"
    assert [told.decision for told in world.over()] == ["refused", "allowed"]


async def test_a_folded_header_reaches_the_host_as_one_line(provider: Bubblewrap, world: World) -> None:
    async with world.box(provider, world.entry()) as box:
        head = f"GET {world.url()} HTTP/1.1\r\nHost: api.test:{world.port}\r\n"
        await raw(box, f"{head}X-Folded: a\r\n Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n".encode())
    [seen] = world.host.seen
    assert seen.header("x-folded") == ["a Transfer-Encoding: chunked"]
    assert seen.header("transfer-encoding") == []


async def test_headers_of_the_connection_stay_behind(provider: Bubblewrap, world: World) -> None:
    async with world.box(provider, world.entry()) as box:
        lines = (
            *("Connection: X-Mine, close, Authorization", "X-Mine: 1", "Keep-Alive: 5", "TE: trailers"),
            *("Upgrade: websocket", "Proxy-Authorization: Basic eDp5", "Authorization: Bearer mine", "X-Kept: 1"),
        )
        head = f"GET {world.url()} HTTP/1.1\r\nHost: api.test:{world.port}\r\n"
        await raw(box, (head + "\r\n".join(lines) + "\r\n\r\n").encode())
    names = {name.lower() for name, _ in world.host.seen[0].headers}
    assert names == {"host", "authorization", "x-kept"}


async def test_two_requests_at_once_are_judged_one_by_one(provider: Bubblewrap, world: World) -> None:
    async with world.box(provider, world.entry(paths=("/yes",))) as box:
        host = f"Host: api.test:{world.port}\r\n"
        first = f"GET {world.url('/yes')} HTTP/1.1\r\n{host}\r\n"
        second = f"GET {world.url('/no')} HTTP/1.1\r\n{host}\r\n"
        answer = await raw(box, (first + second).encode())
    assert answer.startswith(b"HTTP/1.1 200")
    assert b"HTTP/1.1 403" in answer
    assert [seen.target for seen in world.host.seen] == ["/yes"]


async def test_old_clients_are_answered(provider: Bubblewrap, world: World) -> None:
    async with world.box(provider, world.entry()) as box:
        answer = await raw(box, f"GET {world.url()} HTTP/1.0\r\n\r\n".encode())
    assert answer.startswith(b"HTTP/1.1 200")
    assert answer.endswith(b"\r\n\r\nhello")
