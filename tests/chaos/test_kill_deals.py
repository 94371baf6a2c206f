"""A morning of deals whose workers are killed around every step: each task is there once, in the end."""

import asyncio
import json
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from activities.faults import DEALS_POINTS
from tests.chaos.conftest import KINDS, Workers
from tests.chaos.lanes import WideServer, apart
from tests.workflows.test_deal_scoring import deals
from workers.devserver import Binary, DevServer

pytestmark = pytest.mark.chaos
# Seconds of silence. The steps themselves allow for learning from hundreds of thousands of rows. What loading the
# libraries of models would keep the interpreter for is loaded before (tests/support/preloaded.py).
NOTICED = 3.0

# Each lane dies three times. Who dies as a step begins has lost nothing: that is before the longest only.
LANES = {
    "one": ("deals.gather.worked", "deals.train.entered", "deals.propose.worked"),
    "two": ("deals.gather.entered", "deals.train.started", "deals.rank.worked"),
    "three": ("deals.train.worked", "deals.rank.entered", "deals.propose.entered"),
}


async def killed(server: DevServer, folder: Path, lane: str) -> tuple[list[str], list[str]]:
    """One run whose workers die at these moments of its steps. Gives the tasks' deals, signed and made."""
    async with AsyncExitStack() as stack:
        here = await apart(server, folder / "state", lane, stack)
        workers = Workers(here, folder, workflows=("deal_scoring",), noticed=NOTICED)
        points = LANES[lane]
        assert set(points) <= set(DEALS_POINTS)
        workers.order.mkdir()
        for point in points:
            (workers.order / point).touch()
        stack.callback(workers.stop)
        workers.start(*KINDS)
        keeper = asyncio.create_task(workers.keep_alive())
        stack.callback(keeper.cancel)

        run = await here.start("deal_scoring", deals(folder / "deals"))
        proposal = await here.waiting(run, patience=240)
        await here.decide(proposal, "approve")
        assert (await here.outcome(run)).state == "done"
        assert (workers.deaths, list(workers.order.iterdir())) == (len(points), []), "it died at each of them, once"
        assert len(here.ledger.proposals(state="", run=run)) == 1
        files = (folder / "deals" / "outbox").glob("*.json")
        made = sorted(json.loads(each.read_text())["deal"] for each in files)
        return sorted(str(each.params["deal"]) for each in proposal.effects), made


async def test_killed_around_every_step_each_task_is_there_once(temporal_binary: Binary, tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(WideServer(tmp_path / "temporal", temporal_binary, LANES))
        folders = {lane: tmp_path / lane for lane in LANES}
        for folder in folders.values():
            folder.mkdir()
        found = await asyncio.gather(*(killed(server, folder, lane) for lane, folder in folders.items()))
    for signed, made in found:
        assert signed
        assert made == signed
