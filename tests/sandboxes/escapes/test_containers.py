"""The same attempts against Docker and gVisor: each fails, but for those that the provider itself names."""

from collections.abc import Iterator

import pytest

from sandboxes import Docker, Gvisor, Mount
from tests.sandboxes.escapes.attempts import Attempt
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
    assert escaped == (attempt.name in named(containers)), result


def named(provider: Docker) -> set[str]:
    return {attempt for gap in provider.gaps.values() for attempt in gap.attempts}
