"""Records a look at tickets, a batch that was signed with answers worded by a scripted model, a doubtful ticket, and a
backfill: `make histories`."""

import asyncio
import json
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path

from activities.models import models_from_environment
from contracts.support import SupportRequest
from tests.replay.record_ticket import record
from tests.support.model_server import KEY, Asked, ModelServer, Scripted
from tests.support.platform import Installation
from workers.demo.tickets import history, new, write
from workers.devserver import DevServer
from workers.worker import build

WORDED = "Here is what to do. {}"  # of each answer, the solution that it was given


def worded(asked: Asked) -> Scripted:
    """The first solution of the prompt, in hardly other words."""
    rows = asked.body["messages"][0]["content"][0]["text"].split("<<<SOLUTIONS")[1].splitlines()
    first = json.loads(rows[1])
    return Scripted(data={"answer": WORDED.format(first["solution"]), "cites": [first["id"]]})


async def main() -> None:
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="countersign-")))
        server = await stack.enter_async_context(DevServer(folder / "temporal", say=print))
        models = stack.enter_context(ModelServer())
        environ = {"ANTHROPIC_API_KEY": KEY, "ANTHROPIC_BASE_URL": models.anthropic_url}
        tiers = models_from_environment({**environ, "COUNTERSIGN_PRICES_OF": "anthropic"})
        here = await Installation(server, folder / "state").open(stack, models=tiers)
        for kind in ("agents", "effects"):
            await stack.enter_async_context(build(here.client, kind, here.tools))
        solved = write(folder / "solved.jsonl", history(160))
        models.script(*[worded] * 12)
        request = SupportRequest(source=str(write(folder / "tickets.jsonl", new(5, doubtful=1))), history=str(solved))
        look = await here.start("support_triage", request)
        await here.outcome(look)
        await record(here, "support_triage_look", look)
        batch, doubtful = f"{look}-1", f"{look}-2"
        await here.decide(await here.waiting(batch), "request_changes", words="T1: Billing\nplease be brief")
        again = await here.waiting(batch, revision=2)
        assert again.drafted_by == "model", again.fallback
        await here.decide(again, "approve")
        await here.outcome(batch)
        await record(here, "support_triage_worded", batch)
        await here.decide(await here.waiting(doubtful), "reject", reason="not needed")
        await here.outcome(doubtful)
        await record(here, "support_triage_doubtful", doubtful)
        all_of_it = await here.start("support_triage", request.model_copy(update={"backfill": True}))
        await here.outcome(all_of_it)
        await record(here, "support_triage_backfill", all_of_it)


if __name__ == "__main__":
    asyncio.run(main())
