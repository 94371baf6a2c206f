"""What a process believes of who may sign whatever the database says: a folder of its own.

`roots`: the keys that were pinned here, as `ssh-keygen`'s allowed signers. `register.jsonl` and `revoked`: what a
process that keeps them has seen once, so that rows which are deleted or put back later change nothing.
"""

import fcntl
import os
import stat
import threading
from collections.abc import Iterable
from pathlib import Path

from pydantic import ValidationError

from contracts.errors import BadInput, StateUnusable
from contracts.records import PersonKey
from contracts.register import Registered
from contracts.trust import PINNED, Known
from contracts.wire import fingerprint

HEAD = "# Who is believed before anybody has signed anything, as allowed signers of ssh-keygen. See docs/gates.md.\n"


class Trust:
    """The folder, and what is known by it. `keeps`: this process remembers in it what it has seen; one does."""

    def __init__(self, folder: Path, *, quorum: int = 1, keeps: bool = False) -> None:
        self.folder, self.quorum, self.keeps = folder, quorum, keeps
        self.lock = threading.RLock()
        self.read_of = (-1, -1)  # the register in the database, as it was last read: how many rows, and the last
        self._pinned: tuple[int, int] | None = None
        self._known: Known | None = None
        self._revoked: set[str] = set()

    @property
    def file(self) -> Path:
        return self.folder / "roots"

    @property
    def is_pinned(self) -> bool:
        return self.file.exists()

    def known(self, realm: str) -> Known:
        """What is known so far. It begins anew when the roots have changed. Raises StateUnusable."""
        pinned = self._stamp()
        if self._known is None or self._pinned != pinned:
            self._pinned, self.read_of = pinned, (-1, -1)
            self._known = Known(realm, self.roots(), self.quorum)
            self._remember(self._known)
        return self._known

    def roots(self) -> list[PersonKey]:
        """The pinned keys; none where nothing is pinned. Raises StateUnusable for a file that others may write to."""
        if not self.is_pinned:
            return []
        self._require_ours(self.folder, "700")
        self._require_ours(self.file, "600")
        lines = self.file.read_text().splitlines()
        return [self._root(line) for line in lines if line.strip() and not line.startswith("#")]

    def pin(self, person: str, line: str) -> None:
        """Believe this key to be this person's, and them to be an administrator. Raises BadInput, StateUnusable."""
        fingerprint(line)
        if not person or any(letter.isspace() or letter in ',#"*?!' for letter in person):
            raise BadInput(f"{person!r} can't be pinned: a name without spaces is needed.", subject=person)
        kept = self.file.read_text() if self.is_pinned else HEAD
        self._write(self.file, kept + f'{person} namespaces="countersign" {" ".join(line.split())}\n')

    def keep(self, change: Registered) -> None:
        """Remember a statement that counts."""
        if self.keeps:
            self._append("register.jsonl", change.model_dump_json())

    def keep_revoked(self, known: Known, keys: Iterable[str]) -> None:
        """A key that was seen revoked once stays so here, whoever takes the row's word back."""
        for key in sorted(set(keys) - self._revoked):
            self._revoked.add(key)
            self._append("revoked", key)
            known.revoke(key, PINNED)

    def _require_ours(self, path: Path, mode: str) -> None:
        about = path.stat()
        if about.st_uid not in (os.geteuid(), 0) or about.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            raise StateUnusable(
                f"{path} may be changed by others, and it says whose signatures count.",
                subject=str(path),
                way_out=f"Look at what is in it, then: chmod {mode} {path}",
            )

    def _remember(self, known: Known) -> None:
        for line in self._lines("register.jsonl"):
            try:
                known.remember(Registered.model_validate_json(line))
            except ValidationError as error:
                raise StateUnusable(
                    f"{self.folder / 'register.jsonl'} has a line that can't be read.",
                    subject=str(self.folder),
                    way_out="Restore the file: it says which keys were revoked.",
                ) from error
        self._revoked = set(self._lines("revoked"))
        for key in self._revoked:
            known.revoke(key, PINNED)

    def _lines(self, name: str) -> list[str]:
        """Whole lines only: one that a crash has cut off was not acted upon, and is read from the database again."""
        try:
            with (self.folder / name).open("r+" if self.keeps else "r") as file:
                fcntl.flock(file, fcntl.LOCK_EX if self.keeps else fcntl.LOCK_SH)
                kept = file.read()
                whole, cut, _ = kept.rpartition("\n")
                if self.keeps and len(whole) + len(cut) < len(kept):
                    file.truncate(len((whole + cut).encode()))
        except FileNotFoundError:
            return []
        except PermissionError:
            if self.keeps:
                raise
            return []  # another user's memory: this process goes by the database and the roots
        return list(filter(None, whole.split("\n")))

    def _append(self, name: str, line: str) -> None:
        self._make()
        with os.fdopen(os.open(self.folder / name, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.write(line + "\n")
            file.flush()
            os.fsync(file.fileno())

    def _write(self, path: Path, text: str) -> None:
        self._make()
        beside = path.with_name(path.name + ".new")
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)

    def _make(self) -> None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise StateUnusable(
                f"{str(self.folder)!r} can't be made: {error.strerror}.",
                subject=str(self.folder),
                way_out="Point COUNTERSIGN_TRUST at a folder that only this process's user may write to.",
            ) from error

    def _stamp(self) -> tuple[int, int] | None:
        try:
            about = self.file.stat()
        except FileNotFoundError:
            return None
        return about.st_mtime_ns, about.st_ino

    def _root(self, line: str) -> PersonKey:
        person, _, rest = line.strip().partition(" ")
        options, _, key = rest.strip().partition(" ")
        key = key.strip() if options.startswith("namespaces=") else rest.strip()
        try:
            mark = fingerprint(key)
        except BadInput as error:
            raise StateUnusable(
                f"{self.file} has a line that is no name and key: {line[:80]!r}.",
                subject=str(self.file),
                way_out="Write it as allowed signers: NAME ssh-ed25519 AAAA…",
            ) from error
        return PersonKey(fingerprint=mark, person=person, public_key=key, label="pinned", enrolled_at=PINNED)
