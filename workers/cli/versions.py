"""`countersign versions`: which releases there are, which gets new runs, and which keep the runs that are parked."""

from typing import Annotated

import typer
from pydantic import JsonValue
from rich.markup import escape
from rich.table import Table
from temporalio.common import WorkerDeploymentVersion
from temporalio.service import RPCError

from console.versions import Version, pollers, versions
from console.words import count
from contracts.errors import BadInput, TemporalUnavailable
from workers import discovery
from workers.cli.common import Platform, out, platform, wait_for
from workers.client import first_line
from workers.notes import system_entry
from workers.versions import Moved, move, required, use, version_of

app = typer.Typer(invoke_without_command=True)


@app.callback()
def show(context: typer.Context) -> None:
    """Show each version: whether it is current, the runs that stay on it, and whether a worker of it lives."""
    if context.invoked_subcommand is None:
        wait_for(_show())


@app.command("use")
def use_command(
    build: Annotated[str, typer.Argument(help="A version; without one, the release of this very command.")] = "",
    percent: Annotated[float, typer.Option(min=0, max=100, help="Of new runs, to try it out first.")] = 100,
) -> None:
    """Send new runs to a version. Those that are open stay where they are."""
    wait_for(_use(build, percent))


@app.command("move")
def move_command(
    old: Annotated[str, typer.Option("--from", help="The version whose open runs are to move.")],
    new: Annotated[str, typer.Option("--to", help="The version of this very command, which is the default.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say which would move.")] = False,
) -> None:
    """Move open runs to this release, after a replay of each one's history with this code. Exit code 1 if one can't."""
    done = wait_for(_move(old, new, dry_run))
    for run, why in done.kept:
        out.print(f"[red]✗[/red] {escape(run)} stays on {escape(old)}: {escape(why)}")
    would = "would move" if dry_run else "moved"
    out.print(f"{count(len(done.moved), 'run')} {would}.")
    if done.kept:
        out.print("Keep a worker of that release until they have ended, or cancel them and start them again.")
    raise typer.Exit(1 if done.kept else 0)


async def _show() -> None:
    async with platform() as here:
        own = version_of(here.settings)
        try:
            known = await versions(here.client, here.ledger)
        except RPCError as error:
            raise _unheard(here, error) from error
        if own is None:
            out.print("Workers of these settings have no version: each goes on with any run (COUNTERSIGN_DEPLOYMENT).")
        elif own.build_id not in {each.build for each in known}:
            out.print(f"This release is {own.build_id}. No worker of it was seen yet.")
    if known:
        out.print(_table(known, own))
    for each in known:
        if each.stranded:
            out.print(
                f"[red]✗[/red] {count(each.runs, 'run')} on {escape(each.build)} and no worker of it: start one again, "
                f"or move them from a newer release: `countersign versions move --from {escape(each.build)}`."
            )


def _table(known: list[Version], own: WorkerDeploymentVersion | None) -> Table:
    table = Table(box=None, pad_edge=False)
    for name in ("version", "status", "new runs", "open", "parked", "since", "worker"):
        table.add_column(name)
    for each in known:
        mine = " (this release)" if own and (own.deployment_name, own.build_id) == (each.deployment, each.build) else ""
        since = f"{each.since:%Y-%m-%d %H:%M}" if each.since else ""
        worker = "alive" if each.alive else "none"
        cells = (f"{each.share:g} %", str(each.runs), str(each.parked), since, worker)
        table.add_row(escape(f"{each.deployment} {each.build}{mine}"), each.status, *cells)
    return table


async def _use(build: str, percent: float) -> None:
    async with platform() as here:
        discovery.add_folder(here.settings.workflows)
        own = required(here.settings)
        version = WorkerDeploymentVersion(own.deployment_name, build or own.build_id)
        await use(here.client, version, percent)
        share = "New runs" if percent >= 100 else f"{percent:g} % of new runs"
        says = f"{share} go to version {version.build_id} of {version.deployment_name}."
        facts: dict[str, JsonValue] = {
            "deployment": version.deployment_name,
            "version": version.build_id,
            "percent": percent,
        }
        here.ledger.append(system_entry("versions.use", says, facts, actor=here.settings.person or "platform"))
    out.print(escape(says))


async def _move(old: str, new: str, dry_run: bool) -> Moved:
    async with platform() as here:
        discovery.add_folder(here.settings.workflows)
        own = required(here.settings)
        _require_own(new, own)
        before = WorkerDeploymentVersion(own.deployment_name, old)
        if before == own:
            raise BadInput(f"The runs of {old!r} are on this release already.", subject=old)
        try:
            await _require_alive(here, own)
            with out.status(f"Replaying what runs on {old}"):
                done = await move(here.client, before, own, dry_run=dry_run)
        except RPCError as error:
            raise _unheard(here, error) from error
        if not dry_run:
            says = f"Moved {count(len(done.moved), 'run')} from version {old} to {own.build_id}"
            facts: dict[str, JsonValue] = {
                "from": old,
                "to": own.build_id,
                "moved": [*done.moved],
                "kept": [run for run, _ in done.kept],
            }
            here.ledger.append(system_entry("versions.move", says, facts, actor=here.settings.person or "platform"))
        return done


def _require_own(new: str, own: WorkerDeploymentVersion) -> None:
    """Histories are replayed with this code: what it says is true of no other."""
    if new and new != own.build_id:
        raise BadInput(
            f"This command is of version {own.build_id}, and can't say whether {new} goes on with a run.",
            subject=new,
            way_out=f"Run it where {new} is installed, with the settings of its workers.",
        )


async def _require_alive(here: Platform, own: WorkerDeploymentVersion) -> None:
    if (own.deployment_name, own.build_id) not in await pollers(here.client):
        raise BadInput(
            f"No agents' worker of version {own.build_id} takes work.",
            subject=own.build_id,
            way_out="Start one of this release first: `countersign worker agents`.",
        )


def _unheard(here: Platform, error: RPCError) -> TemporalUnavailable:
    return TemporalUnavailable(
        f"The Temporal server did not tell of versions: {first_line(error)}.",
        subject=here.settings.address,
        way_out="Look at `countersign health`, then try again.",
    )
