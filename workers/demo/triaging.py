"""`countersign demo-bugs`: a night of bug triage, on generated reports about a generated package, without a model."""

import json
import time
from pathlib import Path

from rich.console import Console

from contracts.bug_triage import DOUBTFUL, BugTriageRequest
from workers.demo.chapters import follow, leave, start, to_its_end, verify
from workers.demo.reports import Reports, made
from workers.demo.stage import Narrator, Stage, fresh, open_stage, settings_for


async def demo_bugs(source: str, repository: str, folder: Path, screen: Console, *, attended: bool) -> None:
    """Tell the story of generated reports, or of a `source` of one's own. `folder` is made afresh.

    Raises CountersignError where the story can't go on.
    """
    began = time.monotonic()
    fresh(folder)
    narrator = Narrator(screen, folder / "processes.log")
    settings = settings_for(folder)
    narrator.chapter("Reports that nobody has looked at")
    reports = None if source else made(folder / "generated-reports")
    if reports:
        source, repository = str(reports.source), str(reports.repository)
        tell_of(narrator, reports)
    request = BugTriageRequest(source=source, repository=repository)
    narrator.chapter("Starting a Temporal server, two workers and the console")
    try:
        async with open_stage(settings, narrator, attended) as stage:
            narrator.tell(f"Inbox:       {settings.console_url}\nTemporal UI: {settings.ui}")
            narrator.chapter(f"countersign run bug_triage --source {Path(request.source).name}")
            run = await start(stage, "bug_triage", request)
            began_run = time.monotonic()
            record = await follow(stage, run)
            narrator.tell(f"From the reports to the proposal: {time.monotonic() - began_run:.0f} seconds.")
            await to_its_end(stage, run, record)
            await in_doubt(stage, f"{run}{DOUBTFUL}")
            narrator.chapter("Stopping everything")
    finally:
        leave(narrator, folder)
    if reports:
        shown(narrator, reports)
    narrator.chapter("The log proves itself")
    verify(settings, narrator)
    narrator.tell(f"No model was asked. The demo took {time.monotonic() - began:.0f} seconds.")


def tell_of(narrator: Narrator, reports: Reports) -> None:
    rows = [json.loads(line) for line in reports.source.read_text().splitlines()]
    new = [row for row in rows if not row.get("kind")]
    narrator.tell(
        f"{reports.source}: {len(rows)} reports, {len(new)} of them new, about the package in {reports.repository}.\n"
        "Generated for this demo: no person, report or package in them is real. One of them gives the agent orders:"
    )
    narrator.quote(next(row["body"] for row in new if "Ignore all previous" in row["body"]))


async def in_doubt(stage: Stage, run: str) -> None:
    """The run of those that the model is not sure of; there may be none."""
    if all(each.run != run for each in stage.here.ledger.runs(limit=100)):
        return
    stage.narrator.chapter("What it is not sure of: a page of choices")
    await to_its_end(stage, run, await follow(stage, run))


def shown(narrator: Narrator, reports: Reports) -> None:
    """What was done, as it stands beside the file."""
    updates = Path(f"{reports.source}.updates.jsonl")
    narrator.chapter("What was done: one line for each effect, beside the reports")
    for line in updates.read_text().splitlines() if updates.exists() else []:
        row = json.loads(line)
        fields = ("kind", "component", "priority", "assignee", "duplicate_of", "comment")
        said = "; ".join(f"{name} {' '.join(str(row[name]).split())[:70]}" for name in fields if row.get(name))
        narrator.tell(f"{row['issue']}: {said}")
