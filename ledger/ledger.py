"""The ledger: one object in front of the durable record, each part of it in a file of its own."""

import uuid
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Self

import sqlalchemy as sa

from ledger.acceptance import Acceptances
from ledger.api_tokens import ApiTokens
from ledger.artifacts import ArtifactStore
from ledger.backtests import Backtests
from ledger.budgets import Budgets
from ledger.claims import Claims
from ledger.delegations import Delegations
from ledger.effects import Effects
from ledger.enrolments import Enrolments
from ledger.entries import INSERT, Row
from ledger.erasing import Erasing
from ledger.instant import Instant
from ledger.migrate import migrate
from ledger.notices import Notices
from ledger.part import utc_now
from ledger.preferences import Preferences
from ledger.proofs import Proofs
from ledger.runs import Runs
from ledger.schema import meta
from ledger.seals import Seals
from ledger.seen import Seen
from ledger.signing import Signing
from ledger.store import Store
from ledger.trust import Trust
from ledger.usage import Usage
from ledger.writer import Writer

SEAL_SECONDS = 5.0


class Ledger(
    Runs,
    Claims,
    Signing,
    Enrolments,
    Delegations,
    Effects,
    Erasing,
    Budgets,
    Acceptances,
    Backtests,
    ApiTokens,
    Notices,
    Preferences,
    Seen,
    Seals,
    Proofs,
    Usage,
):
    """Entries, seals, runs, proposals, decisions, effects, budgets, people and sessions. Safe to share by threads."""

    def __init__(
        self, store: Store, artifacts: ArtifactStore, clock: Callable[[], datetime], trust: Trust | None = None
    ) -> None:
        self.store, self.artifacts, self.clock, self.trust = store, artifacts, clock, trust
        instant = Instant(store.impatient, INSERT) if store.is_sqlite else None
        self.writer = Writer(self._insert, instant)
        self.realm = self._read_realm()
        self.signing_key = self.sealer = None

    @classmethod
    def open(
        cls,
        url: str,
        artifacts: ArtifactStore,
        *,
        signing_key: Path | None = None,
        seal_seconds: float | None = SEAL_SECONDS,
        clock: Callable[[], datetime] = utc_now,
        trust: Trust | None = None,
    ) -> Self:
        """Open the database at `url`, creating or upgrading its tables.

        With `signing_key` (the file of the ledger's Ed25519 key, made when absent) a thread seals new entries
        every `seal_seconds`; None leaves sealing to `seal()`. With `trust` only those may sign whom the register of
        signed statements leads to from that folder; without it the tables of people and keys are believed, which is
        for tests. StateUnusable: a newer release's schema, a file
        that cannot be used, another key than the one the ledger is sealed with.
        """
        store = Store(url)
        try:
            migrate(store)
            ledger = cls(store, artifacts, clock, trust)
            if signing_key is not None:
                ledger.hold_key(signing_key, seal_seconds)
        except BaseException:
            store.close()
            raise
        return ledger

    def close(self) -> None:
        """Write what is queued, seal it if this process holds the key, and let go of the database."""
        self.writer.close()
        self.stop_sealing()
        self.store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _insert(self, rows: Sequence[Row]) -> None:
        with self.store.write() as connection:
            self.insert_rows(connection, rows)

    def _read_realm(self) -> str:
        """The installation's uuid, made by whoever opened the database first."""
        query = sa.select(meta.c.value).where(meta.c.name == "realm")
        with self.store.read() as connection:
            realm = connection.scalar(query)
        if realm is None:
            with self.store.write() as connection:
                made = {"name": "realm", "value": str(uuid.uuid4())}
                connection.execute(self.store.insert_once(meta), [made])
                realm = connection.scalar(query)
        return str(realm)
