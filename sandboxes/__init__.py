"""Disposable machines: the protocol, its providers and their limits."""

from sandboxes.bubblewrap import Bubblewrap, choose
from sandboxes.probe import Finding
from sandboxes.protocol import Mount, Result, Sandbox, SandboxProvider

__all__ = ["Bubblewrap", "Finding", "Mount", "Result", "Sandbox", "SandboxProvider", "choose"]
