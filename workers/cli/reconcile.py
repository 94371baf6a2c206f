"""`countersign ledger reconcile`: the ledger against Temporal's own histories."""

import json
from typing import Annotated

import typer
from rich.markup import escape
from temporalio.service import RPCError

from console.words import count
from contracts.errors import TemporalUnavailable
from contracts.records import RECONCILED
from ledger import Ledger
from workers.cli.common import err, out, platform, wait_for
from workers.client import first_line
from workers.notes import system_entry
from workers.reconciling import OURS, Reconciled, mend, reconcile

SHOWN = 50


def register(app: typer.Typer) -> None:
    app.command("reconcile")(command)


def command(
    run: Annotated[str, typer.Option(help="Only this run, with its children.")] = "",
    mended: Annotated[bool, typer.Option("--mend", help="Write down the attempts that left no entry as lost.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Compare the ledger with Temporal's histories, as far back as the server keeps them. Exit code 1 for a gap."""
    done, closed = wait_for(_reconcile(run, mended))
    left = len(done.gaps) - closed
    if as_json:
        gaps = [{"run": gap.run, "says": gap.says} for gap in done.gaps]
        numbers = {"runs": done.runs, "attempts": done.attempts, "decisions": done.decisions, "mended": closed}
        typer.echo(json.dumps({**numbers, "gaps": gaps}, indent=2))
        raise typer.Exit(1 if left else 0)
    for gap in done.gaps[:SHOWN]:
        out.print(f"[red]✗[/red] {escape(gap.run)}: {escape(gap.says)}")
    if len(done.gaps) > SHOWN:
        out.print(f"and {len(done.gaps) - SHOWN:,} more; --json has all of them")
    out.print(says(done))
    if closed:
        out.print(f"{count(closed, 'entry was', 'entries were')} written.")
    raise typer.Exit(1 if left else 0)


async def _reconcile(run: str, mended: bool) -> tuple[Reconciled, int]:
    quoted = run.replace("'", "\\'")
    query = f"WorkflowId = '{quoted}' OR WorkflowId STARTS_WITH '{quoted}/'" if run else OURS
    async with platform() as here:
        try:
            with err.status("Reading histories") as status:
                done = await reconcile(here.client, here.ledger, status.update, query=query)
        except RPCError as error:
            raise TemporalUnavailable(
                f"The Temporal server did not give its histories: {first_line(error)}.",
                subject=here.settings.address,
                way_out="Look at `countersign health`, then reconcile again.",
            ) from error
        closed = mend(here.ledger, done.gaps) if mended else 0
        if not run:
            note(here.ledger, done, len(done.gaps) - closed)
        return done, closed


def says(done: Reconciled) -> str:
    compared = f"{count(done.runs, 'history', 'histories')}, {count(done.attempts, 'attempt')} of steps, "
    return f"{compared}{count(done.decisions, 'decision')}: {count(len(done.gaps), 'gap') if done.gaps else 'no gap'}."


def note(ledger: Ledger, done: Reconciled, left: int) -> None:
    """The result of a whole one is an entry: the health page has it from there."""
    compared = f"The ledger was compared with Temporal's histories. {says(done)}"
    facts = {"runs": done.runs, "attempts": done.attempts, "decisions": done.decisions, "gaps": left}
    entry = system_entry(RECONCILED, compared, facts, ok=not left)
    ledger.append(entry)
