"""`countersign demo`, `countersign demo-fix` and `countersign demo-payables`."""

import os
import shlex
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Annotated, Any

import typer

from contracts.errors import BadInput, CountersignError
from workers.cli.common import out, print_problem

FOLDER = ".demo"
STOPPED = 130  # by Ctrl-C, before its end


def demo(
    repo: Annotated[Path, typer.Option(help="The repository to write a changelog of.")] = Path(),
) -> None:
    """Run the changelog on a real repository, sign it, kill the workers, and see that it holds."""
    from workers.demo import demo as tell

    told(lambda folder, attended: tell(repo.resolve(), folder, out, attended=attended))


def demo_fix(
    repo: Annotated[str, typer.Option(help="A repository of your own; a bare clone of it is worked on.")] = "",
    ticket: Annotated[str, typer.Option(help="A file that says what is wrong with it.")] = "",
    test: Annotated[str, typer.Option(help="How its tests are run, where its own files don't say.")] = "",
) -> None:
    """Take a real bug of a released package from its ticket to a signed merge, without a model."""
    from workers.demo import demo_fix as tell
    from workers.demo.own import own_case

    if bool(repo) != bool(ticket):
        raise BadInput(
            "A repository of your own needs a ticket, and a ticket its repository.",
            way_out="Say both: make demo-fix REPO=path TICKET=file.",
        )
    own = own_case(Path(repo), ticket) if repo else None
    told(lambda folder, attended: tell(own, tuple(shlex.split(test)), folder, out, attended=attended))


def demo_payables(
    books: Annotated[str, typer.Option(help="A folder of books of your own, in place of generated ones.")] = "",
) -> None:
    """Plan a morning of payments on generated books, sign them, and see what is held and why."""
    from workers.demo import demo_payables as tell

    own = Path(books).resolve() if books else None
    told(lambda folder, attended: tell(own, folder, out, attended=attended))


def demo_support() -> None:
    """Triage generated support tickets, sign the sure ones at once and the doubtful ones one by one."""
    from workers.demo import demo_support as tell

    told(lambda folder, attended: tell(folder, out, attended=attended))


def demo_bugs(
    source: Annotated[str, typer.Option(help="Reports of your own: a file, in place of generated ones.")] = "",
    repo: Annotated[str, typer.Option(help="The repository that they are about.")] = "",
) -> None:
    """Triage a night's generated bug reports, sign what is done, and see what is in doubt and why."""
    from workers.cli.runs import absolute
    from workers.demo import demo_bugs as tell

    own = (absolute(source) if source else "", absolute(repo) if source and repo else "")
    told(lambda folder, attended: tell(*own, folder, out, attended=attended))


def demo_deals(
    deals: Annotated[str, typer.Option(help="A folder of deals of your own, in place of generated ones.")] = "",
    methodology: Annotated[str, typer.Option(help="Your methodology: a file, or meddicc, spiced, bant.")] = "",
) -> None:
    """Rank a generated company's deals, plan the day, and sign its tasks."""
    from workers.demo import demo_deals as tell

    own = Path(deals).resolve() if deals else None
    named = str(Path(methodology).resolve()) if methodology.endswith((".yaml", ".yml")) else methodology
    told(lambda folder, attended: tell(own, named, folder, out, attended=attended))


def told(story: Callable[[Path, bool], Coroutine[Any, Any, None]]) -> None:
    """Tell a story to its end, in a folder below this one. Exits: 1 where it can't go on, 130 after Ctrl-C."""
    import uvloop

    from workers.supervisor import Terminal, until_told

    attended = sys.stdin.isatty() and sys.stdout.isatty() and os.environ.get("CI", "").lower() not in ("true", "1")
    ended = False

    async def whole() -> None:
        nonlocal ended
        await story(Path.cwd() / FOLDER, attended)
        ended = True

    try:
        code = uvloop.run(until_told(whole(), Terminal(out)))
        code = code if ended else STOPPED
    except CountersignError as error:
        print_problem(error)
        code = 1
    raise typer.Exit(code)


def register(app: typer.Typer) -> None:
    app.command("demo")(demo)
    app.command("demo-fix")(demo_fix)
    app.command("demo-deals")(demo_deals)
    app.command("demo-payables")(demo_payables)
    app.command("demo-support")(demo_support)
    app.command("demo-bugs")(demo_bugs)
