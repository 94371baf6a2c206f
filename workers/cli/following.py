"""A run followed in the terminal: what it did, line by line, and what it is at right now."""

import asyncio
import textwrap
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress

from rich.console import Console
from rich.markup import escape
from rich.status import Status
from temporalio.api.enums.v1 import PendingActivityState
from temporalio.api.workflow.v1 import PendingActivityInfo
from temporalio.client import Client, WorkflowExecutionDescription
from temporalio.service import RPCError

from contracts.digests import short
from contracts.records import RunRecord, StoredEntry
from workers.cli.common import Platform, how_far, out
from workers.cli.screen import one_line
from workers.settings import Settings

MARKS = {
    "ok": "[green]✓[/green]",
    "failed": "[red]✗[/red]",
    "refused": "[red]⊘[/red]",
    "cancelled": "[yellow]–[/yellow]",
    "held": "[yellow]‖[/yellow]",
}
PARKED = ("waiting",)
ENDS = ("run.closed", "run.close")  # entries that say what the state says right after them
MOST_SAID = 600  # characters of how a run ended
LOOK_EVERY = 0.5  # seconds between two looks at what is under way
SAY_EVERY = 5.0  # where lines can't be taken back: in a file, a pipe, the log of a CI job


class Now:
    """What is under way: one line that is replaced in a terminal, a line now and then elsewhere."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._status: Status | None = None
        self._said, self._at = "", time.monotonic()

    def say(self, text: str) -> None:
        """Show it until the next. Empty: nothing is under way."""
        if self._console.is_terminal:
            self._replace(text)
        elif text and text != self._said and time.monotonic() - self._at > SAY_EVERY:
            self._console.print(f"  … {escape(text)}", soft_wrap=True)
            self._said, self._at = text, time.monotonic()

    def done(self) -> None:
        """A line of what is done was printed."""
        self._at = time.monotonic()

    def _replace(self, text: str) -> None:
        if not text:
            self.close()
            return
        line = f"[dim]{escape(text)[: self._console.width - 8]}[/dim]"
        if self._status is None:
            self._status = self._console.status(line)
            self._status.start()
        self._status.update(line)

    def close(self) -> None:
        if self._status is not None:
            self._status.stop()
            self._status = None


@contextmanager
def now(console: Console) -> Iterator[Now]:
    """Leaves no line behind."""
    shown = Now(console)
    try:
        yield shown
    finally:
        shown.close()


@asynccontextmanager
async def watching(client: Client, run_id: str, shown: Now) -> AsyncIterator[set[str]]:
    """Tell `shown` what the run is at, for as long as the block runs. Gives the runs that it has started itself."""
    started: set[str] = set()
    looking = asyncio.create_task(_look(client, run_id, shown, started))
    try:
        yield started
    finally:
        looking.cancel()
        with suppress(asyncio.CancelledError):
            await looking


async def _look(client: Client, run_id: str, shown: Now, started: set[str]) -> None:
    began: dict[str, float] = {}
    while True:
        await asyncio.sleep(LOOK_EVERY)
        with suppress(RPCError):  # the line is a courtesy: the run itself is followed by the ledger
            told = await client.get_workflow_handle(run_id).describe()
            children = [each.workflow_id for each in told.raw_description.pending_children]
            started |= set(children)
            for each in children:
                told = await client.get_workflow_handle(each).describe()
            text = await under_way(client, told)
            since = began.setdefault(text.split(":")[0], time.monotonic())
            shown.say(f"{text} ({time.monotonic() - since:.0f} s)" if text else "")


async def under_way(client: Client, told: WorkflowExecutionDescription) -> str:
    """What a run's activity says of itself: "ticket.repair: 128 small edits tried". Empty where none runs."""
    for each in told.raw_description.pending_activities:
        if each.state == PendingActivityState.PENDING_ACTIVITY_STATE_SCHEDULED:
            waits = "again, after a failure" if each.attempt > 1 else "waiting for a worker"
            return f"{each.activity_type.name}: {waits}"
        said = await _said(client, each)
        return f"{each.activity_type.name}: {said}" if said else each.activity_type.name
    return ""


