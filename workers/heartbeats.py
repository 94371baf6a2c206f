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

# Seconds. The shortest heartbeat timeout of a step is five; an activity that is done before sends none.
EVERY = 1.0


class HeartbeatInterceptor(Interceptor):
    """Beats for each activity that has a heartbeat timeout."""

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        return _Inbound(next)


class _Inbound(ActivityInboundInterceptor):
    def init(self, outbound: ActivityOutboundInterceptor) -> None:
        self._said = _Outbound(outbound)
        super().init(self._said)

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:
        if activity.info().heartbeat_timeout is None:
            return await super().execute_activity(input)
        beating = asyncio.create_task(self._beat())
        try:
            return await super().execute_activity(input)
        finally:
            beating.cancel()

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(EVERY)
            activity.heartbeat(*self._said.newest)


class _Outbound(ActivityOutboundInterceptor):
    newest: tuple[Any, ...] = ()

    def heartbeat(self, *details: Any) -> None:
        self.newest = details
        super().heartbeat(*details)
