"""`countersign doctor`."""

import asyncio
import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table
from rich.text import Text

from workers.cli.common import out
from workers.settings import Settings

if TYPE_CHECKING:
    from workers.doctor import Finding

MARKS = {"ok": ("✓", "green"), "missing": ("✗", "red"), "optional": ("–", "yellow"), "unknown": ("?", "yellow")}


def doctor(as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False) -> None:
    """Say what this host has, what it lacks, and the command that fixes it. Exit code 1 if something is needed."""
    from workers.doctor import examine, is_well

    findings = asyncio.run(examine(Settings()))
    well = is_well(findings)
    if as_json:
        typer.echo(json.dumps({"well": well, "findings": [asdict(finding) for finding in findings]}, indent=2))
    else:
        show(findings, well)
    raise typer.Exit(0 if well else 1)


def show(findings: "list[Finding]", well: bool) -> None:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in ("", "what", "what there is", "what to do"):
        table.add_column(column, overflow="fold")
    for finding in findings:
        mark, colour = MARKS[finding.state]
        fix = "" if finding.state == "ok" else finding.fix
        table.add_row(Text(mark, style=colour), finding.name, Text(finding.says), Text(fix))
    out.print(table)
    lacking = [finding.name for finding in findings if finding.state == "missing"]
    out.print("All that is needed is here." if well else f"Needed and missing: {', '.join(lacking)}.")


def register(app: typer.Typer) -> None:
    app.command("doctor")(doctor)
