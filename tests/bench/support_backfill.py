"""A backfill of support tickets: how long it takes and what memory it needs. All tickets are generated.

    python -m tests.bench.support_backfill --tickets 100000

One in five has no label and is triaged; the others are learnt from. Memory is the process's peak beyond what it had
when all was imported and a model of 1,000 tickets had been made.
"""

import argparse
import asyncio
import json
import resource
import tempfile
import time
from pathlib import Path
from typing import Any

from activities.support_triage.backfill import SupportBackfill
from activities.toolbox import Identity, Toolbox
from contracts.support import Backfilled, LearnRequest
from ledger import FolderArtifacts, Ledger
from sandboxes import Bubblewrap
from workers.demo.tickets import history, write


def toolbox(folder: Path) -> Toolbox:
    artifacts = FolderArtifacts(folder / "artifacts")
    ledger = Ledger.open(f"sqlite:///{folder / 'ledger.db'}", artifacts)
    sandboxes = Bubblewrap(folder / "sandboxes")
    return Toolbox(
        ledger=ledger, artifacts=artifacts, sandboxes=sandboxes, models=None, identity=Identity(), state=folder
    )


def rows(count: int, first: int) -> list[dict[str, Any]]:
    made = history(count, seed=first)
    for place, row in enumerate(made):
        row["id"] = f"B{first + place}"
        if place % 5 == 0:
            row |= {"status": "pending", "intent": "", "queue": "", "solution": ""}
    return made


def backfilled(folder: Path, count: int) -> Backfilled:
    tickets = folder / "tickets.jsonl"
    for first in range(0, count, 10_000):
        write(tickets, rows(min(10_000, count - first), first))
    tools = toolbox(folder)
    request = LearnRequest(run="bench", source=str(tickets), backfill=True)
    try:
        return asyncio.run(SupportBackfill(tools).backfill(request))
    finally:
        tools.ledger.close()


def peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--tickets", type=int, default=100_000)
    count = parser.parse_args().tickets
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "small").mkdir()
        backfilled(Path(folder) / "small", 1_000)
        before, began = peak(), time.monotonic()
        made = backfilled(Path(folder), count)
        seconds = time.monotonic() - began
    print(made.says)
    found = {"tickets": made.read, "triaged": made.triaged, "confident": made.confident, "parts": len(made.parts)}
    speed = {"seconds": round(seconds, 1), "per_second": round(count / seconds)}
    print(json.dumps({**found, **speed, "peak_mb": round(peak()), "peak_mb_of_1000": round(before)}))


if __name__ == "__main__":
    main()
