"""Several processes on one ledger, killed ones among them, and databases that cannot be used."""

import itertools
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from contracts.errors import BadInput, CountersignError, LedgerUnavailable, StateUnusable
from ledger import FolderArtifacts, Ledger, migrate
from ledger.schema import metadata
from ledger.store import Store
from tests.ledger import process as program
from tests.ledger.support import entry
from tests.support import forked

ROOT = Path(__file__).parents[2]
_numbers = itertools.count(1)


@dataclass
class Started:
    """A process, and the file of what it prints."""

    process: ForkServerProcess
    output: Path

    def lines(self) -> list[str]:
        return self.output.read_text().split("\n")[:-1]

    def printed(self, count: int) -> None:
        """Wait until it has printed so many lines."""
        while len(self.lines()) < count:
            assert self.process.is_alive(), self.output.read_text()
            time.sleep(0.01)

    def finished(self) -> str:
        self.process.join(120)
        assert self.process.exitcode == 0, self.output.read_text()
        return self.output.read_text()


def start(what: str, url: str, folder: Path, *more: str) -> Started:
    output = folder / f"output-{next(_numbers)}"
    output.touch()
    process = forked.start(getattr(program, what), url, str(folder), *more, environ=os.environ, output=output)
    return Started(process, output)


def reopened(url: str, folder: Path) -> Ledger:
    return Ledger.open(url, FolderArtifacts(folder / "artifacts"), signing_key=folder / "ledger_key")


def test_processes_that_make_the_database_at_once_make_one(new_url: str, tmp_path: Path) -> None:
    processes = [start("opening", new_url, tmp_path) for _ in range(5)]
    assert len({process.finished() for process in processes}) == 1


def test_eight_processes_append_at_once(url: str, tmp_path: Path) -> None:
    processes = [start("appending", url, tmp_path, str(name), "60") for name in range(8)]
    for process in processes:
        process.finished()
    with reopened(url, tmp_path) as ledger:
        assert len(ledger.entries(limit=1000)) == 480
        ledger.seal()
        result = ledger.verify()
    assert result.ok, result.problems
    assert (result.entries, result.sealed) == (480, 480)


@pytest.mark.chaos
def test_killed_while_appending_nothing_that_was_durable_is_lost(url: str, tmp_path: Path) -> None:
    for round in range(3):
        started = start("appending", url, tmp_path, f"round{round}", "100000")
        started.printed(40 * (round + 1))
        forked.kill(started.process)
        printed = started.lines()
        with reopened(url, tmp_path) as ledger:
            kept = {one.key for one in ledger.entries(limit=1_000_000)}
            assert set(printed) <= kept
            ledger.seal()
            result = ledger.verify()
        assert result.ok, result.problems
        assert result.unsealed == 0


def test_a_newer_schema_is_refused(url: str, tmp_path: Path) -> None:
    store = Store(url)
    with store.write() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    store.close()
    with pytest.raises(StateUnusable, match="schema '9999'") as caught:
        reopened(url, tmp_path)
    assert "newer release" in caught.value.way_out


# The index of terms is PostgreSQL's own, and no table of the schema (ledger/words.py).
OURS = {"include_name": lambda name, kind, parents: (kind, name) != ("table", "words")}


def test_migrations_make_the_schema_that_the_code_has(new_url: str) -> None:
    store = Store(new_url)
    migrate.migrate(store)
    with store.read() as connection:
        assert compare_metadata(MigrationContext.configure(connection, opts=OURS), metadata) == []
    store.close()


def test_the_newest_migration_is_the_one_that_opening_asks_for() -> None:
    config = Config()
    config.set_main_option("script_location", str(migrate.SCRIPTS))
    scripts = ScriptDirectory.from_config(config)
    assert scripts.get_current_head() == migrate.HEAD
    assert {script.revision for script in scripts.walk_revisions()} == migrate.KNOWN


