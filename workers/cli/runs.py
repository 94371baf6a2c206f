"""Start runs, list them, follow them."""

import inspect
import re
import secrets
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, get_args

import typer
from pydantic import BaseModel, ValidationError
from rich.markup import escape
from rich.table import Column, Table
from typer.core import TyperCommand

from contracts.errors import BadInput
from contracts.records import RunState
from contracts.requirements import StartedBy
from contracts.urls import carries_secret
from workers import discovery, starting
from workers.cli.common import Platform, opened_ledger, out, platform, wait_for
from workers.cli.following import follow, temporal_link
from workers.cli.screen import one_line
from workers.keys import person_name
from workers.settings import Settings

EXTRA = {"allow_extra_args": True, "ignore_unknown_options": True}
FAILED = ("failed", "cancelled")
WORDS = "countersign.words"


class RunCommand(TyperCommand):
    """`countersign run NAME --help` says what that workflow takes, too."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        ctx.meta[WORDS] = [each for each in args if not each.startswith("-")]  # `--help` is asked before they are read
        return super().parse_args(ctx, args)

    def format_help(self, ctx: Any, formatter: Any) -> None:
        super().format_help(ctx, formatter)
        discovery.add_folder(Settings().workflows)
        if name := next(iter(ctx.meta[WORDS]), ""):
            print_inputs(name, discovery.request_type(discovery.workflow_named(name)))
        else:
            names = ", ".join(discovery.workflow_name(each) for each in discovery.scoped_workflows())
            out.print(f"Workflows: {escape(names)}")


def print_inputs(name: str, model: type[BaseModel]) -> None:
    """What the model takes, in the order in which bare words fill it."""
    out.print(f"[bold]What {escape(name)} takes[/bold]")
    table = Table("input", "unless given", "", box=None, header_style="dim")
    for field, about in model.model_fields.items():
        default = "has to be given" if about.is_required() else str(about.default or "")
        table.add_row(*map(escape, (field, default, about.description or "")))
    out.print(table)
    for part in inspect.cleandoc(model.__doc__ or "").split("\n\n"):
        out.print(escape(" ".join(part.split())))


def register(app: typer.Typer) -> None:
    app.command("run", cls=RunCommand, context_settings=EXTRA)(run)
    app.command("runs")(runs)


def run(
    context: typer.Context,
    workflow: Annotated[str, typer.Argument(help="Which workflow: changelog, …")],
    detach: Annotated[bool, typer.Option(help="Start it and return at once.")] = False,
) -> None:
    """Start a run, and follow it until it waits for you or ends.

    The workflow's own inputs follow its name: `countersign run changelog . --since v1.2.0`.
    `countersign run changelog --help` lists them.
    """
    settings = Settings()
    discovery.add_folder(settings.workflows)
    cls = discovery.workflow_named(workflow)
    request = request_from(discovery.request_type(cls), context.args)

    async def go() -> None:
        async with platform(settings) as here:
            run_id = await start(here, cls, request)
            out.print(f"Started [bold]{run_id}[/bold]")
            out.print(f"[dim]{temporal_link(here.settings, run_id)}[/dim]")
            if not detach and (await follow(here, run_id)).state in FAILED:
                raise typer.Exit(1)

    wait_for(go())


def runs(
    state: Annotated[str, typer.Option(help="Only those in this state.")] = "",
    limit: Annotated[int, typer.Option(help="How many at most.", min=1)] = 30,
) -> None:
    """List runs, newest first."""
    if state and state not in get_args(RunState):
        states = ", ".join(get_args(RunState))
        raise BadInput(f"{state!r} is no state of a run.", subject="--state", way_out=f"There are: {states}.")
    with opened_ledger() as (_, ledger):
        table = Table(
            Column("run", no_wrap=True, overflow="fold"),
            "workflow",
            "subject",
            "state",
            "started",
            "what",
            box=None,
            header_style="dim",
        )
        for each in ledger.runs(state=state, limit=limit):
            started = f"{each.started_at:%m-%d %H:%M}"
            cells = (each.run, each.workflow, each.subject, each.state, started, one_line(each.says)[:80])
            table.add_row(*(escape(one_line(cell)) for cell in cells))
        out.print(table if table.row_count else f"No runs{f' that are {state}' if state else ' yet'}.")


def request_from(model: type[Any], words: list[str]) -> BaseModel:
    """The workflow's input from the command line's words.

    Bare words fill the model's fields in order, `--name value` (or `--name=value`) fills one by name.
    """
    fields = list(model.model_fields)
    values: dict[str, str] = {}
    rest = iter(words)
    for word in rest:
        if word.startswith("--"):
            name, equals, value = word[2:].partition("=")
            name = name.replace("-", "_")
            if name not in fields:
                raise BadInput(f"{word!r} is not an input.", subject=word, way_out=f"There are: {', '.join(fields)}.")
            values[name] = value if equals else _next(rest, word)
        else:
            free = next((field for field in fields if field not in values), None)
            if free is None:
                raise BadInput(f"{word!r} is one word too many.", subject=word, way_out=f"Inputs: {', '.join(fields)}.")
            values[free] = word
    return validated(model, values)


def validated(model: type[Any], values: dict[str, Any]) -> BaseModel:
    """The model of these values, with paths made absolute. BadInput names the field that is wrong."""
    for name, field in model.model_fields.items():
        extra = field.json_schema_extra
        if name in values and isinstance(extra, dict) and extra.get("is_path"):
            known = extra.get("names")  # of things that come with the platform: they are no paths
            if not isinstance(known, list) or values[name] not in known:
                values[name] = absolute(values[name])
    try:
        made: BaseModel = model.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise BadInput(
            f"Input {where!r}: {first['msg']}.", subject=where, way_out=f"Inputs: {', '.join(model.model_fields)}."
        ) from error
    return made


def absolute(path: str) -> str:
    """A path as the worker can find it, whose working folder is another. URLs and what a service has stay as they are.

    BadInput for one with a password in it: the input of a run is in its history for ever.
    """
    if carries_secret(path):
        raise BadInput(
            "The URL carries a password or token, which would end up in histories and logs. Nothing was started.",
            way_out="Take it out; clone the repository yourself and give the folder if it is private.",
        )
    if re.match(r"^[a-z+]+://|^[\w.-]+@[\w.-]+:|^(?:github|gitlab|jira|linear):", path):
        return path
    return str(Path(path).expanduser().resolve())


def _next(words: Any, option: str) -> str:
    value = next(words, None)
    if value is None:
        raise BadInput(f"{option} needs a value.", subject=option, way_out=f"Say {option}=VALUE.")
    return str(value)


async def start(here: Platform, cls: type, request: BaseModel) -> str:
    """Start a run of a workflow class. Gives the run's id."""
    run_id = new_run_id(discovery.workflow_name(cls), request)
    by = StartedBy(kind="person", name=person_name(here.settings))
    await starting.start(here.client, here.ledger, cls, request, run_id, by)
    return run_id


def new_run_id(workflow: str, request: BaseModel) -> str:
    """`changelog-httpx-20261123-0901-3fa9`: readable, unique, and fit for a URL and a branch name."""
    subject = Path(str(getattr(request, "repository", ""))).name.removesuffix(".git")
    slug = re.sub(r"[^A-Za-z0-9]+", "-", subject).strip("-").lower()[:30]
    parts = [workflow, slug, f"{datetime.now(UTC):%Y%m%d-%H%M}", secrets.token_hex(2)]
    return "-".join(part for part in parts if part)
