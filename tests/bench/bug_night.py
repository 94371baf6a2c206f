"""How long a night of bug triage takes over many new issues: reading, learning, judging, searching a repository.

    python -m tests.bench.bug_night [--open 10000] [--past 4000]

Generated reports about a generated package, in one process, without a Temporal server. `seconds` is all of it,
`cpu_seconds` what the processor worked (less, where other work shares it), `peak_mb` the largest resident set. The last
line is one JSON object.
"""

import argparse
import asyncio
import json
import random
import resource
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from activities.bug_triage.assessing import BugAssessing
from activities.bug_triage.gathering import BugGathering
from contracts.bug_triage import AssessBugs, GatherBugs
from tests.activities.effect_world import World
from workers.demo import reports

MODELS = Path(__file__).parents[2] / ".tools" / "embeddings"  # where deploy/bin/embeddings puts the sentence model
SYLLABLES = ("ba", "con", "der", "ex", "fil", "gra", "hi", "in", "lo", "mer", "nu", "par", "re", "sto", "ti", "vol")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--open", type=int, default=10_000)
    parser.add_argument("--past", type=int, default=4_000)
    parser.add_argument("--words", type=int, default=0, help="of prose that each report has more: what real ones have")
    parser.add_argument("--models", type=Path, default=MODELS)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(asyncio.run(night(Path(folder), options.open, options.past, options.models, options.words))))


def generated(folder: Path, new: int, past: int, words: int = 0) -> Path:
    """Past issues, and new ones that are made like them and that nobody has triaged."""
    reports.made(folder, past=past + new)
    source = folder / "reports.jsonl"
    rows = [json.loads(line) for line in source.read_text().splitlines()]
    chance = random.Random(11)
    decided = ("kind", "priority", "component", "assignee", "versions")
    for row in rows[past : past + new]:
        row.update(dict.fromkeys(decided, ""), state="open")
    for row in rows if words else ():
        row["body"] += "\n\n" + " ".join(_words(chance, words))
    source.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return source


def _words(chance: random.Random, about: int) -> list[str]:
    """Made-up words, the common ones often: about as many as were asked for, some texts short and a few long."""
    many = min(20 * about, round(about * chance.lognormvariate(-0.5, 1.0)))
    ranks = (min(20_000, int(chance.paretovariate(0.5))) for _ in range(many))
    return ["".join(SYLLABLES[rank >> shift & 15] for shift in (0, 4, 8, 12) if rank >> shift) for rank in ranks]


async def night(folder: Path, new: int, past: int, models: Path | None = None, words: int = 0) -> dict[str, object]:
    source = generated(folder / "generated", new, past, words)
    (folder / "state").mkdir()
    world = World.open(folder / "state")
    tools = replace(world.toolbox, embeddings=models)
    began, worked = time.monotonic(), time.process_time()
    gathered = await BugGathering(tools).gather(GatherBugs(source=str(source)))
    read = time.monotonic()
    assessed = await BugAssessing(tools).assess(AssessBugs(backlog=gathered.backlog))
    done, worked = time.monotonic(), time.process_time() - worked
    world.ledger.close()
    return {
        "issues": gathered.issues,
        "judged": assessed.judged,
        "proposed": assessed.confident + assessed.doubtful,
        "waiting": assessed.waiting,
        "read_seconds": round(read - began, 1),
        "judge_seconds": round(done - read, 1),
        "seconds": round(done - began, 1),
        "cpu_seconds": round(worked, 1),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }


if __name__ == "__main__":
    main()
