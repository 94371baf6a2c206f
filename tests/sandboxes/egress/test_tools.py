"""git, pip and npm just work: with nothing but the environment that a sandbox with a list has.

pip and npm are tried with the registries that this machine reaches, wherever its settings say they are.
"""

import asyncio
import configparser
import json
import os
import shutil
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from contracts.policy import Allow, SandboxPolicy
from sandboxes import Bubblewrap
from sandboxes.egress import Egress, Operator, Request, addresses
from tests.sandboxes.egress.world import VARIABLE, Answer, World, said
from tests.support.git_server import WRITE, GitHost, git_host
from tests.support.repositories import Commit, build, git
from tests.support.tls_host import authority

FILES = "files.pythonhosted.org"


@pytest.fixture
async def hosted(world: World, tmp_path: Path) -> AsyncIterator[GitHost]:
    ca, pem = authority(tmp_path, ("git.test",))
    (tmp_path / "repositories").mkdir()
    async with git_host(tmp_path / "repositories", pem) as host:
        world.ca, world.host.port = ca, host.port
        world.private.add(("git.test", host.port))
        yield host


def with_token(world: World, token: str, **named: object) -> Allow:
    os.environ[VARIABLE] = token  # put back by the fixture that set it
    return world.entry("git.test", methods=("GET", "POST"), credential=VARIABLE, user="bot", **named)


async def test_git_clones_and_pushes_by_the_https_url(provider: Bubblewrap, world: World, hosted: GitHost) -> None:
    source = build(world.folder / "source", [Commit("First", {"big": os.urandom(3 << 20)})], checkout=True)
    bare = hosted.add("private.git", source)
    script = f"""
set -e
git clone -q {hosted.url("private.git")} clone
cd clone
head -c 3000000 /dev/urandom > more
git add more
git -c user.name=A -c user.email=a@a commit -q -m More
git push -q origin HEAD:refs/heads/new
git config --get-all remote.origin.url
"""
    entry = with_token(world, WRITE)
    async with world.box(provider, entry) as box:
        result = await box.exec(["sh", "-c", script])
    assert result.exit_code == 0, said(result)
    assert result.stdout.decode().strip() == hosted.url("private.git"), "what git keeps is the URL as it was given"
    assert git(bare, "log", "-1", "--format=%s", "new") == "More"
    posts = [told for told in world.over() if told.method == "POST"]
    assert any(told.path.endswith("git-receive-pack") and told.sent > 3_000_000 for told in posts)


async def test_git_says_why_it_was_refused(provider: Bubblewrap, world: World, hosted: GitHost) -> None:
    async with world.box(provider, world.entry("git.test", paths=("/a/",))) as box:
        result = await box.exec(["git", "ls-remote", hosted.url("b/c.git")])
    assert result.exit_code != 0
    assert b"remote: countersign egress: This path is not allowed" in result.stderr


async def test_an_index_s_links_lead_back_to_the_broker(provider: Bubblewrap, world: World) -> None:
    """As pip and uv ask for them; and only then, since what others are sent is not ours to change."""
    link = f"https://index.test:{world.port}/packages/x.whl"
    world.host.act = lambda seen: Answer(json.dumps({"url": link}).encode(), headers=[("Content-Type", kind)])
    kind = "application/vnd.pypi.simple.v1+json"
    asks = ["-H", "Accept: application/vnd.pypi.simple.v1+json, text/html; q=0.01", "-H", "Accept-Encoding: gzip"]
    async with world.box(provider, world.entry("index.test"), world.entry("other.test")) as box:
        url = world.url("/simple/x/", host="index.test")
        assert b'"http://index.test' in (await box.exec(["curl", "-sS", *asks, url])).stdout
        assert b'"https://index.test' in (await box.exec(["curl", "-sS", url])).stdout
    assert world.host.seen[0].header("accept-encoding") == []


async def registry(url: str) -> tuple[str, int]:
    """Host and port of a registry, if this machine reaches it with TLS."""
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or 443
    try:
        await asyncio.wait_for(asyncio.open_connection(host, port, ssl=True), 10)
    except (OSError, TimeoutError) as error:
        pytest.skip(f"this machine does not reach the registry: {type(error).__name__}")
    return host, port


