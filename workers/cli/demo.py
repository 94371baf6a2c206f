"""`countersign demo`."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from contracts.errors import CountersignError
from workers.cli.common import print_problem
from workers.cli.screen import Screen

FOLDER = ".demo"
STOPPED = 130  # by Ctrl-C, before its end


def demo(
    repo: Annotated[Path, typer.Option(help="The repository to write a changelog of.")] = Path(),
) -> None:
    """Run the changelog on a real repository, sign it, kill the workers, and see that it holds."""
    import uvloop

    from workers.demo import demo as tell
    from workers.supervisor import Terminal, until_told

    screen = Screen()
    attended = sys.stdin.isatty() and sys.stdout.isatty() and os.environ.get("CI", "").lower() not in ("true", "1")
    ended = False

    async def story() -> None:
        nonlocal ended
        await tell(repo.resolve(), Path.cwd() / FOLDER, screen, attended=attended)
        ended = True

    try:
        code = uvloop.run(until_told(story(), Terminal(screen)))
        code = code if ended else STOPPED
    except CountersignError as error:
        print_problem(error)
        code = 1
    raise typer.Exit(code)


def register(app: typer.Typer) -> None:
    app.command("demo")(demo)
