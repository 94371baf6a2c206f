"""Records a look at tickets, a batch that was signed, a doubtful ticket, and a backfill: `make histories`."""

import asyncio
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path

from contracts.support import SupportRequest
from tests.replay.record_ticket import record
from tests.support.platform import Installation
from workers.demo.tickets import history, new, write
from workers.devserver import DevServer
from workers.worker import build


async def main() -> None:
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="countersign-")))
        server = await stack.enter_async_context(DevServer(folder / "temporal", say=print))
        here = await Installation(server, folder / "state").open(stack)
        for kind in ("agents", "effects"):
            await stack.enter_async_context(build(here.client, kind, here.tools))
        solved = write(folder / "solved.jsonl", history(160))
        request = SupportRequest(source=str(write(folder / "tickets.jsonl", new(5, doubtful=1))), history=str(solved))
        look = await here.start("support_triage", request)
        await here.outcome(look)
        await record(here, "support_triage_look", look)
        batch, doubtful = f"{look}-1", f"{look}-2"
        await here.decide(await here.waiting(batch), "request_changes", words="T1: Billing")
        await here.decide(await here.waiting(batch, revision=2), "approve")
        await here.outcome(batch)
        await record(here, "support_triage_batch", batch)
        await here.decide(await here.waiting(doubtful), "reject", reason="not needed")
        await here.outcome(doubtful)
        await record(here, "support_triage_doubtful", doubtful)
        all_of_it = await here.start("support_triage", request.model_copy(update={"backfill": True}))
        await here.outcome(all_of_it)
        await record(here, "support_triage_backfill", all_of_it)


if __name__ == "__main__":
    asyncio.run(main())