async def _said(client: Client, activity: PendingActivityInfo) -> str:
    """The newest sentence of its heartbeat."""
    payloads = activity.heartbeat_details.payloads
    if not payloads:
        return ""
    values = await client.data_converter.decode(payloads)
    return one_line(values[0]) if values and isinstance(values[0], str) else ""


async def follow(here: Platform, run_id: str, *, until_closed: bool = False) -> RunRecord:
    """Print each entry of a run as it comes, until the run waits for a person or has ended.

    Ctrl-C stops the following and not the run, and says so.
    """
    after = 0
    try:
        with now(out) as shown:
            async with watching(here.client, run_id, shown) as started:
                while True:
                    record = here.ledger.run(run_id)
                    after = print_new(here, [run_id, *sorted(started)], after, shown)
                    if record.state != "running" and not (until_closed and record.state in PARKED):
                        break
                    await asyncio.sleep(0.15)
    except asyncio.CancelledError:
        out.print(
            f"The run goes on without this terminal. [bold]countersign log {run_id}[/bold] shows what it does, and "
            f"[bold]countersign inbox[/bold] what it waits for.\n[dim]To end it: {temporal_link(here.settings, run_id)}"
            "[/dim]",
            soft_wrap=True,
        )
        raise
    print_state(here, record)
    return record


def print_new(here: Platform, runs: list[str], after: int, shown: Now) -> int:
    """Print what the runs have done since the entry `after`. Gives the last one's id."""
    new = [entry for run in runs for entry in here.ledger.entries(run=run, after=after)]
    for entry in sorted(new, key=lambda entry: entry.id):
        if entry.name not in ENDS and not is_said_anyway(entry):
            print_entry(entry)
            shown.done()
        after = entry.id
    return after


def is_said_anyway(entry: StoredEntry) -> bool:
    """An effect's way to its end, which `effect.carry_out` tells in a person's words. What went another way is told:
    one that was cut off, held, refused or failed. `countersign log` has all of it."""
    if entry.kind != "effect" or entry.outcome not in ("ok", "intent"):
        return False
    return entry.outcome == "ok" or entry.facts.get("state") == "acting" or entry.key.endswith("/intent")


def print_entry(entry: StoredEntry) -> None:
    """One line of the timeline."""
    seconds = (entry.finished_at - entry.started_at).total_seconds()
    name, says = one_line(entry.name), "" if entry.says == entry.name else escape(one_line(entry.says))
    line = f"  {MARKS.get(entry.outcome, '·')} {escape(f'{name:<22}')} [dim]{seconds:7.2f} s[/dim]  {says}"
    out.print(line, soft_wrap=not out.is_terminal)


def print_state(here: Platform, record: RunRecord) -> None:
    """How the run stands: what it waits for and the way there, or how it ended."""
    if record.state == "waiting":
        for proposal in here.ledger.proposals(state="open", run=record.run):
            short_id = short(proposal.digest)
            approved = escape(how_far(here.ledger, proposal.digest))
            out.print(f"\n[bold]{escape(one_line(proposal.title))}[/bold] waits for you. Approved: {approved}")
            out.print(f"  in the browser: {here.settings.console_url}/proposals/{short_id}")
            out.print(f"  here: countersign show {short_id}, then countersign approve {short_id}")
        return
    colour = "green" if record.state in ("done", "nothing to do") else "red"
    said = textwrap.shorten(one_line(record.says), MOST_SAID, placeholder=" …")  # of many effects each had its line
    out.print(f"[{colour}]{record.state.capitalize()}[/{colour}]: {escape(said)}")


def temporal_link(settings: Settings, run: str) -> str:
    return f"{settings.ui}/namespaces/{settings.namespace}/workflows/{run}"
