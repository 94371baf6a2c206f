"""`countersign sandboxes`: what is alive on this host, and the removal of what a killed worker left."""

import asyncio
import json
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from activities.repositories import Mirrors
from sandboxes import Providers
from sandboxes.trees import Trees
from workers.cli.common import out
from workers.hosted import hosted_sandboxes
from workers.settings import Settings

app = typer.Typer(add_completion=False)


def provider() -> Providers:
    return Providers(Settings().state / "sandboxes", hosted=hosted_sandboxes(Settings()))


async def everything() -> list[dict[str, Any]]:
    here = provider()
    try:
        return await here.alive_everywhere()
    finally:
        await here.close()


async def removed() -> list[str]:
    here = provider()
    try:
        return await here.reap_everywhere()
    finally:
        await here.close()


@app.callback(invoke_without_command=True)
def alive(
    context: typer.Context, as_json: Annotated[bool, typer.Option("--json", help="One JSON array.")] = False
) -> None:
    """List what is alive: whose it is, its age, what it uses."""
    if context.invoked_subcommand:
        return
    found = asyncio.run(everything())
    if as_json:
        typer.echo(json.dumps(found, indent=2))
    elif found:
        out.print(table(found))
    else:
        out.print("No sandbox is alive.")


@app.command()
def reap() -> None:
    """Remove what a killed worker left: processes, containers, cgroups, disks, folders. The living are left alone."""
    gone = asyncio.run(removed())
    for name in gone:
        out.print(name)
    out.print(f"{len(gone)} removed." if gone else "Nothing was left behind.")


@app.command()
def cache(
    prune: Annotated[bool, typer.Option("--prune", help="Remove all that nobody uses now.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON array.")] = False,
) -> None:
    """List what sandboxes share on this host: mirrors of URLs, work trees, and the objects that they borrow."""
    state = Settings().state
    trees, mirrors = Trees(state / "sandboxes"), Mirrors(state / "mirrors")
    gone = [*mirrors.prune(days=0, total=0), *trees.prune(days=0, total=0)] if prune else []
    shelves = {"mirror": mirrors, "tree": trees.trees, "objects": trees.objects}
    found = [
        {"kind": kind, "name": each.name, "bytes": each.bytes, "age": each.age, "in_use": each.in_use}
        for kind, shelf in shelves.items()
        for each in shelf.kept()
    ]
    if as_json:
        typer.echo(json.dumps(found, indent=2))
        return
    if gone:
        out.print(f"{len(gone)} removed.")
    out.print(shared(found) if found else "Nothing is kept.")


def shared(found: list[dict[str, Any]]) -> Table:
    grid = Table("kind", "name", "size", "last used", "", box=None, pad_edge=False, header_style="dim")
    for one in found:
        used = "in use" if one["in_use"] else ""
        grid.add_row(one["kind"], Text(one["name"]), size(one["bytes"]), f"{age(one['age'])} ago", used)
    return grid


def table(found: list[dict[str, Any]]) -> Table:
    grid = Table(
        "id", "provider", "whose", "worker", "age", "memory", "disk", box=None, pad_edge=False, header_style="dim"
    )
    for one in found:
        memory = "not counted" if one["memory"] is None else size(one["memory"])
        whose = Text(one["owner"] or "nobody said")
        grid.add_row(one["id"], one["provider"], whose, str(one["pid"]), age(one["age"]), memory, size(one["disk"]))
    return grid


def size(count: float) -> str:
    """Bytes in words: 1.4 MB."""
    for unit in ("bytes", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "bytes" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"


def age(seconds: float) -> str:
    """Seconds in words: 3 min 12 s."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s" if minutes else f"{rest} s"
