"""`countersign restore`: after the ledger's database, or Temporal's, came from a backup."""

import typer
from rich.markup import escape
from temporalio.service import RPCError

from console.words import count
from contracts.errors import TemporalUnavailable
from ledger import FolderArtifacts
from workers.cli.common import out, platform, wait_for
from workers.client import first_line
from workers.restoring import Restored, restore


def register(app: typer.Typer) -> None:
    app.command("restore")(command)


def command() -> None:
    """Bring ledger and Temporal together for open runs, after one came from a backup. Workers have to run.

    Exit code 1 if a proposal could not be found, or a run did not answer.
    """
    done = wait_for(_restore())
    for run in done.lost:
        out.print(
            f"[red]✗[/red] {escape(run)} waits for a proposal whose body is in no artifact. Cancel it, start it anew."
        )
    for run in done.silent:
        out.print(f"[red]✗[/red] {escape(run)} did not say what it waits for. Start the workers, then restore again.")
    for run in done.decided:
        out.print(f"{escape(run)} was sent its decision again.")
    what = f"{count(len(done.runs), 'open run')} and {count(len(done.proposals), 'proposal')} were taken in again."
    out.print(what if done.runs or done.proposals else "The ledger knows what all open runs wait for.")
    if done.proposals:
        out.print("Approvals given since the backup are gone: the inbox has them to be signed again.")
    raise typer.Exit(1 if done.lost or done.silent else 0)


async def _restore() -> Restored:
    async with platform() as here:
        artifacts = FolderArtifacts(here.settings.artifacts)
        try:
            with out.status("Asking Temporal for open runs") as status:
                return await restore(here.client, here.ledger, artifacts, status.update)
        except RPCError as error:
            raise TemporalUnavailable(
                f"The Temporal server did not list its runs: {first_line(error)}.",
                subject=here.settings.address,
                way_out="Look at `countersign health`, then restore again: what was taken in stays.",
            ) from error
