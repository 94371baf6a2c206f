"""kill -9 of the worker in every step of a night of bug triage: it ends as it would have, and each issue is changed
once."""

import asyncio
import json
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from activities.faults import BUG_STEPS
from contracts.bug_triage import BugTriageRequest
from tests.chaos.conftest import KINDS, Workers
from tests.support.platform import Installation
from workers.demo.reports import made
from workers.devserver import Binary, DevServer

pytestmark = pytest.mark.chaos

# Where the work is done and nobody knows of it: what is lost is made again, what was done is found.
POINTS = (*(f"{step}.worked" for step in BUG_STEPS), "effect.after_act")


async def test_killed_in_every_step_a_night_ends_with_each_issue_changed_once(
    temporal_binary: Binary, tmp_path: Path
) -> None:
    reports = made(tmp_path / "generated")
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(DevServer(tmp_path / "temporal", binary=temporal_binary, say=print))
        here = await Installation(server, tmp_path / "state").open(stack)
        workers = Workers(here, tmp_path, workflows=("bug_triage",))
        workers.order.mkdir()
        for point in POINTS:
            (workers.order / point).touch()
        stack.callback(workers.stop)
        workers.start(*KINDS)
        keeper = asyncio.create_task(workers.keep_alive())
        stack.callback(keeper.cancel)

        request = BugTriageRequest(source=str(reports.source), repository=str(reports.repository), most_doubtful=0)
        run = await here.start("bug_triage", request)
        proposal = await here.waiting(run, patience=240)
        await here.decide(proposal, "approve")
        outcome = await here.outcome(run)

        assert list(workers.order.iterdir()) == [], "it died at each of them"
        assert workers.deaths == len(POINTS)
        assert outcome.state == "done"
        lines = [json.loads(line) for line in Path(f"{reports.source}.updates.jsonl").read_text().splitlines()]
        assert sorted(line["issue"] for line in lines) == sorted(str(each.params["issue"]) for each in proposal.effects)
        assert {each.state for each in here.ledger.effects(run=run)} == {"done"}
        tried = [panel for panel in proposal.panels if panel.title == "Tried out"]
        assert "the same ValueError" in tried[0].model_dump_json()
