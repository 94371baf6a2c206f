"""`countersign demo-deals`: a morning of deals, on a generated company, without a model, a CRM or a key."""

import json
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from rich.console import Console

from contracts.deals import DealsRequest
from workers.demo.chapters import follow, leave, start, verify
from workers.demo.paying import decided_on
from workers.demo.selling import make_deals
from workers.demo.stage import Narrator, Stage, fresh, open_stage, settings_for

MOST_SHOWN = 3


async def demo_deals(own: Path | None, methodology: str, folder: Path, screen: Console, *, attended: bool) -> None:
    """Tell the story of a generated company, or of the deals in the folder `own`. `folder` is made afresh.

    Raises CountersignError where the story can't go on.
    """
    began = time.monotonic()
    fresh(folder)
    narrator = Narrator(screen, folder / "processes.log")
    settings = settings_for(folder)
    narrator.chapter("A company that sells")
    today = datetime.now(UTC).date()
    day = today if own else today - timedelta(days=today.weekday())  # as a week begins
    deals = own or make_deals(folder / "generated-deals", day)
    narrator.tell(
        f"{deals}: {', '.join(sorted(each.name for each in deals.iterdir()))}\n"
        + ("Your own." if own else f"Generated for this demo, as of Monday, {day}: no company, deal or person is real.")
    )
    asked = DealsRequest(source=str(deals), methodology=methodology or _methodology(deals), today=str(day))
    narrator.chapter("Starting a Temporal server, two workers and the console")
    try:
        async with open_stage(settings, narrator, attended) as stage:
            narrator.tell(f"Inbox:       {settings.console_url}\nTemporal UI: {settings.ui}")
            narrator.chapter(f"countersign run deal_scoring {deals.name}")
            run = await start(stage, "deal_scoring", asked)
            record = await follow(stage, run)
            await decided_on(stage, run, record.state)
            shown(stage, deals)
            looked_back(stage)
            narrator.chapter("Stopping everything")
    finally:
        leave(narrator, folder)
    narrator.chapter("The log proves itself")
    verify(settings, narrator)
    narrator.tell(f"No model was asked. The demo took {time.monotonic() - began:.0f} seconds.")


def _methodology(deals: Path) -> str:
    """The one beside the deals, else an example."""
    found = deals / "methodology.yaml"
    return str(found) if found.is_file() else "meddicc"


def looked_back(stage: Stage) -> None:
    """What the backtest says, and where it is."""
    stage.narrator.chapter("countersign backtest deal_scoring")
    for made in stage.here.ledger.backtests(workflow="deal_scoring", limit=1):
        _, report = stage.here.ledger.backtest(made.run)
        stage.narrator.quote(f"{report.title} {report.summary}")
        stage.narrator.tell(f"The page of it: {stage.settings.console_url}/backtests/{made.run}")


def shown(stage: Stage, deals: Path) -> None:
    """The tasks in the outbox, and what the first says."""
    stage.narrator.chapter("The outbox: a file for each task that was signed")
    files = sorted((deals / "outbox").glob("*.json"))
    for each in files[:MOST_SHOWN]:
        task = json.loads(each.read_text())
        stage.narrator.quote(f"{task.get('owner', '')}, due {task.get('due', '')}: {task.get('subject', '')}")
    stage.narrator.tell(f"{len(files)} in all.")
