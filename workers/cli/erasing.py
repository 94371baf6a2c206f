"""`countersign ledger erase`: personal data goes, the proof stays."""

import secrets
import sys
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.markup import escape

from contracts.erasure import Erasure, ErasurePlan
from contracts.errors import BadInput
from ledger import Ledger
from workers import keys
from workers.cli.common import opened_ledger, out

Because = Annotated[str, typer.Option(help="Why, without the data itself: it is kept. `Letter of 20 November`.")]


def register(app: typer.Typer) -> None:
    app.command("erase")(erase)


def erase(
    words: Annotated[str, typer.Argument(help="A name, an address, a number: everywhere it stands.")] = "",
    because: Because = "",
    entry: Annotated[list[int] | None, typer.Option(help="Instead: all that this entry says. Repeatable.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Without asking.")] = False,
) -> None:
    """Erase personal data, signed by you as an administrator: entries keep their digests, and say that something is
    gone. Without --because: only show what would go."""
    if bool(words) == bool(entry):
        raise BadInput("Give words or --entry, one of the two.", way_out="countersign ledger erase 'Ada Lovelace'")
    with opened_ledger(seals=True) as (settings, ledger):
        plan = ledger.plan_erasure_of(entry) if entry else ledger.plan_erasure(words, progress=_progress)
        _show(plan)
        if plan.is_empty or not because:
            if not plan.is_empty:
                out.print("Nothing was changed. Say --because to erase.")
            return
        if not yes and not (sys.stdin.isatty() and typer.confirm("Erase it, for good?")):
            out.print("Nothing was changed.")
            raise typer.Exit(1)
        ledger.erase(keys.sign_erasure(settings, _wish(ledger, keys.person_name(settings), plan, because)), plan, words)
        ledger.seal()
        ledger.index()
        out.print(f"[green]✓[/green] Erased. {escape(ledger.verify().says)}")


def _progress(done: int) -> None:
    if out.is_terminal and done % 100_000 == 0:
        out.print(f"[dim]{done:,} entries read.[/dim]")


def _wish(ledger: Ledger, person: str, plan: ErasurePlan, because: str) -> Erasure:
    return Erasure(
        realm=ledger.realm,
        person=person,
        because=because,
        count=len(plan.tombstones),
        tombstones=plan.digest,
        asked_at=datetime.now(UTC),
        nonce=secrets.token_hex(16),
    )


def _show(plan: ErasurePlan) -> None:
    numbers = ", ".join(str(each.entry) for each in plan.tombstones[:10])
    more = ", …" if len(plan.tombstones) > 10 else ""
    out.print(f"{len(plan.tombstones):,} entries" + (f": {numbers}{more}" if numbers else ""))
    for table, count in plan.rows.items():
        if count:
            out.print(f"{count:,} rows of {table}")
    for ref in plan.bodies:
        out.print(f"the text {ref[:19]}…, whole")
    if plan.open_runs:
        names = escape(", ".join(plan.open_runs[:5]))
        out.print(f"[yellow]Stays: what belongs to {len(plan.open_runs)} runs that aren't over: {names}.[/yellow]")
    if plan.kept_bodies:
        out.print(f"[yellow]Stays: {plan.kept_bodies} texts that a run may read which isn't over.[/yellow]")
    if plan.ids:
        out.print(f"[yellow]{plan.ids} entries have the words in a run's id or their key, which stay.[/yellow]")
    if not plan.is_empty:
        out.print("[dim]Temporal's histories keep theirs until their retention is over; backups have theirs.[/dim]")
