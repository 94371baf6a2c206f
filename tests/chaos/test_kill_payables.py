"""A morning's payments whose workers are killed around every step: each payment is in one file, in the end."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path
from xml.etree import ElementTree

import pytest

from activities.faults import PAYABLES_POINTS
from tests.chaos.conftest import KINDS, Workers
from tests.chaos.lanes import WideServer, apart
from tests.workflows.test_payables import books
from workers.devserver import Binary, DevServer

pytestmark = pytest.mark.chaos

# Each lane dies twice: a death is noticed after the step's five seconds. Who dies as a step begins has lost nothing.
LANES = {
    "gather": ("payables.gather.worked", "payables.plan.started"),
    "plan": ("payables.gather.entered", "payables.plan.worked"),
    "propose": ("payables.propose.worked", "payables.propose.entered"),
}


async def killed(server: DevServer, folder: Path, lane: str) -> list[str]:
    """One run whose workers die at these moments of its steps. Gives the ids of the payments in the outbox."""
    async with AsyncExitStack() as stack:
        here = await apart(server, folder / "state", lane, stack)
        workers = Workers(here, folder, workflows=("payables",))
        points = LANES[lane]
        assert set(points) <= set(PAYABLES_POINTS)
        workers.order.mkdir()
        for point in points:
            (workers.order / point).touch()
        stack.callback(workers.stop)
        workers.start(*KINDS)
        keeper = asyncio.create_task(workers.keep_alive())
        stack.callback(keeper.cancel)

        run = await here.start("payables", books(folder / "books"))
        proposal = await here.waiting(run)
        await here.decide(proposal, "approve")
        outcome = await here.outcome(run)
        assert outcome.state == "done"
        assert (workers.deaths, list(workers.order.iterdir())) == (len(points), []), "it died at each of them, once"
        assert len(here.ledger.proposals(state="", run=run)) == 1
        assert [each.state for each in here.ledger.effects(run=run)] == ["done"]
        files = list(here.settings.outbox.glob("*.xml"))
        roots = [ElementTree.fromstring(each.read_bytes()) for each in files]
        return [str(each.text) for root in roots for each in root.iter() if each.tag.endswith("}EndToEndId")]


async def test_killed_around_every_step_each_payment_is_there_once(temporal_binary: Binary, tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(WideServer(tmp_path / "temporal", temporal_binary, LANES))
        folders = {lane: tmp_path / lane for lane in LANES}
        for folder in folders.values():
            folder.mkdir()
        paid = await asyncio.gather(*(killed(server, folder, lane) for lane, folder in folders.items()))
    for ids in paid:
        assert ids
        assert len(ids) == len(set(ids))
