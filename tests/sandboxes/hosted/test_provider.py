"""What a hosted sandbox is asked to be, what is refused, whose it is, and that none is left."""

import asyncio
import subprocess
import sys
from collections.abc import Awaitable
from pathlib import Path
from typing import Any

import pytest

from contracts.errors import SandboxFailed, SandboxUnavailable
from contracts.policy import Allow, SandboxPolicy
from sandboxes import Mount
from sandboxes.hosted import Daytona, Options, findings
from sandboxes.hosted import options as hosted_options
from sandboxes.hosted.labels import PREFIX
from tests.sandboxes.hosted.conftest import GIB, POLICY
from tests.support.hosted import KEY, Fault, StandIn


def policy(**more: Any) -> SandboxPolicy:
    return POLICY.model_copy(update=more)


async def test_limits_labels_and_ends_are_asked_for(hosted: Daytona, standin: StandIn) -> None:
    async with await hosted.create(policy(cpus=1.5, memory_bytes=GIB + 1, wall_seconds=3600), owner="run-7") as box:
        (asked,) = standin.asked
        assert (asked["cpu"], asked["memory"], asked["disk"]) == (2, 2, 1)
        assert (asked["networkBlockAll"], asked["public"], asked["user"]) == (True, False, "agent")
        assert asked["autoStopInterval"] == 65  # longer than the longest command
        assert (asked["autoDeleteInterval"], asked["ttlMinutes"]) == (0, 24 * 60)
        assert "FROM python:3.12-bookworm\n" in asked["buildInfo"]["dockerfileContent"]
        assert "USER agent" in asked["buildInfo"]["dockerfileContent"]
        assert asked["labels"][f"{PREFIX}installation"] == "tests"
        (alive,) = await hosted.alive()
        assert (alive["id"], alive["owner"], alive["state"]) == (box.id, "run-7", "started")
        assert (alive["cpu"], alive["memory"], alive["disk"]) == (2, 2 * GIB, GIB)
        assert 0 <= alive["age"] < 60
    assert standin.machines == {}


