"""Ask the console's API for long what its description allows and what it doesn't: `make fuzz EXAMPLES=2000`.

Other requests each time. Prints each defect with a request that shows it, and ends with 1 if there is one.
"""

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

from contracts.records import Person
from contracts.tokens import SCOPES
from ledger import FolderArtifacts, Ledger
from tests.console.fuzzing import Fuzzed, bearer, fuzz, served, session
from workers.devserver import DevServer


async def main(examples: int) -> int:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        with Ledger.open(f"sqlite:///{path / 'ledger.db'}", FolderArtifacts(path / "artifacts")) as ledger:
            ledger.enrol(Person(name="ada", display_name="Ada Lovelace", roles=("reviewer",)))
            async with DevServer(path / "temporal", say=print) as server, served(ledger, server.address) as console:
                ways = {
                    "a person": await session(console, ledger),
                    "a program": bearer(ledger, *SCOPES),
                    "nobody": {},
                }
                found = [
                    told(who, await asyncio.to_thread(fuzz, console, headers, examples=examples, seed=None))
                    for who, headers in ways.items()
                ]
    return 1 if any(found) else 0


def told(who: str, found: Fuzzed) -> int:
    """Prints what came of it; the number of defects."""
    print(f"{who}: {found.answers.total():,} requests, {len(found.defects)} defects")
    for defect, request in found.defects.items():
        print(f"\n{defect}\n    {request}")
    return len(found.defects)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--examples", type=int, default=500, help="requests of each call that are made up at random")
    sys.exit(asyncio.run(main(parser.parse_args().examples)))
