"""The database under the ledger: SQLite or PostgreSQL behind one small class.

SQLite runs in WAL mode. Write transactions take the write lock when they begin, so that a transaction which
reads first and writes later cannot fail in its middle. Errors of the driver are translated here, once.
"""

import contextlib
import fcntl
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, Connection, Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.pool import ConnectionPoolEntry

from contracts.errors import BadInput, CountersignError, DiskFull, LedgerUnavailable, StateUnusable

BUSY_SECONDS = 30.0
SYNCHRONOUS = ("NORMAL", "FULL")
CHECKPOINT_PAGES = 8_000  # 32 MB of WAL before SQLite copies it back and syncs: the wait behind a p95
CACHE_KIB = 16_000  # a connection's page cache: entries' keys are random, so their index has no hot end
ADVISORY_LOCK = 0x636F756E  # "coun": the first half of the ledger's advisory locks on PostgreSQL
UNREACHABLE = ("08", "57P", "55P03", "40", "53300")  # SQLSTATEs that a retry may cure


class Store:
    """Connections to one database, for reading and for writing."""

    def __init__(self, url: str) -> None:
        """`url` is SQLAlchemy's; `sqlite:///path?synchronous=FULL` also survives a power cut."""
        self.url = parse(url)
        self.engine = connect(self.url)
        self._writing = self.engine.execution_options(countersign_write=True)

    @property
    def name(self) -> str:
        """The database in words, without a password."""
        return self.url.render_as_string(hide_password=True)

    @property
    def is_sqlite(self) -> bool:
        return self.engine.dialect.name == "sqlite"

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A read transaction: one snapshot, however many statements."""
        engine = self.engine if self.is_sqlite else self._snapshot()
        with self.translated(), engine.connect() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A write transaction: all of it or, when the block raises, nothing."""
        with self.translated(), self._writing.begin() as connection:
            yield connection

    @contextmanager
    def turn(self, name: str) -> Iterator[None]:
        """One process or thread after the other, in the order in which they came, for short transactions of many.

        SQLite lets those who wait for its write lock poll, and under load some of them wait for ever. The kernel
        queues them, and lets the next one go on when one dies. PostgreSQL has its own queue (`lock`).
        """
        if not self.is_sqlite:
            yield
            return
        with Path(f"{self.url.database}.{name}").open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def lock(self, connection: Connection, name: int) -> None:
        """Wait until no other transaction holds `name`. SQLite has one writer anyway."""
        if not self.is_sqlite:
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(ADVISORY_LOCK, name)))

    def insert_once(self, table: sa.Table) -> Any:
        """INSERT that leaves a row which is already there alone."""
        dialect: Any = sqlite if self.is_sqlite else postgresql
        return dialect.insert(table).on_conflict_do_nothing()

    def tidy(self, tables: Sequence[str]) -> None:
        """Let what was overwritten in these tables leave the files, as far as a database can be told to."""
        with self.translated():
            if self.is_sqlite:
                with contextlib.closing(self.impatient()) as raw:
                    raw.execute(f"PRAGMA busy_timeout={BUSY_SECONDS * 1000:.0f}")
                    raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            else:
                with self.engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
                    connection.exec_driver_sql(f"VACUUM {', '.join(tables)}")

    def impatient(self) -> sqlite3.Connection:
        """A connection to SQLite that fails at once where others would wait, and leaves checkpoints to them."""
        raw = sqlite3.connect(str(self.url.database), timeout=0, isolation_level=None, check_same_thread=False)
        raw.execute(f"PRAGMA synchronous={synchronous(self.url)}")
        raw.execute("PRAGMA wal_autocheckpoint=0")
        raw.execute(f"PRAGMA cache_size=-{CACHE_KIB}")
        return raw

    def close(self) -> None:
        self.engine.dispose()

    @contextmanager
    def translated(self) -> Iterator[None]:
        """Driver errors become errors that say what to do."""
        try:
            yield
        except PoolTimeout as error:
            raise LedgerUnavailable("All connections to the database are busy.", subject=self.name) from error
        except DBAPIError as error:
            raise explain(error, self.name) from error
        except sqlite3.Error as error:  # from BEGIN and PRAGMA, which go to the driver directly
            raise explain_sqlite(error, self.name) or error from error

    def _snapshot(self) -> Engine:
        return self.engine.execution_options(isolation_level="REPEATABLE READ")


