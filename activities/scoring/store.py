"""Trained models on this host, so that the same history isn't learnt from twice.

A file of JSON for each, in `models/WORKFLOW` of the state folder, named by the data's sha256 and the version of the
code that learnt. Nothing in it is ever run. A file that isn't whole is put aside, said, and learnt again.
"""

import contextlib
import hashlib
import os
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

from pydantic import ValidationError

from activities.scoring.additive import Additive
from contracts.base import Contract
from contracts.scoring import Trained

KEPT = 24  # models of a workflow; those that were used longest ago go
DAMAGED = "The stored model was damaged: it was put aside, and learnt again from the same rows."


class Stored(Contract):
    """A certificate with its model; none where there is none. `scope`: what it is for, such as one source."""

    trained: Trained
    model: Additive | None = None
    scope: str = ""


class ModelStore:
    """The models of one workflow."""

    def __init__(self, state: Path, workflow: str) -> None:
        self._folder = state / "models" / workflow

    def get(self, data: str, code: str) -> Stored | None:
        """What was learnt from rows of that sha256 by that code. ValueError for a file that isn't whole."""
        path = self._path(data, code)
        if not path.is_file():
            return None
        found = _read(path)
        os.utime(path)
        return found

    def get_or(self, data: str, code: str, learn: Callable[[], Stored]) -> Stored:
        """The stored one, or what `learn` makes, stored. A damaged file is put aside, and the certificate says so."""
        try:
            if (found := self.get(data, code)) is not None:
                return found
            return self.put(learn())
        except ValueError:
            path = self._path(data, code)
            with contextlib.suppress(OSError):
                path.replace(path.with_suffix(".damaged"))
        made = learn()
        return self.put(made.model_copy(update={"trained": made.trained.noted(DAMAGED)}))

    def newest(self, scope: str, code: str) -> Stored | None:
        """Of that scope and code, the one that learnt from the latest rows. Files that aren't whole don't count."""
        found = [each for each in self._all() if each.scope == scope and each.trained.code == code]
        return max(found, key=lambda each: (each.trained.last, each.trained.version), default=None)

    def put(self, stored: Stored) -> Stored:
        """Write it whole or not at all. A folder that can't be written keeps nothing: it is learnt again next time."""
        path = self._path(stored.trained.data, stored.trained.code)
        with contextlib.suppress(OSError):
            write_whole(path, stored.model_dump_json().encode())
            self._thin()
        return stored

    def _all(self) -> Iterator[Stored]:
        for path in sorted(self._folder.glob("*.json")):
            with contextlib.suppress(ValueError, OSError):
                yield _read(path)

    def _thin(self) -> None:
        files = sorted(self._folder.glob("*.*"), key=lambda path: path.stat().st_mtime, reverse=True)
        for path in files[KEPT:]:
            path.unlink(missing_ok=True)

    def _path(self, data: str, code: str) -> Path:
        return self._folder / f"{data}-{code}.json"


def write_whole(path: Path, body: bytes) -> None:
    """With its own hash before it, whole or not at all. OSError where it can't be written."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{secrets.token_hex(6)}")
    try:
        with beside.open("xb") as file:
            file.write(hashlib.sha256(body).hexdigest().encode() + b"\n" + body)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def read_whole(path: Path) -> bytes:
    """What was written so. ValueError where its own hash doesn't hold."""
    said, _, body = path.read_bytes().partition(b"\n")
    if hashlib.sha256(body).hexdigest().encode() != said:
        raise ValueError(f"{path.name} was cut off or changed")
    return body


def _read(path: Path) -> Stored:
    """ValueError where its own hash doesn't hold, or it is of another shape."""
    try:
        return Stored.model_validate_json(read_whole(path))
    except ValidationError as error:
        raise ValueError(f"{path.name} is of another release") from error
