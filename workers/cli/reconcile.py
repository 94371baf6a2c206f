"""`countersign ledger reconcile`: the ledger against Temporal's own histories."""

import json
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.markup import escape
from temporalio.service import RPCError

from contracts.errors import BadInput, TemporalUnavailable
from contracts.finding import moment
from workers.cli.common import err, out, platform, wait_for
from workers.client import first_line
from workers.reconciling import Reconciled, reconcile
from workers.sweeping import note, says

SHOWN = 50


def register(app: typer.Typer) -> None:
    app.command("reconcile")(command)


def command(
    run: Annotated[str, typer.Option(help="Only this run, with its children.")] = "",
    since: Annotated[str, typer.Option(help="Only what goes on or has ended since: 2d, 36h, 2026-11-27.")] = "",
    mended: Annotated[bool, typer.Option("--mend", help="Write down the attempts that left no entry as lost.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Compare the ledger with Temporal's histories, as far back as the server keeps them.

    Exit code 0: nothing is missing. 1: there are gaps. 2: it could not be compared.
    """
    if run and since:
        raise BadInput("--run and --since exclude each other.", subject="--since", way_out="Give one of them.")
    done = wait_for(_reconcile(run, moment(since, datetime.now(UTC)), mended))
    if as_json:
        numbers = {name: value for name, value in vars(done).items() if name != "gaps"}
        gaps = [{"run": gap.run, "says": gap.says} for gap in done.gaps]
        typer.echo(json.dumps({**numbers, "left": done.left, "gaps": gaps}, indent=2))
        raise typer.Exit(1 if done.left else 0)
    for gap in done.gaps[:SHOWN]:
        out.print(f"[red]✗[/red] {escape(gap.run)}: {escape(gap.says)}")
    if done.found > SHOWN:
        out.print(f"and {done.found - SHOWN:,} more; --json names the first {len(done.gaps):,}")
    out.print(says(done))
    raise typer.Exit(1 if done.left else 0)


async def _reconcile(run: str, since: datetime | None, mended: bool) -> Reconciled:
    began = datetime.now(UTC)
    async with platform() as here:
        try:
            with err.status("Reading histories") as status:
                done = await reconcile(here.client, here.ledger, status.update, run=run, since=since, mend=mended)
        except RPCError as error:
            raise TemporalUnavailable(
                f"The Temporal server did not give its histories: {first_line(error)}.",
                subject=here.settings.address,
                way_out="Look at `countersign health`, then reconcile again.",
            ) from error
        if not run and not since:
            note(here.ledger, done, began)
        return done
