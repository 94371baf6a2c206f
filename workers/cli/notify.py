"""How people are told: the process that tells them, and each person's wish."""

from typing import Annotated

import typer
from rich.markup import escape

from contracts.errors import BadInput
from contracts.notify import Preference, Wish
from ledger import Ledger
from workers import keys
from workers.cli.common import opened_ledger, out, wait_for
from workers.notify.setting_up import defaults, named
from workers.settings import Settings

app = typer.Typer(no_args_is_help=True)


@app.command("serve")
def serve() -> None:
    """Tell people, in the foreground until Ctrl-C. `countersign up` runs it where a channel is set up."""
    from workers.notify.serving import serve as run

    wait_for(run(Settings()))


@app.command("show")
def show() -> None:
    """How you are told, and the last of what you were told."""
    with opened_ledger() as (settings, ledger):
        me = keys.enrol_local_person(settings, ledger)[0].name
        _print(settings, ledger, me)
        for each in ledger.notices(state="", person=me, limit=10):
            why = f": {each.why}" if each.why else ""
            when = f"[dim]{each.made_at:%Y-%m-%d %H:%M}[/dim]"
            out.print(f"  {when} {each.channel} {each.state}{escape(why)}  {escape(each.title)}")


@app.command("set")
def set_wish(
    by: Annotated[list[str] | None, typer.Option(help="email, slack, webhook: one or more, or none.")] = None,
    email: Annotated[str | None, typer.Option(help="Used once you have given the code that is sent there.")] = None,
    slack: Annotated[str | None, typer.Option(help="Your member ID in Slack, like U012AB3CDEF.")] = None,
    webhook: Annotated[str | None, typer.Option(help="An https address at a host that the operator allows.")] = None,
    window: Annotated[str | None, typer.Option(help="at once, 15 minutes, hour, day: one message each.")] = None,
    daily_at: Annotated[str | None, typer.Option(help="When, with `--window day`: 09:00.")] = None,
    time_zone: Annotated[str | None, typer.Option(help="Yours, such as Europe/Berlin.")] = None,
    quiet: Annotated[str | None, typer.Option(help="18:00-08:00, or none.")] = None,
    weekends: Annotated[bool | None, typer.Option(help="Whether weekends are quiet, too.")] = None,
    urgent: Annotated[bool | None, typer.Option(help="What is critical or about to expire: at once.")] = None,
) -> None:
    """Change how you are told. What you leave out stays."""
    given = {"email": email, "slack": slack, "webhook": webhook, "window": window, "daily_at": daily_at}
    given |= {"time_zone": time_zone, **_quiet(quiet)}
    changes: dict[str, object] = {name: value for name, value in given.items() if value is not None}
    if by is not None:
        changes["channels"] = tuple(each for each in by if each != "none")
    flags = {"quiet_weekends": weekends, "urgent_at_once": urgent}
    changes |= {name: value for name, value in flags.items() if value is not None}
    with opened_ledger() as (settings, ledger):
        me = keys.enrol_local_person(settings, ledger)[0].name
        known = _known(settings, ledger, me)
        ledger.set_preference(me, Wish.of(known).model_copy(update=changes).read(), defaults(settings))
        _print(settings, ledger, me)


@app.command("verify")
def verify(code: Annotated[str, typer.Argument(help="The code that was sent to your new address.")]) -> None:
    """Prove that a new e-mail address is yours."""
    with opened_ledger() as (settings, ledger):
        address = ledger.prove_email(keys.enrol_local_person(settings, ledger)[0].name, code)
        out.print(f"You are told at {escape(address)} from now on.")


@app.command("test")
def test() -> None:
    """Have a message sent to you by each of your channels, at once."""
    with opened_ledger() as (settings, ledger):
        me = keys.enrol_local_person(settings, ledger)[0].name
        ways = ledger.ask_test(me, defaults(settings), named(settings))
        out.print(f"On its way: {', '.join(ways)}. [bold]countersign notify show[/bold] says what became of it.")


def _quiet(text: str | None) -> dict[str, str]:
    if text is None:
        return {}
    start, dash, end = text.partition("-")
    if text != "none" and not dash:
        raise BadInput(f"{text!r} are no quiet hours.", subject="--quiet", way_out="Write 18:00-08:00, or none.")
    return {"quiet_from": "", "quiet_to": ""} if text == "none" else {"quiet_from": start, "quiet_to": end}


def _known(settings: Settings, ledger: Ledger, person: str) -> Preference:
    return ledger.preference(person, defaults(settings))


def _print(settings: Settings, ledger: Ledger, person: str) -> None:
    wish, ways = _known(settings, ledger, person), named(settings)
    for channel in wish.channels:
        missing = "" if channel in ways else "  [yellow]not set up here[/yellow]"
        out.print(f"{channel}  {escape(wish.address(channel) or 'no address')}{missing}")
    if not wish.channels:
        out.print("You are told nothing outside the console.")
    at = f" at {wish.daily_at:%H:%M}" if wish.window == "day" else ""
    quiet = wish.quiet
    weekends = " and weekends" if quiet and quiet.weekends else ""
    hours = f"quiet {quiet.start:%H:%M}-{quiet.end:%H:%M}{weekends}" if quiet else "no quiet hours"
    out.print(f"window {wish.window}{at}, {escape(wish.time_zone)}, {hours}")
    if unproved := ledger.unproved_email(person):
        out.print(f"{escape(unproved)} waits for its code: [bold]countersign notify verify CODE[/bold]")
