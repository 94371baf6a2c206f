"""The same attempts against Docker and gVisor: each fails, but for those that the provider itself names."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from contracts.errors import SandboxUnavailable
from contracts.policy import SandboxPolicy
from sandboxes import Docker, Gvisor, Mount
from tests.sandboxes.escapes.attempts import ATTEMPTS, Attempt
from tests.sandboxes.escapes.test_attempts import NEEDS_CPU, POLICY, PYTHON, each_attempt
from tests.sandboxes.escapes.world import SECRET, World, made


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with made(tmp_path_factory.mktemp("world")) as one:
        yield one


@pytest.fixture(scope="module", params=["docker", "gvisor"])
def containers(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Docker:
    request.getfixturevalue(f"{request.param}_engine")
    return {"docker": Docker, "gvisor": Gvisor}[request.param](tmp_path_factory.mktemp(request.param))


@each_attempt
async def test_it_is_stopped_or_named(
    containers: Docker, world: World, attempt: Attempt, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", SECRET)
    if attempt.stopped_by == "own disk" and "disk" not in containers.check().holds:
        pytest.skip("this host can't hold it, and a policy that needs it is refused")
    cpus = POLICY.cpus if attempt.name == NEEDS_CPU else 2.0
    policy = POLICY.model_copy(update={"wall_seconds": attempt.seconds, "cpus": cpus})
    interpreter = [PYTHON, "-c"] if attempt.language == "python" else ["sh", "-c"]
    async with await containers.create(policy, mounts=[Mount(world.folder / "given", "/given")]) as box:
        result = await box.exec([*interpreter, world.fill(attempt.script)])
    escaped = b"ESCAPED" in result.stdout
    if attempt.name in miscounted(containers):
        return  # what is told inside means nothing, either way: test_the_host_holds_the_processors looks from outside
    assert escaped == (attempt.name in named(containers)), result


def named(provider: Docker) -> set[str]:
    return {attempt for gap in provider.gaps for attempt in gap.attempts}


def miscounted(provider: Docker) -> set[str]:
    """Attempts whose own measure is wrong in there, though nothing is lacking."""
    return {attempt for gap in provider.gaps if not gap.lacks for attempt in gap.attempts}


async def test_who_needs_what_is_not_held_is_refused(containers: Docker) -> None:
    for gap in containers.gaps:
        assert gap.why
        assert set(gap.attempts) <= {attempt.name for attempt in ATTEMPTS}
        if gap.lacks:
            with pytest.raises(SandboxUnavailable, match=gap.lacks):
                await containers.create(SandboxPolicy.model_validate({"needs": [gap.lacks]}))


async def test_the_host_holds_the_processors(containers: Docker) -> None:
    """As the host's own cgroup counts them, whatever is told inside."""
    async with await containers.create(POLICY.model_copy(update={"cpus": 0.2})) as box:
        assert box._next
        pid = await (await box._next).pid()
        before, start = used(pid), time.monotonic()
        running = asyncio.create_task(box.exec([PYTHON, "-c", "while True: pass"], timeout=6))
        await asyncio.sleep(3)
        seconds, taken = time.monotonic() - start, used(pid) - before
        running.cancel()
        await asyncio.wait([running])
    assert 0.05 < taken < seconds * 0.4


def used(pid: int) -> float:
    """Seconds of processor time of a process's cgroup, version 2 or 1."""
    for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        counted = Path("/sys/fs/cgroup/cpuacct", path.lstrip("/"), "cpuacct.usage")
        if "cpuacct" in controllers.split(",") and counted.exists():
            return int(counted.read_text()) / 1e9
        told = Path("/sys/fs/cgroup", path.lstrip("/"), "cpu.stat")
        if not controllers and told.exists():
            return int(told.read_text().split()[1]) / 1e6
    raise AssertionError(f"no cgroup counts the time of process {pid}")
