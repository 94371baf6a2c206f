"""Each attempt fails; and succeeds once the one protection that is said to stop it is gone."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from contracts.policy import SandboxPolicy
from sandboxes import Bubblewrap, Mount, Result
from tests.sandboxes.escapes.attempts import ATTEMPTS, Attempt
from tests.sandboxes.escapes.protections import REMOVALS
from tests.sandboxes.escapes.world import SECRET, World, made

PYTHON = "/usr/bin/python3"
POLICY = SandboxPolicy(memory_bytes=256 << 20, processes=32, wall_seconds=20, disk_bytes=8 << 20, cpus=0.05)
NEEDS_CPU = "eat the processor"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with made(tmp_path_factory.mktemp("world")) as one:
        yield one


async def tried(provider: Bubblewrap, world: World, attempt: Attempt) -> Result:
    cpus = POLICY.cpus if attempt.name == NEEDS_CPU else 2.0
    policy = POLICY.model_copy(update={"wall_seconds": attempt.seconds, "cpus": cpus})
    mounts = [Mount(world.folder / "given", "/given")]
    interpreter = [PYTHON, "-c"] if attempt.language == "python" else ["sh", "-c"]
    async with await provider.create(policy, mounts=mounts) as box:
        return await box.exec([*interpreter, world.fill(attempt.script)])


needs_python = pytest.mark.skipif(not Path(PYTHON).exists(), reason="no system Python to try with")
each_attempt = pytest.mark.parametrize("attempt", ATTEMPTS, ids=lambda attempt: attempt.name.replace(" ", "-"))


@needs_python
@each_attempt
async def test_it_is_stopped(
    provider: Bubblewrap, world: World, attempt: Attempt, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", SECRET)
    host = provider.check()
    if (attempt.stopped_by == "cgroup" and not host.hierarchies) or (
        attempt.stopped_by == "own disk" and not host.disks
    ):
        pytest.skip("this host can't hold it, and a policy that needs it is refused")
    result = await tried(provider, world, attempt)
    assert b"ESCAPED" not in result.stdout, result


@needs_python
@each_attempt
async def test_without_its_protection_it_succeeds(
    provider: Bubblewrap, world: World, attempt: Attempt, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not attempt.only:
        pytest.skip("this host stops it by itself")
    monkeypatch.setenv("ANTHROPIC_API_KEY", SECRET)
    lesser = Bubblewrap(provider.folder)
    lesser._host = REMOVALS[attempt.stopped_by](monkeypatch, provider.check())
    result = await tried(lesser, world, attempt)
    assert b"ESCAPED" in result.stdout, result


def test_there_are_many_and_each_protection_is_tried() -> None:
    assert len(ATTEMPTS) >= 40
    assert len({attempt.name for attempt in ATTEMPTS}) == len(ATTEMPTS)
    elsewhere = {"pid namespace", "openat2", "git runs inside", "output limit", "empty environment"}
    assert {attempt.stopped_by for attempt in ATTEMPTS} | elsewhere == set(REMOVALS)
