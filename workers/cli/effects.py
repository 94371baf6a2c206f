"""`countersign effects`: what was changed in the world, and the kill switch."""

import time
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table
from temporalio.service import RPCError

from contracts.errors import TemporalUnavailable
from contracts.records import EffectRecord
from ledger import FolderArtifacts, Ledger
from workers import keys
from workers.cli.common import opened_ledger, out, wait_for
from workers.cli.screen import one_line
from workers.client import connect
from workers.settings import Settings

app = typer.Typer(add_completion=False)
Why = Annotated[str, typer.Option(help="In your own words; they are shown wherever an effect is held.")]
LOOK = 0.1
PATIENCE = 5.0  # seconds: for what was in flight to end, and for a server to answer
MARKS = {"done": "[green]✓[/green]", "held": "[yellow]‖[/yellow]", "unknown": "[yellow]?[/yellow]"}


@app.callback(invoke_without_command=True)
def effects(context: typer.Context, limit: Annotated[int, typer.Option(help="How many at most.", min=1)] = 20) -> None:
    """Say whether effects are carried out, how far their limits are used, and list the newest."""
    if context.invoked_subcommand:
        return
    from workers.effects import limits_of  # loads all that effects need

    with opened_ledger() as (settings, ledger):
        switch = ledger.effect_switch()
        out.print(f"[red]{escape(one_line(switch.says))}[/red]" if switch.stopped else switch.says, soft_wrap=True)
        for limit_used in ledger.effect_usage(limits_of(settings)):
            out.print(f"  {escape(limit_used.says)}", soft_wrap=True)
        found = ledger.effects(limit=limit)
        out.print(table(found) if found else "No effect yet.")
        for key in (escape(one_line(one.key)) for one in found if one.state == "unknown"):
            out.print(
                f"Did {key} happen? Look there, then: "
                f"[bold]countersign effects settle {key}[/bold] with --happened or --did-not",
                soft_wrap=True,
            )


@app.command()
def stop(why: Why = "") -> None:
    """Stop all effects of this installation, and say what was in flight."""
    with opened_ledger() as (settings, ledger):
        already = ledger.effect_switch().stopped
        switch, flying = ledger.stop_effects(keys.person_name(settings), why)
        if already:
            out.print("They were stopped already.")
        out.print(f"[bold]{escape(one_line(switch.says))}[/bold]", soft_wrap=True)
        if not flying:
            out.print("Nothing was in flight.")
            return
        out.print("In flight:")
        out.print(table(flying))
        for ended in landed(ledger, flying):
            out.print(f"  {escape(one_line(ended))}", soft_wrap=True)


@app.command()
def start(why: Why = "") -> None:
    """Let effects go on: what was held is carried out by itself, once."""
    with opened_ledger() as (settings, ledger):
        before = ledger.effect_switch()
        ledger.start_effects(keys.person_name(settings), why)
        held = len(ledger.effects(state="held", limit=1000))
        out.print("Effects go on." if before.stopped else "Effects were not stopped.")
        if held:
            out.print(f"{held} held until now.")


@app.command()
def settle(
    key: Annotated[str, typer.Argument(help="The effect's key, as `countersign effects` lists it.")],
    happened: Annotated[bool, typer.Option("--happened/--did-not", help="What you found there.")],
    why: Why = "",
) -> None:
    """Say whether an effect happened that nobody else can tell of. One that did not is carried out once more."""
    with opened_ledger() as (settings, ledger):
        settled = ledger.settle_effect(key, happened=happened, person=keys.person_name(settings), words=why)
        out.print(f"{escape(settled.key)}: {settled.state}.")
        try:
            wait_for(tell(settings, settled))
        except (TemporalUnavailable, RPCError):
            out.print("The run can't be reached now; it looks again by itself within the hour.")


async def tell(settings: Settings, settled: EffectRecord) -> None:
    """Let the run know at once."""
    client = await connect(settings, FolderArtifacts(settings.artifacts), patience=PATIENCE)
    await client.get_workflow_handle(settled.run).signal("settled", settled.key)


def landed(ledger: Ledger, flying: Sequence[EffectRecord]) -> list[str]:
    """What became of effects that were in flight, for as long as somebody would wait to read it."""
    deadline = time.monotonic() + PATIENCE
    while True:
        now = [ledger.effect(each.key) or each for each in flying]
        if time.monotonic() > deadline or all(each.state != "acting" for each in now):
            return [became(each) for each in now]
        time.sleep(LOOK)


def became(effect: EffectRecord) -> str:
    if effect.state == "acting":
        return (
            f"{effect.key}: still in flight. Its kind is let end where cutting it off could hurt, or its process died; "
            "nothing else begins."
        )
    if effect.state == "held":
        return f"{effect.key}: cut off. The destination is asked before it goes on."
    return f"{effect.key}: {effect.state}."


def table(found: Sequence[EffectRecord]) -> Table:
    grid = Table("", "key", "kind", "run", "since", "state", "what", box=None, pad_edge=False, header_style="dim")
    for each in found:
        since = each.finished_at or each.begun_at or each.intended_at
        says = each.outcome.get("says")
        cells = (each.key, each.kind, each.run, clock(since), each.state, str(says or each.subject))
        grid.add_row(MARKS.get(each.state, "·"), *(escape(one_line(cell)) for cell in cells))
    return grid


def clock(moment: datetime) -> str:
    return f"{moment:%m-%d %H:%M:%S}"
