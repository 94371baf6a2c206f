"""What all workers of this platform have in common."""

import hashlib
import importlib
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import TypedDict

from temporalio.common import VersioningBehavior, WorkerDeploymentVersion
from temporalio.worker import Interceptor, WorkerDeploymentConfig

from activities.toolbox import Toolbox
from workers.discovery import scoped_workflows, workflow_name
from workers.heartbeats import HeartbeatInterceptor
from workers.interceptors import LedgerInterceptor


class _Code(TypedDict, total=False):
    """Which code it is: a note in each history, or a version that runs stay on."""

    build_id: str
    deployment_config: WorkerDeploymentConfig


class Options(_Code):
    """Options of the SDK's worker."""

    default_heartbeat_throttle_interval: timedelta
    max_heartbeat_throttle_interval: timedelta
    graceful_shutdown_timeout: timedelta


def options(version: WorkerDeploymentVersion | None = None) -> Options:
    """Once folders of somebody's own workflows are on the search path. With a version, runs stay on it."""
    return {
        **_code(version),
        "default_heartbeat_throttle_interval": timedelta(milliseconds=200),
        "max_heartbeat_throttle_interval": timedelta(milliseconds=500),
        "graceful_shutdown_timeout": timedelta(seconds=5),
    }


def _code(version: WorkerDeploymentVersion | None) -> _Code:
    if version is None:
        return {"build_id": build_id()}
    return {"deployment_config": WorkerDeploymentConfig(version, True, VersioningBehavior.PINNED)}


@cache
def build_id() -> str:
    """Which code this process runs, for each history: a digest of the sources of contracts, workflows and activities.

    The SDK would read every module of every library, and compile it where Python keeps no compiled ones (as in many
    containers): half a second of a start, or six.
    """
    found = hashlib.sha256()
    for name in ("contracts", "workflows", "activities"):
        for folder in sorted(importlib.import_module(name).__path__):
            for path in sorted(Path(folder).rglob("*.py")):
                found.update(f"{name}/{path.relative_to(folder)}\n".encode() + path.read_bytes())
    return found.hexdigest()[:16]


def interceptors(tools: Toolbox) -> list[Interceptor]:
    """A sign of life from every activity, and its entry in the ledger."""
    teams = {workflow_name(each): each.policy.team for each in scoped_workflows()}  # type: ignore[attr-defined]
    return [HeartbeatInterceptor(), LedgerInterceptor(tools.ledger, teams)]
