"""The command `countersign`."""

import os
import sys

import typer
from rich.markup import escape

from contracts.errors import CountersignError
from workers.cli import (
    backtests,
    decisions,
    delegating,
    demo,
    doctor,
    effects,
    fix,
    health,
    hooks,
    logs,
    new,
    notify,
    people,
    processes,
    restore,
    runs,
    sandboxes,
    schedules,
    standing,
    tokens,
    trust,
    up,
    versions,
)
from workers.cli.common import err, print_problem

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Background agent workflows with a person's signature on every effect.",
)
for part in (up, demo, doctor, health, runs, fix, decisions, delegating, logs, people, trust, new, processes, restore):
    part.register(app)
backtests.register(app)
app.add_typer(schedules.app, name="schedules", help="When workflows start by themselves.")
app.add_typer(hooks.app, name="hooks", help="Webhooks that start runs.")
app.add_typer(sandboxes.app, name="sandboxes", help="The sandboxes that are alive on this host.")
app.add_typer(tokens.app, name="tokens", help="What programs may do through the API, in a person's name.")
app.add_typer(notify.app, name="notify", help="How people are told what waits for them.")
app.add_typer(trust.app, name="trust", help="Whose keys and roles are believed, and signing for more of them.")
app.add_typer(standing.app, name="standing", help="What people approved ahead, within bounds; and ending it.")
app.add_typer(effects.app, name="effects", help="What was changed in the world, and the kill switch.")
app.add_typer(versions.app, name="versions", help="Releases of the workers, and the runs that stay on each.")
app.add_typer(logs.app, name="ledger", help="The log of everything, and the proof that it is whole.")


def main() -> None:
    """Run the command line. An error is shown as what happened and the way out, never as a traceback."""
    try:
        app()
    except CountersignError as error:
        print_problem(error)
        if os.environ.get("COUNTERSIGN_DEBUG"):
            raise
        sys.exit(2)
    except KeyboardInterrupt:
        err.print("Stopped.")
        sys.exit(130)
    except Exception as error:
        if os.environ.get("COUNTERSIGN_DEBUG"):
            raise
        err.print(
            f"[red]Unexpected {type(error).__name__}[/red]: {escape(str(error))}\n"
            "This is a bug of ours. COUNTERSIGN_DEBUG=1 shows where it happened."
        )
        sys.exit(70)
