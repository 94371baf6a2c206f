"""Budgets under load and kill -9: is one dollar too many spent, and how much of the budget can be used?

    python -m tests.bench.budgets [--runs 12500] [--at-once 64] [--kills 10] [--url postgresql://…]

Worker processes (8, together `--at-once` runs in flight) make one priced call each for 12,500 runs, through the real
journal and ledger: reserve, call, settle. All draw from one team's month, which holds less than all of them would
cost. Every now and then a worker is killed -9 in the middle of its calls and started again; its runs are made by the
next attempt, as Temporal would. The provider is a process of its own that keeps the only true account: it charges for
a request when it takes it in, whether anybody waits for the reply or not.

`overshoot_usd`: what the provider charged above the budget. `usable`: the share of the budget that it had charged
when no call fitted any more. `stuck_usd`: money still held back for nobody at the end.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from decimal import Decimal
from pathlib import Path

from ledger import FolderArtifacts, Ledger
from tests.bench.budgets_till import Till, worst_usd

PROCESSES = 8
ROOT = Path(__file__).parents[2]


def main() -> None:
    arguments = parse()
    with tempfile.TemporaryDirectory(prefix="countersign-bench-") as folder:
        print(json.dumps(measure(arguments, Path(folder))))


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Budgets under load and kill -9")
    parser.add_argument("--runs", type=int, default=12_500)
    parser.add_argument("--at-once", type=int, default=64)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--share", type=float, default=0.8, help="of what all runs cost, that the budget holds")
    parser.add_argument("--url", default="", help="the ledger's database; empty: SQLite in a folder of its own")
    parser.add_argument("--data", type=Path, help="no data is read: taken and not used")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


def measure(arguments: argparse.Namespace, folder: Path) -> dict[str, object]:
    random.seed(arguments.seed)
    url = arguments.url or f"sqlite:///{folder}/ledger.db"
    Ledger.open(url, FolderArtifacts(folder / "artifacts")).close()  # its tables, before there are eight of them
    started = time.monotonic()
    with Till(folder) as till:
        budget = Decimal(str(round(float(till.mean_usd) * arguments.runs * arguments.share, 2)))
        crew = Crew(arguments, folder, url, till.port, budget)
        kills = crew.work()
        seconds = time.monotonic() - started
        charged, requests = till.account()
    with Ledger.open(url, FolderArtifacts(folder / "artifacts")) as ledger:
        [team] = ledger.accounts("team/")
    return {
        "runs": arguments.runs,
        "at_once": arguments.at_once,
        "kills": kills,
        "budget_usd": float(budget),
        "charged_usd": float(charged),
        "overshoot_usd": float(max(Decimal(0), charged - budget)),
        "usable": round(float(charged / budget), 4),
        "requests": requests,
        "refused_runs": crew.refused(),
        "unknown_charged_usd": float(team.spent - charged),
        "undercounted_usd": float(max(Decimal(0), charged - team.spent)),
        "stuck_usd": float(team.reserved),
        "worst_over_mean": round(float(worst_usd() / till.mean_usd), 2),
        "database": "postgresql" if arguments.url.startswith("postgres") else "sqlite",
        "seconds": round(seconds, 1),
    }


class Crew:
    """The worker processes. Each has its share of the runs, and a file that says which are done."""

    def __init__(self, arguments: argparse.Namespace, folder: Path, url: str, port: int, budget: Decimal) -> None:
        self.arguments, self.folder, self.url, self.port, self.budget = arguments, folder, url, port, budget
        self.working = {number: self.start(number) for number in range(PROCESSES)}

    def start(self, number: int) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "tests.bench.budgets_worker", self.url, str(self.folder), str(self.port)]
        share = [str(number), str(PROCESSES), str(self.arguments.runs)]
        most = [str(self.arguments.at_once // PROCESSES), str(self.budget)]
        return subprocess.Popen([*command, *share, *most], cwd=ROOT)

    def work(self) -> int:
        """Until all runs are done. Gives how many workers were killed while they worked."""
        killed = 0
        while self.working:
            time.sleep(0.05)
            self.collect()
            due = (killed + 1) / (self.arguments.kills + 1) * 0.75  # while there is still money to lose
            if killed < self.arguments.kills and self.done() > due * self.arguments.runs:
                killed += self.kill()
        return killed

    def collect(self) -> None:
        for number, process in list(self.working.items()):
            code = process.poll()
            if code == 0:
                del self.working[number]
            elif code == -signal.SIGKILL:
                self.working[number] = self.start(number)
            elif code is not None:
                raise SystemExit(f"worker {number} ended with {code}")

    def kill(self) -> int:
        number, process = random.choice(list(self.working.items()))
        if process.poll() is not None or not (self.folder / f"done-{number}").exists():
            return 0
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        return 1

    def done(self) -> int:
        return len(self.lines())

    def refused(self) -> int:
        return sum(1 for line in self.lines() if line.endswith(" refused"))

    def lines(self) -> list[str]:
        return [line for path in self.folder.glob("done-*") for line in path.read_text().splitlines()]


if __name__ == "__main__":
    main()
