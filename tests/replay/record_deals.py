"""Records a morning of deals with a change that was asked for: `make histories`."""

import asyncio
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path

from tests.replay.record_ticket import record
from tests.support.platform import Installation
from tests.workflows.test_deal_scoring import deals
from workers.devserver import DevServer
from workers.worker import build


async def main() -> None:
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="countersign-")))
        server = await stack.enter_async_context(DevServer(folder / "temporal", say=print))
        here = await Installation(server, folder / "state").open(stack)
        for kind in ("agents", "effects"):
            await stack.enter_async_context(build(here.client, kind, here.tools))
        run = await here.start("deal_scoring", deals(folder / "deals"))
        first = await here.waiting(run)
        name = first.effects[0].params["deal_name"]
        await here.decide(first, "request_changes", words=f"not {name}: not yet")
        await here.decide(await here.waiting(run, revision=2), "approve")
        await here.outcome(run)
        await record(here, "deal_scoring_morning", run)


if __name__ == "__main__":
    asyncio.run(main())
