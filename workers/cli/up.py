"""`countersign up`."""

import typer

from workers.settings import Settings


def up() -> None:
    """Start a Temporal server, the workers and the console in this terminal. Ctrl-C stops all of it."""
    import uvloop

    from workers.supervisor import Terminal
    from workers.up import up as run

    raise typer.Exit(uvloop.run(run(Settings(), Terminal())))


def register(app: typer.Typer) -> None:
    app.command("up")(up)
