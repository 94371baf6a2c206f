"""`countersign demo-fix`: from a ticket to a signed merge in a real repository, without a model or a key."""

import time
from pathlib import Path

from rich.console import Console

from contracts.errors import CountersignError
from contracts.records import EffectRecord, RunRecord
from contracts.ticket import TicketRequest
from workers.cli.following import now
from workers.cli.screen import Diff
from workers.demo.afterwards import tests_of
from workers.demo.chapters import decided, follow, leave, start, verify
from workers.demo.release import BOLTONS, Case, prepared
from workers.demo.repository import git
from workers.demo.stage import Narrator, Stage, fresh, open_stage, settings_for

COLOUR = "--color=never"


async def demo_fix(own: Case | None, test: tuple[str, ...], folder: Path, screen: Console, *, attended: bool) -> None:
    """Tell the story of `own` repository and ticket, or of a released package's bug where that is None.

    `folder` is made afresh, and what is worked on lies in it. Raises CountersignError where the story can't go on.
    """
    began = time.monotonic()
    fresh(folder)
    narrator = Narrator(screen, folder / "processes.log")
    settings = settings_for(folder)
    narrator.chapter("A ticket about a real bug")
    with now(screen) as shown:
        shown.say("fetching what it is about")
        case = own.cloned(folder) if own else prepared(BOLTONS, folder, settings.tools / "releases")
    narrator.tell(f"Repository:  {case.says}\nTicket:      {case.title}")
    narrator.quote(case.body)
    narrator.chapter("Starting a Temporal server, two workers and the console")
    effect = None
    try:
        async with open_stage(settings, narrator, attended) as stage:
            narrator.tell(f"Inbox:       {settings.console_url}\nTemporal UI: {settings.ui}")
            narrator.chapter(f"countersign fix {case.ticket.name} --repo {case.repository.name}")
            effect, record = await fixed(stage, case, test)
            if effect is not None:
                await show_main(stage, case, effect, test)
            narrator.chapter("Stopping everything")
    finally:
        leave(narrator, folder)
    narrator.chapter("The log proves itself")
    verify(settings, narrator)
    if effect is not None:
        compare(narrator, case, effect)
    narrator.tell(f"The fix cost {money(record)}. The demo took {time.monotonic() - began:.0f} seconds.")


async def fixed(stage: Stage, case: Case, test: tuple[str, ...]) -> tuple[EffectRecord | None, RunRecord]:
    """The run, up to what became of it. No effect: it ended in a note, or nobody approved."""
    request = TicketRequest(ticket=str(case.ticket), repository=str(case.repository), test=test)
    run = await start(stage, "ticket_to_pr", request)
    began = time.monotonic()
    record = await follow(stage, run)
    if record.state == "waiting":
        stage.narrator.tell(f"From the ticket to the proposal: {time.monotonic() - began:.0f} seconds.")
    effect = await decided(stage, run, record)
    return effect, stage.here.ledger.run(run)


async def show_main(stage: Stage, case: Case, effect: EffectRecord, test: tuple[str, ...]) -> None:
    """The branch that took the change in, and its tests."""
    branch = str(effect.outcome["merged_into"] or effect.outcome["branch"])
    narrator = stage.narrator
    narrator.chapter(f"The branch {branch} of {case.repository.name}, after the merge")
    shown = git(case.repository, "log", "-1", COLOUR, "--format=%h  %an  %s%n%n%b", branch)
    narrator.tell(shown.strip())
    with now(narrator.screen) as watched:
        watched.say("its tests once more, in a new sandbox")
        ran = await tests_of(stage, case.repository, branch, test)
    if not ran.passed:
        raise CountersignError(f"The tests of {branch} fail after the merge: {ran.says}.", subject=branch)
    narrator.tell(f"\nIts tests, run once more in a new sandbox: {ran.says}.")


def compare(narrator: Narrator, case: Case, effect: EffectRecord) -> None:
    """The change as git shows it; and what the package's own authors did about the same bug."""
    commit = str(effect.outcome["commit"])
    narrator.chapter("What was changed")
    change = git(case.repository, "show", "--format=", "--no-ext-diff", "--no-textconv", COLOUR, commit)
    narrator.screen.print(Diff(change.strip()), crop=False)
    if not case.released:
        narrator.tell(f"\nIt is in {case.repository}: your own repository was not touched.")
        return
    added = {line[1:].strip() for line in change.splitlines() if line.startswith("+") and not line.startswith("+++")}
    same = added == set(case.released)
    what = "the same edit" if same else f"another edit: {'; '.join(case.released)}"
    narrator.tell(f"\nWhat upstream released: {what}. Their changelog: “{case.upstream}”.")


def money(record: RunRecord) -> str:
    """What was paid to models."""
    return "an unknown sum" if record.cost_usd is None else f"${float(record.cost_usd):.2f} for models"
