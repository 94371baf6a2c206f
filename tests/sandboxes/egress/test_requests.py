"""What is let through, what isn't, and what either is told."""

import asyncio
import base64
from typing import Any

import pytest

from contracts.errors import BadInput, SandboxUnavailable
from contracts.policy import Allow, SandboxPolicy
from sandboxes import Bubblewrap
from tests.sandboxes.egress.world import SECRET, VARIABLE, Answer, World, curl, raw


async def test_an_allowed_host_is_reached_with_the_credential(provider: Bubblewrap, world: World) -> None:
    async with world.box(provider, world.entry(credential=VARIABLE)) as box:
        assert await curl(box, world.url("/v1/things?q=1")) == (200, "hello")
    [seen] = world.host.seen
    assert (seen.method, seen.target) == ("GET", "/v1/things?q=1")
    assert seen.header("authorization") == [f"Bearer {SECRET}"]
    assert seen.header("host") == [f"api.test:{world.port}"]
    assert not seen.header("proxy-connection")
    [told] = world.over()
    assert (told.decision, told.status, told.path, told.credential) == ("allowed", 200, "/v1/things", VARIABLE)
    assert told.owner == "run-1"
    assert told.sent > 50
    assert told.received > 20


async def test_a_credential_can_be_a_password_or_a_header_of_its_own(provider: Bubblewrap, world: World) -> None:
    async with world.box(provider, world.entry(credential=VARIABLE, user="me")) as box:
        await curl(box, world.url(), "-H", "Authorization: Bearer mine")
    async with world.box(provider, world.entry(credential=VARIABLE, header="X-Key", template="k={}")) as box:
        await curl(box, world.url())
    basic = base64.b64encode(f"me:{SECRET}".encode()).decode()
    assert world.host.seen[0].header("authorization") == [f"Basic {basic}"]
    assert world.host.seen[1].header("x-key") == [f"k={SECRET}"]


async def test_other_hosts_ports_methods_and_paths_are_refused(provider: Bubblewrap, world: World) -> None:
    async with world.box(provider, world.entry(paths=("/v1/", "/exact"))) as box:
        cases = {
            "host": [world.url("/v1/x", host="other.test")],
            "port": [f"http://api.test:{world.port + 1}/v1/x"],
            "method": [world.url("/v1/x"), "-d", "data"],
            "path": [world.url("/v2/x")],
            "more than exact": [world.url("/exactly")],
            "dots": ["--path-as-is", world.url("/v1/../v2/x")],
            "hidden dots": [world.url("/v1/%2e%2e/v2/x")],
            "an address": [f"http://127.0.0.1:{world.port}/v1/x", "--noproxy", "", "-x", "127.0.0.1:3128"],
            "another spelling": [f"http://2130706433:{world.port}/", "--noproxy", "", "-x", "127.0.0.1:3128"],
            "IPv6": [f"http://[::1]:{world.port}/", "--noproxy", "", "-x", "127.0.0.1:3128"],
        }
        for name, argv in cases.items():
            status, body = await curl(box, *argv)
            assert status == 403, (name, status, body)
            assert body.startswith("countersign egress:"), name
        assert (await curl(box, world.url("/v1/x")))[0] == 200
        assert (await curl(box, world.url("/exact?x=1")))[0] == 200
    assert [seen.target for seen in world.host.seen] == ["/v1/x", "/exact?x=1"]
    assert [told.decision for told in world.over()] == ["refused"] * len(cases) + ["allowed"] * 2


async def test_a_refusal_says_what_to_extend(provider: Bubblewrap, world: World) -> None:
    async with world.box(provider, world.entry()) as box:
        _, body = await curl(box, "http://example.org/")
        assert "example.org:80 is not on this sandbox's allow-list" in body
        assert f"It has: api.test:{world.port}" in body
        assert '`Allow(host="example.org")` to `allow`' in body
        _, body = await curl(box, world.url(), "-X", "DELETE")
        assert 'Add "DELETE" to `methods`' in body
        answer = await raw(box, b"CONNECT api.test:%d HTTP/1.1\r\nHost: api.test:%d\r\n\r\n" % (world.port, world.port))
        assert b"403" in answer.split(b"\r\n")[0]
        assert b"with HTTP_PROXY: the broker adds TLS" in answer


