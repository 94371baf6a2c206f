"""How people are told: the process that tells them, and each person's wish."""

import typer

from workers.settings import Settings

app = typer.Typer(no_args_is_help=True)


@app.command("serve")
def serve() -> None:
    """Tell people, in the foreground until Ctrl-C. `countersign up` runs it where a channel is set up."""
    from workers.cli.common import wait_for
    from workers.notify.serving import serve as run

    wait_for(run(Settings()))
