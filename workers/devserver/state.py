"""The Temporal server's part of the state folder: its database, which server made it, and who runs on it.

Nothing here deletes data. A database that cannot be used is refused with the way out; one that was never
finished being created is set aside under another name.
"""

import json
import os
import re
import signal
import sqlite3
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from contracts.errors import StateUnusable

STAMP_FORMAT = 1
LAST_TABLE = "executions_visibility"  # the one that the server's schema creates last


@dataclass(frozen=True)
class Lease:
    """Which process serves a folder. `started` (epoch seconds) tells it from a later one of the same pid."""

    pid: int
    started: float
    port: int
    ui_port: int
    parent: int = 0


@dataclass(frozen=True)
class ServerFolder:
    """`<state>/temporal`."""

    path: Path

    @property
    def database(self) -> Path:
        return self.path / "temporal.db"

    @property
    def log(self) -> Path:
        return self.path / "server.log"

    @property
    def lease(self) -> Path:
        return self.path / "server.json"

    @property
    def stamp(self) -> Path:
        return self.path / "version.json"

    def prepare(self, server_version: str) -> list[str]:
        """Make the folder usable for a server of this version; returns what a person should know.

        Raises StateUnusable.
        """
        self._create()
        ended = self.end_leftover()
        self._check_stamp(server_version)
        return [*ended, *self._check_database()]

    def mark_served(self, server_version: str, pid: int, port: int, ui_port: int) -> None:
        """Write down that a healthy server runs here."""
        _write(self.stamp, {"format": STAMP_FORMAT, "server": server_version})
        lease = Lease(pid, psutil.Process(pid).create_time(), port, ui_port, os.getpid())
        _write(self.lease, asdict(lease))

    def mark_ended(self, pid: int) -> None:
        """The server with this pid was ended in an orderly way."""
        lease = self.read_lease()
        if lease is not None and lease.pid == pid:
            self.lease.unlink(missing_ok=True)

    def read_lease(self) -> Lease | None:
        try:
            return Lease(**json.loads(self.lease.read_text()))
        except (OSError, ValueError, TypeError):
            return None

    def running(self) -> psutil.Process | None:
        """The server that serves this folder now, whoever started it."""
        lease = self.read_lease()
        if lease is None:
            return None
        try:
            process = psutil.Process(lease.pid)
            same = abs(process.create_time() - lease.started) < 1
        except psutil.Error:
            return None
        return process if same and process.status() != psutil.STATUS_ZOMBIE else None

    def _create(self) -> None:
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            probe = self.path / f".probe-{os.getpid()}"
            probe.touch()
            probe.unlink()
        except OSError as error:
            raise StateUnusable(
                f"The state folder {str(self.path)!r} cannot be written: {error.strerror}.",
                subject=str(self.path),
                way_out="Make it yours (chown), or choose another: COUNTERSIGN_STATE=/path/to/folder.",
            ) from error

    def _check_stamp(self, server_version: str) -> None:
        if not self.stamp.exists():
            return
        try:
            stamp = json.loads(self.stamp.read_text())
            layout, made_by = int(stamp["format"]), str(stamp["server"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise self._unusable(f"The version stamp {str(self.stamp)!r} cannot be read.") from error
        if layout > STAMP_FORMAT:
            raise self._unusable("The state folder was written by a newer release of Countersign.")
        if version_key(made_by) > version_key(server_version):
            raise self._unusable(
                f"The state folder was written by Temporal server {made_by}; the one found is {server_version}."
            )

    def _check_database(self) -> list[str]:
        if not self.database.exists():
            return []
        try:
            complete = LAST_TABLE in tables_of(self.database)
        except (sqlite3.Error, OSError) as error:
            raise self._unusable(
                f"The Temporal server's database {str(self.database)!r} cannot be read: {error}."
            ) from error
        if complete:
            return []
        if self.stamp.exists():
            raise self._unusable(f"The Temporal server's database {str(self.database)!r} lacks tables.")
        aside = self.database.with_name(f"temporal.db.unfinished-{int(time.time())}")
        self.database.rename(aside)
        return [f"The first start was interrupted; its unfinished database was set aside as {aside.name}."]

    def end_leftover(self) -> list[str]:
        """End a server whose supervisor is gone. One whose supervisor lives is somebody's: refuse."""
        process, lease = self.running(), self.read_lease()
        if process is None or lease is None:
            return []
        if lease.parent and lease.parent != os.getpid() and _is_parent_of(lease.parent, process):
            raise StateUnusable(
                f"A Countersign that is running already (process {lease.parent}) uses {str(self.path)!r}.",
                subject=str(self.path),
                way_out="Use that one, stop it first, or choose another folder: COUNTERSIGN_STATE=/path.",
            )
        _end(process)
        return [f"Ended a Temporal server (process {process.pid}) left over from an earlier start."]

    def _unusable(self, what: str) -> StateUnusable:
        return StateUnusable(
            what,
            subject=str(self.path),
            way_out=(
                f"Nothing was changed. Use the release that wrote it, choose another folder "
                f"(COUNTERSIGN_STATE=/path/to/folder), or move this one away: mv {self.path} {self.path}.old. "
                f"Runs that are waiting live in it."
            ),
        )


def version_key(version: str) -> tuple[int, ...]:
    """`1.29.1` as numbers to compare. Patch releases share a schema, so only the first two count."""
    return tuple(int(part) for part in re.findall(r"\d+", version)[:2])


def tables_of(database: Path) -> set[str]:
    """The names of a SQLite file's tables; reading it changes nothing. Raises sqlite3.Error."""
    connection = sqlite3.connect(f"{database.resolve().as_uri()}?mode=ro", uri=True, timeout=5)
    try:
        return {name for (name,) in connection.execute("select name from sqlite_master where type = 'table'")}
    finally:
        connection.close()


def _is_parent_of(parent: int, process: psutil.Process) -> bool:
    try:
        return process.ppid() == parent
    except psutil.Error:
        return False


def _end(process: psutil.Process, patience: float = 5.0) -> None:
    try:
        process.send_signal(signal.SIGTERM)
        process.wait(patience)
    except psutil.TimeoutExpired:
        process.kill()
        process.wait(patience)
    except psutil.NoSuchProcess:
        return


def _write(path: Path, content: object) -> None:
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps(content))
    temporary.replace(path)
