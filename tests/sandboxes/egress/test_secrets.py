"""The credential is the broker's. Nothing inside has it: not before, not while, not after it was used."""

import base64
import os
from pathlib import Path

import pytest

from sandboxes import Bubblewrap
from sandboxes.egress import bodies, headers, plain
from tests.sandboxes.egress.world import PYTHON, SECRET, VARIABLE, Answer, World, curl, raw, said, serving

SEARCH = """
import os, sys
needles = [bytes.fromhex(each) for each in sys.argv[1:]]  # so that our own command line has none
found = []
def look(path):
    try:
        with open(path, "rb") as file:
            data = file.read(1 << 22)
    except OSError:
        return
    found.extend(path for needle in needles if needle in data)
for top in ("/work", "/tmp", "/etc", "/run", "/dev/shm"):
    for folder, _, names in os.walk(top):
        for name in names:
            look(os.path.join(folder, name))
for pid in os.listdir("/proc"):
    if pid.isdigit():
        for name in ("environ", "cmdline", "status", "maps", "mountinfo", "stat", "comm"):
            look(f"/proc/{pid}/{name}")
        try:
            for fd in os.listdir(f"/proc/{pid}/fd"):
                link = os.readlink(f"/proc/{pid}/fd/{fd}")
                if not link.startswith(("pipe:", "socket:")): look(f"/proc/{pid}/fd/{fd}")
        except OSError: pass
for name in ("environ", "cmdline"): look(f"/proc/self/{name}")
found += [name for name, value in os.environb.items() for needle in needles if needle in value]
print("FOUND", found)
"""
NEEDLES = [each.hex() for each in (SECRET.encode(), base64.b64encode(SECRET.encode()))]


async def test_it_is_nowhere_inside(provider: Bubblewrap, world: World) -> None:
    async with world.box(provider, world.entry(credential=VARIABLE)) as box:
        assert (await curl(box, "-v", "-o", "/work/out", "-D", "/work/headers", world.url()))[0] == 200
        result = await box.exec([PYTHON, "-c", SEARCH, *NEEDLES])
        assert said(result) == "FOUND []\n"
        result = await box.exec([PYTHON, "-c", SEARCH, *NEEDLES], env={"LEAK": SECRET})
        assert "LEAK" in said(result), "the search finds it where it is"
    assert world.host.seen[0].header("authorization") == [f"Bearer {SECRET}"]


def echo(**named: object) -> Answer:
    """A host that gives back what it was sent, somewhere."""
    return Answer(**named)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "answer",
    [
        echo(headers=[("X-Echo", f"Bearer {SECRET}")]),
        echo(headers=[("Location", f"https://elsewhere.test/?token={SECRET}")], status=302),
        echo(headers=[("WWW-Authenticate", f'Bearer realm="{SECRET}"')], status=401),
        echo(body=f"you said {SECRET}, didn't you".encode()),
        echo(body=b"x" * 65530 + SECRET.encode() + b"y" * 70000),  # in two chunks
        echo(body=base64.b64encode(SECRET.encode())),
        echo(body=f"500: {SECRET}".encode(), status=500),
    ],
    ids=["header", "redirect", "challenge", "body", "between chunks", "base64", "error"],
)
async def test_a_host_that_gives_it_back_is_kept_back(provider: Bubblewrap, world: World, answer: Answer) -> None:
    world.host.act = lambda seen: answer
    async with world.box(provider, world.entry(credential=VARIABLE)) as box:
        got = await raw(box, f"GET {world.url()} HTTP/1.1\r\nHost: api.test:{world.port}\r\n\r\n".encode())
    assert SECRET.encode() not in got
    assert base64.b64encode(SECRET.encode()) not in got
    [told] = world.over()
    assert (told.decision, "repeats the credential" in told.reason) == ("cut", True)
    assert SECRET not in repr(world.told)


async def test_it_would_come_back_without_that(
    provider: Bubblewrap, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The ablation."""
    monkeypatch.setattr(headers, "secret_words", lambda entry, secret: [])
    monkeypatch.setattr(plain.headers, "secret_words", lambda entry, secret: [])
    world.host.act = lambda seen: Answer(body=seen.header("authorization")[0].encode())
    async with world.box(provider, world.entry(credential=VARIABLE)) as box:
        assert (await curl(box, world.url()))[1] == f"Bearer {SECRET}"


@pytest.mark.parametrize("size", [1, 2, 3, 5, 1000])
def test_words_are_found_however_a_stream_is_cut(size: int) -> None:
    text = b"a https://x.test/ b https://x.tes" + b"c" * 50 + b"https://x.test/https://x.test/ h"
    stream = bodies.Filter("x.test", {b"https://x.test/": b"http://x.test/"})
    parts = [stream.feed(text[start : start + size]) for start in range(0, len(text), size)]
    assert b"".join(parts) + stream.end() == text.replace(b"https://x.test/", b"http://x.test/")


async def test_errors_do_not_tell_it(provider: Bubblewrap, world: World) -> None:
    """A host that isn't there, that speaks no HTTP, and one whose certificate is another's."""

    async def nonsense(reader: object, writer: object) -> None:
        writer.write(b"nonsense\r\n\r\n")  # type: ignore[attr-defined]
        writer.close()  # type: ignore[attr-defined]

    async with serving(nonsense, world.pem) as port:
        world.host.port = port
        async with world.box(provider, world.entry(credential=VARIABLE)) as box:
            status, body = await curl(box, world.url())
            assert (status, SECRET in body) == (502, False)
            assert "does not speak HTTP/1.1" in body
    async with world.box(provider, world.entry(credential=VARIABLE)) as box:
        status, body = await curl(box, world.url())
        assert (status, SECRET in body) == (502, False)
        assert "can't be connected to" in body
    assert SECRET not in repr(world.told)


async def test_a_host_must_prove_its_name(provider: Bubblewrap, world: World) -> None:
    world.names["stranger.test"] = ["127.0.0.1"]
    world.private.add(("stranger.test", world.port))
    async with world.box(provider, world.entry("stranger.test")) as box:
        status, body = await curl(box, world.url(host="stranger.test"))
    assert status == 502
    assert "certificate that is not trusted" in body
    assert world.host.seen == []


async def test_authorities_are_the_systems_unless_the_operator_adds_one(provider: Bubblewrap, world: World) -> None:
    world.ca = None  # type: ignore[assignment]
    async with world.box(provider, world.entry()) as box:
        status, body = await curl(box, world.url())
    assert (status, "certificate that is not trusted" in body) == (502, True)


async def test_the_helper_has_no_environment(provider: Bubblewrap, world: World) -> None:
    """The process that enters the sandbox's namespaces could be looked at from there if it had anything."""
    async with world.box(provider, world.entry(credential=VARIABLE)) as box:
        await curl(box, world.url())
        helpers = [each for each in Path("/proc").glob("[0-9]*") if _is_helper(each)]
        assert helpers
        assert [each.joinpath("environ").read_bytes() for each in helpers] == [b""] * len(helpers)


def _is_helper(process: Path) -> bool:
    try:
        parent = int(process.joinpath("stat").read_text().rpartition(")")[2].split()[1])
        return b"egress/enter.py" in process.joinpath("cmdline").read_bytes() and parent == os.getpid()
    except OSError:
        return False
