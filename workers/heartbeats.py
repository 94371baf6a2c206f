"""Every activity's sign of life, so that nobody has to remember it: a dead worker is noticed within seconds.

An activity that says how far it is (`activities/progress.py`) goes on saying so; its newest words are repeated.
"""

import asyncio
from typing import Any

from temporalio import activity
from temporalio.worker import (
    ActivityInboundInterceptor,
    ActivityOutboundInterceptor,
    ExecuteActivityInput,
    Interceptor,
)

# Seconds, and five times within a step's heartbeat timeout; an activity that is done before sends none.
EVERY = 1.0
TIMES = 5


class HeartbeatInterceptor(Interceptor):
    """Beats for each activity that has a heartbeat timeout."""

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        return _Inbound(next)


class _Inbound(ActivityInboundInterceptor):
    def init(self, outbound: ActivityOutboundInterceptor) -> None:
        self._said = _Outbound(outbound)
        super().init(self._said)

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:
        timeout = activity.info().heartbeat_timeout
        if timeout is None:
            return await super().execute_activity(input)
        beating = asyncio.create_task(self._beat(min(EVERY, timeout.total_seconds() / TIMES)))
        try:
            return await super().execute_activity(input)
        finally:
            beating.cancel()

    async def _beat(self, every: float) -> None:
        while True:
            await asyncio.sleep(every)
            activity.heartbeat(*self._said.newest)


class _Outbound(ActivityOutboundInterceptor):
    newest: tuple[Any, ...] = ()

    def heartbeat(self, *details: Any) -> None:
        self.newest = details
        super().heartbeat(*details)
