"""Sandboxes by Docker's engine, with its own runtime or with gVisor's."""

from sandboxes.docker.provider import Docker, Gvisor
from sandboxes.docker.sandbox import DockerSandbox

__all__ = ["Docker", "DockerSandbox", "Gvisor"]
