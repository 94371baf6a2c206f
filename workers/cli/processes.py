"""The commands that are one process of those that `up` supervises: worker, console."""

from typing import Annotated, Literal

import typer

from workers.settings import Settings


def register(app: typer.Typer) -> None:
    app.command("worker")(worker)
    app.command("console")(console)


def worker(
    kind: Annotated[str, typer.Argument(help="agents, or effects")] = "agents",
) -> None:
    """Run a worker in the foreground until Ctrl-C."""
    from workers.worker import main

    chosen: Literal["agents", "effects"] = "effects" if kind == "effects" else "agents"
    main(Settings(), chosen)


def console() -> None:
    """Serve the console in the foreground until Ctrl-C."""
    from workers.webserver import serve

    serve(Settings())
