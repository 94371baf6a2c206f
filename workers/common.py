"""What all workers of this platform have in common."""

import hashlib
import importlib
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import TypedDict

from temporalio.worker import Interceptor

from activities.toolbox import Toolbox
from workers.heartbeats import HeartbeatInterceptor
from workers.interceptors import LedgerInterceptor


class Options(TypedDict):
    """Options of the SDK's worker."""

    build_id: str
    default_heartbeat_throttle_interval: timedelta
    max_heartbeat_throttle_interval: timedelta
    graceful_shutdown_timeout: timedelta


def options() -> Options:
    """Once folders of somebody's own workflows are on the search path."""
    return {
        "build_id": build_id(),
        "default_heartbeat_throttle_interval": timedelta(milliseconds=200),
        "max_heartbeat_throttle_interval": timedelta(milliseconds=500),
        "graceful_shutdown_timeout": timedelta(seconds=5),
    }


@cache
def build_id() -> str:
    """What history notes of the code that made a step: a digest of the source of all that decides how a run goes.

    The SDK would read, and where there is no bytecode compile, every module of the process: a second of its start.
    """
    found = hashlib.sha256()
    for name in ("contracts", "workflows"):
        for folder in sorted(importlib.import_module(name).__path__):
            for path in sorted(Path(folder).rglob("*.py")):
                found.update(f"{name}/{path.relative_to(folder)}\n".encode() + path.read_bytes())
    return found.hexdigest()[:16]


def interceptors(tools: Toolbox) -> list[Interceptor]:
    """A sign of life from every activity, and its entry in the ledger."""
    return [HeartbeatInterceptor(), LedgerInterceptor(tools.ledger)]
