"""`countersign ledger` for those who don't take the database's word: heads, exports and proofs, checked offline."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, TextIO, TypeVar

import typer
from pydantic import ValidationError
from rich.markup import escape

from contracts.base import Contract
from contracts.errors import BadInput, NotFound
from contracts.finding import Query
from contracts.proofs import CONSISTENCY_TAG, Consistency, Inclusion
from contracts.records import Head, Verification
from contracts.wire import fingerprint
from ledger.proofs import check_consistency, check_inclusion, verify_export
from workers import anchors
from workers.cli.common import opened_ledger, out
from workers.cli.searching import Form, Kind, Person, Since, Until, exported, query

C = TypeVar("C", bound=Contract)

Key = Annotated[str, typer.Option(help="The ledger's public key from a place you trust: the line, or a file with it.")]
Kept = Annotated[Path | None, typer.Option("--head", help="A head that was kept elsewhere.", dir_okay=False)]


def register(app: typer.Typer) -> None:
    app.command("verify")(verify)
    app.command("key")(key)
    app.command("head")(head)
    app.command("export")(export)
    app.command("prove")(prove)
    app.command("check")(check)


def verify(
    export: Annotated[Path | None, typer.Argument(help="An export, instead of the database.", dir_okay=False)] = None,
    key: Key = "",
    head: Kept = None,
    anchor: Annotated[str, typer.Option(help="A place where heads are kept: git:/path/to/repository.")] = "",
) -> None:
    """Prove that nothing in the ledger was changed, removed or put in another order."""
    known = [*([read(Head, head)] if head else []), *(anchors.anchor(anchor).heads() if anchor else [])]
    if export is None:
        with opened_ledger(seals=True) as (_, ledger):
            ledger.seal()
            told(ledger.verify(known=known, public_key=key_line(key) if key else None))
        return
    with opened(export) as lines:
        first, found = verify_export(lines, needed(key), known)
    told(found)
    if first.unsealed:
        out.print(f"[dim]{first.unsealed:,} entries were not sealed yet when it was exported.[/dim]")


def key() -> None:
    """Print the ledger's public key. Keep it somewhere else: exports and proofs are checked with it."""
    with opened_ledger() as (_, ledger):
        typer.echo(the_key(ledger.ledger_key()))


def head() -> None:
    """Print the newest signed head, as JSON. Keep it somewhere else: nothing that it covers can be cut off unseen."""
    with opened_ledger(seals=True) as (_, ledger):
        ledger.seal()
        newest = ledger.head()
        if newest is None:
            raise NotFound("Nothing is sealed yet.", way_out="Run something first.")
        typer.echo(newest.model_dump_json())


def export(
    file: Annotated[Path, typer.Argument(help="Where to; `-` for the terminal.", dir_okay=False)],
    form: Annotated[Form, typer.Option("--format", help="proof: for `verify`; jsonl or ocsf: for a SIEM.")] = "proof",
    words: Annotated[str, typer.Option(help="Not for proofs, as all that follow: only entries with these words.")] = "",
    run: str = "",
    kind: Kind = "",
    person: Person = "",
    workflow: str = "",
    team: str = "",
    repository: str = "",
    since: Since = "",
    until: Until = "",
) -> None:
    """Write all sealed entries with their places and signed heads, as JSON Lines, for `verify` elsewhere; or entries
    like those that are asked for, as JSON Lines or OCSF events."""
    fields = {"run": run, "kind": kind, "person": person, "workflow": workflow, "team": team, "repository": repository}
    asked = query(words, fields, since, until)
    if form != "proof":
        _for_siem(file, asked, form)
        return
    if asked != Query():
        raise BadInput("A proof is of the whole ledger.", way_out="Give --format jsonl or ocsf for a part of it.")
    with opened_ledger(seals=True) as (_, ledger):
        ledger.seal()
        line = the_key(ledger.ledger_key())
        if str(file) == "-":
            ledger.export(sys.stdout, line)
            return
        try:
            with file.open("x", encoding="utf-8") as target:
                made = ledger.export(target, line)
        except OSError as error:
            raise BadInput(
                f"{str(file)!r} can't be written: {error.strerror}.", subject=str(file), way_out="Name another file."
            ) from error
        out.print(f"{made.entries:,} entries under {made.heads:,} signed heads. Check them, without the database:")
        out.print(f"countersign ledger verify {escape(str(file))} --key '{escape(line)}'", soft_wrap=True)