def pip_index() -> str:
    """What pip of whoever runs the tests is set to."""
    found = os.environ.get("PIP_INDEX_URL")
    for path in ("/etc/pip.conf", Path.home() / ".pip/pip.conf", Path.home() / ".config/pip/pip.conf"):
        parser = configparser.ConfigParser()
        parser.read(path)
        found = found or parser.get("global", "index-url", fallback=None)
    return found or "https://pypi.org/simple"


async def reaching(
    provider: Bubblewrap, told: list[Request], *places: tuple[str, int], tunnel: bool = False
) -> tuple[Bubblewrap, SandboxPolicy]:
    """A provider and a policy for these. A registry of one's own may be on a private address: an operator would
    say so, and so do we, but only where it is."""

    async def tell(request: Request) -> None:
        told.append(request)

    private = set()
    for place in places:
        found = await addresses.resolve(*place)
        if not all(addresses.is_public(addresses.ipaddress.ip_address(each)) for each in found):
            private.add(place)
    allow = tuple(Allow(host=host, port=port, tunnel=tunnel) for host, port in places)
    egress = Egress(tell, Operator(private=frozenset(private)))
    policy = SandboxPolicy(network="allow", allow=allow, wall_seconds=120, processes=256)
    return Bubblewrap(provider.folder, egress), policy


@pytest.mark.skipif(not Path("/usr/bin/pip").exists(), reason="no system pip to try with")
@pytest.mark.parametrize("tunnel", [False, True], ids=["plain", "tunnel"])
async def test_pip_downloads(provider: Bubblewrap, tunnel: bool) -> None:
    index, told = pip_index(), list[Request]()
    places = {await registry(index)} | ({await registry(f"https://{FILES}/")} if "pypi.org" in index else set())
    own, policy = await reaching(provider, told, *sorted(places), tunnel=tunnel)
    url = index if tunnel else index.replace("https://", "http://")
    argv = ["/usr/bin/pip", "download", "-q", "--no-cache-dir", "--no-deps", "-d", "got", "six==1.16.0"]
    async with await own.create(policy) as box:
        result = await box.exec(argv, env={} if "//pypi.org/" in index else {"PIP_INDEX_URL": url})
        assert result.exit_code == 0, said(result)
        assert await box.list("got") == ["six-1.16.0-py2.py3-none-any.whl"]
    assert {each.decision for each in told} == {"allowed"}
    assert {each.method for each in told} == {"CONNECT" if tunnel else "GET"}


@pytest.mark.skipif(not shutil.which("npm", path="/usr/bin:/usr/local/bin"), reason="no system npm to try with")
@pytest.mark.parametrize("tunnel", [False, True], ids=["plain", "tunnel"])
async def test_npm_installs(provider: Bubblewrap, tunnel: bool) -> None:
    asked = subprocess.run(["npm", "config", "get", "registry"], capture_output=True, text=True, cwd="/")
    url, told = asked.stdout.strip(), list[Request]()
    own, policy = await reaching(provider, told, await registry(url), tunnel=tunnel)
    given = {} if "//registry.npmjs.org/" in url else {"npm_config_registry": url if tunnel else "http" + url[5:]}
    async with await own.create(policy) as box:
        result = await box.exec(["npm", "install", "--silent", "left-pad@1.3.0"], env=given)
        assert result.exit_code == 0, said(result)
        assert b'"version": "1.3.0"' in await box.read("node_modules/left-pad/package.json")
    assert {each.decision for each in told} == {"allowed"}
    assert {each.method for each in told} == {"CONNECT" if tunnel else "GET"}


async def test_pip_finds_nothing_without_a_list(provider: Bubblewrap) -> None:
    """The ablation of the two above: there is no other way out."""
    argv = ["/usr/bin/python3", "-c", "import socket; socket.create_connection(('127.0.0.1', 3128), 2)"]
    async with await provider.create(SandboxPolicy()) as box:
        result = await box.exec(argv)
    assert b"ConnectionRefusedError" in result.stderr
