"""`countersign health`: the console's page of that name, in a terminal and for cron."""

import json
from dataclasses import asdict
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text
from temporalio.client import Client

from console.findings import findings, proof
from ledger import FolderArtifacts
from workers.cli.common import opened_ledger, out, wait_for
from workers.client import connect


def register(app: typer.Typer) -> None:
    app.command("health")(health)


def health(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
    verify: Annotated[bool, typer.Option(help="Verify the ledger, too: seconds for each 100,000 entries.")] = True,
) -> None:
    """Say what is wrong with the installation, and how to fix it. Exit code 1 if something is."""
    with opened_ledger() as (settings, ledger):

        async def temporal() -> Client:
            return await connect(settings, FolderArtifacts(settings.artifacts), patience=2)

        found = wait_for(findings(ledger, temporal))
        if verify:
            found.append(proof(ledger.verify()))
    well = all(each.ok for each in found)
    if as_json:
        typer.echo(json.dumps({"well": well, "findings": [asdict(each) for each in found]}, indent=2))
        raise typer.Exit(0 if well else 1)
    table = Table(box=None, pad_edge=False, show_header=False)
    for each in sorted(found, key=lambda one: one.ok):
        mark = Text("✓", style="green") if each.ok else Text("✗", style="red")
        table.add_row(mark, each.name, Text(each.says if each.ok else f"{each.says} {each.fix}"))
    out.print(table)
    raise typer.Exit(0 if well else 1)
