"""`countersign standing`: what people approved ahead, what the platform proposes to approve ahead, and ending it."""

import secrets
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.markup import escape

from contracts.errors import BadInput, NotFound
from contracts.standing import LONGEST, MOST_USES, SignedStanding
from contracts.suggesting import LASTS, Suggestion
from ledger import Ledger
from workers import keys
from workers.cli.common import opened_ledger, out

app = typer.Typer(add_completion=False, no_args_is_help=True)
Id = Annotated[str, typer.Argument(help="Its id, as `countersign standing list` shows it.")]
RUNS_SHOWN = 5


def say(text: str) -> None:
    out.print(escape(text), soft_wrap=True)


@app.command("list")
def list_all() -> None:
    """List the standing approvals, what was done on them, and what measured decisions speak for."""
    with opened_ledger() as (_, ledger):
        kept, suggested = ledger.standing_approvals(), ledger.standing_suggestions()
        for each in kept:
            describe(ledger, each)
        for one in suggested:
            propose(one)
        if not kept and not suggested:
            say("None, and no measured decisions speak for one yet.")


@app.command()
def sign(
    suggestion: Id,
    days: Annotated[int, typer.Option(help="For how many days.", min=1, max=LONGEST.days)] = LASTS.days,
    uses: Annotated[int, typer.Option(help="For how many uses at most.", min=1, max=MOST_USES)] = MOST_USES,
    yes: Annotated[bool, typer.Option("--yes", help="Don't ask.")] = False,
) -> None:
    """Sign a standing approval that the platform proposes, with your own key."""
    with opened_ledger() as (settings, ledger):
        found = suggested_by(ledger, suggestion)
        propose(found)
        if not yes and not typer.confirm(f"Approve these ahead for {days} days?"):
            say("Nothing was signed.")
            return
        person = keys.person_name(settings)
        now, nonce = datetime.now(UTC), secrets.token_hex(16)
        made = found.approval(realm=ledger.realm, person=person, now=now, nonce=nonce, days=days, uses=uses)
        describe(ledger, ledger.sign_standing(made, keys.signature(settings, made.signing_bytes())))


@app.command()
def revoke(
    standing: Id, why: Annotated[str, typer.Option(help="In your own words; they are shown where it is listed.")] = ""
) -> None:
    """End one at once: what comes after waits for a person."""
    with opened_ledger() as (settings, ledger):
        describe(ledger, ledger.end_standing(standing, keys.person_name(settings), why))


def suggested_by(ledger: Ledger, given: str) -> Suggestion:
    """The suggestion whose id begins so. NotFound, BadInput."""
    found = [each for each in ledger.standing_suggestions() if given and each.id.startswith(given.lower())]
    if len(found) > 1:
        raise BadInput(f"Several begin with {given!r}.", subject=given, way_out="Give more digits.")
    if not found:
        raise NotFound(
            f"No standing approval {given!r} is proposed.",
            subject=given,
            way_out="`countersign standing list` lists them.",
        )
    return found[0]


def describe(ledger: Ledger, kept: SignedStanding) -> None:
    standing = kept.standing
    now = ledger.clock()
    say(f"{standing.id}  {kept.state(now)}  {standing.workflow} {standing.version}, signed by {standing.person}")
    say(
        f"  until {standing.valid_until:%Y-%m-%d %H:%M} UTC; used {kept.uses} of {standing.most_uses}, "
        f"{standing.most_a_day} a day at most"
    )
    for line in standing.bounds.lines:
        say(f"  {line}")
    if kept.ended:
        say(f"  Ended: {kept.ended}")
    for use in ledger.standing_uses(standing=standing.digest, limit=RUNS_SHOWN):
        say(f"  {use.used_at:%Y-%m-%d %H:%M} UTC  {use.run}")


def propose(found: Suggestion) -> None:
    say(f"{found.id}  proposed  {found.workflow} {found.version}, drafted by {' or '.join(found.drafted_by)}")
    for line in found.bounds.lines:
        say(f"  {line}")
    say(f"  {found.most_uses} uses at most, {found.most_a_day} a day")
    say(f"  {found.says}")
    for run, _ in found.seen[:RUNS_SHOWN]:
        say(f"  countersign log {run}")
    if len(found.seen) > RUNS_SHOWN:
        say(f"  and {len(found.seen) - RUNS_SHOWN} more")
    say(f"  To sign it: countersign standing sign {found.id}")
