"""What has an end: bytes, time, connections, and the broker itself."""

import asyncio
import contextlib
import os
from pathlib import Path

import pytest

from contracts.errors import SandboxUnavailable
from sandboxes import Bubblewrap
from sandboxes.egress import client, listen, upstream
from tests.sandboxes.egress.world import PYTHON, Answer, World, curl, raw, said, serving


async def test_the_budget_is_for_the_sandboxs_life_and_both_directions(provider: Bubblewrap, world: World) -> None:
    world.host.act = lambda seen: Answer(body=b"x" * 30_000)
    async with world.box(provider, world.entry(methods=("GET", "POST")), egress_bytes=100_000) as box:
        assert (await curl(box, world.url()))[0] == 200
        assert (await curl(box, world.url(), "-d", "y" * 30_000))[0] == 200
        for _ in range(2):
            status, body = await curl(box, world.url())
            assert status == 403
        assert "has used up its 100,000 bytes" in body
        assert "Raise `egress_bytes`" in body
    over = world.over()
    assert [told.decision for told in over] == ["allowed", "allowed", "cut", "refused"]
    assert sum(told.sent + told.received for told in over) < 100_000 + 65_536
    assert len(world.host.seen) == 3


async def test_what_is_sent_counts_before_it_leaves(provider: Bubblewrap, world: World) -> None:
    async with world.box(provider, world.entry(methods=("POST",)), egress_bytes=50_000) as box:
        status, _ = await curl(box, world.url(), "-d", "y" * 60_000)
    assert status == 403
    assert [told.decision for told in world.over()] == ["cut"]
    assert all(len(seen.body) < 50_000 for seen in world.host.seen)


async def test_a_tunnel_is_cut_too(provider: Bubblewrap, world: World) -> None:
    world.host.act = lambda seen: Answer(body=b"x" * 400_000)
    async with world.box(provider, world.entry(tunnel=True), egress_bytes=100_000) as box:
        await box.write("ca.pem", world.ca.read_bytes())
        result = await box.exec(["curl", "-sS", "--cacert", "ca.pem", f"https://api.test:{world.port}/"])
    assert result.exit_code != 0
    assert len(result.stdout) < 100_000
    assert [told.decision for told in world.over()] == ["cut"]


async def test_no_bytes_means_none(provider: Bubblewrap, world: World) -> None:
    async with world.box(provider, world.entry(), egress_bytes=0) as box:
        assert (await curl(box, world.url()))[0] == 403
    assert world.host.connections == 0


async def test_without_the_budget_it_all_comes(
    provider: Bubblewrap, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The ablation."""
    monkeypatch.setattr("sandboxes.egress.Budget.received", lambda self, count: None)
    world.host.act = lambda seen: Answer(body=b"x" * 200_000)
    async with world.box(provider, world.entry(), egress_bytes=10_000) as box:
        status, body = await curl(box, world.url())
    assert (status, len(body)) == (200, 200_000)


async def test_a_host_that_never_answers(provider: Bubblewrap, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sandboxes.egress.plain.ANSWER_SECONDS", 0.3)
    world.host.act = lambda seen: Answer(delay=30)
    async with world.box(provider, world.entry()) as box:
        status, body = await curl(box, world.url())
        assert (status, "does not answer in time" in body) == (504, True)
        world.host.act = lambda seen: Answer(pause=30, body=b"late")
        status, body = await curl(box, world.url())
        assert (status, "does not answer in time" in body) == (504, True), "nor one that says only how it begins"
    assert [told.decision for told in world.over()] == ["failed", "failed"]


async def test_a_host_that_never_shakes_hands(
    provider: Bubblewrap, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upstream, "CONNECT_SECONDS", 0.3)

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async with serving(silent, None) as port:
        world.host.port = port
        async with world.box(provider, world.entry()) as box:
            assert (await curl(box, world.url()))[0] == 502


async def test_a_host_that_breaks_off(provider: Bubblewrap, world: World) -> None:
    async def short(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this")
        writer.close()

    async with serving(short, world.pem) as port:
        world.host.port = port
        async with world.box(provider, world.entry()) as box:
            result = await box.exec(["curl", "-sS", world.url()])
    assert (result.exit_code != 0, result.stdout) == (True, b"only this")
    assert [told.decision for told in world.over()] == ["failed"]


async def test_slow_clients_lose_their_connection(
    provider: Bubblewrap, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "IDLE_SECONDS", 0.3)
    monkeypatch.setattr(client, "BODY_SECONDS", 0.3)
    async with world.box(provider, world.entry(methods=("POST",))) as box:
        assert await raw(box, b"GET http://api.te") == b""
        head = f"POST {world.url()} HTTP/1.1\r\nHost: api.test:{world.port}\r\nContent-Length: 9\r\n\r\nabc"
        assert (await raw(box, head.encode())).startswith(b"HTTP/1.1 408 ")


async def test_connections_have_a_number(provider: Bubblewrap, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sandboxes.egress.broker.CONNECTIONS", 5)
    script = """
import socket
held = [socket.create_connection(("127.0.0.1", 3128)) for _ in range(20)]
ended = 0
for each in held:
    each.settimeout(0.3)
    try: ended += each.recv(1) == b""
    except TimeoutError: pass
print(ended)
"""
    async with world.box(provider, world.entry()) as box:
        assert said(await box.exec([PYTHON, "-c", script])) == "15\n"
        assert (await curl(box, world.url()))[0] == 200


async def test_a_command_that_ends_takes_its_requests_along(provider: Bubblewrap, world: World) -> None:
    world.host.act = lambda seen: Answer(delay=30)
    async with world.box(provider, world.entry()) as box:
        result = await box.exec(["curl", "-sS", world.url()], timeout=1)
        assert result.timed_out
        assert [told.reason for told in world.over()] == ["The sandbox's command ended."]
        world.host.act = lambda seen: Answer()
        assert (await curl(box, world.url()))[0] == 200, "the sandbox itself goes on"


async def test_cancelling_leaves_nothing(provider: Bubblewrap, world: World) -> None:
    world.host.act = lambda seen: Answer(delay=30)
    before, files = set(asyncio.all_tasks()), len(list(Path("/proc/self/fd").iterdir()))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1.5), world.box(provider, world.entry()) as box:
            await box.exec(["curl", "-sS", world.url()])
    await asyncio.sleep(0.1)
    left = [task for task in asyncio.all_tasks() - before if "serve" not in repr(task)]
    assert left == []
    assert len(list(Path("/proc/self/fd").iterdir())) <= files + 2, "but for the test's own host"
    assert world.over()[0].reason in ("The sandbox's command ended.", "The sandbox ended the connection.")


async def test_the_helper_can_be_killed_and_comes_back(provider: Bubblewrap, world: World) -> None:
    async with world.box(provider, world.entry()) as box:
        assert box._broker
        entrance = box._broker._entrance
        assert (await curl(box, world.url()))[0] == 200
        assert entrance._process
        entrance._process.kill()
        entrance._process.wait()
        with contextlib.suppress(Exception):
            await curl(box, world.url())
        assert (await curl(box, world.url()))[0] == 200


async def test_a_process_with_the_hosts_network_gets_no_listener() -> None:
    entrance = listen.Entrance()
    try:
        with pytest.raises(SandboxUnavailable, match="shares the host's network"):
            await entrance.listener(os.getpid())
        with pytest.raises(ProcessLookupError):
            await entrance.listener(2**22 - 1)
    finally:
        entrance.close()
