"""A worker of the budgets' bench: makes its share of the runs, so many at once, and may be killed at any moment.

What it finds begun and not done by one that was killed before it, it makes again as the next attempt.
"""

import asyncio
import sys
from decimal import Decimal
from pathlib import Path

from activities.models.journal import Journal, Purpose
from activities.models.tiers import Tiers
from contracts.errors import BudgetSpent
from contracts.models import Message, ModelRequest
from ledger import FolderArtifacts, Ledger
from tests.bench.budgets_till import Customer, spender


class Work:
    """The runs of one worker, with what became of each in a file that outlives it."""

    def __init__(self, folder: Path, number: int, of: int, runs: int) -> None:
        self.path = folder / f"done-{number}"
        done = {int(line.split()[0]) for line in self.path.read_text().splitlines()} if self.path.exists() else set()
        self.attempt = len(list(folder.glob(f"start-{number}-*"))) + 1
        (folder / f"start-{number}-{self.attempt}").touch()
        self.left = iter([run for run in range(number, runs, of) if run not in done])

    def note(self, run: int, what: str) -> None:
        with self.path.open("a") as file:
            file.write(f"{run} {what}\n")


async def make(journal: Journal, work: Work, budget: Decimal) -> None:
    for run in work.left:
        payer, _ = spender(run, budget)
        purpose = Purpose(call="only", attempt=work.attempt, says="be paid for", spender=payer)
        request = ModelRequest(system="", messages=(Message(role="user", text=str(run)),))
        try:
            await journal.call(request, purpose)
            work.note(run, "paid")
        except BudgetSpent:
            work.note(run, "refused")


async def work(url: str, folder: Path, port: int, share: tuple[int, int, int], most: int, budget: Decimal) -> None:
    with Ledger.open(url, FolderArtifacts(folder / "artifacts")) as ledger:
        tiers, team = Tiers(small=Customer(port)), spender(0, budget)[1]
        journal = Journal(tiers, ledger, FolderArtifacts(folder / "artifacts"), team_usd=team, patience=60)
        mine = Work(folder, *share)
        await asyncio.gather(*(make(journal, mine, budget) for _ in range(most)))


if __name__ == "__main__":
    url, folder, port, number, of, runs, most, budget = sys.argv[1:]
    share = (int(number), int(of), int(runs))
    asyncio.run(work(url, Path(folder), int(port), share, int(most), Decimal(budget)))
