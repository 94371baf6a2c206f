"""`countersign ledger search`: what happened?"""

import json
from datetime import UTC, datetime
from typing import Annotated, Literal, TextIO, get_args

import typer
from rich.markup import escape

from contracts.errors import BadInput
from contracts.finding import Query, moment
from contracts.records import EntryKind, StoredEntry
from ledger import Ledger
from ledger.ocsf import event
from workers.cli.common import opened_ledger, out
from workers.cli.following import print_entry
from workers.cli.screen import one_line

Form = Literal["proof", "jsonl", "ocsf"]
KINDS: tuple[str, ...] = get_args(EntryKind)
Since = Annotated[str, typer.Option(help="From then on: 2d, 12h, 2026-11-01.")]
Until = Annotated[str, typer.Option(help="Before then.")]
Kind = Annotated[str, typer.Option(help=f"One of {', '.join(KINDS)}.")]
Person = Annotated[str, typer.Option(help="Whoever did it, or whom it was done to.")]


def register(app: typer.Typer) -> None:
    app.command("search")(search)


def search(
    words: Annotated[list[str] | None, typer.Argument(help="Words, all of them in it, or `begin*`.")] = None,
    run: str = "",
    kind: Kind = "",
    person: Person = "",
    workflow: str = "",
    team: str = "",
    repository: Annotated[str, typer.Option(help="As it was named, or the last part of that.")] = "",
    since: Since = "",
    until: Until = "",
    before: Annotated[int, typer.Option(help="The next page: the number that the page before ended with.", min=0)] = 0,
    limit: Annotated[int, typer.Option(help="How many at most.", min=1, max=1000)] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """Find entries, the newest first."""
    fields = {"run": run, "kind": kind, "person": person, "workflow": workflow, "team": team, "repository": repository}
    asked = query(" ".join(words or ()), fields, since, until)
    with opened_ledger() as (_, ledger):
        found = ledger.search(asked.model_copy(update={"before": before, "limit": limit}))
    for entry in found.entries:
        if as_json:
            typer.echo(json.dumps(entry.model_dump(mode="json")))
        else:
            _told(entry)
    if as_json:
        return
    if not found.entries:
        out.print("No such entry.")
    if found.before:
        out.print(f"[dim]Older ones: the same with --before {found.before}[/dim]")
    if found.behind:
        out.print(f"[yellow]{found.behind:,} entries are not in the index yet and were not looked at.[/yellow]")


def query(words: str, fields: dict[str, str], since: str, until: str) -> Query:
    """BadInput for a kind or a time that is none."""
    kind, now = fields["kind"], datetime.now(UTC)
    if kind and kind not in KINDS:
        raise BadInput(f"No entry is of the kind {kind!r}.", subject=kind, way_out=f"Kinds are {', '.join(KINDS)}.")
    if len(words) > 400:
        raise BadInput("That is too much to look for.", way_out="Give up to 400 letters.")
    given = {name: value for name, value in fields.items() if value}
    times = {"since": moment(since, now), "until": moment(until, now)}
    return Query.model_validate({"words": words, **given, **times})


def exported(ledger: Ledger, asked: Query, form: Form, target: TextIO) -> int:
    """Write all entries like that, the newest first, page by page; how many there were."""
    written, asked = 0, asked.model_copy(update={"limit": 1000})
    while True:
        found = ledger.search(asked)
        for entry in found.entries:
            told = event(entry, ledger.realm) if form == "ocsf" else entry.model_dump(mode="json")
            target.write(json.dumps(told, ensure_ascii=False) + "\n")
        written += len(found.entries)
        if not found.before:
            return written
        asked = asked.model_copy(update={"before": found.before})


def _told(entry: StoredEntry) -> None:
    when = entry.recorded_at or entry.finished_at
    where = f"{entry.kind} · {entry.actor} · {entry.run or 'no run'}"
    out.print(f"[dim]{entry.id:>8}  {when:%Y-%m-%d %H:%M:%S}  {escape(one_line(where))}[/dim]", soft_wrap=True)
    print_entry(entry)
