"""What all workers of this platform have in common."""

from datetime import timedelta
from typing import TypedDict

from temporalio.worker import Interceptor

from activities.toolbox import Toolbox
from workers.heartbeats import HeartbeatInterceptor
from workers.interceptors import LedgerInterceptor


class Options(TypedDict):
    """Options of the SDK's worker."""

    default_heartbeat_throttle_interval: timedelta
    max_heartbeat_throttle_interval: timedelta
    graceful_shutdown_timeout: timedelta


OPTIONS: Options = {
    "default_heartbeat_throttle_interval": timedelta(milliseconds=200),
    "max_heartbeat_throttle_interval": timedelta(milliseconds=500),
    "graceful_shutdown_timeout": timedelta(seconds=5),
}


def interceptors(tools: Toolbox) -> list[Interceptor]:
    """A sign of life from every activity, and its entry in the ledger."""
    return [HeartbeatInterceptor(), LedgerInterceptor(tools.ledger)]
