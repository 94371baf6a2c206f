"""`countersign demo-payables`: a morning of payments, on generated books, without a model, a bank or a key."""

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from contracts.paying import APART, PayablesRequest
from contracts.proposal import Proposal
from workers import keys, statements
from workers.cli import decisions
from workers.demo.books import make_books
from workers.demo.chapters import decided, ended, follow, leave, open_proposals, review, start, to_its_end, verify
from workers.demo.stage import Narrator, Stage, fresh, open_stage, settings_for

COLLEAGUE = "colleague"
PATIENCE = 60.0


async def demo_payables(own: Path | None, folder: Path, screen: Console, *, attended: bool) -> None:
    """Tell the story of generated books, or of those in the folder `own`. `folder` is made afresh.

    Raises CountersignError where the story can't go on.
    """
    began = time.monotonic()
    fresh(folder)
    narrator = Narrator(screen, folder / "processes.log")
    settings = settings_for(folder)
    narrator.chapter("The books of a company")
    books = own or make_books(folder / "generated-books", datetime.now(UTC).date())
    narrator.tell(
        f"{books}: {', '.join(sorted(each.name for each in books.iterdir()))}\n"
        + ("Your own." if own else "Generated for this demo: no company, account or amount in them is real.")
    )
    narrator.chapter("Starting a Temporal server, two workers and the console")
    try:
        async with open_stage(settings, narrator, attended) as stage:
            narrator.tell(f"Inbox:       {settings.console_url}\nTemporal UI: {settings.ui}")
            narrator.chapter(f"countersign run payables {books.name}")
            run = await start(stage, "payables", PayablesRequest(books=str(books)))
            record = await follow(stage, run)
            await decided_on(stage, run, record.state)
            await apart(stage, f"{run}{APART}")
            shown(stage)
            narrator.chapter("Stopping everything")
    finally:
        leave(narrator, folder)
    narrator.chapter("The log proves itself")
    verify(settings, narrator)
    narrator.tell(f"No model was asked. The demo took {time.monotonic() - began:.0f} seconds.")


async def decided_on(stage: Stage, run: str, state: str) -> None:
    record = stage.here.ledger.run(run)
    if state == "waiting" and len(open_proposals(stage, run)[-1].effects) == 1:
        await decided(stage, run, record)
        return
    await to_its_end(stage, run, record)  # several files, or none


async def apart(stage: Stage, run: str) -> None:
    """What is paid at an account that was never paid before takes a second person."""
    proposal = await waited_for(stage, run)
    if proposal is None:
        return
    narrator = stage.narrator
    narrator.chapter("A changed account: one signature is not enough")
    if not await review(stage, proposal):
        return
    await until(lambda: bool(stage.here.ledger.standing(proposal).of[0].signed))
    narrator.tell(f"Approved: {stage.here.ledger.standing(proposal).says}. It still waits.")
    there = stage.settings.model_copy(update={"person": COLLEAGUE, "state": stage.settings.state / COLLEAGUE})
    keys.enrol_local_person(there, stage.here.ledger)
    accepted = statements.membership(stage.here.ledger, COLLEAGUE, None, None)
    stage.here.ledger.register(keys.registered(stage.settings, accepted))
    narrator.tell(f"A generated {COLLEAGUE}, whom the demo person has vouched for, signs the same bytes.")
    await decisions.send(stage.here, keys.sign(there, proposal, "approve"))
    record = await follow(stage, run, leaving=True)
    ended(stage, record)


async def waited_for(stage: Stage, run: str) -> Proposal | None:
    """The open proposal of the run that was started for two people; None where nothing is paid apart."""
    try:
        await until(lambda: bool(open_proposals(stage, run)), patience=10)
    except TimeoutError:
        return None
    return open_proposals(stage, run)[-1]


async def until(met: Callable[[], bool], *, patience: float = PATIENCE) -> None:
    """TimeoutError where it isn't met in that time."""
    async with asyncio.timeout(patience):
        while not met():  # noqa: ASYNC110 - it is asked of a database, which tells nobody
            await asyncio.sleep(0.1)


def shown(stage: Stage) -> None:
    """The files, and the head of the first."""
    stage.narrator.chapter("The outbox: files for a bank, and no payment")
    files = sorted(stage.settings.outbox.glob("*.xml"))
    for each in files:
        stage.narrator.tell(f"{each.name}  {each.stat().st_size:,} bytes")
    if files:
        stage.narrator.quote("\n".join(files[0].read_text().splitlines()[3:9]))
