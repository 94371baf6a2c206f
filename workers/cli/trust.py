"""Who is believed: which keys and roles signatures lead to from the pinned roots, and signing for more of them."""

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from contracts.errors import BadInput, NotEnough
from contracts.register import Membership, Recovery
from ledger import Ledger
from workers import statements
from workers.cli.common import opened_ledger, out
from workers.settings import Settings

app = typer.Typer(no_args_is_help=True)
Yes = Annotated[bool, typer.Option("--yes", help="Don't ask.")]
Key = Annotated[str, typer.Option(help="A .pub file, or the fingerprint of a key that asks to be accepted.")]
Out = Annotated[Path | None, typer.Option(help="The file for the statement, where others have to sign it, too.")]


def register(main: typer.Typer) -> None:
    main.command("recover")(recover)


@app.command("list")
def list_trusted() -> None:
    """Whose keys are pinned, who is believed with which keys and roles, and what asks to be."""
    with opened_ledger() as (_, ledger):
        trust = statements.pinned(ledger)
        out.print(
            f"Pinned in {escape(str(trust.file))}, {ledger.known().needed} of the administrators sign for others:"
        )
        for root in trust.roots():
            out.print(f"  {root.fingerprint}  {escape(root.person)}")
        for person in ledger.trusted_people():
            out.print(f"[bold]{escape(person.name)}[/bold]  {escape(', '.join(person.roles) or 'no role any more')}")
            for key in ledger.trusted_keys(person.name):
                state = "[red]revoked[/red]" if key.revoked_at else "believed"
                out.print(f"  {key.fingerprint}  {escape(key.label)}, {state}")
        for key in statements.asking(ledger):
            out.print(f"[yellow]asks[/yellow]  {key.fingerprint}  {escape(key.person)}: {escape(key.label)}")


@app.command("roots")
def roots() -> None:
    """The pinned keys as a file of allowed signers: what the effects' worker needs on its own host."""
    with opened_ledger() as (_, ledger):
        typer.echo(statements.pinned(ledger).file.read_text(), nl=False)


@app.command("accept")
def accept(
    person: Annotated[str, typer.Argument(help="Who it is.")],
    role: Annotated[list[str] | None, typer.Option(help="A role of theirs; `none` takes all away.")] = None,
    key: Annotated[list[str] | None, typer.Option(help="A .pub file, or the fingerprint of a key that asks.")] = None,
    file: Out = None,
    yes: Yes = False,
) -> None:
    """Sign for somebody: their roles, and their first keys. Without --role and --key: what they asked for."""
    with opened_ledger() as (settings, ledger):
        statement = statements.membership(ledger, person, role, key)
        out.print(_of_membership(statement))
        _agreed(yes)
        _hand_in(settings, ledger, statement, statements.fresh(file or Path(f"{person}.membership.json")))


def recover(
    person: Annotated[str, typer.Argument(help="Who lost their keys.")], key: Key, file: Out = None, yes: Yes = False
) -> None:
    """Give somebody who lost their keys a new one, as administrators. All their earlier keys are revoked."""
    with opened_ledger() as (settings, ledger):
        statement = statements.recovery(ledger, person, key)
        out.print(_of_recovery(statement))
        _agreed(yes)
        _hand_in(settings, ledger, statement, statements.fresh(file or Path(f"{person}.recovery.json")))


@app.command("apply")
def apply(
    file: Annotated[Path, typer.Argument(help="A statement that `trust accept` or `recover` wrote.")], yes: Yes = False
) -> None:
    """Sign somebody's statement as well, and hand it in once enough have. Signatures are files beside it: FILE*.sig."""
    with opened_ledger() as (settings, ledger):
        statement = statements.read(file)
        told = _of_membership(statement) if isinstance(statement, Membership) else _of_recovery(statement)
        out.print(told)
        _agreed(yes)
        _hand_in(settings, ledger, statement, file)


def _hand_in(settings: Settings, ledger: Ledger, statement: Membership | Recovery, file: Path) -> None:
    try:
        change = statements.hand_in(settings, ledger, statement, file)
    except NotEnough as error:
        raise NotEnough(
            error.what,
            subject=error.subject,
            way_out=f"Send {file} and its .sig files to another administrator, for `countersign trust apply FILE`, "
            "or to sign it with `ssh-keygen -Y sign -n countersign`.",
        ) from error
    out.print(f"{escape(change.says)}.")


def _agreed(yes: bool) -> None:
    if not (yes or typer.confirm("Sign that?")):
        raise BadInput("Nothing was signed.")


def _of_membership(statement: Membership) -> str:
    person = statement.person
    lines = [f"[bold]{escape(person.name)}[/bold] is to be {escape(', '.join(person.roles) or 'nobody any more')}."]
    for key in statement.keys:
        lines.append(f"  {statements.mark(key)}  {escape(key.label)}: have them read it to you.")
    return "\n".join(lines)


def _of_recovery(statement: Recovery) -> str:
    return (
        f"[bold]{escape(statement.person)}[/bold] lost their keys: all are revoked for good, and this one is theirs:\n"
        f"  {statements.mark(statement.key)}  {escape(statement.key.label)}: have them read it to you."
    )
