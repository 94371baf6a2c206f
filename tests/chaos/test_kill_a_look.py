"""kill -9 of a worker in a look at tickets, and in a backfill: none is lost, each is done once."""

import asyncio
import csv
import json
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from activities.faults import SUPPORT_POINTS
from activities.support_triage.backfill import PART_DONE
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
DIES_IN_A_BACKFILL = ("support.part", "support.backfill.worked")


async def test_killed_at_each_step_no_ticket_is_lost_or_done_twice(temporal_binary: Binary, tmp_path: Path) -> None:
    solved = write(tmp_path / "solved.jsonl", history(80))
    tickets = write(tmp_path / "tickets.jsonl", new(4, doubtful=0))
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(DevServer(tmp_path / "temporal", binary=temporal_binary, say=print))
        here = await Installation(server, tmp_path / "state").open(stack)
        workers = Workers(here, tmp_path, workflows=("support_triage",), noticed=3.0, part=40)
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

        asked = [{**each, "id": f"B{place}", "status": "pending"} for place, each in enumerate(new(90, doubtful=0))]
        write(solved, asked)
        for point in DIES_IN_A_BACKFILL:
            (workers.order / point).touch()
        run = await here.start("support_triage", SupportRequest(source=str(solved), backfill=True))
        report = await here.waiting(run)
        assert workers.deaths == len(DIES_AT) + len(DIES_IN_A_BACKFILL)
        assert report.title.startswith("Backfill of 170 tickets: ")
        parts = [each.facts["part"] for each in here.ledger.entries(run=run) if each.name == PART_DONE]
        assert parts == list(range(5)), "each part was done once"
        with next((tmp_path / "state" / "backfills").iterdir()).open(newline="") as file:
            assert sorted(row["ticket"] for row in csv.DictReader(file)) == sorted(each["id"] for each in asked)
        await here.decide(report, "approve")
        assert (await here.outcome(run)).says == "Signed as read. Nothing was to be done."


def test_they_are_points_of_this_workflow() -> None:
    assert {*DIES_AT, *DIES_IN_A_BACKFILL} - {"support.kept", "support.part"} < set(SUPPORT_POINTS)
