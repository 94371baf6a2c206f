"""Records the histories that test_replay.py replays: `make histories`."""

import asyncio
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path

from contracts.changelog import ChangelogRequest
from contracts.proposal import Proposal
from tests.support.platform import Installation, Platform
from tests.workflows.test_changelog import small_repository
from workers.devserver import DevServer
from workers.worker import build

HISTORIES = Path(__file__).parent / "histories"


async def approved(here: Platform, proposal: Proposal) -> None:
    await here.decide(proposal, "approve")


async def edited(here: Platform, proposal: Proposal) -> None:
    assert proposal.editable
    await here.decide(await here.edit(proposal, proposal.editable.text.replace("CSV", "tables")), "approve")


async def changes_requested(here: Platform, proposal: Proposal) -> None:
    await here.decide(proposal, "request_changes", words="leave out #13")
    await here.decide(await here.waiting(proposal.run, revision=2), "approve")


async def rejected(here: Platform, proposal: Proposal) -> None:
    await here.decide(proposal, "reject", reason="not needed")


async def record(here: Platform, name: str, run: str) -> None:
    await here.outcome(run)
    history = await here.client.get_workflow_handle(run).fetch_history()
    (HISTORIES / f"changelog_{name}.json").write_text(history.to_json())
    print(f"recorded {name}: {len(history.events)} events")


async def main() -> None:
    HISTORIES.mkdir(exist_ok=True)
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="countersign-")))
        server = await stack.enter_async_context(DevServer(folder / "temporal", say=print))
        here = await Installation(server, folder / "state").open(stack)
        for kind in ("agents", "effects"):
            await stack.enter_async_context(build(here.client, kind, here.tools))
        for way in (approved, edited, changes_requested, rejected):
            repository = small_repository(folder / way.__name__)
            run = await here.start("changelog", ChangelogRequest(repository=str(repository)))
            await way(here, await here.waiting(run))
            await record(here, way.__name__, run)
        again = await here.start("changelog", ChangelogRequest(repository=str(folder / "approved")))
        await record(here, "nothing_to_do", again)


if __name__ == "__main__":
    asyncio.run(main())
