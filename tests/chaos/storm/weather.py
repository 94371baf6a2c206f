"""The storm itself: when what is killed, and what came of it."""

import asyncio
import contextlib
import json
import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tests.chaos.storm.house import House, database
from tests.chaos.storm.judge import judged
from tests.chaos.storm.load import AWAY, Load, Repositories
from workers.devserver import Binary

# How often each is struck, of ten times.
STRUCK = (*("agents-1", "agents-2", "effects") * 2, *("effects", "server", "database", "database"))
EVERY = (0.3, 4.0)  # seconds between two kills, at random
DOWN = (0.0, 2.0)  # seconds until what was killed is started again
LONGEST_DRAIN = 300.0


@dataclass
class Storm:
    """One storm: all that is random in it comes from the seed. What the machine makes of it does not."""

    folder: Path
    binary: Binary
    kills: int
    seed: int
    kind: str = "postgres"
    most: int = 4
    every: tuple[float, float] = EVERY
    repository: Path | None = None
    say: Callable[[str], None] = print
    killed: Counter[str] = field(default_factory=Counter)
    began: float = field(default_factory=time.monotonic)
    house: House = field(init=False)
    load: Load = field(init=False)

    async def blow(self) -> dict[str, object]:
        """From the first run to the verdict. Gives the summary; what is wrong is under `wrong`."""
        self.folder.mkdir(parents=True, exist_ok=True)
        repositories = Repositories(self.folder / "repositories", self.repository)
        with database(self.kind, self.folder) as (url, control):
            self.house = House(self.folder, self.binary, url, control)
            await self.house.open()
            try:
                lot = random.Random(f"{self.seed} load")
                self.load = Load(self.house, repositories, self.most, lot)
                await self._weather()
                return await self._summary()
            finally:
                await self.house.close()

    async def _weather(self) -> None:
        """What goes on beside it fails the storm if it ends by itself."""
        load, house = self.load, self.house
        async with asyncio.TaskGroup() as group:
            works = [(house.keep_alive, 1.0), (load.decide, 0.3), (load.begin, 0.3)]
            *others, beginning = [group.create_task(load.keep(work, every)) for work, every in works]
            await self._strike()
            beginning.cancel()
            self._tell("the storm is over; what is open is waited for")
            await self._drained()
            for task in others:
                task.cancel()

    async def _strike(self) -> None:
        lot, reviving = random.Random(self.seed), set[asyncio.Task[None]]()
        targets = [each for each in STRUCK if each != "database" or self.house.control]
        while self.killed.total() < self.kills:
            await asyncio.sleep(lot.uniform(*self.every))
            target, down = lot.choice(targets), lot.uniform(*DOWN)
            if target in self.house.down:
                continue
            if await self.house.kill(target):
                self.killed[target.partition("-")[0]] += 1
                self._tell(f"kill {self.killed.total()}/{self.kills}: {target}, away for {down:.1f} s")
            reviving.add(asyncio.create_task(self._revive(target, down)))
        await asyncio.gather(*reviving)

    async def _revive(self, target: str, down: float) -> None:
        await asyncio.sleep(down)
        await self.house.revive(target)

    async def _drained(self) -> None:
        deadline = time.monotonic() + LONGEST_DRAIN
        while time.monotonic() < deadline:
            with contextlib.suppress(*AWAY):
                going_on = self.house.here.client.list_workflows("ExecutionStatus = 'Running'")
                if not [each async for each in going_on] and not await asyncio.to_thread(self.load.open_ones):
                    return await asyncio.sleep(2)  # the last of them is listed
            await asyncio.sleep(0.5)

    async def _summary(self) -> dict[str, object]:
        seconds = time.monotonic() - self.began
        wrong, done = await judged(self.house, self.load.repositories.made, self.load.started)
        ledger = self.house.ledger
        records = await asyncio.to_thread(ledger.runs, limit=1_000_000)
        verified = await asyncio.to_thread(ledger.verify)
        return {
            "database": self.kind,
            "seed": self.seed,
            "kills": dict(sorted(self.killed.items())),
            "runs": dict(Counter(record.state for record in records)),
            "decisions": done.decisions,
            "effects": done.effects,
            "entries": verified.entries,
            "attempts": done.attempts,
            "lost": len(ledger.entries(kind="activity", words="was lost", limit=1_000_000)),
            "late": done.late,
            "mended": done.mended,
            "handed_in": dict(self.load.handed),
            "away": dict(self.load.troubles),
            "seconds": round(seconds),
            "wrong": wrong,
        }

    def _tell(self, what: str) -> None:
        line = f"{time.monotonic() - self.began:7.1f} s  {what}; {len(self.load.started)} runs started"
        self.say(line)
        with (self.folder / "storm.log").open("a") as file:
            file.write(line + "\n")


def told(summary: dict[str, object]) -> str:
    return json.dumps(summary, indent=2)