def _for_siem(file: Path, asked: Query, form: Form) -> None:
    with opened_ledger() as (_, ledger):
        if str(file) == "-":
            exported(ledger, asked, form, sys.stdout)
            return
        try:
            with file.open("x", encoding="utf-8") as target:
                count = exported(ledger, asked, form, target)
        except OSError as error:
            raise BadInput(
                f"{str(file)!r} can't be written: {error.strerror}.", subject=str(file), way_out="Name another file."
            ) from error
    out.print(f"{count:,} entries.")


def prove(
    entry: Annotated[int, typer.Argument(help="The entry's number; leave it out with --since.", min=0)] = 0,
    since: Annotated[Path | None, typer.Option(help="A head kept elsewhere: prove that it still holds.")] = None,
) -> None:
    """Print a proof, as JSON: that an entry is under the newest signed head, or that an older head still holds."""
    if bool(entry) == bool(since):
        raise BadInput("Give an entry's number or --since, one of the two.", way_out="countersign ledger prove 17")
    with opened_ledger(seals=True) as (_, ledger):
        ledger.seal()
        made = ledger.prove_since(read(Head, since)) if since else ledger.prove(entry)
        typer.echo(made.model_dump_json())


def check(
    proof: Annotated[Path, typer.Argument(help="A proof that `prove` printed.", dir_okay=False)], key: Key = ""
) -> None:
    """Check a proof with the ledger's public key. Needs no ledger."""
    line = needed(key)
    if f'"{CONSISTENCY_TAG}"' in text_of(proof):
        heads = read(Consistency, proof)
        problems = check_consistency(heads, line)
        says = f"head {heads.new.number} ({heads.new.size:,} entries) goes on from head {heads.old.number} unchanged"
    else:
        one = read(Inclusion, proof)
        problems = check_inclusion(one, line)
        says = f"entry {one.entry} was in the ledger as it is here when head {one.head.number} was signed, "
        says += f"{one.head.sealed_at:%Y-%m-%d %H:%M:%S} UTC"
    for problem in problems:
        out.print(f"[red]✗[/red] {escape(problem)}")
    if problems:
        raise typer.Exit(1)
    out.print(f"[green]✓[/green] {says}.")


def told(found: Verification) -> None:
    for problem in found.problems:
        out.print(f"[red]✗[/red] {escape(problem)}")
    if not found.ok:
        raise typer.Exit(1)
    for erasure in found.erased:
        out.print(f"[yellow]![/yellow] {escape(erasure)}", soft_wrap=True)
    out.print(f"[green]✓[/green] {found.says}")


def the_key(line: str | None) -> str:
    if line is None:
        raise NotFound("The ledger has no key yet.", way_out="Start `countersign up` once: that makes it.")
    return line


def needed(key: str) -> str:
    if not key:
        raise BadInput(
            "Checking needs the ledger's public key, from a place that you trust.",
            way_out="Give --key; `countersign ledger key` prints it where the ledger is.",
        )
    return key_line(key)


def key_line(key: str) -> str:
    line = key if " " in key else text_of(Path(key)).strip()
    fingerprint(line)  # BadInput when it is no key
    return line


def read(kind: type[C], path: Path) -> C:
    try:
        return kind.model_validate_json(text_of(path))
    except ValidationError as error:
        where = ".".join(str(part) for part in error.errors()[0]["loc"]) or "it"
        raise BadInput(
            f"{str(path)!r} is not what it should be: {where}: {error.errors()[0]['msg']}.",
            subject=str(path),
            way_out="Give the file as the command wrote it.",
        ) from None


def text_of(path: Path) -> str:
    with opened(path) as file:
        try:
            return file.read()
        except UnicodeDecodeError:
            raise BadInput(f"{str(path)!r} is no text.", subject=str(path), way_out="Give another file.") from None


@contextmanager
def opened(path: Path) -> Iterator[TextIO]:
    try:
        file = path.open(encoding="utf-8")
    except OSError as error:
        raise BadInput(
            f"{str(path)!r} can't be read: {error.strerror}.", subject=str(path), way_out="Give another file."
        ) from error
    with file:
        yield file