async def test_port_80_becomes_tls_where_only_that_is_listed() -> None:
    """What makes `http://host/` work for git, pip and npm."""
    from sandboxes.egress.rules import Rules, asked

    rules = Rules(SandboxPolicy(network="allow", allow=(Allow(host="a.test"), Allow(host="b.test", port=80))))
    assert rules.entry(asked("GET", "http://a.test/x", ["a.test"])).port == 443
    assert rules.entry(asked("GET", "https://a.test/x", ["a.test"])).port == 443
    assert rules.entry(asked("GET", "http://b.test", ["b.test:80"])).port == 80


async def test_bodies_go_both_ways_in_chunks_and_after_an_expectation(provider: Bubblewrap, world: World) -> None:
    world.host.act = lambda seen: Answer(body=seen.body[::-1])
    data = bytes(range(256)) * 4096
    async with world.box(provider, world.entry(methods=("POST", "PUT"))) as box:
        result = await box.exec(["curl", "-sS", "-T", "-", world.url()], stdin=data)
        assert result.stdout == data[::-1]
        argv = ["curl", "-sS", "--data-binary", "@-", "-H", "Expect: 100-continue", world.url()]
        assert (await box.exec(argv, stdin=data)).stdout == data[::-1]
    chunked, sized = world.host.seen
    assert chunked.header("transfer-encoding") == ["chunked"]
    assert sized.header("content-length") == [str(len(data))]
    assert [told.sent > len(data) and told.received > len(data) for told in world.over()] == [True, True]


async def test_what_could_change_something_is_told_before_it_leaves(provider: Bubblewrap, world: World) -> None:
    told_first: list[bool] = []

    def act(seen: Any) -> Answer:
        told_first.append(any(not each.over and each.method == seen.method for each in world.told))
        return Answer()

    world.host.act = act
    async with world.box(provider, world.entry(methods=("GET", "POST"))) as box:
        await curl(box, world.url(), "-d", "x")
        await curl(box, world.url())
    assert told_first == [True, False]
    assert [(each.number, each.over) for each in world.told] == [(1, False), (1, True), (2, True)]


