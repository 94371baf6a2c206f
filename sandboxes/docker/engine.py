"""The connection to Docker's engine, and what was found out about it.

The SDK's calls block, so they run on threads of their own: those of the loop must stay free for files.
"""

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property, partial
from typing import ParamSpec, TypeVar

import docker
import requests
from docker.errors import APIError, DockerException, ImageNotFound, NotFound

from contracts.errors import SandboxFailed, SandboxUnavailable

THREADS = 16
SECONDS = 60
IMAGE = "countersign-sandbox"
START = "Start Docker's engine (sudo systemctl start docker, or `dockerd`), and let this user into the group docker."

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True)
class Facts:
    """What the engine says of itself. `holds` are the limits that it can set."""

    version: str
    runtimes: frozenset[str]
    holds: frozenset[str]
    security: tuple[str, ...]


class Engine:
    """One engine, over its unix socket. Nothing is reached before the first call."""

    @cached_property
    def api(self) -> docker.APIClient:
        """Raises SandboxUnavailable where no engine answers, or one on another host: files have to be shared."""
        try:
            client = docker.from_env(timeout=SECONDS, max_pool_size=THREADS * 2)
        except DockerException as error:
            raise unreachable(error) from error
        if not client.api.base_url.startswith("http+docker://"):
            client.close()
            raise SandboxUnavailable(
                f"Docker's engine at {client.api.base_url} is not on this host, and files are shared with it by path.",
                subject=client.api.base_url,
                way_out="Use the engine of this host: unset DOCKER_HOST.",
            )
        return client.api

    @cached_property
    def _threads(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(THREADS, thread_name_prefix="docker")

    async def call(self, function: Callable[P, T], *args: P.args, **named: P.kwargs) -> T:
        """Run on a thread of our own. Raises SandboxFailed for what the engine refuses."""

        def guarded() -> T:
            with errors():
                return function(*args, **named)

        return await asyncio.get_running_loop().run_in_executor(self._threads, guarded)

    def facts(self) -> Facts:
        """Raises SandboxUnavailable where no engine answers, or it doesn't run Linux containers."""
        try:
            told = self.api.info()
        except (DockerException, requests.RequestException) as error:
            raise unreachable(error) from error
        if told.get("OSType") != "linux":
            raise SandboxUnavailable(
                f"Docker's engine runs {told.get('OSType')} containers.", way_out="Let it run Linux containers."
            )
        limits = {
            "memory": told.get("MemoryLimit") and told.get("SwapLimit"),
            "processes": told.get("PidsLimit"),
            "cpu": told.get("CpuCfsQuota"),
        }
        return Facts(
            version=told.get("ServerVersion", ""),
            runtimes=frozenset(told.get("Runtimes") or ()),
            holds=frozenset(name for name, held in limits.items() if held),
            security=tuple(told.get("SecurityOptions") or ()),
        )

    def image(self, name: str) -> str:
        """An image's id. It has to be on this host: nothing is pulled. Raises SandboxUnavailable."""
        try:
            with errors():
                found: str = self.api.inspect_image(name)["Id"]
                return found
        except ImageNotFound as error:
            own = f"docker build -t {IMAGE} deploy/images/sandbox"
            raise SandboxUnavailable(
                f"There is no image {name!r} on this host.",
                subject=name,
                way_out=f"Run: {own if name == IMAGE else f'docker pull {name}'}",
            ) from error

    def remove(self, container: str) -> None:
        """With all its processes; fine when it is gone. Waits for a removal that is under way already."""
        with errors(), contextlib.suppress(NotFound):
            try:
                self.api.remove_container(container, force=True, v=True)
            except APIError as error:
                if error.status_code != 409:
                    raise
                self.api.wait(container, condition="removed")

    async def removed(self, container: str) -> None:
        await self.call(partial(self.remove, container))


@contextlib.contextmanager
def errors() -> Iterator[None]:
    """What goes wrong between us and the engine. What is missing there stays as it is, for who asked for it."""
    try:
        yield
    except (ImageNotFound, NotFound):
        raise
    except APIError as error:
        raise SandboxFailed(f"Docker's engine refused: {error.explanation or error}.") from error
    except (DockerException, requests.RequestException, OSError) as error:
        raise SandboxFailed(f"Docker's engine did not answer: {error}.", way_out=START) from error


def unreachable(error: Exception) -> SandboxUnavailable:
    return SandboxUnavailable(f"Docker's engine does not answer: {error}.", subject="docker", way_out=START)
