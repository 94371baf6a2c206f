"""One sandbox's broker: takes its requests, judges each, and tells of each."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

import h11

from contracts.errors import SandboxFailed
from contracts.policy import Allow, SandboxPolicy
from sandboxes.egress import headers, words
from sandboxes.egress.budget import Budget, Tally, current
from sandboxes.egress.client import Client, Gone
from sandboxes.egress.listen import Entrance
from sandboxes.egress.plain import forward
from sandboxes.egress.record import LONGEST_PATH, OnRequest, Request
from sandboxes.egress.rules import Asked, Rules, asked
from sandboxes.egress.tunnel import tunnel
from sandboxes.egress.upstream import Upstream

CONNECTIONS = 128  # of the sandbox's at once
UNTOLD = 256  # requests whose entries are still being written
TOLD_SECONDS = 5
SAFE = ("GET", "HEAD", "OPTIONS")


@dataclass
class Open:
    """A request in work."""

    number: int
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    began: float = field(default_factory=time.monotonic)
    asked: Asked = field(default_factory=lambda: Asked("", "", 0))
    entry: Allow | None = None
    decision: words.Decision = "allowed"
    reason: str = ""
    tally: Tally = field(default_factory=Tally)


class Broker:
    """Made by `Egress.broker`. Ends with its sandbox: `close` cuts what is open."""

    def __init__(
        self,
        policy: SandboxPolicy,
        *,
        sandbox: str,
        owner: str,
        secrets: dict[Allow, str],
        budget: Budget,
        upstream: Upstream,
        entrance: Entrance,
        on_request: OnRequest,
    ) -> None:
        self.policy, self.budget = policy, budget
        self.owner, self._sandbox, self._secrets = owner, sandbox, secrets
        self._rules, self._plain = Rules(policy), headers.plain_places(policy.allow)
        self._upstream, self._entrance, self._on_request = upstream, entrance, on_request
        self._count = 0
        self._telling: set[asyncio.Task[None]] = set()
        self._untold: list[BaseException] = []

    @contextlib.asynccontextmanager
    async def reachable_from(self, pid: int) -> AsyncIterator[None]:
        """While this lasts, the process's network namespace has the broker at 127.0.0.1:3128, and nothing else.

        Nothing happens for a process that is gone. Raises SandboxUnavailable, SandboxFailed.
        """
        try:
            listener = await self._entrance.listener(pid)
        except ProcessLookupError:
            yield
            return
        tasks: set[asyncio.Task[None]] = set()

        def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            if len(tasks) >= CONNECTIONS:
                writer.close()
                return
            task = asyncio.create_task(self._serve(reader, writer))
            tasks.add(task)
            task.add_done_callback(tasks.discard)

        server = await asyncio.start_server(connected, sock=listener)
        try:
            yield
        finally:
            server.close()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        client = Client(reader, writer)
        try:
            with contextlib.suppress(Gone):
                while await self._one(client):
                    pass
        finally:
            writer.close()

    async def _one(self, client: Client) -> bool:
        """Serve one request, and tell of it however it ends. Whether the connection can take another."""
        at_work: Open | None = None
        try:
            request = await client.request()
            at_work = self._opened()
            current.set(at_work.tally)
            await self._judged(client, request, at_work)
        except words.Denied as denied:
            at_work = at_work or self._opened()
            at_work.decision, at_work.reason = denied.decision, denied.why
            with contextlib.suppress(Gone):
                await client.refuse(denied)
            return False
        except BaseException as error:
            if at_work:
                at_work.decision, at_work.reason = "failed", _ended_by(error)
            raise
        finally:
            if at_work:
                self._tell(self._request(client, at_work, over=True))
        return client.again()

    def _opened(self) -> Open:
        self._count += 1
        return Open(self._count)

    async def _judged(self, client: Client, request: h11.Request, at_work: Open) -> None:
        method, target = request.method.decode(), request.target.decode()
        items = request.headers.raw_items()
        at_work.asked = asked(method, target, [value.decode("latin-1") for value in headers.values(items, b"host")])
        entry = self._rules.entry(at_work.asked)
        headers.is_chunked(items)
        self.budget.check()
        await self._heard(client, at_work, entry)
        at_work.entry = entry
        if entry.tunnel:
            return await tunnel(client, entry, self._upstream)
        await forward(client, request, at_work.asked, entry, self._secrets.get(entry, ""), self._plain, self._upstream)

    async def _heard(self, client: Client, at_work: Open, entry: Allow) -> None:
        """What could change something out there is in the ledger before it leaves. Raises Denied where that can't be
        had, or where so many entries wait that some could be lost."""
        waited = set(self._telling) if len(self._telling) >= UNTOLD else set()
        if entry.tunnel or at_work.asked.method not in SAFE:
            at_work.entry = entry
            waited.add(self._tell(self._request(client, at_work, over=False)))
        if not waited:
            return
        done, _ = await asyncio.wait(waited, timeout=TOLD_SECONDS, return_when=asyncio.FIRST_EXCEPTION)
        if len(done) < len(waited) or any(each.exception() for each in done):
            raise words.Denied("The ledger can't be written to now.", "Try again later.", status=503)

    def _request(self, client: Client, at_work: Open, *, over: bool) -> Request:
        asked, entry, tally = at_work.asked, at_work.entry, at_work.tally
        return Request(
            sandbox=self._sandbox,
            owner=self.owner,
            number=at_work.number,
            over=over,
            started_at=at_work.started_at,
            seconds=time.monotonic() - at_work.began,
            method=asked.method,
            host=asked.host,
            port=entry.port if entry else asked.port,
            path=asked.path[:LONGEST_PATH],
            decision=at_work.decision,
            reason=at_work.reason,
            status=client.answered,
            sent=tally.sent,
            received=tally.received,
            credential=entry.credential if entry else "",
        )

    def _tell(self, request: Request) -> asyncio.Task[None]:
        task = asyncio.create_task(self._told(request))
        self._telling.add(task)
        task.add_done_callback(self._telling.discard)
        return task

    async def _told(self, request: Request) -> None:
        try:
            await self._on_request(request)
        except Exception as error:
            self._untold.append(error)
            raise

    async def close(self) -> None:
        """After the sandbox's processes are gone: wait until all is told. Raises SandboxFailed if some can't be."""
        await self._upstream.aclose()
        if self._telling:
            await asyncio.gather(*self._telling, return_exceptions=True)
        if self._untold:
            raise SandboxFailed(
                f"{len(self._untold)} requests of the sandbox could not be written to the ledger: {self._untold[0]}.",
                subject=self._sandbox,
            ) from self._untold[0]


def _ended_by(error: BaseException) -> str:
    if isinstance(error, Gone):
        return "The sandbox ended the connection."
    if isinstance(error, asyncio.CancelledError):
        return "The sandbox's command ended."
    return f"A bug in the broker: {type(error).__name__}."