async def test_nothing_leaves_that_the_ledger_cannot_have(
    provider: Bubblewrap, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never(request: Any) -> None:
        raise OSError("the database is away")

    monkeypatch.setattr(world, "tell", never)
    with pytest.raises(Exception, match=r"2 requests of the sandbox could not be written .* the database is away"):
        async with world.box(provider, world.entry(methods=("GET", "POST"))) as box:
            assert (await curl(box, world.url(), "-d", "x"))[0] == 503
    assert world.host.seen == []


async def test_redirects_are_not_followed_and_come_back_here(provider: Bubblewrap, world: World) -> None:
    there = {"/near": f"https://api.test:{world.port}/end", "/far": "https://elsewhere.test/x", "/end": ""}
    world.host.act = lambda seen: Answer(
        status=302 if there[seen.target] else 200,
        headers=[("Location", there[seen.target])] if there[seen.target] else [],
    )
    async with world.box(provider, world.entry()) as box:
        result = await box.exec(["curl", "-sSi", world.url("/near")])
        assert f"location: {world.url('/end')}" in result.stdout.decode()
        assert (await curl(box, "-L", world.url("/near")))[0] == 200
        result = await box.exec(["curl", "-sSL", world.url("/far")])
        assert b"response 403" in result.stderr
    assert [seen.target for seen in world.host.seen] == ["/near", "/near", "/end", "/far"]
    assert (world.over()[-1].decision, world.over()[-1].host) == ("refused", "elsewhere.test")


async def test_a_tunnel_is_for_its_own_entry_and_is_counted(provider: Bubblewrap, world: World) -> None:
    data = b"x" * 300_000
    world.host.act = lambda seen: Answer(body=data)
    async with world.box(provider, world.entry(tunnel=True)) as box:
        await box.write("ca.pem", world.ca.read_bytes())
        secure = f"https://api.test:{world.port}/any/path"
        status, body = await curl(box, "--cacert", "/work/ca.pem", secure, "-d", "any method")
        assert (status, len(body)) == (200, len(data))
        assert (await curl(box, world.url()))[0] == 403
        status, _ = await curl(box, "--cacert", "/work/ca.pem", f"https://other.test:{world.port}/")
        assert status == 0
    first, second, third = world.over()
    assert (first.method, first.decision, first.path) == ("CONNECT", "allowed", "")
    assert first.received > len(data)
    assert [second.decision, third.decision] == ["refused", "refused"]


async def test_the_pool_is_used_again(provider: Bubblewrap, world: World) -> None:
    async with world.box(provider, world.entry()) as box:
        for _ in range(3):
            await curl(box, world.url())
    assert (len(world.host.seen), world.host.connections) == (3, 1)


async def test_many_at_once(provider: Bubblewrap, world: World) -> None:
    world.host.act = lambda seen: Answer(body=seen.target.encode() * 5000, delay=0.05)
    script = """
import threading, urllib.request, sys
bad = []
def ask(number):
    try:
        got = urllib.request.urlopen(f"{sys.argv[1]}{number}", timeout=20).read()
        assert got == f"/{number}".encode() * 5000
    except Exception as error:
        bad.append(error)
threads = [threading.Thread(target=ask, args=(n,)) for n in range(60)]
[t.start() for t in threads]; [t.join() for t in threads]
print(len(bad), bad[:1])
"""
    async with world.box(provider, world.entry()) as box:
        results = await asyncio.gather(
            *(box.exec(["/usr/bin/python3", "-c", script, world.url("/")]) for _ in range(2))
        )
        assert [result.stdout for result in results] == [b"0 []\n"] * 2
    assert len(world.over()) == 120
    assert {each.decision for each in world.over()} == {"allowed"}
    assert len({each.number for each in world.over()}) == 120


async def test_without_a_broker_there_is_no_sandbox(provider: Bubblewrap) -> None:
    with pytest.raises(SandboxUnavailable, match="needs a broker"):
        await Bubblewrap(provider.folder).create(SandboxPolicy(network="allow"))
    assert provider.alive() == []


async def test_a_credential_has_to_be_the_operators_and_there(
    provider: Bubblewrap, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", SECRET)
    with pytest.raises(BadInput, match=r"ANTHROPIC_API_KEY may not go to api\.test"):
        async with world.box(provider, world.entry(credential="ANTHROPIC_API_KEY")):
            raise AssertionError
    with pytest.raises(BadInput, match=r"may not go to other\.test"):
        async with world.box(provider, world.entry("other.test", credential=VARIABLE)):
            raise AssertionError
    monkeypatch.delenv(VARIABLE)
    with pytest.raises(BadInput, match=f"{VARIABLE} for api.test:{world.port} is not set"):
        async with world.box(provider, world.entry(credential=VARIABLE)):
            raise AssertionError
    assert provider.alive() == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"host": "*.example.org"},
        {"host": "127.0.0.1"},
        {"host": "Example.org"},
        {"host": "example.org."},
        {"host": "2130706433"},
        {"host": "a.test", "credential": "X", "tunnel": True},
        {"host": "a.test", "credential": "X", "scheme": "http"},
        {"host": "a.test", "credential": "X", "template": "Bearer"},
        {"host": "a.test", "methods": ("TRACE",)},
        {"host": "a.test", "paths": ("x",)},
        {"host": "a.test", "header": "X\r\nY"},
    ],
)
def test_what_an_entry_cannot_be(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        Allow.model_validate(wrong)


def test_a_list_is_for_its_network_and_names_each_host_once() -> None:
    with pytest.raises(ValueError, match='no meaning with network="none"'):
        SandboxPolicy(allow=(Allow(host="a.test"),))
    with pytest.raises(ValueError, match="listed once"):
        SandboxPolicy(network="allow", allow=(Allow(host="a.test"), Allow(host="a.test", methods=("POST",))))
