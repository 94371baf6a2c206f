"""Private repositories over https: fetched and pushed to through the broker, with a token that git never sees."""

import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from activities.changelog.gather import ChangelogGathering
from activities.git_remote import reaching
from contracts.changelog import GatherRequest
from contracts.errors import AccessRefused, BadInput, CountersignError, SandboxFailed
from contracts.policy import SandboxPolicy
from sandboxes.egress import Credential, addresses
from tests.activities.effect_world import TEXT, World, branches
from tests.support.git_server import READ, WRITE, GitHost, git_host
from tests.support.repositories import git
from tests.support.tls_host import authority
from workers.egress import Kind, credential_names
from workers.settings import Settings
from workers.worker import toolbox


@dataclass
class Hosted:
    """A git host, and an installation that knows it."""

    world: World
    host: GitHost
    settings: Settings

    def worker(self, kind: Kind, **changed: str) -> World:
        """What that worker's activities are given."""
        settings = self.settings.model_copy(update=changed)
        tools = toolbox(settings, self.world.ledger, models=kind == "agents")
        return replace(self.world, toolbox=replace(tools, artifacts=self.world.toolbox.artifacts))

    async def gather(self, repository: str, **changed: str) -> str:
        tools = self.worker("agents", **changed).toolbox
        gathered = await ChangelogGathering(tools).gather(GatherRequest(repository=repository))
        return gathered.head


@pytest.fixture
async def hosted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Hosted]:
    ca, pem = authority(tmp_path, ("git.test",))
    monkeypatch.setenv("TEST_READ", READ)
    monkeypatch.setenv("TEST_WRITE", WRITE)

    async def resolve(host: str, port: int) -> list[str]:
        assert host == "git.test"
        return ["127.0.0.1"]

    monkeypatch.setattr(addresses, "resolve", resolve)
    (tmp_path / "hosted").mkdir()
    async with git_host(tmp_path / "hosted", pem) as host:
        settings = Settings(
            state=tmp_path / "state",
            egress_private=f"git.test:{host.port}",
            egress_authorities=str(ca),
            git_read_credentials=f"git.test:{host.port}=TEST_READ",
            git_write_credentials=f"git.test:{host.port}=bot:TEST_WRITE",
        )
        yield Hosted(World.open(tmp_path), host, settings)


async def test_a_private_repository_is_read(hosted: Hosted) -> None:
    bare = hosted.host.add("private.git", hosted.world.repository())
    for name in ("private.git", "private.git"):  # once to make the mirror, once to bring it up to date
        assert await hosted.gather(hosted.host.url(name)) == git(bare, "rev-parse", "HEAD")
    entries = hosted.world.ledger.entries(kind="egress")
    assert [each.facts["path"] for each in entries if each.name == "egress.request"][:2] == [
        "/private.git/info/refs",
        "/private.git/git-upload-pack",
    ]
    assert {each.facts["credential"] for each in entries} == {"TEST_READ"}
    assert {each.outcome for each in entries} == {"ok", "intent"}
    begun = [each.key.removesuffix("/begun") for each in entries if each.outcome == "intent"]
    assert set(begun) <= {each.key for each in entries if each.outcome == "ok"}


async def test_nothing_that_is_kept_has_the_token(hosted: Hosted, tmp_path: Path) -> None:
    hosted.host.add("private.git", hosted.world.repository())
    await hosted.gather(hosted.host.url("private.git"))
    apart = {"hosted", "disks"}  # the host's own files, and empty disks of gigabytes
    files = [each for each in tmp_path.rglob("*") if each.is_file() and not apart & set(each.parts)]
    assert files
    assert [each for each in files if READ.encode() in each.read_bytes() or WRITE.encode() in each.read_bytes()] == []


async def test_a_public_repository_needs_no_token(hosted: Hosted) -> None:
    bare = hosted.host.add("public.git", hosted.world.repository())
    hosted.host.public.add("public.git")
    found = await hosted.gather(hosted.host.url("public.git"), git_read_credentials="")
    assert found == git(bare, "rev-parse", "HEAD")
    assert {each.facts["credential"] for each in hosted.world.ledger.entries(kind="egress")} == {""}


async def test_without_a_token_the_error_names_the_setting(hosted: Hosted, monkeypatch: pytest.MonkeyPatch) -> None:
    hosted.host.add("private.git", hosted.world.repository())
    url = hosted.host.url("private.git")
    with pytest.raises(AccessRefused, match=rf"COUNTERSIGN_GIT_READ_CREDENTIALS=git\.test:{hosted.host.port}=NAME"):
        await hosted.gather(url, git_read_credentials="")
    monkeypatch.setenv("TEST_READ", "a wrong token")
    with pytest.raises(AccessRefused, match="does not take the one that it was given"):
        await hosted.gather(url)
    monkeypatch.delenv("TEST_READ")
    with pytest.raises(BadInput, match="Set TEST_READ where the worker is started"):
        await hosted.gather(url)


async def test_a_host_inside_is_the_operators_to_open(hosted: Hosted) -> None:
    hosted.host.add("private.git", hosted.world.repository())
    with pytest.raises(AccessRefused, match=r"isn't public.*COUNTERSIGN_EGRESS_PRIVATE"):
        await hosted.gather(hosted.host.url("private.git"), egress_private="")


