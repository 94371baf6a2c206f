"""`countersign fix`: a ticket to a pull request, followed live."""

import shlex
from typing import Annotated

import typer

from activities.tickets.named import is_elsewhere, named
from contracts.ticket import TicketRequest
from workers import discovery
from workers.cli.common import out, platform, wait_for
from workers.cli.following import follow, temporal_link
from workers.cli.runs import FAILED, absolute, start
from workers.services import services
from workers.settings import Settings


def register(app: typer.Typer) -> None:
    app.command("fix")(fix)


def fix(
    ticket: Annotated[
        str,
        typer.Argument(
            help="github:owner/name#12, gitlab:group/project#12, linear:ABC-12, jira:ABC-12, the URL of one, or a file."
        ),
    ],
    repo: Annotated[
        str,
        typer.Option(
            help="The repository: a folder or a URL. Empty: the ticket's own at GitHub or GitLab, or this folder."
        ),
    ] = "",
    branch: Annotated[str, typer.Option(help="The branch to fix; empty: the one that HEAD names.")] = "",
    test: Annotated[str, typer.Option(help="How its tests are run, where its own files don't say.")] = "",
    install: Annotated[bool, typer.Option(help="Install what its tests need, if the operator lets you.")] = False,
    detach: Annotated[bool, typer.Option(help="Start it and return at once.")] = False,
) -> None:
    """Fix what a ticket reports, prove it, and wait for your signature."""
    settings = Settings()
    discovery.add_folder(settings.workflows)
    ticket, repository = meant(ticket, repo, settings)
    request = TicketRequest(
        ticket=ticket,
        repository=repository,
        branch=branch,
        test=tuple(shlex.split(test)),
        install=install,
    )

    async def go() -> None:
        async with platform(settings) as here:
            run = await start(here, discovery.workflow_named("ticket_to_pr"), request)
            out.print(f"Started [bold]{run}[/bold]")
            out.print(f"[dim]{temporal_link(here.settings, run)}[/dim]")
            if not detach and (await follow(here, run)).state in FAILED:
                raise typer.Exit(1)

    wait_for(go())


def meant(ticket: str, repo: str, settings: Settings) -> tuple[str, str]:
    """Ticket and repository as a worker finds them. BadInput for a ticket that no service of the settings can have."""
    if not is_elsewhere(ticket):
        return absolute(ticket), absolute(repo or ".")
    found = named(ticket, services(settings, "agents"))
    if not repo and found.repository is not None:
        return ticket, found.repository.url
    if not repo and found.project:
        return ticket, f"{found.service.web}/{found.project}.git"
    return ticket, absolute(repo or ".")
