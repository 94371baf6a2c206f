"""The commands that are one process of those that `up` supervises: worker, console."""

from typing import Annotated, Literal

import typer

from contracts.errors import BadInput
from workers.settings import Settings

KINDS: dict[str, Literal["agents", "effects"]] = {"agents": "agents", "effects": "effects"}


def register(app: typer.Typer) -> None:
    app.command("worker")(worker)
    app.command("console")(console)


def worker(
    kind: Annotated[str, typer.Argument(help="agents, or effects")] = "agents",
) -> None:
    """Run a worker in the foreground until Ctrl-C."""
    from workers.worker import main

    if kind not in KINDS:
        raise BadInput(f"There is no worker {kind!r}.", subject=kind, way_out=f"There are: {', '.join(KINDS)}.")
    main(Settings(), KINDS[kind])


def console() -> None:
    """Serve the console in the foreground until Ctrl-C."""
    from workers.webserver import serve

    serve(Settings())