def test_a_migration_that_dies_leaves_nothing(new_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from alembic.operations import Operations

    store, create = Store(new_url), Operations.create_table

    def failing(self: Operations, name: str, *rest: object, **more: object) -> object:
        if name == "people":
            raise OSError("killed here")
        return create(self, name, *rest, **more)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(Operations, "create_table", failing)
        with pytest.raises(OSError, match="killed here"):
            migrate.migrate(store)
    with store.read() as connection:
        assert sa.inspect(connection).get_table_names() == []
    migrate.migrate(store)
    store.close()


@pytest.mark.parametrize("content", [b"this is not a database at all, it is a text " * 100, b"x" * 5000])
def test_a_file_that_is_no_database_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "ledger.db").write_bytes(content)
    with pytest.raises(StateUnusable, match=r"ledger\.db"):
        reopened(f"sqlite:///{tmp_path}/ledger.db", tmp_path)
    assert (tmp_path / "ledger.db").read_bytes() == content


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(StateUnusable, match="absent"):
        reopened(f"sqlite:///{tmp_path}/absent/ledger.db", tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_folder_without_permission_is_named(tmp_path: Path) -> None:
    tmp_path.chmod(0)
    try:
        with pytest.raises(StateUnusable, match="cannot be opened"):
            reopened(f"sqlite:///{tmp_path}/ledger.db", tmp_path)
    finally:
        tmp_path.chmod(0o700)


@pytest.mark.parametrize(
    "url", ["", "no url", "mysql://host/db", "sqlite://", "sqlite:///:memory:", "sqlite:////tmp/x?synchronous=OFF"]
)
def test_urls_that_keep_no_ledger(url: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput):
        reopened(url, tmp_path)


def test_a_server_that_is_not_there_may_be_tried_again_and_keeps_its_password(tmp_path: Path) -> None:
    with pytest.raises(LedgerUnavailable) as caught:
        reopened("postgresql://ana:hunter2@127.0.0.1:1/none", tmp_path)
    assert caught.value.retryable
    assert "hunter2" not in f"{caught.value} {caught.value.subject}"


def test_a_ledger_that_another_process_holds_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ledger.store.BUSY_SECONDS", 0.2)
    with reopened(f"sqlite:///{tmp_path}/ledger.db", tmp_path) as ledger, ledger.store.write():
        started = time.monotonic()
        with pytest.raises(LedgerUnavailable, match="Another process"):
            ledger.append(entry("a"))
        assert time.monotonic() - started < 25, "half a minute is what it waits by itself"


def test_synchronous_is_a_setting(tmp_path: Path) -> None:
    for value, number in (("", 1), ("?synchronous=FULL", 2)):
        store = Store(f"sqlite:///{tmp_path}/ledger.db{value}")
        with store.read() as connection:
            assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == number
            assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        store.close()


def small_disk() -> list[str] | None:
    """A command that runs another one with a file system of 2 MB at its first argument, if we may."""
    mount = 'mount -t tmpfs -o size=2m none "$0" && exec "$@"'
    command = ["unshare", "--mount", *([] if os.geteuid() == 0 else ["--user", "--map-root-user"])]
    if shutil.which("unshare") is None:
        return None
    tried = subprocess.run([*command, "sh", "-c", mount, "/mnt", "true"], check=False, capture_output=True)
    return [*command, "sh", "-c", mount] if tried.returncode == 0 else None


def test_a_full_disk_is_said_and_room_is_enough_to_go_on(tmp_path: Path) -> None:
    command = small_disk()
    if command is None:
        pytest.skip("no small file system can be mounted here")
    disk = tmp_path / "disk"
    disk.mkdir()
    what = [sys.executable, "-m", "tests.ledger.process", "filling", f"sqlite:///{disk}/ledger.db", str(disk)]
    done = subprocess.run([*command, str(disk), *what], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["append DiskFull", "put DiskFull"]


def test_every_error_says_the_way_out(url: str, tmp_path: Path) -> None:
    with reopened(url, tmp_path) as ledger:
        for wrong in (lambda: ledger.run("x"), lambda: ledger.proposal("x"), lambda: ledger.proposal("abcdef")):
            with pytest.raises(CountersignError) as caught:
                wrong()
            assert caught.value.way_out
