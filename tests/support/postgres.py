"""A real PostgreSQL for the tests: `COUNTERSIGN_TEST_POSTGRES_URL`, or one started in a temporary folder."""

import contextlib
import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

URL = "COUNTERSIGN_TEST_POSTGRES_URL"
# Changes with whatever changes a table, a column, a trigger, a function, or the schema's revision.
SHAPE = " || ' ' || ".join(
    f"(SELECT concat(count(*), '/', max(xmin::text::bigint)) FROM {catalogue})"
    for catalogue in ("pg_class", "pg_attribute", "pg_trigger", "pg_proc", "pg_constraint", "alembic_version")
)
# As superuser and without a trigger: a ledger's tables refuse to be emptied.
EMPTY = """
DO $$ DECLARE tables text; BEGIN
    SET LOCAL session_replication_role = replica;
    PERFORM pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid();
    FOR tables IN SELECT format('%I', tablename) FROM pg_tables
        WHERE schemaname = 'public' AND tablename <> 'alembic_version' LOOP
        EXECUTE 'DELETE FROM ' || tables;
    END LOOP;
    PERFORM setval(format('%I', sequencename)::regclass, start_value, false) FROM pg_sequences
        WHERE schemaname = 'public' AND last_value IS NOT NULL;
END $$
"""
_numbers = itertools.count(1)


def binaries() -> Path | None:
    """The folder with initdb and pg_ctl, on PATH or where Debian puts it."""
    found = shutil.which("initdb")
    if found and shutil.which("pg_ctl"):
        return Path(found).resolve().parent
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name))
    return next((folder for folder in reversed(folders) if (folder / "initdb").exists()), None)


@contextlib.contextmanager
def server() -> Iterator[str]:
    """The SQLAlchemy URL of a running server. Skips the test, with the reason, when there can be none."""
    if given := os.environ.get(URL):
        yield given
        return
    folder = binaries()
    if folder is None:
        pytest.skip(f"PostgreSQL: initdb is not installed and {URL} is not set")
    with tempfile.TemporaryDirectory(prefix="pg-", dir="/tmp") as place:  # a socket's path is short
        for url, _ in _started(folder, Path(place)):
            yield url


@contextlib.contextmanager
def restartable() -> Iterator[tuple[str, Callable[[str], None]]]:
    """A server of one's own, and what stops, kills and starts it: `control("stop")`, "kill", "start"."""
    folder = binaries()
    if folder is None:
        pytest.skip("PostgreSQL: initdb is not installed, and another's server is not ours to restart")
    with tempfile.TemporaryDirectory(prefix="pg-", dir="/tmp") as place:
        yield from _started(folder, Path(place))


@contextlib.contextmanager
def database(server_url: str, name: str, template: str = "template1") -> Iterator[str]:
    """A new database on the server, dropped afterwards: a copy of `template`. `name` is unique."""
    plain = server_url.replace("postgresql+psycopg://", "postgresql://")
    base, _, query = plain.partition("?")
    with psycopg.connect(plain, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"'.encode())
    yield f"{base.rsplit('/', 1)[0]}/{name}" + (f"?{query}" if query else "")
    with psycopg.connect(plain, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)'.encode())


class Copies:
    """Copies of a template that has tables and no row but alembic's, for one test after the other.

    To make and drop a database costs eight times what it costs to empty one. So a test is given the last one's,
    emptied, unless that one changed more than rows.
    """

    def __init__(self, server_url: str, template: str) -> None:
        self._server, self._template = server_url, template
        self._kept = contextlib.ExitStack()
        self._url = self._shape = ""

    def one(self) -> str:
        if not self._url or not self._emptied():
            self.close()
            name = f"{self._template}_{next(_numbers)}"
            self._url = self._kept.enter_context(database(self._server, name, self._template))
            with psycopg.connect(self._url) as connection:
                self._shape = _shape(connection)
        return self._url

    def close(self) -> None:
        self._kept.close()

    def _emptied(self) -> bool:
        with psycopg.connect(self._url) as connection:
            if _shape(connection) != self._shape:
                return False
            connection.execute(EMPTY)
        return True


def _shape(connection: psycopg.Connection) -> str:
    found = connection.execute(f"SELECT {SHAPE}".encode()).fetchone()
    assert found is not None
    return str(found[0])


def _started(folder: Path, place: Path) -> Iterator[tuple[str, Callable[[str], None]]]:
    user = _unprivileged()
    if user is not None:
        os.chown(place, user.pw_uid, user.pw_gid)
    data, log = place / "data", place / "log"

    def run(*command: str) -> None:
        subprocess.run(
            command,
            check=True,
            cwd=place,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL if command[-1] == "start" else None,  # it is in its log
            user=None if user is None else user.pw_uid,
            group=None if user is None else user.pw_gid,
        )

    run(str(folder / "initdb"), "-D", str(data), "-A", "trust", "-U", "countersign", "-N", "-E", "UTF8")
    fast = "-c fsync=off -c full_page_writes=off -c max_connections=200"
    control, options = str(folder / "pg_ctl"), f"-c listen_addresses='' -k {place} {fast}"

    def do(what: str) -> None:
        if what == "kill":
            os.kill(int((data / "postmaster.pid").read_text().split()[0]), signal.SIGKILL)
            return
        how = ("-l", str(log), "-o", options) if what == "start" else ("-m", "immediate")
        run(control, "-D", str(data), "-w", *how, what)

    do("start")
    try:
        yield f"postgresql://countersign@/postgres?host={place}", do
    finally:
        do("stop")


def _unprivileged() -> pwd.struct_passwd | None:
    """PostgreSQL refuses to run as root: then it runs as postgres or nobody."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    return pytest.skip("PostgreSQL does not run as root, and there is no user 'postgres' or 'nobody'")
