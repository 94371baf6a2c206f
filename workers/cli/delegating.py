"""Handing proposals on to somebody who may decide on them, too."""

from datetime import UTC, datetime, time
from typing import Annotated

import typer
from rich.markup import escape

from contracts.digests import short
from contracts.errors import BadInput
from workers import keys
from workers.cli.common import opened_ledger, out
from workers.cli.screen import one_line


def register(app: typer.Typer) -> None:
    app.command("delegate")(delegate)
    app.command("undelegate")(undelegate)
    app.command("delegations")(delegations)


def delegate(
    proposal: Annotated[str, typer.Argument(help="The proposal's id; without one, all that waits for you.")] = "",
    to: Annotated[str, typer.Option(help="To whom: somebody who may decide on it, too.")] = "",
    until: Annotated[str, typer.Option(help="The last day, as 2026-12-24 (UTC). All of yours needs one.")] = "",
    words: Annotated[str, typer.Option(help="Words for them.")] = "",
) -> None:
    """Hand a proposal on, or all of yours until a day, by a signature. You may still decide, too."""
    with opened_ledger() as (settings, ledger):
        said = {"to": to, "words": words, "until": last_moment(until) if until else None}
        if proposal:
            found = ledger.proposal(proposal)
            said |= {"run": found.run, "digest": found.digest}
        record = ledger.delegate(keys.sign_delegation(settings, ledger.realm, **said))
        out.print(f"[green]Signed[/green]: {escape(one_line(record.statement.says))}.")
        out.print(f"[dim]countersign undelegate {short(record.id)} ends it.[/dim]")


def undelegate(
    delegation: Annotated[str, typer.Argument(help="Its id, as `countersign delegations` shows it.")],
) -> None:
    """Take back what you handed on, or give back what was handed to you."""
    with opened_ledger() as (settings, ledger):
        known = ledger.delegation(delegation)
        ended = ledger.delegate(keys.sign_delegation(settings, ledger.realm, revokes=known.id))
        out.print(f"Ended by {escape(ended.ended_by)}: {escape(one_line(ended.statement.says))}.")


def delegations() -> None:
    """List what was handed on and holds today."""
    with opened_ledger() as (_, ledger):
        known = ledger.delegations()
        if not known:
            out.print("Nothing is handed on. [bold]countersign delegate[/bold] does.")
        for each in known:
            words = f": {one_line(each.statement.words)}" if each.statement.words else ""
            out.print(f"[bold]{short(each.id)}[/bold]  {escape(one_line(each.statement.says) + words)}")


def last_moment(text: str) -> datetime:
    """The end of that day. BadInput."""
    try:
        return datetime.combine(datetime.strptime(text, "%Y-%m-%d").date(), time(23, 59), UTC)
    except ValueError:
        raise BadInput(f"{text!r} is no day.", subject="--until", way_out="Write it like 2026-12-24.") from None
