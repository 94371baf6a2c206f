"""`countersign schedules …`"""

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from contracts.errors import BadInput
from contracts.runs import CHANGED, PAUSED, RESUMED
from workers import discovery, keys, schedules
from workers.cli.common import out, platform, wait_for
from workers.cli.runs import EXTRA, request_from, validated
from workers.cli.screen import one_line
from workers.settings import Settings

app = typer.Typer(no_args_is_help=True)
Name = Annotated[str, typer.Argument(help="The schedule's id.")]
DEFAULT_FILE = Path("schedules.toml")


@app.command("sync", context_settings=EXTRA)
def sync(
    context: typer.Context,
    file: Annotated[Path, typer.Option(help="Where the schedules are declared.")] = DEFAULT_FILE,
    workflow: Annotated[str, typer.Option(help="Schedule only this workflow, on the inputs that follow.")] = "",
    name: Annotated[str, typer.Option(help="With --workflow: the schedule's name.")] = "default",
) -> None:
    """Make Temporal Schedules from the workflows' policies, on the inputs that schedules.toml gives.

    Without a file: `countersign schedules sync --workflow changelog --repository .`
    """
    discovery.add_folder(Settings().workflows)
    if workflow:
        model = discovery.request_type(discovery.workflow_named(workflow))
        wanted = [schedules.planned(schedules.line(workflow, name), request_from(model, context.args))]
    else:
        if context.args:
            raise BadInput(
                f"{context.args[0]!r}: inputs go with --workflow.",
                subject=context.args[0],
                way_out="countersign schedules sync --workflow changelog --repository .",
            )
        wanted = [_planned(line) for line in schedules.read(file)]

    async def go() -> None:
        async with platform() as here:
            for sentence in await schedules.sync(here.client, wanted, prune=not workflow):
                await schedules.tell(here.ledger, CHANGED, "", keys.person_name(here.settings), sentence)
                out.print(escape(sentence))

    wait_for(go())


@app.command("list")
def list_all() -> None:
    """List schedules with their next fire."""

    async def go() -> None:
        async with platform() as here:
            table = Table("schedule", "workflow", "next (UTC)", "recent runs", box=None, header_style="dim")
            for each in await schedules.existing(here.client):
                coming = f"{each.next:%Y-%m-%d %H:%M}" if each.next else "paused"
                table.add_row(escape(one_line(each.id)), escape(one_line(each.workflow)), coming, str(each.runs))
            out.print(table if table.row_count else "No schedules. Make them with `countersign schedules sync`.")

    wait_for(go())


@app.command("pause")
def pause(name: Name, why: Annotated[str, typer.Option(help="Shown in the Temporal UI.")] = "") -> None:
    """Stop a schedule from firing until `unpause`."""

    async def go() -> None:
        async with platform() as here:
            found = await schedules.handle(here.client, name)
            await found.pause(note=why or "Paused from the command line")
            await schedules.tell(here.ledger, PAUSED, found.id, keys.person_name(here.settings), why)
            out.print(f"{found.id} is paused.")

    wait_for(go())


@app.command("unpause")
def unpause(name: Name) -> None:
    """Let a paused schedule fire again."""

    async def go() -> None:
        async with platform() as here:
            found = await schedules.handle(here.client, name)
            await found.unpause(note="Unpaused from the command line")
            await schedules.tell(here.ledger, RESUMED, found.id, keys.person_name(here.settings))
            out.print(f"{found.id} fires again.")

    wait_for(go())


@app.command("trigger")
def trigger(name: Name) -> None:
    """Fire a schedule now."""

    async def go() -> None:
        async with platform() as here:
            found = await schedules.handle(here.client, name)
            await found.trigger()
            out.print(f"{found.id} was fired. `countersign runs` shows the run.")

    wait_for(go())


def _planned(line: schedules.Line) -> schedules.Planned:
    model = discovery.request_type(discovery.workflow_named(line.workflow))
    return schedules.planned(line, validated(model, dict(line.input)))
