"""`countersign fix`: a ticket to a pull request, followed live."""

import shlex
from typing import Annotated

import typer

from contracts.ticket import TicketRequest
from workers import discovery
from workers.cli.common import out, platform, wait_for
from workers.cli.runs import absolute, follow, start, temporal_link
from workers.settings import Settings


def register(app: typer.Typer) -> None:
    app.command("fix")(fix)


def fix(
    ticket: Annotated[str, typer.Argument(help="A file: JSON with title and body, or Markdown.")],
    repo: Annotated[str, typer.Option(help="The repository: a folder or a URL.")] = ".",
    branch: Annotated[str, typer.Option(help="The branch to fix; empty: the one that HEAD names.")] = "",
    test: Annotated[str, typer.Option(help="How its tests are run, where its own files don't say.")] = "",
    detach: Annotated[bool, typer.Option(help="Start it and return at once.")] = False,
) -> None:
    """Fix what a ticket reports, prove it, and wait for your signature."""
    settings = Settings()
    discovery.add_folder(settings.workflows)
    request = TicketRequest(
        ticket=absolute(ticket), repository=absolute(repo), branch=branch, test=tuple(shlex.split(test))
    )

    async def go() -> None:
        async with platform(settings) as here:
            run = await start(here, discovery.workflow_named("ticket_to_pr"), request)
            out.print(f"Started [bold]{run}[/bold]")
            out.print(f"[dim]{temporal_link(here.settings, run)}[/dim]")
            if not detach:
                await follow(here, run)

    wait_for(go())
