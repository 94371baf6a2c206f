"""The same tests on SQLite and on PostgreSQL: a test that asks for `url` runs on both."""

import itertools
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ledger import FolderArtifacts, Ledger
from ledger.migrate import migrate
from ledger.store import Store
from tests.ledger.support import Clock
from tests.support import postgres

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    with postgres.server() as url:
        yield url


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated database without anything in it; copying it is faster than migrating for each test."""
    path = tmp_path_factory.mktemp("template") / "ledger.db"
    _migrated(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def postgres_copies(postgres_server: str) -> Iterator[postgres.Copies]:
    with postgres.database(postgres_server, "ledger_template") as url:
        _migrated(url)
        copies = postgres.Copies(postgres_server, "ledger_template")
        yield copies
        copies.close()


BOTH = ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)]


@pytest.fixture(params=BOTH)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a ledger's database with nothing in it."""
    if request.param == "sqlite":
        shutil.copy(request.getfixturevalue("sqlite_template"), tmp_path / "ledger.db")
        yield f"sqlite:///{tmp_path / 'ledger.db'}"
    else:
        yield request.getfixturevalue("postgres_copies").one()


@pytest.fixture(params=BOTH)
def new_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a database without a table."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'new.db'}"
    else:
        with postgres.database(request.getfixturevalue("postgres_server"), f"new_{next(_numbers)}") as found:
            yield found


def _migrated(url: str) -> None:
    store = Store(url)
    migrate(store)
    store.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def open_ledger(url: str, tmp_path: Path, clock: Clock) -> Iterator[Callable[[], Ledger]]:
    """Opens the test's ledger as one more process would: same database, artifacts and key."""
    opened: list[Ledger] = []

    def open_one() -> Ledger:
        artifacts, key = FolderArtifacts(tmp_path / "artifacts"), tmp_path / "ledger_key"
        ledger = Ledger.open(url, artifacts, signing_key=key, seal_seconds=None, clock=clock)
        opened.append(ledger)
        return ledger

    yield open_one
    for ledger in opened:
        ledger.close()


@pytest.fixture
def ledger(open_ledger: Callable[[], Ledger]) -> Ledger:
    return open_ledger()
