"""A ledger, a clock that the test moves, and a channel that keeps what it is given."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from contracts.notify import Defaults, Message
from ledger import FolderArtifacts, Ledger
from ledger.migrate import migrate
from ledger.store import Store
from tests.ledger.support import Clock
from workers.notify.notifier import Notifier

URL = "https://countersign.example.com"


class Kept:
    """A channel that keeps messages, and fails as it is told to, before or after it has sent."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, Message]] = []
        self.before: list[Exception] = []
        self.after: list[Exception] = []

    async def send(self, to: str, message: Message) -> None:
        if self.before:
            raise self.before.pop(0)
        self.sent.append((to, message))
        if self.after:
            raise self.after.pop(0)

    @property
    def told(self) -> list[str]:
        return [message.person for _, message in self.sent]


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("notify") / "ledger.db"
    store = Store(f"sqlite:///{path}")
    migrate(store)
    store.close()
    return path


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ledger(migrated: Path, tmp_path: Path, clock: Clock) -> Iterator[Ledger]:
    shutil.copy(migrated, tmp_path / "ledger.db")
    with Ledger.open(
        f"sqlite:///{tmp_path / 'ledger.db'}",
        FolderArtifacts(tmp_path / "artifacts"),
        signing_key=tmp_path / "key",
        seal_seconds=None,
        clock=clock,
    ) as opened:
        yield opened


@pytest.fixture
def mail() -> Kept:
    return Kept()


@pytest.fixture
def notifier(ledger: Ledger, mail: Kept) -> Notifier:
    """One that has looked already, so that it begins with an empty log."""
    made = Notifier(ledger, {"email": mail}, Defaults(), URL)
    made.occasions.follow()
    return made
