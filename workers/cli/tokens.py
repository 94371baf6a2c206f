"""API tokens: made, listed and ended on the machine that runs Countersign."""

import re
from typing import Annotated

import typer
from rich.markup import escape

from contracts.errors import BadInput
from contracts.tokens import SCOPES, Scope
from workers import keys
from workers.cli.common import opened_ledger, out
from workers.cli.screen import one_line

app = typer.Typer(no_args_is_help=True)
UNITS = {"m": 60, "h": 3600, "d": 86400}


@app.command("create")
def create(
    scope: Annotated[list[str], typer.Option(help=f"What it is for, one or more: {', '.join(SCOPES)}.")],
    expires: Annotated[str, typer.Option(help="When it ends: 30m, 12h, 30d; a year at most.")] = "30d",
    label: Annotated[str, typer.Option(help="What uses it, so that you know it again.")] = "",
    person: Annotated[str, typer.Option(help="In whose name: yours, or administrators somebody else's.")] = "",
) -> None:
    """Make a token. It is shown once; it signs nothing, since it has no key."""
    scopes: list[Scope] = [each for each in SCOPES if each in scope]
    if wrong := [each for each in scope if each not in SCOPES]:
        raise BadInput(f"{wrong[0]!r} is no scope.", subject="--scope", way_out=f"There are {', '.join(SCOPES)}.")
    with opened_ledger() as (settings, ledger):
        me, _, _ = keys.enrol_local_person(settings, ledger)
        if person and person != me.name:
            ledger.require_administrator(me.name, "make a token in somebody else's name")
        made = ledger.create_token(person or me.name, scopes, seconds=seconds(expires), label=label)
        typer.echo(made)


@app.command("list")
def list_tokens() -> None:
    """All tokens: whose, for what, until when, last used when. The tokens themselves are nowhere."""
    with opened_ledger() as (_, ledger):
        known = ledger.api_tokens()
        if not known:
            out.print("No token was made yet. [bold]countersign tokens create[/bold] makes one.")
        for each in known:
            until = "[red]ended[/red]" if each.ended_at else f"until {each.expires_at:%Y-%m-%d %H:%M} UTC"
            used = f"{each.used_at:%Y-%m-%d %H:%M}" if each.used_at else "never"
            about = f"{until}, last used {used}  {escape(one_line(each.label))}"
            out.print(f"[bold]{each.id}[/bold]  {escape(each.person)}  {about}")
            out.print(f"  {escape(', '.join(each.scopes))}")


@app.command("end")
def end(token: Annotated[str, typer.Argument(help="The token's id, as `countersign tokens list` shows it.")]) -> None:
    """End a token at once."""
    with opened_ledger() as (settings, ledger):
        ended = ledger.end_token(token, keys.person_name(settings))
        out.print(f"The token {ended.id} of {escape(ended.person)} opens nothing any more.")


def seconds(text: str) -> float:
    """`30d` as seconds. Raises BadInput."""
    found = re.fullmatch(r"(\d{1,6})([mhd])", text.strip())
    if not found:
        raise BadInput(f"{text!r} is no length of time.", subject="--expires", way_out="Such as 30m, 12h or 30d.")
    return float(found[1]) * UNITS[found[2]]
