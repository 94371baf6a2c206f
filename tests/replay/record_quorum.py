"""Records a run that several people decide: `make histories`.

The one who started it is refused. Another approves, takes it back and approves again. A reminder and an escalation
pass, and the one whom that lets decide is the last.
"""

import asyncio
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path

from tests.replay.record import HISTORIES
from tests.support.platform import Installation, Platform
from tests.workflows.own.workflows.guarded import Hurried
from tests.workflows.test_changelog import small_repository
from tests.workflows.test_quorum import QUEUE, Team
from workers.devserver import DevServer
from workers.worker import build


async def decided(team: Team, run: str) -> None:
    proposal = await team.here.waiting(run)
    await team.told(run, team.sign("ana", proposal))
    first = team.sign("ben", proposal)
    await team.told(run, first)
    await team.told(run, team.sign("ben", proposal, "withdraw", withdraws=first.id))
    await team.told(run, team.sign("ben", proposal))
    while not any(entry.name == "gate.escalation" for entry in team.here.ledger.entries(run=run)):
        await asyncio.sleep(0.1)
    await team.told(run, team.sign("lea", proposal))


async def people(here: Platform, folder: Path) -> Team:
    team = Team(here, folder)
    for name in ("ben", "lea"):
        team.enrol(name)
    here.accept("lea", "lead")
    return team


async def main() -> None:
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="countersign-")))
        server = await stack.enter_async_context(DevServer(folder / "temporal", say=print))
        here = await Installation(server, folder / "state").open(stack)
        for kind in ("agents", "effects"):
            await stack.enter_async_context(build(here.client, kind, here.tools))
        hurried = build(here.client, "agents", here.tools, workflows=[Hurried], activities=[], queue=QUEUE)
        await stack.enter_async_context(hurried)
        team = await people(here, folder / "team")
        run = await team.start(Hurried, small_repository(folder / "app"))
        await decided(team, run)
        outcome = await here.outcome(run)
        assert (outcome.state, outcome.signed_by) == ("done", "ben and lea"), outcome
        history = await here.client.get_workflow_handle(run).fetch_history()
        (HISTORIES / "changelog_by_several.json").write_text(history.to_json())
        print(f"recorded by_several: {len(history.events)} events")


if __name__ == "__main__":
    asyncio.run(main())
