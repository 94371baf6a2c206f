"""The same way out for containers: the broker listens in each one's own network."""

from pathlib import Path

import pytest

from contracts.errors import SandboxUnavailable
from contracts.policy import SandboxPolicy
from sandboxes import Docker, Gvisor
from tests.sandboxes.egress.world import SECRET, VARIABLE, World

ASK = """
import socket, sys, urllib.error, urllib.request
def asked(url):
    try:
        with urllib.request.urlopen(url, timeout=10) as answer: return answer.status
    except urllib.error.HTTPError as error: return error.code
print([asked(url) for url in sys.argv[1:]])
for place in (("8.8.8.8", 53), ("169.254.169.254", 80)):
    try: socket.create_connection(place, 2); print("REACHED")
    except OSError: pass
"""


@pytest.fixture
def docker(docker_engine: None, world: World, tmp_path: Path) -> Docker:
    made = Docker(tmp_path / "docker", world.egress())
    made.check()
    return made


async def has_python(docker: Docker) -> bool:
    async with await docker.create(SandboxPolicy()) as box:
        return (await box.exec(["sh", "-c", "command -v python3"])).exit_code == 0


async def test_a_container_reaches_its_list_and_nothing_else(docker: Docker, world: World) -> None:
    if not await has_python(docker):
        pytest.skip("the image has no Python to ask with")
    policy = SandboxPolicy(network="allow", allow=(world.entry(credential=VARIABLE),), wall_seconds=60)
    async with await docker.create(policy, owner="run-1") as box:
        for _ in range(2):  # each command is a container of its own
            result = await box.exec(["python3", "-c", ASK, world.url("/x"), world.url("/x", host="other.test")])
            assert result.stdout == b"[200, 403]\n", result
        result = await box.exec(["sh", "-c", "env; cat /proc/*/environ /proc/*/cmdline"])
        assert SECRET.encode() not in result.stdout
        assert b"GIT_CONFIG_VALUE_0=*" in result.stdout, "git's own settings stay"
    assert [told.decision for told in world.over()] == ["allowed", "refused"] * 2
    assert {told.owner for told in world.over()} == {"run-1"}
    assert world.host.seen[0].header("authorization") == [f"Bearer {SECRET}"]


async def test_one_made_ahead_asks_for_whom_it_was_given(docker: Docker, world: World) -> None:
    policy = SandboxPolicy(network="allow", allow=(world.entry(),), warm=1, wall_seconds=60)
    try:
        async with await docker.create(policy, owner="first"):
            await docker.pool.settled()
        async with await docker.create(policy, owner="second") as box:
            await box.exec(["git", "ls-remote", f"https://api.test:{world.port}/x"])
        assert {told.owner for told in world.over()} == {"second"}
    finally:
        await docker.close()


def test_gvisor_refuses_a_list(tmp_path: Path, world: World) -> None:
    with pytest.raises(SandboxUnavailable, match="a network stack of its own"):
        Gvisor(tmp_path, world.egress())._refuse(SandboxPolicy(network="allow"), ())
