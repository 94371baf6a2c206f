"""Where the demo happens: a state folder of its own, the usual processes, a narrator."""

import dataclasses
import shutil
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.text import Text

from contracts.errors import StateUnusable
from sandboxes import Providers
from workers import keys
from workers.cli.common import Platform
from workers.cli.common import platform as opened
from workers.cli.following import now
from workers.devserver import ServerFolder
from workers.processes import free_port
from workers.settings import Settings
from workers.supervisor import Plan, Supervisor, Terminal, children
from workers.up import platform

MARKER = ".countersign-demo"
PERSON = "demo"
MOST_QUOTED = 6  # lines of a ticket
FAULT = "effect.after_act"  # the worst moment: the commit is made, and nothing has noted it yet


class Narrator(Terminal):
    """What the platform says goes to the screen, what its processes print to a file."""

    def __init__(self, screen: Console, log: Path) -> None:
        super().__init__(Console(file=log.open("a"), highlight=False, width=200))
        self.screen = screen

    def say(self, text: str) -> None:
        self.screen.print(f"  [dim]{escape(text)}[/dim]", soft_wrap=True)

    def chapter(self, text: str) -> None:
        self.screen.print(f"\n[bold cyan]▸ {escape(text)}[/bold cyan]")

    def tell(self, text: str) -> None:
        self.screen.print(escape(text), soft_wrap=True)

    def quote(self, text: str) -> None:
        """Somebody's words, of which the first lines are enough."""
        lines = text.strip().splitlines()[:MOST_QUOTED]
        for line in filter(None, lines):
            self.screen.print(Padding(Text(line, style="italic"), (0, 0, 0, 2)))


@dataclass(frozen=True)
class Stage:
    """Everything that the chapters need."""

    settings: Settings
    narrator: Narrator
    here: Platform
    supervisor: Supervisor
    attended: bool


def settings_for(folder: Path) -> Settings:
    """Settings of the demo: its own state, its own server, free ports. Tools are shared with everybody."""
    settings = Settings(state=folder, person=PERSON, demo=True, console_port=free_port(), public_url="")
    settings.temporal_address = settings.temporal_ui_url = settings.database_url = ""
    settings.temporal_port, settings.temporal_ui_port = free_port(), free_port()
    return settings


def plans_for(settings: Settings) -> list[Plan]:
    """The usual children. Agents get no model key: a demo costs nothing. Effects get a fault, unarmed at first."""
    agents = children.agents(settings)
    plain = {
        name: value
        for name, value in agents.environment.items()
        if name not in (*children.MODEL_NAMES, *children.AWS_NAMES)
    }
    effects = children.effects(settings)
    armed = {"COUNTERSIGN_FAULT": FAULT, "COUNTERSIGN_FAULT_ONCE": str(fault_file(settings))}
    return [
        dataclasses.replace(agents, environment=plain),
        dataclasses.replace(effects, environment={**effects.environment, **armed}),
        children.console(settings),
    ]


def fault_file(settings: Settings) -> Path:
    """While this file exists, the fault does not happen."""
    return settings.state / "fault-happened"


@asynccontextmanager
async def open_stage(settings: Settings, narrator: Narrator, attended: bool) -> AsyncIterator[Stage]:
    fault_file(settings).touch()
    async with AsyncExitStack() as stack:
        with now(narrator.screen) as shown:
            shown.say("starting them: a few seconds")
            supervisor = await stack.enter_async_context(platform(settings, narrator, plans_for(settings)))
        here = await stack.enter_async_context(opened(settings))
        person, key, _ = keys.enrol_local_person(settings, here.ledger)
        narrator.tell(f"Enrolled {person.display_name!r}, whose key {key.fingerprint} signs nothing but this demo.")
        yield Stage(settings, narrator, here, supervisor, attended)


def fresh(folder: Path) -> None:
    """An empty folder. One that is not a demo's is never removed. Raises StateUnusable."""
    if folder.exists():
        if not (folder / MARKER).exists() and any(folder.iterdir()):
            raise StateUnusable(
                f"{str(folder)!r} is not a demo's folder, so it is left as it is.",
                subject=str(folder),
                way_out="Move it away, or run the demo in another folder.",
            )
        ServerFolder(folder / "temporal").end_leftover()
        # A demo whose terminal was closed leaves mounts, which no folder can be removed with.
        Providers(folder / "sandboxes").reap()
        shutil.rmtree(folder)
    folder.mkdir(mode=0o700, parents=True)
    (folder / MARKER).touch()
