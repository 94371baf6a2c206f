"""The installation that stands in the storm: all of its processes are real ones, and any of them can be killed."""

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from multiprocessing.context import ForkServerProcess
from pathlib import Path

from ledger import FolderArtifacts, Ledger
from sandboxes import Bubblewrap
from tests.chaos.conftest import environment
from tests.support import forked, postgres
from tests.support.platform import settings_for
from workers import keys
from workers.cli.common import Platform
from workers.client import connect
from workers.devserver import Binary, DevServer
from workers.installation import open_ledger
from workers.processes import free_port
from workers.settings import Settings

SWEEP_MINUTES = 0.5  # so often the workers compare ledger and Temporal by themselves, in the storm's middle
TRIES, PAUSE = 60, 0.5  # to start a server again: one that was killed may still hold what the new one needs
PORT_NAMES = {"port": "the server's", "ui_port": "its pages'"}


@contextlib.contextmanager
def database(kind: str, folder: Path) -> Iterator[tuple[str, Callable[[str], None] | None]]:
    """A database for the ledger, and what kills and starts it. SQLite has no process of its own: None."""
    if kind == "sqlite":
        yield f"sqlite:///{folder / 'state' / 'ledger.db'}", None
        return
    with postgres.restartable() as (url, control):
        yield url, control


@dataclass
class House:
    """Temporal server, database, two agents' workers, the effects' process and a console."""

    folder: Path
    binary: Binary
    database_url: str
    control: Callable[[str], None] | None
    server: DevServer = field(init=False)
    settings: Settings = field(init=False)
    here: Platform = field(init=False)
    processes: dict[str, ForkServerProcess] = field(default_factory=dict)
    down: set[str] = field(default_factory=set)  # killed, and not to be started again yet

    async def open(self) -> None:
        self.ports = (free_port(), free_port())
        await self._start_server()
        self.settings = settings_for(
            self.server,
            self.folder / "state",
            database_url=self.database_url,
            console_port=free_port(),
            reconcile_minutes=SWEEP_MINUTES,
        )
        ledger = open_ledger(self.settings)
        keys.enrol_local_person(self.settings, ledger)
        client = await connect(self.settings, FolderArtifacts(self.settings.artifacts))
        self.here = Platform(self.settings, ledger, client)
        for name in ("agents-1", "agents-2", "effects", "console"):
            self.start(name)

    async def close(self) -> None:
        for process in self.processes.values():
            await asyncio.to_thread(forked.kill, process)
        self.here.ledger.close()
        await self.server.stop()
        Bubblewrap(self.settings.state / "sandboxes").reap()

    @property
    def ledger(self) -> Ledger:
        return self.here.ledger

    def start(self, name: str) -> None:
        """One of our own processes."""
        environ = {
            **environment(self.settings),
            "COUNTERSIGN_DATABASE_URL": self.database_url,
            "COUNTERSIGN_CONSOLE_PORT": str(self.settings.console_port),
            "COUNTERSIGN_RECONCILE_MINUTES": str(SWEEP_MINUTES),
        }
        log = self.folder / f"{name}.log"
        if name == "console":
            self.processes[name] = forked.start(forked.console, environ=environ, output=log)
            return
        kind = name.partition("-")[0]
        self.processes[name] = forked.start(forked.worker, kind, ("changelog",), environ=environ, output=log)

    async def kill(self, name: str) -> bool:
        """kill -9, until it is revived. False: it was dead already."""
        self.down.add(name)
        if name == "server":
            if self.server.pid is None:
                return False
            await self.server.kill()
        elif name == "database":
            assert self.control is not None
            await asyncio.to_thread(self.control, "kill")
        else:
            alive = self.processes[name].is_alive()
            await asyncio.to_thread(forked.kill, self.processes[name])
            return alive
        return True

    async def revive(self, name: str) -> None:
        """Start it again, as a supervisor would."""
        if name == "server":
            await self.server.stop()
            await self._start_server()
        elif name == "database":
            await self._start_database()
        else:
            self.start(name)
        self.down.discard(name)

    async def keep_alive(self) -> None:
        """Start again what has ended by itself, as the supervisor does: who found no database for too long."""
        for name, process in list(self.processes.items()):
            if name not in self.down and not process.is_alive():
                self.start(name)

    async def _start_server(self) -> None:
        port, ui_port = self.ports
        self.server = DevServer(self.folder / "temporal", binary=self.binary, port=port, ui_port=ui_port)
        await self.server.start()

    async def _start_database(self) -> None:
        assert self.control is not None
        for left in range(TRIES, 0, -1):
            try:
                return await asyncio.to_thread(self.control, "start")
            except Exception:  # backends of the dead one still hold its memory
                if left == 1:
                    raise
                await asyncio.sleep(PAUSE)
