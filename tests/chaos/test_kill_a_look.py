"""kill -9 of a worker in a look at tickets: none is proposed twice, none is lost, each is updated once."""

import asyncio
import json
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from activities.faults import SUPPORT_POINTS
from contracts.support import SupportRequest
from tests.chaos.conftest import KINDS, Workers
from tests.support.platform import Installation
from workers.demo.tickets import history, new, write
from workers.devserver import Binary, DevServer

pytestmark = pytest.mark.chaos

DIES_AT = (
    *("support.learn.worked", "support.kept", "support.look.worked"),
    *("support.word.worked", "support.correct.worked"),
)


async def test_killed_at_each_step_no_ticket_is_lost_or_updated_twice(temporal_binary: Binary, tmp_path: Path) -> None:
    solved = write(tmp_path / "solved.jsonl", history(80))
    tickets = write(tmp_path / "tickets.jsonl", new(4, doubtful=0))
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(DevServer(tmp_path / "temporal", binary=temporal_binary, say=print))
        here = await Installation(server, tmp_path / "state").open(stack)
        workers = Workers(here, tmp_path, workflows=("support_triage",))
        stack.callback(workers.stop)
        workers.order.mkdir()
        for point in DIES_AT:
            (workers.order / point).touch()
        workers.start(*KINDS)
        keeper = asyncio.create_task(workers.keep_alive())
        stack.callback(keeper.cancel)

        run = await here.start("support_triage", SupportRequest(source=str(tickets), history=str(solved)))
        assert (await here.outcome(run)).state == "done"
        proposal = await here.waiting(f"{run}-1")
        await here.decide(proposal, "approve")
        assert (await here.outcome(proposal.run)).state == "done"

        assert workers.deaths == len(DIES_AT)
        assert list(workers.order.iterdir()) == []
        assert len(here.ledger.proposals(state="", limit=10)) == 1
        written = [json.loads(line) for line in Path(f"{tickets}.updates.jsonl").read_text().splitlines()]
        assert sorted(each["ticket"] for each in written) == ["T1", "T2", "T3", "T4"]


def test_they_are_points_of_this_workflow() -> None:
    assert set(DIES_AT) - {"support.kept"} < set(SUPPORT_POINTS)