def parse(url: str) -> URL:
    """The URL with our drivers in it. BadInput when it is no URL of a database that we know."""
    try:
        parsed = sa.make_url(url)
    except sa.exc.ArgumentError as error:
        raise BadInput("The database URL cannot be read.", way_out="Write sqlite:////path/ledger.db") from error
    backend = parsed.get_backend_name()
    if backend in ("postgresql", "postgres"):
        return parsed.set(drivername="postgresql+psycopg")
    if backend != "sqlite" or parsed.database in (None, "", ":memory:"):
        raise BadInput(
            f"The database {parsed.render_as_string()!r} cannot keep a ledger.",
            way_out="Use sqlite:////path/ledger.db or postgresql://user@host/name.",
        )
    return parsed


def connect(url: URL) -> Engine:
    if url.get_backend_name() != "sqlite":
        return sa.create_engine(url, pool_pre_ping=True, pool_size=5, max_overflow=20)
    chosen = synchronous(url)
    plain = url.difference_update_query(["synchronous"])
    engine = sa.create_engine(plain, connect_args={"timeout": BUSY_SECONDS}, max_overflow=40)
    event.listen(engine, "connect", lambda raw, record: _prepare(raw, record, chosen))
    event.listen(engine, "begin", _begin)
    return engine


def synchronous(url: URL) -> str:
    """How hard SQLite makes sure of a commit. BadInput for a word it does not know."""
    chosen = str(url.query.get("synchronous", "NORMAL")).upper()
    if chosen not in SYNCHRONOUS:
        raise BadInput(f"synchronous={chosen!r} is not known.", way_out="Use NORMAL or FULL.")
    return chosen


def _prepare(raw: sqlite3.Connection, record: ConnectionPoolEntry, synchronous: str) -> None:
    raw.isolation_level = None  # transactions are begun by _begin, never by the driver on its own
    _switch_to_wal(raw)
    raw.execute(f"PRAGMA synchronous={synchronous}")
    raw.execute(f"PRAGMA wal_autocheckpoint={CHECKPOINT_PAGES}")
    raw.execute(f"PRAGMA cache_size=-{CACHE_KIB}")


def _switch_to_wal(raw: sqlite3.Connection) -> None:
    """Two processes that switch a new file at once: SQLite refuses one without waiting, so we wait."""
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            raw.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.01)


def _begin(connection: Connection) -> None:
    writes = connection.get_execution_options().get("countersign_write")
    raw: Any = connection.connection.driver_connection
    raw.execute("BEGIN IMMEDIATE" if writes else "BEGIN")


def explain(error: DBAPIError, name: str) -> CountersignError | DBAPIError:
    """What a driver's error means to a person; the error itself where it is a mistake of ours."""
    if isinstance(error.orig, sqlite3.Error):
        return explain_sqlite(error.orig, name) or error
    return _explain_postgres(error, name) or error


def explain_sqlite(error: sqlite3.Error, name: str) -> CountersignError | None:
    code = getattr(error, "sqlite_errorname", "")
    if code == "SQLITE_FULL":
        return _full(name)
    if code.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return LedgerUnavailable(
            f"Another process has held the ledger's database for {BUSY_SECONDS:.0f} seconds.", subject=name
        )
    if code.startswith(("SQLITE_CANTOPEN", "SQLITE_PERM", "SQLITE_READONLY")):
        return StateUnusable(
            f"The ledger's database {name} cannot be opened for writing.",
            subject=name,
            way_out="Check that its folder exists and belongs to the user that runs Countersign.",
        )
    if code.startswith(("SQLITE_NOTADB", "SQLITE_CORRUPT", "SQLITE_IOERR")):
        return StateUnusable(
            f"The ledger's database {name} is damaged or unreadable ({error}).",
            subject=name,
            way_out="Restore the last backup, or move the file away to begin a new ledger.",
        )
    return None


def _explain_postgres(error: DBAPIError, name: str) -> CountersignError | None:
    state = getattr(error.orig, "sqlstate", None) or ""
    if state == "53100":
        return _full(name)
    if error.connection_invalidated or state.startswith(UNREACHABLE):
        return LedgerUnavailable(f"The database {name} does not answer ({error.orig}).", subject=name)
    if isinstance(error, sa.exc.OperationalError) and not state:
        return LedgerUnavailable(
            f"The database {name} cannot be reached ({error.orig}).",
            subject=name,
            way_out="Check its address, user and password, and that it is running.",
        )
    if state.startswith(("28", "3D", "42501")):
        return StateUnusable(f"The database {name} does not let us in ({error.orig}).", subject=name)
    return None


def _full(name: str) -> DiskFull:
    return DiskFull(
        "The disk that holds the ledger is full; nothing half-written was kept.",
        subject=name,
        way_out="Free some space and start the run again.",
    )
