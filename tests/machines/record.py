"""Records the history of a run that loses its machine twice: `make histories`."""

import asyncio
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path

from tests.machines.conftest import Fleet
from tests.machines.own.workflows.scripted import Act
from tests.replay.record import HISTORIES
from tests.support.platform import Installation
from tests.support.repositories import small
from workers.devserver import DevServer

ACTS = (
    Act(do="write", args={"path": "notes.txt", "text": "kept\n"}),
    Act(do="run", args={"argv": ["sleep", "600"]}),  # killed meanwhile
    Act(do="read", args={"path": "notes.txt"}),
    Act(do="wait"),  # killed meanwhile
    Act(do="run", args={"argv": ["cat", "notes.txt"]}),
    Act(do="park"),
    Act(do="search", args={"pattern": "kept"}),
    Act(do="diff"),
    Act(do="list"),
    Act(do="checkpoint"),
)


async def main() -> None:
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="countersign-")))
        server = await stack.enter_async_context(DevServer(folder / "temporal", say=print))
        fleet = Fleet(await Installation(server, folder / "state").open(stack), folder)
        stack.callback(fleet.stop)
        keeper = asyncio.create_task(fleet.keep_alive())
        stack.callback(keeper.cancel)
        await fleet.both()
        run = await fleet.run(small(folder / "app", checkout=True), *ACTS)
        for count in (1, 3):
            told = await fleet.told(run, count)
            await asyncio.sleep(1)
            await fleet.ready("one", "two")
            fleet.kill(fleet.holder(told[-1].queue))
        await run.signal("go")
        outcomes = [told.outcome for told in (await fleet.account(run)).told]
        assert outcomes == ["ok", "interrupted", *["ok"] * 8], outcomes
        history = await run.fetch_history()
        (HISTORIES / "machine_lost_twice.json").write_text(history.to_json())
        print(f"recorded machine_lost_twice: {len(history.events)} events")


if __name__ == "__main__":
    asyncio.run(main())
