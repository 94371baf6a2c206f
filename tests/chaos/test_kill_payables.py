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
from workers.devserver import Binary

pytestmark = pytest.mark.chaos
# Seconds of silence. One that is only slow is asked again as well, which costs time and changes nothing.
NOTICED = 3.0

# One run dies at each of them: starting workers is what takes time, and a second lane would start two more. Who dies
# as a step begins has lost nothing: that is before the longest only.
POINTS = (
    *("payables.gather.worked", "payables.gather.entered", "payables.plan.started"),
    *("payables.plan.worked", "payables.propose.worked", "payables.propose.entered"),
)


async def test_killed_around_every_step_each_payment_is_there_once(temporal_binary: Binary, tmp_path: Path) -> None:
    assert set(POINTS) <= set(PAYABLES_POINTS)
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(WideServer(tmp_path / "temporal", temporal_binary, ("one",)))
        here = await apart(server, tmp_path / "state", "one", stack)
        workers = Workers(here, tmp_path, workflows=("payables",), noticed=NOTICED)
        workers.order.mkdir()
        for point in POINTS:
            (workers.order / point).touch()
        stack.callback(workers.stop)
        workers.start(*KINDS)
        keeper = asyncio.create_task(workers.keep_alive())
        stack.callback(keeper.cancel)

        run = await here.start("payables", books(tmp_path / "books"))
        proposal = await here.waiting(run, patience=240)
        await here.decide(proposal, "approve")
        outcome = await here.outcome(run)
        assert outcome.state == "done"
        assert (workers.deaths, list(workers.order.iterdir())) == (len(POINTS), []), "it died at each of them, once"
        assert len(here.ledger.proposals(state="", run=run)) == 1
        assert [each.state for each in here.ledger.effects(run=run)] == ["done"]
        roots = [ElementTree.fromstring(each.read_bytes()) for each in here.settings.outbox.glob("*.xml")]
        paid = [str(each.text) for root in roots for each in root.iter() if each.tag.endswith("}EndToEndId")]
        assert paid
        assert len(paid) == len(set(paid))