@pytest.mark.parametrize(
    ("more", "need"),
    [
        ({"provider": "any"}, "daytona"),
        ({"network": "allow", "allow": (Allow(host="pypi.org"),)}, "broker"),
        ({"needs": ("processes",)}, "number of processes"),
        ({"needs": ("memory",), "memory_bytes": GIB + 1}, "memory"),
        ({"needs": ("disk",), "disk_bytes": GIB // 2}, "disk"),
        ({"needs": ("cpu",), "cpus": 0.5}, "0.5 cores"),
    ],
)
async def test_what_cannot_be_held_is_refused_by_name(
    hosted: Daytona, standin: StandIn, more: dict[str, Any], need: str
) -> None:
    with pytest.raises(SandboxUnavailable, match=need):
        await hosted.create(policy(**more))
    assert standin.requests == []


async def test_exact_limits_are_held(hosted: Daytona) -> None:
    async with await hosted.create(policy(needs=("memory", "disk", "cpu"))):
        pass


async def test_folders_of_the_host_are_refused(hosted: Daytona, standin: StandIn, tmp_path: Path) -> None:
    with pytest.raises(SandboxUnavailable, match="folders of this host"):
        await hosted.create(POLICY, mounts=[Mount(tmp_path, "/source")])
    assert standin.requests == []


@pytest.mark.parametrize(
    "override", [{"networkBlockAll": False}, {"memory": 8}, {"cpu": 4}, {"disk": 100}, {"state": "error"}]
)
async def test_another_sandbox_than_was_asked_for_is_not_used(
    hosted: Daytona, standin: StandIn, override: dict[str, Any]
) -> None:
    standin.overrides = override
    with pytest.raises(SandboxUnavailable):
        await hosted.create(POLICY)
    assert standin.machines == {}


async def test_an_image_that_is_not_there(hosted: Daytona, standin: StandIn) -> None:
    with pytest.raises(SandboxUnavailable, match="pull access denied"):
        await hosted.create(policy(image="nowhere/nothing:1"))
    assert standin.machines == {}


@pytest.mark.parametrize(
    ("environment", "says"),
    [
        ({}, "third party"),
        ({"COUNTERSIGN_HOSTED_SANDBOXES": "yes"}, "third party"),
        ({"COUNTERSIGN_HOSTED_SANDBOXES": "daytona"}, "DAYTONA_API_KEY"),
        (
            {
                "COUNTERSIGN_HOSTED_SANDBOXES": "daytona",
                "DAYTONA_API_KEY": KEY,
                "DAYTONA_API_URL": "http://sandboxes.example.org",
            },
            "without TLS",
        ),
    ],
)
async def test_an_operator_has_to_say_so(environment: dict[str, str], says: str) -> None:
    provider = Daytona(Options.from_environment(environment), installation="tests")
    with pytest.raises(SandboxUnavailable, match=says) as refused:
        await provider.create(POLICY)
    assert KEY not in str(refused.value)
    (finding,) = findings(environment)
    assert not finding.ok
    assert KEY not in str(finding)


async def test_without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hosted_options, "installed", lambda: False)
    with pytest.raises(SandboxUnavailable, match=r"uv sync --extra hosted"):
        await Daytona(Options(switch="daytona", key=KEY), installation="tests").create(POLICY)


def test_the_sdk_is_not_imported_before_it_is_used() -> None:
    script = "import sys, sandboxes.hosted; assert 'daytona' not in sys.modules and 'aiohttp' not in sys.modules"
    subprocess.run([sys.executable, "-c", script], check=True)


def test_the_doctor_shows_no_key() -> None:
    environment = {"COUNTERSIGN_HOSTED_SANDBOXES": "daytona", "DAYTONA_API_KEY": KEY}
    (finding,) = findings(environment)
    assert finding.ok
    assert KEY not in f"{finding} {Options.from_environment(environment)}"


async def test_what_dead_workers_left_is_removed_and_only_that(
    hosted: Daytona, options: Options, standin: StandIn
) -> None:
    standin.page = 2
    async with await hosted.create(POLICY) as ours:
        other_installation = Daytona(options, installation="another")
        theirs = await other_installation.create(POLICY)
        dead = {f"{PREFIX}process": "999999-1"}
        left = []
        for changed in (dead, dead | {f"{PREFIX}host": "elsewhere"}, {f"{PREFIX}id": "lost"}):
            box = await hosted.create(POLICY)
            standin.machines[box.id].told["labels"] |= changed
            left.append(box.id)
        assert len(await hosted.alive()) == 4
        assert sorted(await hosted.reap()) == sorted([left[0], left[2]])
        assert set(standin.machines) == {ours.id, theirs.id, left[1]}
        assert await hosted.reap() == []
        await other_installation.close()


async def test_a_cancelled_start_leaves_nothing(hosted: Daytona, standin: StandIn) -> None:
    standin.faults.append(Fault("POST /api/sandbox", seconds=0.5))
    making = asyncio.create_task(hosted.create(POLICY))
    while not standin.requests:
        await asyncio.sleep(0.01)
    making.cancel()
    with pytest.raises(asyncio.CancelledError):
        await making
    assert standin.machines == {}


async def test_one_that_is_gone_can_be_destroyed(hosted: Daytona, standin: StandIn) -> None:
    box = await hosted.create(POLICY)
    await standin.lose(box.id)
    with pytest.raises(SandboxFailed, match="no longer"):
        await box.exec(["true"])
    await box.destroy()


async def test_an_open_network_has_to_be_asked_for(hosted: Daytona, standin: StandIn) -> None:
    async with await hosted.create(policy(network="open")):
        assert standin.asked[0]["networkBlockAll"] is False


async def test_how_many_calls_each_thing_costs(hosted: Daytona, standin: StandIn) -> None:
    """docs/hosted-sandboxes.md has this table: each is a way to the vendor and back."""
    counts = {}

    async def counted(name: str, doing: Awaitable[object]) -> object:
        before = len(standin.requests)
        done = await doing
        counts[name] = len(standin.requests) - before
        return done

    box = await hosted.create(POLICY)
    await counted("exec", box.exec(["true"]))
    await counted("write", box.write("x", b"x" * 10_000))
    await counted("read", box.read("x"))
    await counted("list", box.list())
    await box.exec(["sh", "-c", "head -c 1000000 /dev/urandom > large"])
    await counted("large read", box.read("large"))
    await counted("destroy", box.destroy())
    assert counts == {"exec": 5, "write": 2, "read": 1, "list": 1, "large read": 3, "destroy": 1}
