"""Who may sign here: enrol yourself, and open the console as yourself."""

from typing import Annotated

import typer
from rich.markup import escape

from workers import keys
from workers.cli.common import opened_ledger, out
from workers.cli.screen import one_line

LINK_SECONDS = 15 * 60


def register(app: typer.Typer) -> None:
    app.command("enrol")(enrol)
    app.command("people")(people)
    app.command("link")(link)
    app.command("revoke")(revoke)
    app.command("signout")(signout)


def enrol() -> None:
    """Enrol yourself at this computer: makes a signing key, and registers its public half."""
    with opened_ledger() as (settings, ledger):
        person, key, new = keys.enrol_local_person(settings, ledger)
        made = "A new key was made" if new else "The key was there already"
        out.print(f"{escape(person.display_name)} may sign here. {made}: {key.fingerprint}")
        out.print(f"[dim]{keys.key_path(settings)}[/dim]")


def people() -> None:
    """List who may sign, with which keys."""
    with opened_ledger() as (_, ledger):
        known = ledger.people()
        if not known:
            out.print("Nobody may sign yet. [bold]countersign enrol[/bold] enrols you.")
        for person in known:
            out.print(f"[bold]{escape(one_line(person.name))}[/bold]  {escape(one_line(', '.join(person.roles)))}")
            for issuer, until in ledger.identity_of(person.name).items():
                state = "hold until" if until > ledger.clock() else "[red]held until[/red]"
                out.print(f"  roles by {escape(one_line(issuer))} {state} {until:%Y-%m-%d %H:%M} UTC")
            for key in ledger.keys(person.name):
                asks = not key.revoked_at and ledger.trusted_key(key.fingerprint) is None
                state = "[red]revoked[/red]" if key.revoked_at else "asks since" if asks else "enrolled"
                out.print(f"  {key.fingerprint}  {escape(one_line(key.label))}, {state} {key.enrolled_at:%Y-%m-%d}")


def link(
    quiet: Annotated[bool, typer.Option(help="Only the link.")] = False,
    person: Annotated[str, typer.Option(help="Somebody else, who is enrolled: administrators only.")] = "",
) -> None:
    """Make a link that opens the console as you. It works once, for a quarter of an hour."""
    with opened_ledger() as (settings, ledger):
        me, _, _ = keys.enrol_local_person(settings, ledger)
        if person and person != me.name:
            ledger.require_administrator(me.name, "make a link for somebody else")
        name = person or me.name
        token, signed = keys.invite(settings, ledger, name, seconds=LINK_SECONDS)
        url = f"{settings.console_url}/enter#{token}"
        if not signed and not quiet:
            out.print(
                "Nobody who may has signed for that link: a key that it brings signs nothing until somebody does."
            )
        typer.echo(url) if quiet else out.print(f"Open the inbox as {escape(name)} (once, within 15 minutes):\n{url}")


def signout(person: Annotated[str, typer.Argument(help="Whose sessions to end.")]) -> None:
    """Sign somebody out of the console, in every browser."""
    with opened_ledger() as (_, ledger):
        ledger.person(person)
        ended = ledger.end_sessions(person)
        out.print(f"{escape(person)} was signed out of {ended} browser{'' if ended == 1 else 's'}.")


def revoke(
    key: Annotated[str, typer.Argument(help="The key's fingerprint, as `countersign people` lists it.")],
) -> None:
    """Take a key away: nothing that it signed is accepted from now on, whenever it was signed."""
    with opened_ledger() as (settings, ledger):
        signed = keys.revoke(settings, ledger, key)
        out.print(f"{escape(key)} signs nothing any more. What it signed and was not yet carried out is refused.")
        if signed:
            out.print(f"[dim]{escape(signed)}[/dim]")
