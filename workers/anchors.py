"""Signed heads kept outside the ledger's database, so that who holds that can't cut off its newest part unseen.

`git:/path/to/repository`: a line in `heads.jsonl` on the branch `countersign-heads`, a commit each time.
"""

import asyncio
import json
import os
import subprocess
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import Protocol

from pydantic import ValidationError

from contracts.errors import AnchorFailed, BadInput
from contracts.records import ANCHORED, Head
from ledger import Ledger
from workers.notes import system_entry

SETTING = "COUNTERSIGN_LEDGER_ANCHOR"
BRANCH = "refs/heads/countersign-heads"
FILE = "heads.jsonl"
PATIENCE = 60  # seconds, for one command of git
AUTHOR = {"NAME": "Countersign", "EMAIL": "countersign@localhost"}


class Anchor(Protocol):
    """A place for heads."""

    def put(self, head: Head) -> None:
        """Keep it; the same again is nothing. Raises AnchorFailed."""
        ...

    def heads(self) -> list[Head]:
        """All that are kept, the oldest first. Raises AnchorFailed."""
        ...


def anchor(text: str) -> Anchor:
    """The anchor that the setting names. BadInput for what is none."""
    kind, _, where = text.partition(":")
    if kind == "git" and where:
        return GitAnchor(Path(where))
    raise BadInput(
        f"{text!r} is no place for the ledger's heads.",
        subject=SETTING,
        way_out="It is git:/path/to/repository.",
    )


class GitAnchor:
    """Commits in a repository on this host, which others fetch. The work tree is left alone."""

    def __init__(self, repository: Path) -> None:
        self.repository = repository

    def put(self, head: Head) -> None:
        tip = self._tip()
        kept = self._lines(tip)
        line = head.model_dump_json()
        if line in kept:
            return
        blob = self._git("hash-object", "-w", "--stdin", given="".join(f"{each}\n" for each in (*kept, line)))
        tree = self._git("mktree", given=f"100644 blob {blob}\t{FILE}\n")
        parent = ("-p", tip) if tip else ()
        says = f"Head {head.number} over {head.size} entries, sealed {head.sealed_at:%Y-%m-%d %H:%M} UTC"
        commit = self._git("commit-tree", tree, *parent, "-m", says)
        self._git("update-ref", BRANCH, commit, tip or "0" * 40)  # only if nobody else was quicker

    def heads(self) -> list[Head]:
        return read(self._lines(self._tip()), f"git:{self.repository}")

    def _tip(self) -> str:
        return self._git("for-each-ref", "--format=%(objectname)", BRANCH)

    def _lines(self, tip: str) -> list[str]:
        return self._git("cat-file", "blob", f"{tip}:{FILE}").splitlines() if tip else []

    def _git(self, *words: str, given: str = "") -> str:
        people = {f"GIT_{who}_{what}": value for who in ("AUTHOR", "COMMITTER") for what, value in AUTHOR.items()}
        environment = {"PATH": os.environ.get("PATH", ""), "GIT_CONFIG_NOSYSTEM": "1", "HOME": "/nonexistent"} | people
        command = ["git", "-c", "safe.directory=*", "-C", str(self.repository), *words]
        try:
            done = subprocess.run(
                command, input=given, capture_output=True, text=True, check=True, env=environment, timeout=PATIENCE
            )
        except (OSError, subprocess.SubprocessError) as error:
            said = str(getattr(error, "stderr", "") or error).strip().splitlines()
            raise failed(f"git:{self.repository}", said[-1] if said else type(error).__name__) from error
        return done.stdout.strip()


def read(lines: Iterable[str], place: str) -> list[Head]:
    """The heads of an anchor. AnchorFailed for what is none: it was written by somebody else."""
    try:
        return [Head.model_validate(json.loads(line)) for line in lines]
    except (ValueError, ValidationError) as error:
        raise failed(place, "something there is no head") from error


def failed(place: str, why: str) -> AnchorFailed:
    return AnchorFailed(
        f"The ledger's heads can't be kept or read at {place}: {why.rstrip('.')}.",
        subject=place,
        way_out=f"Correct {SETTING} or what it names (docs/ledger.md); sealing goes on meanwhile.",
    )


async def keep(ledger: Ledger, place: Anchor, every: timedelta) -> None:
    """Put the newest head there, time after time, until cancelled. Each result is an entry."""
    size = -1
    while True:
        size = await asyncio.to_thread(keep_once, ledger, place, size)
        await asyncio.sleep(every.total_seconds())


def keep_once(ledger: Ledger, place: Anchor, size: int = -1) -> int:
    """Put the newest head there if it covers more than `size` entries and the one about them. Gives what it covers."""
    head = ledger.head()
    if head is None or head.size <= size + 1:
        return size
    says, ok = f"Head {head.number} over {head.size:,} entries is kept elsewhere", True
    try:
        place.put(head)
    except AnchorFailed as error:
        says, ok = str(error), False
    ledger.append(system_entry(ANCHORED, says, {"head": head.number}, ok=ok))
    if not ok:
        return size
    return head.size
