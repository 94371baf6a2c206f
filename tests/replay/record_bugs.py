"""Records a night of bug triage, the run of what was in doubt, and one issue: `make histories`."""

import asyncio
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path

from contracts.bug_triage import DOUBTFUL, BugTriageRequest
from tests.replay.record_ticket import record
from tests.support.fixing import installed
from workers.demo.reports import made
from workers.devserver import DevServer


async def main() -> None:
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="countersign-")))
        server = await stack.enter_async_context(DevServer(folder / "temporal", say=print))
        here = await installed(stack, server, folder / "state", {})
        reports = made(folder / "generated")
        request = BugTriageRequest(source=str(reports.source), repository=str(reports.repository))
        night = await here.start("bug_triage", request)
        proposal = await here.waiting(night)
        await here.decide(proposal, "request_changes", words=f"leave out {proposal.effects[0].params['issue']}")
        await here.decide(await here.waiting(night, revision=2), "approve")
        await here.outcome(night)
        await record(here, "bug_triage_night", night)
        doubtful = f"{night}{DOUBTFUL}"
        await here.decide(await here.waiting(doubtful), "reject", reason="not needed")
        await here.outcome(doubtful)
        await record(here, "bug_triage_doubtful", doubtful)
        one = await here.start("bug_triage", request.model_copy(update={"issue": "GEN-3", "repository": ""}))
        await here.decide(await here.waiting(one), "approve")
        await here.outcome(one)
        await record(here, "bug_triage_one", one)


if __name__ == "__main__":
    asyncio.run(main())
