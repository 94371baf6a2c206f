"""Which provider a policy gets on which host."""

from pathlib import Path

import pytest

from contracts.errors import SandboxUnavailable
from contracts.policy import SandboxPolicy
from sandboxes import Providers, choose, probe


def lacking(what: str) -> object:
    def check() -> None:
        raise SandboxUnavailable(f"{what} is not here.", subject=what, way_out=f"Run: install {what}")

    return check


@pytest.fixture
def providers(tmp_path: Path) -> Providers:
    return Providers(tmp_path)


def works(providers: Providers, monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    for name, provider in providers.local.items():
        monkeypatch.setattr(provider, "check", (lambda: None) if name in names else lacking(name))


@pytest.mark.parametrize(
    ("asked", "here", "got"),
    [
        ("any", ("bubblewrap", "docker", "gvisor"), "bubblewrap"),
        ("any", ("docker", "gvisor"), "docker"),
        ("docker", ("bubblewrap", "docker"), "docker"),
        ("gvisor", ("bubblewrap", "docker", "gvisor"), "gvisor"),
    ],
)
def test_the_policys_provider(
    providers: Providers, monkeypatch: pytest.MonkeyPatch, asked: str, here: tuple[str, ...], got: str
) -> None:
    works(providers, monkeypatch, *here)
    assert providers.of(SandboxPolicy.model_validate({"provider": asked})).name == got


@pytest.mark.parametrize(
    ("asked", "here"), [("any", ()), ("any", ("gvisor",)), ("docker", ("bubblewrap",)), ("gvisor", ("docker",))]
)
def test_nothing_weaker_is_taken(
    providers: Providers, monkeypatch: pytest.MonkeyPatch, asked: str, here: tuple[str, ...]
) -> None:
    works(providers, monkeypatch, *here)
    with pytest.raises(SandboxUnavailable) as caught:
        providers.of(SandboxPolicy.model_validate({"provider": asked}))
    for name in ("bubblewrap", "docker") if asked == "any" else (asked,):
        assert f"{name} is not here" in caught.value.what
        assert f"Run: install {name}" in caught.value.way_out


def test_an_image_needs_containers(providers: Providers, monkeypatch: pytest.MonkeyPatch) -> None:
    works(providers, monkeypatch, "bubblewrap", "docker")
    assert providers.of(SandboxPolicy(image="mine:1")).name == "docker"
    with pytest.raises(SandboxUnavailable, match="no image"):
        providers.of(SandboxPolicy(image="mine:1", provider="bubblewrap"))


async def test_a_worker_needs_no_docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is asked whether there is one."""
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/no.sock")
    chosen = choose(tmp_path / "sandboxes")
    async with await chosen.create(SandboxPolicy(), owner="run-1"):
        assert [(one["provider"], one["owner"]) for one in chosen.alive()] == [("bubblewrap", "run-1")]
    assert chosen.reap() == []
    await chosen.close()


async def test_all_providers_are_listed_and_tried(docker_engine: None, tmp_path: Path) -> None:
    chosen = choose(tmp_path)
    policies = {name: SandboxPolicy.model_validate({"provider": name}) for name in ("bubblewrap", "docker")}
    boxes = {name: await chosen.create(policy, owner=name) for name, policy in policies.items()}
    assert {(one["provider"], one["owner"], one["id"]) for one in chosen.alive()} == {
        (name, name, box.id) for name, box in boxes.items()
    }
    for box in boxes.values():
        await box.destroy()
    assert chosen.alive() == []
    told = {finding.name: finding for finding in await chosen.probe()}
    assert told["Docker"].ok, told["Docker"]
    assert told["gVisor"].ok or told["gVisor"].fix


async def test_the_doctor_says_what_is_optional(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/no.sock")
    told = {finding.name: finding for finding in await Providers.probe()}
    assert told["sandbox"].ok
    for name in ("Docker", "gVisor"):
        assert (told[name].ok, told[name].optional) == (False, True)
        assert "does not answer" in told[name].says
        assert told[name].fix
    assert probe.program()
