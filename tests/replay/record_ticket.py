"""Records histories of a fix without a model, and of one by a scripted model with its agent: `make histories`."""

import asyncio
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path

from tests.replay.record import HISTORIES
from tests.support.model_server import ModelServer, Scripted
from tests.support.platform import Platform
from tests.workflows.test_ticket_to_pr import (
    CALC,
    FIXED,
    KEY,
    ROMAN,
    ROMAN_TEST,
    TEST,
    asked,
    bare,
    calls,
    installed,
)
from workers.devserver import DevServer

REPLIES = (
    calls("grep", pattern="roman"),
    calls("edit", path="roman.py", old="no such text", new="x"),
    calls("edit", path="roman.py", old='    return "I" * number\n', new=FIXED),
    calls("test"),
    Scripted(text="roman() uses all numerals now."),
)


async def record(here: Platform, name: str, workflow_id: str) -> None:
    history = await here.client.get_workflow_handle(workflow_id).fetch_history()
    (HISTORIES / f"{name}.json").write_text(history.to_json())
    print(f"recorded {name}: {len(history.events)} events")


async def main() -> None:
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="countersign-")))
        models = stack.enter_context(ModelServer())
        models.key = KEY
        server = await stack.enter_async_context(DevServer(folder / "temporal", say=print))
        environ = {
            "ANTHROPIC_API_KEY": KEY,
            "ANTHROPIC_BASE_URL": models.anthropic_url,
            "COUNTERSIGN_PRICES_OF": "anthropic",
        }
        here = await installed(stack, server, folder / "state", environ)
        for name, files, search in (
            ("fixed", {"calc.py": CALC, "test_calc.py": TEST}, 60),
            ("by_model", {"roman.py": ROMAN, "test_roman.py": ROMAN_TEST}, 5),
        ):
            (folder / name).mkdir()
            if name == "by_model":
                models.script(*REPLIES)
            run = await here.start("ticket_to_pr", asked(folder / name, bare(folder / name, **files), search=search))
            await here.decide(await here.waiting(run), "approve")
            await here.outcome(run)
            await record(here, f"ticket_to_pr_{name}", run)
        await record(here, "agent_at_work", f"{run}/agent-1")


if __name__ == "__main__":
    asyncio.run(main())
