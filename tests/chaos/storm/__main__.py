"""`python -m tests.chaos.storm --kills 500 --seed 1`: each kill, then a summary as JSON. Exit code 1: it failed."""

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

from tests.chaos.storm.weather import EVERY, Storm, told
from workers.devserver import find
from workers.settings import Settings


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.storm")
    parser.add_argument("--kills", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--sqlite", action="store_true", help="nothing to kill of the database, then")
    parser.add_argument("--runs", type=int, default=4, help="open at once")
    parser.add_argument("--every", type=float, default=EVERY[1], help="longest time between two kills, in seconds")
    parser.add_argument(
        "--repository", type=Path, help="to write changelogs for; its branches countersign/ are checked"
    )
    parser.add_argument("--keep", type=Path, help="an empty folder for all that is left behind")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        sys.exit(asyncio.run(blow(asked, asked.keep or Path(place))))


async def blow(asked: argparse.Namespace, folder: Path) -> int:
    summary = await Storm(
        folder,
        await find(Settings().tools, print),
        kills=asked.kills,
        seed=asked.seed,
        kind="sqlite" if asked.sqlite else "postgres",
        most=asked.runs,
        every=(EVERY[0], asked.every),
        repository=asked.repository,
        say=lambda line: print(line, flush=True),
    ).blow()
    print(told(summary), flush=True)
    return 1 if summary["wrong"] else 0


if __name__ == "__main__":
    main()