async def test_a_host_that_does_not_answer_is_tried_again(hosted: Hosted) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        with pytest.raises(SandboxFailed, match="can't be connected to"):
            await hosted.gather(f"https://git.test:{port}/x.git", egress_private=f"git.test:{port}")
    main = hosted.world.repository()
    bare = hosted.host.add("private.git", main)
    effects = hosted.worker("effects", egress_private=f"git.test:{port}")
    effect = effects.effect(f"https://git.test:{port}/x.git", base=git(main, "rev-parse", "HEAD"))
    request = effects.request(effect, panels=tuple(effects.panels(effects.effect(f"file://{bare}"))))
    with pytest.raises(SandboxFailed, match="can't be connected to"):
        await effects.carry_out(request)


async def test_a_signed_commit_is_pushed(hosted: Hosted) -> None:
    main = hosted.world.repository()
    bare = hosted.host.add("private.git", main)
    effects = hosted.worker("effects")
    effect = effects.effect(hosted.host.url("private.git"), base=git(main, "rev-parse", "HEAD"))
    panels = tuple(effects.panels(effects.effect(f"file://{bare}")))
    request = effects.request(effect, panels=panels)
    done = await effects.carry_out(request)
    (branch,) = branches(bare)
    assert git(bare, "rev-parse", branch) == done.facts["commit"]
    assert git(bare, "show", f"{branch}:CHANGELOG.md") == TEXT.decode().strip()
    assert (await effects.carry_out(request)).facts["commit"] == done.facts["commit"], "and asked again, it is there"
    entries = hosted.world.ledger.entries(kind="egress")
    pushed = [each for each in entries if each.facts["path"] == "/private.git/git-receive-pack"]
    assert [each.outcome for each in pushed] == ["intent", "ok"]
    assert {each.facts["credential"] for each in entries} == {"TEST_WRITE"}


async def test_who_may_not_write_is_told_how(hosted: Hosted) -> None:
    main = hosted.world.repository()
    bare = hosted.host.add("private.git", main)
    hosted.host.public.add("private.git")
    effects = hosted.worker("effects", git_write_credentials="")
    effect = effects.effect(hosted.host.url("private.git"), base=git(main, "rev-parse", "HEAD"))
    request = effects.request(effect, panels=tuple(effects.panels(effects.effect(f"file://{bare}"))))
    with pytest.raises(AccessRefused, match="COUNTERSIGN_GIT_WRITE_CREDENTIALS"):
        await effects.carry_out(request)
    assert branches(bare) == []


async def test_what_reads_cannot_push(hosted: Hosted) -> None:
    """Not even where the token could: git-receive-pack is no path of the agents' policy."""
    main = hosted.world.repository()
    bare = hosted.host.add("private.git", main)
    settings = {"git_read_credentials": f"git.test:{hosted.host.port}=TEST_WRITE"}
    tools = hosted.worker("agents", **settings).toolbox
    url = hosted.host.url("private.git")
    policy = reaching(url, SandboxPolicy(), tools.git_credentials)
    async with await tools.sandboxes.create(policy) as box:
        script = f"git clone -q {url} /work/clone && cd /work/clone && git push {url} HEAD:refs/heads/evil"
        result = await box.exec(["sh", "-c", script])
        assert result.exit_code != 0
        assert b"git-receive-pack" not in result.stdout
        assert b"countersign egress: " in result.stderr or b"403" in result.stderr, result.stderr
        other = hosted.host.url("other.git")
        result = await box.exec(["git", "ls-remote", other])
        assert b"This path is not allowed" in result.stderr
    assert git(bare, "for-each-ref", "refs/heads/evil") == ""
    assert not any("receive-pack" in seen.target and seen.method == "POST" for seen in hosted.host.host.seen)


def test_each_worker_is_given_its_own_variables() -> None:
    settings = Settings(
        egress_credentials="api.test=API_TOKEN",
        git_read_credentials="a.test=READ",
        git_write_credentials="a.test=u:WRITE",
    )
    assert credential_names(settings, "agents") == ("API_TOKEN", "READ")
    assert credential_names(settings, "effects") == ("WRITE",)


@pytest.mark.parametrize("wrong", ["a.test", "a.test=", "*.test=A", "a.test=1A", "10.0.0.1=A", "a.test=COUNTERSIGN_X"])
def test_settings_that_cannot_be_read(wrong: str) -> None:
    with pytest.raises(BadInput, match="COUNTERSIGN_GIT_READ_CREDENTIALS"):
        credential_names(Settings(git_read_credentials=wrong), "agents")


@pytest.mark.parametrize(
    ("url", "network"),
    [("https://a.test/x", "allow"), ("http://a.test/x", "allow"), ("ssh://a.test/x", "open"), ("git@a.test:x", "open")],
)
def test_what_git_gets(url: str, network: str) -> None:
    policy = reaching(url, SandboxPolicy(), {("a.test", 443): Credential("TOKEN")})
    assert policy.network == network
    credentials = [entry.credential for entry in policy.allow]
    assert credentials == {"https": ["TOKEN"], "http": [""]}.get(url.split(":")[0], [])


@pytest.mark.parametrize("url", ["https://10.0.0.1/x", "https://[::1]/x", "https://GitHub.com/x", "https:///x"])
def test_hosts_have_names(url: str) -> None:
    with pytest.raises(CountersignError, match="is reached by its name"):
        reaching(url, SandboxPolicy(), {})
