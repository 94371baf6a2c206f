"""The load: runs that are started, and people who sign them, whatever is away at the moment."""

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from temporalio.service import RPCError

from contracts.changelog import ChangelogRequest
from contracts.decision import RejectReason, SignedDecision, Verdict
from contracts.errors import CountersignError
from tests.chaos.storm.house import House
from tests.support.repositories import git
from tests.workflows.test_changelog import small_repository
from workers import discovery, keys
from workers.cli.runs import start

AWAY = (CountersignError, RPCError, RuntimeError, OSError, TimeoutError, httpx.HTTPError)
AGAIN = 5.0  # seconds after which a decision that did not come through is handed in again
VERDICTS: tuple[Verdict, ...] = ("approve", "approve", "approve", "approve", "reject", "request_changes")
Work = Callable[[], Coroutine[Any, Any, None]]


@dataclass
class Repositories:
    """Real ones: copies of `original`, or small ones that are built. A second run on one would find nothing to do."""

    folder: Path
    original: Path | None = None
    made: list[Path] = field(default_factory=list)

    def another(self) -> Path:
        path = self.folder / f"app{len(self.made)}"
        self.made.append(path)
        if self.original is None:
            return small_repository(path)
        git(self.original, "clone", "--quiet", "--local", str(self.original), str(path))
        return path


@dataclass
class Load:
    """Keeps `most` runs open, each on a repository of its own, and decides on each as its lot falls."""

    house: House
    repositories: Repositories
    most: int
    lot: random.Random
    started: list[str] = field(default_factory=list)
    signed: dict[str, SignedDecision] = field(default_factory=dict)
    handed: Counter[str] = field(default_factory=Counter)
    troubles: Counter[str] = field(default_factory=Counter)
    token: str = ""
    _last: dict[str, float] = field(default_factory=dict)

    async def keep(self, work: Work, every: float) -> None:
        """Do it time after time. What is away is come back to."""
        while True:
            try:
                await work()
            except AWAY as error:
                self.troubles[type(error).__name__] += 1
            await asyncio.sleep(every)

    async def begin(self) -> None:
        """One more run, if there is room."""
        if len(await asyncio.to_thread(self.open_ones)) < self.most:
            request = ChangelogRequest(repository=str(await asyncio.to_thread(self.repositories.another)))
            async with asyncio.timeout(20):
                self.started.append(await start(self.house.here, discovery.workflow_named("changelog"), request))

    def open_ones(self) -> list[str]:
        """Runs that go on, as the ledger has them."""
        states = ("running", "waiting")
        return [each.run for state in states for each in self.house.ledger.runs(state=state, limit=1000)]

    async def decide(self) -> None:
        """Hand in a decision on each proposal that waits for one, and again while it still does."""
        now = asyncio.get_running_loop().time()
        for record in await asyncio.to_thread(self.house.ledger.proposals, state="open"):
            if now - self._last.get(record.digest, -AGAIN) >= AGAIN:
                signed = await asyncio.to_thread(self._sign, record.digest)
                self._last[record.digest] = now
                await self._hand_in(signed)

    def _sign(self, digest: str) -> SignedDecision:
        if digest not in self.signed:
            proposal = self.house.ledger.proposal(digest)
            verdict = self.lot.choice(VERDICTS if proposal.revision == 1 else VERDICTS[:-1])
            reason: RejectReason | None = "style" if verdict == "reject" else None
            words = "leave out #13" if verdict == "request_changes" else ""
            self.signed[digest] = keys.sign(self.house.settings, proposal, verdict, reason=reason, words=words)
        return self.signed[digest]

    async def _hand_in(self, signed: SignedDecision) -> None:
        """By the run's signal, or by the console's API, which holds no key either."""
        statement = signed.statement
        if self.lot.random() < 0.5:
            await self._by_console(signed)
            return
        handle = self.house.here.client.get_workflow_handle(statement.run)
        async with asyncio.timeout(20):
            await handle.signal("decide", signed)
        self.handed["signal"] += 1

    async def _by_console(self, signed: SignedDecision) -> None:
        if not self.token:
            made = self.house.ledger.create_token
            self.token = await asyncio.to_thread(made, self.house.settings.person, ["submit:decisions"], seconds=86_400)
        url = f"{self.house.settings.console_url}/api/proposals/{signed.statement.digest}/decisions"
        body = {"statement": signed.statement.model_dump(mode="json"), "signature": signed.signature.model_dump()}
        async with httpx.AsyncClient(timeout=20, headers={"authorization": f"Bearer {self.token}"}) as http:
            answer = await http.post(url, json=body)
        self.handed[f"console {answer.status_code}"] += 1
