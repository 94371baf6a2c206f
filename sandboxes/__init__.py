"""Disposable machines: the protocol, its providers and their limits."""

from sandboxes.bubblewrap import Bubblewrap
from sandboxes.docker import Docker, Gvisor
from sandboxes.probe import Finding
from sandboxes.protocol import Diff, Found, Match, Mount, Result, Sandbox, SandboxProvider, Store, Tree
from sandboxes.providers import Providers, choose

__all__ = [
    "Bubblewrap",
    "Diff",
    "Docker",
    "Finding",
    "Found",
    "Gvisor",
    "Match",
    "Mount",
    "Providers",
    "Result",
    "Sandbox",
    "SandboxProvider",
    "Store",
    "Tree",
    "choose",
]
