"""What is told of each request: enough to judge it by, no query and no secret."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

LONGEST_PATH = 300


@dataclass(frozen=True)
class Request:
    """One request, when it is over; and before it goes out if it could change something (`over` is False).

    `number` counts the sandbox's requests, `status` is what the sandbox was answered (0: nothing, or a tunnel),
    `sent` and `received` are bytes on the host's side, inside TLS for plain requests. `decision` is "cut" where an
    allowed request was ended by a limit, "failed" where the host or the sandbox went away.
    """

    sandbox: str
    owner: str
    number: int
    over: bool
    started_at: datetime
    seconds: float
    method: str
    host: str
    port: int
    path: str
    decision: str
    reason: str
    status: int = 0
    sent: int = 0
    received: int = 0
    credential: str = ""


OnRequest = Callable[[Request], Awaitable[None]]
