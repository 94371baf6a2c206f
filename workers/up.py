"""`countersign up`: a Temporal server, two workers and the console in one terminal."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from temporalio.client import Client
from temporalio.service import RPCError

from contracts.errors import StateUnusable, TemporalUnavailable
from workers import keys
from workers.devserver import ServerFolder, ServerPlan, connect, ensure_search_attributes, find
from workers.installation import open_ledger
from workers.probe import probe
from workers.processes import require_free
from workers.settings import Settings
from workers.supervisor import Plan, Supervisor, Terminal, children, until_told

REACH_LIMIT = 10.0


async def up(settings: Settings, terminal: Terminal) -> int:
    """Run everything until Ctrl-C or SIGTERM; the exit code. Raises the errors of starting, and ChildDied."""
    return await until_told(_up(settings, terminal), terminal)


async def _up(settings: Settings, terminal: Terminal) -> None:
    async with platform(settings, terminal) as supervisor:
        await asyncio.to_thread(pin_known, settings)
        terminal.say(f"Inbox        {settings.console_url}   (`countersign link` opens it as you)")
        terminal.say(f"Temporal UI  {settings.ui}")
        terminal.say("Ctrl-C stops everything. Runs go on at the next start.")
        await supervisor.watch()


def pin_known(settings: Settings) -> None:
    """Who has a key here since an earlier release, which pinned nobody, is the root from now on."""
    if keys.key_path(settings).exists():
        with open_ledger(settings) as ledger:
            keys.enrol_local_person(settings, ledger)


@asynccontextmanager
async def platform(settings: Settings, terminal: Terminal, plans: Sequence[Plan] = ()) -> AsyncIterator[Supervisor]:
    """Everything is ready inside, and gone after. `plans`: other children than the usual three.

    Raises StateUnusable, PortTaken, TemporalUnavailable, ChildDied.
    """
    absolute(settings)
    make(settings.state)
    without_versions(settings, terminal)
    server = None if settings.temporal_address else await prepare(settings, terminal)
    if server is None:
        require_free({"COUNTERSIGN_CONSOLE_PORT": settings.console_port})
    own = [children.temporal(server)] if server else []
    async with Supervisor(own, terminal) as supervisor:
        client = await reach(settings)
        for name in await ensure_search_attributes(client):
            terminal.say(f"Added the search attribute {name} to namespace {settings.namespace!r}.")
        await say_speed(client, terminal)
        await supervisor.add(*(plans or children.platform(settings)))
        yield supervisor


async def prepare(settings: Settings, terminal: Terminal) -> ServerPlan:
    """Everything is checked before anything is started: leftovers, ports, the binary, the state folder."""
    folder = ServerFolder(settings.state / "temporal")
    for sentence in folder.end_leftover():
        terminal.say(sentence)
    require_free(
        {
            "COUNTERSIGN_TEMPORAL_PORT": settings.temporal_port,
            "COUNTERSIGN_TEMPORAL_UI_PORT": settings.temporal_ui_port,
            "COUNTERSIGN_CONSOLE_PORT": settings.console_port,
        }
    )
    binary = await find(settings.tools, terminal.say)
    for sentence in folder.prepare(binary.server):
        terminal.say(sentence)
    terminal.say(f"Temporal server {binary.server}, {binary.how}: {binary.path}")
    return ServerPlan(
        binary,
        folder,
        settings.temporal_port,
        settings.temporal_ui_port,
        settings.namespace,
        settings.temporal_synchronous,
    )


async def reach(settings: Settings) -> Client:
    """A client of the server in use. Raises TemporalUnavailable."""
    try:
        return await asyncio.wait_for(
            connect(
                settings.address,
                settings.namespace,
                api_key=settings.temporal_api_key,
                tls=settings.temporal_tls,
            ),
            REACH_LIMIT,
        )
    except (RPCError, RuntimeError, TimeoutError) as error:
        raise TemporalUnavailable(
            f"No Temporal server answers at {settings.address}: {error or 'no answer'}.",
            subject=settings.address,
            way_out="Check TEMPORAL_ADDRESS and TEMPORAL_API_KEY, or unset them: then one is started here.",
        ) from error


async def say_speed(client: Client, terminal: Terminal) -> None:
    """A probe that fails is no reason not to start: the children will say what is wrong."""
    with suppress(RPCError, RuntimeError):
        result = await probe(client)
        terminal.say(f"Measured {result.says}.")


def absolute(settings: Settings) -> None:
    """Children may run in another folder: relative paths are made absolute once, here."""
    settings.state = settings.state.expanduser().resolve()
    settings.tools = settings.tools.expanduser().resolve()


def without_versions(settings: Settings, terminal: Terminal) -> None:
    """One worker after the other runs here: after an upgrade a run that stayed on the old one would wait for ever."""
    if settings.deployment:
        terminal.say("COUNTERSIGN_DEPLOYMENT is for workers run by themselves: here any release goes on.")
        settings.deployment = ""


def make(state: Path) -> None:
    """Make the state folder, the owner's alone. Raises StateUnusable."""
    try:
        state.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise StateUnusable(
            f"The state folder {str(state)!r} cannot be made: {error.strerror}.",
            subject=str(state),
            way_out="Choose another: COUNTERSIGN_STATE=/path/to/folder.",
        ) from error
