"""Records a morning of payables with a change that was asked for, and the run that two sign: `make histories`."""

import asyncio
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path

from contracts.paying import APART
from tests.replay.record_ticket import record
from tests.support.platform import Installation
from tests.workflows.test_payables import books
from tests.workflows.test_quorum import Team
from workers.devserver import DevServer
from workers.worker import build


async def main() -> None:
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="countersign-")))
        server = await stack.enter_async_context(DevServer(folder / "temporal", say=print))
        here = await Installation(server, folder / "state").open(stack)
        for kind in ("agents", "effects"):
            await stack.enter_async_context(build(here.client, kind, here.tools))
        team = Team(here, folder / "team")
        team.enrol("pat")
        run = await here.start("payables", books(folder / "books"))
        await here.decide(await here.waiting(run), "request_changes", words="leave out 2026-0007: not yet")
        await here.decide(await here.waiting(run, revision=2), "approve")
        await here.outcome(run)
        await record(here, "payables_morning", run)
        two = f"{run}{APART}"
        proposal = await here.waiting(two)
        for name in ("ana", "pat"):
            await team.told(two, team.sign(name, proposal))
        await here.outcome(two)
        await record(here, "payables_alone", two)


if __name__ == "__main__":
    asyncio.run(main())
