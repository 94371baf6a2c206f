"""What the commands share: settings, the ledger, a client, and how errors look."""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from rich.markup import escape
from rich.panel import Panel
from temporalio.client import Client

from contracts.errors import CountersignError
from ledger import FolderArtifacts, Ledger
from workers.cli.screen import Screen
from workers.client import connect
from workers.installation import open_ledger
from workers.settings import Settings

T = TypeVar("T")
out = Screen()
err = Screen(stderr=True)


@dataclass(frozen=True)
class Platform:
    """An open installation, for the length of one command."""

    settings: Settings
    ledger: Ledger
    client: Client


@contextmanager
def opened_ledger(settings: Settings | None = None, *, seals: bool = False) -> Iterator[tuple[Settings, Ledger]]:
    """The settings and the ledger, without a Temporal server."""
    settings = settings or Settings()
    ledger = open_ledger(settings, seals=seals)
    try:
        yield settings, ledger
    finally:
        ledger.close()


@asynccontextmanager
async def platform(settings: Settings | None = None) -> AsyncIterator[Platform]:
    """The settings, the ledger and a Temporal client."""
    with opened_ledger(settings) as (known, ledger):
        client = await connect(known, FolderArtifacts(known.artifacts), patience=5)
        yield Platform(known, ledger, client)


def how_far(ledger: Ledger, digest: str) -> str:
    """How far a proposal is: `1 of 2 by release`. Empty where it can't be read."""
    try:
        return ledger.progress(ledger.proposal(digest)).says
    except CountersignError:
        return ""


def wait_for(work: Coroutine[Any, Any, T]) -> T:
    """Run a command's asynchronous part."""
    return asyncio.run(work)


def print_problem(error: CountersignError) -> None:
    """An error as a person meets it in the terminal."""
    body = escape(error.what)
    if error.way_out:
        body += f"\n\n[bold]Way out[/bold]  {escape(error.way_out)}"
    err.print(Panel(body, title=f"[red]{escape(error.name)}[/red]", title_align="left", border_style="red"))
