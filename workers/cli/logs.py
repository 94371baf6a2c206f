"""`countersign log RUN`, and the ledger's own commands."""

import json
from typing import Annotated

import typer
from rich.markup import escape

from workers.cli import erasing, proofs, reconcile, searching
from workers.cli.common import opened_ledger, out
from workers.cli.following import print_entry, temporal_link
from workers.cli.screen import one_line

app = typer.Typer(no_args_is_help=True)
erasing.register(app)
proofs.register(app)
reconcile.register(app)
searching.register(app)


def register(root: typer.Typer) -> None:
    root.command("log")(log)


def log(
    run: Annotated[str, typer.Argument(help="The run's id.")],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """Show everything a run did, in order."""
    with opened_ledger() as (settings, ledger):
        record = ledger.run(run)
        entries = ledger.entries(run=run, limit=100_000)
        if as_json:
            for entry in entries:
                typer.echo(json.dumps(entry.model_dump(mode="json")))
            return
        about = f"{record.workflow}, {record.state}: {record.says}"
        out.print(f"[bold]{escape(one_line(record.run))}[/bold]  {escape(one_line(about))}")
        out.print(f"[dim]{escape(temporal_link(settings, run))}[/dim]")
        for entry in entries:
            print_entry(entry)


@app.command("list")
def entries(
    words: Annotated[str, typer.Argument(help="Only entries with these words.")] = "",
    kind: Annotated[str, typer.Option(help="Only entries of this kind.")] = "",
    limit: Annotated[int, typer.Option(help="How many at most.", min=1)] = 50,
) -> None:
    """List entries, newest last."""
    with opened_ledger() as (_, ledger):
        found = ledger.entries(kind=kind, words=words, limit=limit, newest_first=True)
        for entry in reversed(found):
            print_entry(entry)
        if not found:
            out.print("No such entry.")
