"""Disposable machines: the protocol, its providers and their limits."""

from sandboxes.bubblewrap import Bubblewrap, choose
from sandboxes.probe import Finding
from sandboxes.protocol import Diff, Found, Match, Mount, Result, Sandbox, SandboxProvider, Store, Tree

__all__ = [
    "Bubblewrap",
    "Diff",
    "Finding",
    "Found",
    "Match",
    "Mount",
    "Result",
    "Sandbox",
    "SandboxProvider",
    "Store",
    "Tree",
    "choose",
]
