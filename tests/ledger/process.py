"""What the ledger's tests run in another process, also by `python -m tests.ledger.process WHAT URL FOLDER …`."""

import sys
from pathlib import Path

from contracts.errors import CountersignError
from ledger import FolderArtifacts, Ledger
from tests.ledger.support import entry


def ledger(url: str, folder: str) -> Ledger:
    place = Path(folder)
    return Ledger.open(url, FolderArtifacts(place / "artifacts"), signing_key=place / "ledger_key", seal_seconds=0.05)


def opening(url: str, folder: str) -> None:
    """Open (and migrate) the database, print the realm."""
    with ledger(url, folder) as opened:
        print(opened.realm)


def appending(url: str, folder: str, name: str, count: str) -> None:
    """Append entries, and print each key once it is durable."""
    with ledger(url, folder) as opened:
        for number in range(int(count)):
            opened.append(entry(f"{name}-{number}"))
            print(f"{name}-{number}", flush=True)


def filling(url: str, folder: str) -> None:
    """Append and put until the disk is full, print the errors' names, then make room and go on."""
    ballast = Path(folder) / "ballast"
    ballast.write_bytes(b"x" * 200_000)
    with Ledger.open(url, FolderArtifacts(Path(folder) / "artifacts")) as opened:
        done = [_until_full(opened, what) for what in ("append", "put")]
        ballast.unlink()
        opened.append(entry("after"))
        keys = {one.key for one in opened.entries(limit=100_000)}
        assert keys == {f"append-{number}" for number in range(done[0])} | {"after"}
        assert opened.verify().ok


def _until_full(opened: Ledger, what: str) -> int:
    for number in range(100_000):
        try:
            if what == "append":
                opened.append(entry(f"append-{number}", says="x" * 2_000))
            else:
                opened.artifacts.put(str(number).encode() * 4_000)
        except CountersignError as error:
            print(what, error.name, flush=True)
            return number
    raise AssertionError("the disk was never full")


if __name__ == "__main__":
    {"opening": opening, "appending": appending, "filling": filling}[sys.argv[1]](*sys.argv[2:])
