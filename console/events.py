"""Liveness: a stream that says when what a page shows has changed. The page then fetches itself again."""

import asyncio
import contextlib
import hashlib
import time
from collections.abc import AsyncIterator

from fastapi import APIRouter, Request
from starlette.responses import StreamingResponse

from console.access import TeamReading
from console.deps import Console, Here, in_thread
from console.inbox import find_run

router = APIRouter(include_in_schema=False)
EVERY_SECONDS = 1.0
STREAM_SECONDS = 600.0  # then the browser connects again, and its session is checked again
QUIET_SECONDS = 15.0


@router.get("/events")
async def events(request: Request, here: Here, session: TeamReading, run: str = "") -> StreamingResponse:
    """Server-sent events `changed`, for one run or for everything."""
    headers = {"X-Accel-Buffering": "no"}
    return StreamingResponse(until_stopped(request, here, run), media_type="text/event-stream", headers=headers)


async def until_stopped(request: Request, here: Console, run: str) -> AsyncIterator[str]:
    """The stream; a server that stops ends it like any answer, without an error in its log."""
    with contextlib.suppress(asyncio.CancelledError):
        async for event in stream(request, here, run):
            yield event


async def stream(request: Request, here: Console, run: str) -> AsyncIterator[str]:
    started = spoke = time.monotonic()
    last = await in_thread(mark, here, run)
    yield f"retry: 2000\nevent: mark\ndata: {last}\n\n"
    while time.monotonic() - started < STREAM_SECONDS and not await request.is_disconnected():
        await asyncio.sleep(EVERY_SECONDS)
        now = await in_thread(mark, here, run)
        if now != last:
            last, spoke = now, time.monotonic()
            yield f"event: changed\ndata: {now}\n\n"
        elif time.monotonic() - spoke > QUIET_SECONDS:
            spoke = time.monotonic()
            yield ": still here\n\n"


def mark(here: Console, run: str) -> str:
    """A short string that differs whenever a page about `run` (empty: any run) would."""
    entries = here.ledger.entries(run=run, limit=1, newest_first=True)
    proposals = here.ledger.proposals(state="", run=run, limit=50)
    runs = [find_run(here, run)] if run else here.ledger.runs(limit=50)
    effects = here.ledger.effects(run=run) if run else []
    switch = here.ledger.effect_switch()
    seen = (
        [entry.id for entry in entries],
        [(proposal.digest, proposal.state) for proposal in proposals],
        [(record.run, record.state, record.says) for record in runs if record],
        [(effect.key, effect.state) for effect in effects],
        switch.number,
    )
    return hashlib.sha256(repr(seen).encode()).hexdigest()[:16]
