"""Names lead to public addresses only, and to the very address that was looked at."""

import ast
import asyncio
import ipaddress
import socket

import pytest

from sandboxes import Bubblewrap
from sandboxes.egress import addresses
from sandboxes.egress.words import Denied
from tests.sandboxes.egress.world import World, curl

BAD = [
    *("127.0.0.1", "127.9.9.9", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1"),
    *("224.0.0.1", "255.255.255.255", "240.0.0.1", "198.18.0.1", "192.0.2.1", "192.0.0.8", "192.88.99.1"),
    *("::1", "::", "fe80::1", "fc00::1", "fd00:ec2::254", "ff02::1", "fec0::1", "2001:db8::1", "100::1"),
    *("::ffff:127.0.0.1", "::ffff:8.8.8.8", "::127.0.0.1", "64:ff9b::a00:1", "64:ff9b:1::a00:1", "2002:7f00:1::1"),
    *("2001::1", "::ffff:0:127.0.0.1"),
]
GOOD = ["8.8.8.8", "151.101.0.223", "2606:4700::6810:1", "2a00:1450:4001:800::200e"]


@pytest.mark.parametrize("address", BAD)
def test_what_is_not_public(address: str) -> None:
    assert not addresses.is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", GOOD)
def test_what_is_public(address: str) -> None:
    assert addresses.is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", ["169.254.169.254", "fe80::1", "0.0.0.0", "::", "224.0.0.1", "::ffff:10.0.0.1"])
async def test_an_operator_opens_networks_and_never_metadata(address: str) -> None:
    async def ask(host: str, port: int) -> list[str]:
        return [address]

    with pytest.raises(Denied, match="isn't public"):
        await addresses.checked("a.test", 443, {("a.test", 443)}, ask)


async def test_an_operator_opens_an_exact_name_and_port() -> None:
    async def ask(host: str, port: int) -> list[str]:
        return ["10.0.0.1"]

    assert await addresses.checked("a.test", 443, {("a.test", 443)}, ask) == ["10.0.0.1"]
    for host, port in (("a.test", 8443), ("b.a.test", 443), ("test", 443)):
        with pytest.raises(Denied, match="isn't public"):
            await addresses.checked(host, port, {("a.test", 443)}, ask)


async def test_one_bad_address_among_good_ones_refuses_the_name() -> None:
    async def ask(host: str, port: int) -> list[str]:
        return ["8.8.8.8", "127.0.0.1"]

    with pytest.raises(Denied, match="isn't public"):
        await addresses.checked("a.test", 443, (), ask)


async def test_the_systems_resolver_is_asked() -> None:
    assert await addresses.resolve("localhost", 80)
    with pytest.raises(Denied, match="can't be resolved"):
        await addresses.checked("no-such-name.invalid", 443, (), addresses.resolve)


@pytest.mark.parametrize("address", ["127.0.0.1", "10.1.2.3", "169.254.169.254", "::ffff:127.0.0.1"])
async def test_a_listed_name_that_leads_inside_is_refused(provider: Bubblewrap, world: World, address: str) -> None:
    world.names["trap.test"] = [address]
    async with world.box(provider, world.entry("trap.test"), world.entry("trap.test", tunnel=True)) as box:
        status, body = await curl(box, world.url(host="trap.test"))
        assert (status, "resolves to an address that isn't public" in body) == (403, True)
        assert address not in body, "the sandbox learns no address"
        assert (await curl(box, f"https://trap.test:{world.port}/"))[0] == 0
    assert world.host.connections == 0
    assert [told.decision for told in world.over()] == ["refused", "refused"]


async def rebound(provider: Bubblewrap, world: World, monkeypatch: pytest.MonkeyPatch) -> int:
    """A name whose first answer is public and whose later ones are this host. The public one is a socket of ours, so
    that nothing leaves this host: a connection to it is led to a closed port."""
    answers = iter([["8.8.8.8"]])
    tried: list[str] = []

    async def ask(host: str, port: int) -> list[str]:
        return next(answers, ["127.0.0.1"])

    async def connect(address: str, port: int, **named: object) -> object:
        tried.append(address)
        if address == "8.8.8.8":
            raise ConnectionRefusedError(111, "Connection refused")
        return await real(address, port)

    real = asyncio.open_connection
    monkeypatch.setattr(world, "ask", ask)
    monkeypatch.setattr("sandboxes.egress.upstream.asyncio.open_connection", connect)
    async with world.box(provider, world.entry("rebind.test")) as box:
        assert (await curl(box, world.url(host="rebind.test")))[0] == 502
        status, _ = await curl(box, world.url(host="rebind.test"))
    assert tried[0] == "8.8.8.8"
    return status


async def test_rebinding_is_refused(provider: Bubblewrap, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    assert await rebound(provider, world, monkeypatch) == 403
    assert world.host.connections == 0


async def test_rebinding_reaches_this_host_without_the_check(
    provider: Bubblewrap, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The ablation: the name is asked for each connection, and only the look at the answer stops it."""
    monkeypatch.setattr(addresses, "is_public", lambda address: True)
    await rebound(provider, world, monkeypatch)
    assert world.host.connections == 1


async def test_no_name_is_ever_resolved_twice_for_a_connection(provider: Bubblewrap, world: World) -> None:
    """What is connected to is the address, so there is no second answer to fall for."""
    async with world.box(provider, world.entry()) as box:
        await curl(box, world.url())
    assert world.asked == ["api.test"]


async def test_nothing_else_can_be_reached(provider: Bubblewrap, world: World) -> None:
    """No direct way, no names, no service of this host, nothing beside the broker."""
    script = f"""
import socket
def tried(what, *where):
    try: what(*where); print("REACHED", where)
    except OSError as error: print(type(error).__name__)
tried(lambda a: socket.create_connection(a, 3), ("127.0.0.1", {world.port}))
tried(lambda a: socket.create_connection(a, 3), ("8.8.8.8", 53))
tried(lambda a: socket.create_connection(a, 3), ("169.254.169.254", 80))
tried(lambda a: socket.getaddrinfo(a, 443), "api.test")
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
tried(lambda a: s.sendto(b"x", a), ("8.8.8.8", 53))
print([line.split()[1] for line in open("/proc/net/tcp").readlines()[1:] if line.split()[3] == "0A"])
print([line.split(":")[0].strip() for line in open("/proc/net/dev").readlines()[2:]])
"""
    async with world.box(provider, world.entry()) as box:
        said = (await box.exec(["/usr/bin/python3", "-c", script])).stdout.decode()
        again = (await box.exec(["/usr/bin/python3", "-c", script])).stdout.decode()
    assert "REACHED" not in said + again
    assert said.splitlines()[-2] == "['0100007F:0C38']", "the broker, and nothing else, listens"
    assert world.host.connections == 0
    devices = set(ast.literal_eval(said.splitlines()[-1])) - {"lo"}
    assert devices <= {"sit0", "ip6tnl0", "tunl0", "gre0", "gretap0", "erspan0", "ip_vti0", "ip6_vti0", "ip6gre0"}


async def test_the_broker_listens_nowhere_on_the_host(provider: Bubblewrap, world: World) -> None:
    async with world.box(provider, world.entry()) as box:
        running = asyncio.create_task(box.exec(["sleep", "1"]))
        await asyncio.sleep(0.4)
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", 3128)) != 0
        await running
