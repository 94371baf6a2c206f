"""A backfill of support tickets: how long it takes and what memory it needs. All tickets are generated.

    python -m tests.bench.support_backfill --tickets 100000

One in five has no label and is triaged; the others are learnt from. Each has `--words` words more of a made-up language
(common ones often, rare ones seldom), as real tickets say much beside what they want. `rss_mb` is what the process held
at each tenth of the reading, after learning, and at each tenth of the parts; `peak_mb` the most that it ever held.
Seconds of the processor (`cpu_seconds`) say more than seconds on a machine that does other work.
"""

import argparse
import asyncio
import itertools
import json
import random
import re
import resource
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from activities.progress import Progress
from activities.support_triage import backfill
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


class Talk:
    """Words of a language that nobody speaks: the n-th commonest comes 1/n as often as the first."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        syllables = [a + b for a in "bdfgklmnprstvz" for b in ("a", "e", "i", "o", "u", "an", "er", "or")]
        self.words = ["".join(self.rng.choices(syllables, k=self.rng.randint(1, 4))) for _ in range(30_000)]
        self.weights = list(itertools.accumulate(1 / (place + 1) for place in range(len(self.words))))

    def said(self, most: int) -> str:
        count = self.rng.randint(most // 2, most + most // 2)
        return " ".join(self.rng.choices(self.words, cum_weights=self.weights, k=count))


def rows(count: int, first: int, talk: Talk, words: int) -> list[dict[str, Any]]:
    made = history(count, seed=first)
    for place, row in enumerate(made):
        row["id"] = f"B{first + place}"
        row["text"] += f" {talk.said(words)}" if words else ""
        if place % 5 == 0:
            row |= {"status": "pending", "intent": "", "queue": "", "solution": ""}
    return made


def backfilled(folder: Path, count: int, words: int, embeddings: Path | None) -> Backfilled:
    tickets, talk = folder / "tickets.jsonl", Talk(1)
    for first in range(0, count, 5_000):
        write(tickets, rows(min(5_000, count - first), first, talk, words))
    tools = replace(toolbox(folder), embeddings=embeddings)
    request = LearnRequest(run="bench", source=str(tickets), backfill=True)
    try:
        return asyncio.run(SupportBackfill(tools).backfill(request))
    finally:
        tools.ledger.close()


@contextmanager
def watched(count: int) -> Iterator[dict[str, int]]:
    """What the process holds, in MB, as it says how far it is."""
    held, every = dict[str, int](), max(1, count // 10_000)

    @asynccontextmanager
    async def watching(says: str) -> AsyncIterator[Progress]:
        yield Told(says)

    class Told(Progress):
        def __setattr__(self, name: str, value: Any) -> None:
            super().__setattr__(name, value)
            if name == "says" and _is_tenth(value, every):
                held[value] = rss()
                print(f"{time.process_time():8.1f} s  {held[value]:6,} MB  {value}", flush=True)

    real, backfill.progress = backfill.progress, watching
    try:
        yield held
    finally:
        backfill.progress = real


def _is_tenth(says: str, every: int) -> bool:
    """Of the pages and parts, which are many, every so manieth; of the rest all."""
    read, part = re.match(r"([\d,]+)000 tickets of the history", says), re.match(r"([\d,]+) of [\d,]+ parts", says)
    found = read or part
    return found is None or int(re.sub(r"\D", "", found[1]) or 1) % every == 0


def rss() -> int:
    """Megabytes."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() >> 20


def peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--tickets", type=int, default=100_000)
    parser.add_argument("--words", type=int, default=60, help="of a made-up language, in each ticket")
    parser.add_argument("--embeddings", type=Path, help="folder of the sentence model; without it word vectors")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, watched(asked.tickets) as held:
        began, worked = time.monotonic(), time.process_time()
        made = backfilled(Path(folder), asked.tickets, asked.words, asked.embeddings)
        seconds, busy = time.monotonic() - began, time.process_time() - worked
    print(made.says)
    found = {"tickets": made.read, "triaged": made.triaged, "confident": made.confident, "parts": len(made.parts)}
    speed = {"seconds": round(seconds, 1), "cpu_seconds": round(busy, 1), "per_cpu_second": round(made.read / busy)}
    print(json.dumps({**found, **speed, "peak_mb": peak(), "rss_mb": held}))


if __name__ == "__main__":
    main()
