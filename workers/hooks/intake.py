"""Deliveries in, runs out.

Nobody is believed before the signature over the body was checked. A run is known by the digest of what was delivered:
the same delivery again, by the service that had no answer or by somebody who recorded it, starts nothing more. Where
Temporal or the ledger is away the answer is 503, so that the service delivers again.
"""

import hashlib
import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.exc import SQLAlchemyError
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from temporalio.client import Client
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError

from console.limits import RateLimit, TooMany
from contracts.errors import BadInput, CountersignError
from contracts.requirements import StartedBy
from ledger import Ledger
from workers import discovery
from workers.hooks.declared import Hook
from workers.hooks.signatures import SIGNERS
from workers.notes import system_entry
from workers.starting import start

MAX_BODY = 25 << 20  # bytes: GitHub delivers no more
AGAIN = {"retry-after": "30"}
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Intake:
    """`secrets`: of each hook, by its name."""

    hooks: Mapping[str, Hook]
    secrets: Mapping[str, str] = field(repr=False)
    ledger: Ledger
    temporal: Callable[[], Awaitable[Client]]
    refusals: RateLimit = field(default_factory=lambda: RateLimit(1, 60, what="refused deliveries"))
    deliveries: RateLimit = field(default_factory=lambda: RateLimit(600, 60, what="deliveries"))

    def app(self) -> Starlette:
        routes = [
            Route("/hooks/{name}", self.deliver, methods=["POST"]),
            Route("/healthz", lambda _: PlainTextResponse("ok\n")),
        ]
        return Starlette(routes=routes)

    async def deliver(self, request: Request) -> Response:
        hook = self.hooks.get(request.path_params["name"])
        if hook is None:
            return said(404, "There is no such hook.")
        try:
            body = await whole(request)
            if body is None:
                return said(413, f"A delivery has at most {MAX_BODY >> 20} MiB.")
            headers = {name.lower(): value for name, value in request.headers.items()}
            if not SIGNERS[hook.service].signed(self.secrets[hook.name], headers, body):
                return await self.refuse(hook)
            self.deliveries.spend(hook.name)
            return await self.take(hook, headers, body)
        except TooMany as error:
            return said(429, error.what, AGAIN)
        except CountersignError as error:
            return said(error.status if error.status != 500 else 503, error.what, AGAIN)
        except (RPCError, SQLAlchemyError, OSError, RuntimeError) as error:
            log.warning("a delivery to %s was not taken: %s", hook.name, type(error).__name__)
            return said(503, "It can't be taken now. Deliver it again.", AGAIN)
        except ClientDisconnect:
            return said(400, "The delivery broke off.")

    async def take(self, hook: Hook, headers: Mapping[str, str], body: bytes) -> Response:
        delivery = parsed(body)
        event = SIGNERS[hook.service].event(headers, delivery)
        if event not in hook.on and "*" not in hook.on:
            return JSONResponse({"ignored": event})
        run = f"{hook.workflow}-{hook.name}-{hashlib.sha256(body).hexdigest()[:20]}"
        cls = discovery.workflow_named(hook.workflow)
        by = StartedBy(kind="webhook", name=hook.name)
        try:
            await start(await self.temporal(), self.ledger, cls, hook.request(delivery), run, by)
        except WorkflowAlreadyStartedError:
            return JSONResponse({"run": run, "again": True})
        says = f"The webhook {hook.name} started {run}: {event}"
        facts = {"hook": hook.name, "event": event, "run": run, "body": f"sha256:{hashlib.sha256(body).hexdigest()}"}
        await self.ledger.write(system_entry("hook.started", says, facts))
        return JSONResponse({"run": run}, 202)

    async def refuse(self, hook: Hook) -> Response:
        """One entry a minute at most: whoever guesses may not fill the ledger."""
        try:
            self.refusals.spend(hook.name)
        except TooMany:
            return said(401, "The signature is not right.")
        says = f"A delivery to the webhook {hook.name} was refused: its signature is not right"
        entry = system_entry("hook.refused", says, {"hook": hook.name}, ok=False)
        await run_in_threadpool(self.ledger.append, entry)
        return said(401, "The signature is not right.")


def parsed(body: bytes) -> Mapping[str, Any]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise BadInput("The delivery is no JSON object.")
    return found


async def whole(request: Request) -> bytes | None:
    """The body, or None where it is longer than any that is taken."""
    parts, length = [], 0
    async for part in request.stream():
        length += len(part)
        if length > MAX_BODY:
            return None
        parts.append(part)
    return b"".join(parts)


def said(status: int, what: str, headers: Mapping[str, str] | None = None) -> Response:
    return PlainTextResponse(f"{what}\n", status, dict(headers or {}))
