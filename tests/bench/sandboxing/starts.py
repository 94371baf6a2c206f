"""A sandbox from nothing to nothing, a command in one that is there, and what they are measured against."""

import shutil
import subprocess

from contracts.policy import SandboxPolicy
from sandboxes import SandboxProvider
from sandboxes.docker.engine import IMAGE
from tests.bench.sandboxing.measuring import Figures, Work, bare, measured, timed


def docker_answers() -> bool:
    """Whether `docker run` works here, with the platform's image."""
    if not shutil.which("docker"):
        return False
    return subprocess.run(["docker", "run", "--rm", IMAGE, "true"], capture_output=True).returncode == 0


async def starts(providers: dict[str, SandboxProvider], repetitions: int, *, docker_run: bool) -> dict[str, Figures]:
    """By provider: cycle_ms, exec_ms, write_read_ms; and under `bare`: subprocess_ms, docker_run_ms."""
    works: dict[str, Work] = {"bare/subprocess_ms": lambda: timed(bare("/bin/true"))}
    if docker_run:
        works["bare/docker_run_ms"] = lambda: timed(bare("docker", "run", "--rm", IMAGE, "true"))
    boxes = []
    for name, provider in providers.items():
        box = await provider.create(SandboxPolicy())
        boxes.append(box)

        async def cycle(provider: SandboxProvider = provider) -> None:
            async with await provider.create(SandboxPolicy()) as fresh:
                await fresh.exec(["true"])

        async def write_read(box: object = box) -> None:
            await box.write("file", b"x" * 4096)  # type: ignore[attr-defined]
            await box.read("file")  # type: ignore[attr-defined]

        works[f"{name}/cycle_ms"] = lambda cycle=cycle: timed(cycle())  # type: ignore[misc]
        works[f"{name}/exec_ms"] = lambda box=box: timed(box.exec(["true"]))  # type: ignore[misc]
        works[f"{name}/write_read_ms"] = lambda work=write_read: timed(work())  # type: ignore[misc]
    try:
        return by_provider(await measured(works, repetitions))
    finally:
        for box in boxes:
            await box.destroy()


def by_provider(figures: Figures) -> dict[str, Figures]:
    """`name/figure` as figures by name."""
    found: dict[str, Figures] = {}
    for key, value in figures.items():
        name, _, figure = key.partition("/")
        found.setdefault(name, {})[figure] = value
    return found
