"""Brings a database to this release's schema, under a lock, so that any number of processes may open it.

The whole migration is one transaction on both databases: it happens or it does not. Alembic is only imported
when there is something to do, which keeps opening an existing ledger fast.
"""

from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from contracts.errors import StateUnusable
from ledger.store import Store

HEAD = "0013"  # the newest revision in ledger/migrations/versions
KNOWN = frozenset(f"{number:04}" for number in range(1, 14))
MIGRATION_LOCK = 1
SCRIPTS = Path(__file__).parent / "migrations"


def migrate(store: Store) -> None:
    """Create or upgrade the tables. StateUnusable when a newer release wrote them."""
    with store.read() as connection:
        if _revision(connection, store) == HEAD:
            return
    with store.write() as connection:
        store.lock(connection, MIGRATION_LOCK)
        if _revision(connection, store) != HEAD:
            _upgrade(connection)


def is_current(url: str) -> bool:
    """Whether there is a database with this release's schema at `url`. Nothing is made or upgraded."""
    store = Store(url)
    try:
        if store.is_sqlite and not Path(str(store.url.database)).is_file():
            return False
        with store.read() as connection:
            return _revision(connection, store) == HEAD
    finally:
        store.close()


def _revision(connection: Connection, store: Store) -> str | None:
    """The schema's revision; None for an empty database. StateUnusable when we do not know it."""
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    revision = connection.scalar(sa.text("SELECT version_num FROM alembic_version"))
    if revision is not None and revision not in KNOWN:
        raise StateUnusable(
            f"The ledger in {store.name} has schema {revision!r}; this release knows up to {HEAD!r}.",
            subject=store.name,
            way_out="Run the newer release that wrote it, or restore the backup from before its upgrade.",
        )
    return None if revision is None else str(revision)


def _upgrade(connection: Connection) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
