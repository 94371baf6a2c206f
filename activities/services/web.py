"""Requests to one service: to its own address only, never redirected, with limits on time and on size.

What a ticket's URL says never decides where a request goes: it is looked up among the services that the operator
named, and every address that is asked has to lie below that service's own.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path

import httpx

from activities.services.service import Service
from contracts import shown
from contracts.errors import AccessRefused, BadInput, CountersignError, ServiceBusy, StrangeReply

LARGEST = 8 << 20
SECONDS = 60.0
TIMEOUT = httpx.Timeout(30.0, connect=10.0)
LONGEST_WAIT = 3900.0  # an hour is what GitHub's limits are counted by
PATIENCE = (408, 425, 429)
SECONDARY = 60.0  # GitHub's word for limits that aren't counted: a minute at least
# GitHub's and Jira's names, and Linear's.
REMAINING = ("x-ratelimit-remaining", "x-ratelimit-requests-remaining")
RESET = ("x-ratelimit-reset", "x-ratelimit-requests-reset")


class TooLarge(StrangeReply):
    """The answer is larger than is read: ask for less at once."""


@dataclass(frozen=True)
class Reply:
    """What a service said. Header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    content: bytes


class Web:
    """One service, for the length of one activity."""

    def __init__(self, service: Service, client: httpx.AsyncClient) -> None:
        self.service = service
        self.secret = service.secret()
        self._client = client

    async def ask(self, method: str, url: str, headers: Mapping[str, str], body: bytes = b"") -> Reply:
        """One request. A refusal is a reply, a redirect too: what it means is the caller's to know.

        Raises ServiceBusy (down, out of reach, too slow, asks for patience), AccessRefused (401), StrangeReply.
        """
        if not url.startswith(f"{self.service.api}/"):
            raise StrangeReply(
                f"{self.service.name} names an address elsewhere, which is not asked.", subject=self.service.place
            )
        try:
            async with asyncio.timeout(SECONDS):
                reply = await self._asked(method, url, headers, body)
        except (httpx.TransportError, httpx.DecodingError, TimeoutError) as error:
            raise self._out_of_reach(error) from None  # the cause's text may hold the request
        self._check(reply)
        return reply

    async def _asked(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> Reply:
        async with self._client.stream(method, url, headers=dict(headers), content=body) as response:
            said = bytearray()
            async for part in response.aiter_bytes():
                said += part
                if len(said) > LARGEST:
                    raise TooLarge(f"{self.service.name} answers with over 8 MB.", subject=self.service.place)
            found = {name.lower(): value for name, value in response.headers.items()}
            return Reply(response.status_code, found, bytes(said))

    def _check(self, reply: Reply) -> None:
        """What means the same for every service."""
        name, place, status = self.service.name, self.service.place, reply.status
        if limited(reply) or status >= 500:
            what = f"answers {status}" if status >= 500 else "asks for patience: its rate limit is reached"
            raise ServiceBusy(f"{name} {what}.", subject=place, retry_after=patience(reply))
        if status == 401:
            asks = "does not take the credential that it was given" if self.secret else "asks for a credential"
            raise AccessRefused(f"{name} {asks}.", subject=place, way_out=self.service.way_in)
        is_json = "json" in reply.headers.get("content-type", "")
        if reply.content and not is_json and not 300 <= status < 400:
            raise StrangeReply(
                f"{name} answers {status} with {self.quoted(reply.headers.get('content-type', 'no type'))} and not "
                "with JSON.",
                subject=place,
                way_out=f"Look whether this is its API: {self.service.api}",
            )

    def _out_of_reach(self, error: Exception) -> CountersignError:
        """The error for a service that could not be asked."""
        name, place = self.service.name, self.service.place
        if "CERTIFICATE_VERIFY_FAILED" in str(error):
            return AccessRefused(
                f"{name} has a certificate that no known authority vouches for.",
                subject=place,
                way_out="Name its authority's PEM file: COUNTERSIGN_EGRESS_AUTHORITIES=/path/to/ca.pem",
            )
        slow = isinstance(error, TimeoutError | httpx.TimeoutException)
        return ServiceBusy(f"{name} {'takes too long' if slow else 'can not be reached'}.", subject=place)

    def quoted(self, text: object) -> str:
        """Words of the service's own, for an error: short, without hidden characters or our secret."""
        said = str(text).replace(self.secret, "…") if self.secret else str(text)
        return shown.spelt(" ".join(said.split()))[:200]


@asynccontextmanager
async def reached(service: Service, authorities: Path | None) -> AsyncIterator[Web]:
    """The service, ready to be asked. BadInput for a secret that isn't set or authorities that can't be read."""
    context = await asyncio.to_thread(trusting, authorities)
    async with httpx.AsyncClient(verify=context, timeout=TIMEOUT, follow_redirects=False) as client:
        yield Web(service, client)


def trusting(authorities: Path | None) -> ssl.SSLContext:
    """TLS with the system's authorities, and the operator's. BadInput where those can't be read."""
    context = ssl.create_default_context()
    try:
        if authorities:
            context.load_verify_locations(cafile=str(authorities))
    except OSError as error:
        raise BadInput(
            f"The certificate authorities in {str(authorities)!r} can't be read: {error}.",
            subject=str(authorities),
            way_out="Point COUNTERSIGN_EGRESS_AUTHORITIES at a PEM file.",
        ) from error
    return context


def limited(reply: Reply) -> bool:
    """Whether the answer is a rate limit. GitHub says so with 403 as well, by its headers or in words."""
    if reply.status in PATIENCE:
        return True
    if reply.status != 403:
        return False
    spent = reply.headers.get("x-ratelimit-remaining") == "0" or "retry-after" in reply.headers
    return spent or b"secondary rate limit" in reply.content


def patience(reply: Reply, now: datetime | None = None, *, is_limit: bool | None = None) -> float | None:
    """Seconds until the service wants to be asked again; None where it doesn't say. At least 1, 65 minutes at most.

    When the limit is counted anew matters only where it is used up: GitHub says it with each answer. `is_limit`: for a
    service that has words of its own for that.
    """
    now = now or datetime.now(UTC)
    after = reply.headers.get("retry-after", "").strip()
    seconds = float(after) if _is_number(after) else _until(after, now)
    if seconds is None and (limited(reply) if is_limit is None else is_limit):
        left = [value for name, value in reply.headers.items() if name in REMAINING]
        seconds = next((_until(value, now) for name, value in reply.headers.items() if name in RESET), None)
        if any(value != "0" for value in left):
            seconds = SECONDARY
    return None if seconds is None else min(max(seconds, 1.0), LONGEST_WAIT)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 20


def _until(text: str, now: datetime) -> float | None:
    """Seconds until a moment: seconds or milliseconds since 1970, or a date of HTTP's or ISO's."""
    if _is_number(text):
        return float(text) / (1000 if len(text) > 11 else 1) - now.timestamp()
    for read in (parsedate_to_datetime, datetime.fromisoformat):
        try:
            at = read(text)
        except (ValueError, TypeError):
            continue
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() - now.timestamp()
    return None
