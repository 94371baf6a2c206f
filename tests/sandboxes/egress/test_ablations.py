"""What happens when one protection is taken away: the attempt that it stops succeeds, or the next one stops it."""

import pytest

from contracts.errors import SandboxUnavailable
from contracts.policy import Allow
from sandboxes import Bubblewrap
from sandboxes.egress import rules
from tests.sandboxes.egress.world import World, curl
from tests.sandboxes.escapes.protections import REMOVALS


async def tried(provider: Bubblewrap, world: World) -> list[int]:
    """Another host, another method, another path: the statuses."""
    async with world.box(provider, world.entry(paths=("/mine/",))) as box:
        return [
            (await curl(box, world.url("/mine/x", host="other.test")))[0],
            (await curl(box, "-X", "DELETE", world.url("/mine/x")))[0],
            (await curl(box, world.url("/yours")))[0],
        ]


async def test_all_are_refused(provider: Bubblewrap, world: World) -> None:
    assert await tried(provider, world) == [403, 403, 403]
    assert world.host.seen == []


async def test_without_the_look_at_methods_and_paths(
    provider: Bubblewrap, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rules, "_require", lambda entry, request: None)
    assert await tried(provider, world) == [403, 200, 200]


async def test_without_the_list(provider: Bubblewrap, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def anything(self: object, host: str, port: int, tunnel: bool) -> Allow:
        return world.entry(host, paths=("/mine/",))

    monkeypatch.setattr(rules.Rules, "_find", anything)
    assert await tried(provider, world) == [200, 403, 403]


async def test_without_the_host_header_s_check_the_target_still_decides(
    provider: Bubblewrap, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two protections of one thing: the host is never told the header that came from inside."""
    monkeypatch.setattr(rules, "_same", lambda hosts, wanted, usual: None)
    async with world.box(provider, world.entry()) as box:
        assert (await curl(box, "-H", "Host: other.test", world.url()))[0] == 200
    assert world.host.seen[0].header("host") == [f"api.test:{world.port}"]


async def test_without_a_network_of_its_own_there_is_no_listener(
    provider: Bubblewrap, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sandbox on the host's network would go around the broker, and everybody here could use it: it isn't run."""
    REMOVALS["network namespace"](monkeypatch, provider.check())
    with pytest.raises(SandboxUnavailable, match="shares the host's network"):
        async with world.box(provider, world.entry()) as box:
            await box.exec(["true"])
