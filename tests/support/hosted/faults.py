"""What goes wrong at the stand-in, on demand: a status, a pause, a connection that drops before or in the middle."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from aiohttp import web

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class Fault:
    """For requests whose "METHOD /path" matches `where`, `times` times.

    `status`: answer with it instead. `seconds`: wait first. `drop`: close the connection instead of answering, after
    doing the work where `late`; for a followed log, after `drop_after` bytes.
    """

    where: str
    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    message: str = "the stand-in was told to fail"
    seconds: float = 0
    drop: bool = False
    late: bool = False
    drop_after: int = -1
    times: int = 1

    def matches(self, request: web.Request) -> bool:
        return self.times > 0 and bool(re.search(self.where, f"{request.method} {request.path}"))


def drop(request: web.Request) -> None:
    """Without a goodbye."""
    if request.transport:
        request.transport.abort()


def envelope(status: int, message: str, source: str = "DAYTONA_API", **headers: str) -> web.Response:
    """An error as the vendor's services say it."""
    body = {"statusCode": status, "message": message, "code": None, "source": source}
    return web.json_response(body, status=status, headers=headers)


async def served(fault: Fault, request: web.Request, handler: Handler) -> web.StreamResponse:
    if fault.drop_after < 0:
        fault.times -= 1
    if fault.seconds:
        await asyncio.sleep(fault.seconds)
    if fault.status:
        return envelope(fault.status, fault.message, **dict(fault.headers))
    if fault.drop:
        if fault.late:
            await handler(request)
        drop(request)
        return web.Response()
    return await handler(request)


FAULTS = web.AppKey("FAULTS", list[Fault])
