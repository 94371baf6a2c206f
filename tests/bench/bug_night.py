"""How long a night of bug triage takes over many new issues: reading, learning, judging, searching a repository.

    python -m tests.bench.bug_night [--open 10000] [--past 4000]

Generated reports about a generated package, in one process, without a Temporal server. `seconds` is all of it,
`cpu_seconds` what the processor worked (less, where other work shares it), `peak_mb` the largest resident set. The last
line is one JSON object.
"""

import argparse
import asyncio
import json
import resource
import tempfile
import time
from pathlib import Path

from activities.bug_triage.assessing import BugAssessing
from activities.bug_triage.gathering import BugGathering
from contracts.bug_triage import AssessBugs, GatherBugs
from tests.activities.effect_world import World
from workers.demo import reports


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--open", type=int, default=10_000)
    parser.add_argument("--past", type=int, default=4_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(asyncio.run(night(Path(folder), options.open, options.past))))


def generated(folder: Path, new: int, past: int) -> Path:
    """Past issues, and new ones that are made like them and that nobody has triaged."""
    reports.made(folder, past=past + new)
    source = folder / "reports.jsonl"
    rows = [json.loads(line) for line in source.read_text().splitlines()]
    decided = ("kind", "priority", "component", "assignee", "versions")
    for row in rows[past : past + new]:
        row.update(dict.fromkeys(decided, ""), state="open")
    source.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return source


async def night(folder: Path, new: int, past: int) -> dict[str, object]:
    source = generated(folder / "generated", new, past)
    (folder / "state").mkdir()
    world = World.open(folder / "state")
    began, worked = time.monotonic(), time.process_time()
    gathered = await BugGathering(world.toolbox).gather(GatherBugs(source=str(source)))
    read = time.monotonic()
    assessed = await BugAssessing(world.toolbox).assess(AssessBugs(backlog=gathered.backlog))
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
