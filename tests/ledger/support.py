"""What the ledger's tests make: entries, proposals, people with keys, signed decisions."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy.engine import Connection

from contracts.decision import Signature, SignedDecision, Statement
from contracts.proposal import Effect, MarkdownPanel, Proposal
from contracts.records import EffectRecord, Entry, Person, PersonKey
from contracts.signatures import public_line, sshsig_sign
from contracts.wire import fingerprint
from ledger import Ledger

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
APPEND_ONLY = ("entries", "leaves", "heads", "register")


class Clock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **by: float) -> None:
        self.now += timedelta(**by)


def entry(key: str, **fields: Any) -> Entry:
    base: dict[str, Any] = {
        "kind": "activity",
        "name": "changelog.gather",
        "says": f"Read history {key}",
        "run": "run-1",
        "workflow": "changelog",
        "started_at": NOW,
        "finished_at": NOW,
        "facts": {"commits": 3, "digest": "sha256:00"},
    }
    return Entry(key=key, **(base | fields))


def proposal(ledger: Ledger, **fields: Any) -> Proposal:
    base: dict[str, Any] = {
        "realm": ledger.realm,
        "workflow": "changelog",
        "version": "1",
        "run": "run-1",
        "revision": 1,
        "title": "Changelog of demo",
        "summary": "3 lines",
        "drafted_by": "baseline",
        "effects": (Effect(kind="git.commit_file", key="run-1/commit", says="Commit 3 lines", params={}),),
        "panels": (MarkdownPanel(title="Entry", text="- Added a thing"),),
        "role": "reviewer",
        "created_at": NOW,
        "expires_at": NOW + timedelta(days=30),
    }
    return Proposal(**(base | fields)).seal()


@dataclass(frozen=True)
class Signer:
    """A person with a private key, as only tests hold one."""

    person: str
    private: Ed25519PrivateKey

    @property
    def line(self) -> str:
        return public_line(self.private, f"{self.person}@test")

    @property
    def fingerprint(self) -> str:
        return fingerprint(self.line)

    def sign(self, statement: Statement, namespace: str = "countersign") -> SignedDecision:
        value = sshsig_sign(self.private, statement.signing_bytes(), namespace)
        signature = Signature(scheme="sshsig", key=self.fingerprint, value=value)
        return SignedDecision(statement=statement, signature=signature)

    def decide(self, proposed: Proposal, **fields: Any) -> SignedDecision:
        return self.sign(statement(proposed, person=self.person, **fields))


def statement(proposed: Proposal, **fields: Any) -> Statement:
    base: dict[str, Any] = {
        "realm": proposed.realm,
        "run": proposed.run,
        "digest": proposed.digest,
        "verdict": "approve",
        "person": "ana",
        "decided_at": NOW,
        "nonce": secrets.token_hex(16),
    }
    return Statement(**(base | fields))


def enrolled(ledger: Ledger, name: str = "ana", roles: tuple[str, ...] = ("reviewer",)) -> Signer:
    """A person who may sign, with an enrolled key."""
    signer = Signer(name, Ed25519PrivateKey.generate())
    ledger.enrol(Person(name=name, display_name=name.title(), roles=roles))
    ledger.add_key(person_key(signer))
    return signer


def person_key(signer: Signer, **fields: Any) -> PersonKey:
    base: dict[str, Any] = {
        "fingerprint": signer.fingerprint,
        "person": signer.person,
        "public_key": signer.line,
        "label": "laptop",
        "enrolled_at": NOW,
    }
    return PersonKey(**(base | fields))


def effect_record(decision: SignedDecision, **fields: Any) -> EffectRecord:
    base: dict[str, Any] = {
        "key": "run-1/commit",
        "kind": "git.commit_file",
        "run": decision.statement.run,
        "digest": decision.statement.digest,
        "decision": decision.id,
        "state": "intent",
        "subject": "/repo",
        "intended_at": NOW,
    }
    return EffectRecord(**(base | fields))


def tamper(ledger: Ledger, change: Callable[[Connection], object]) -> None:
    """Play somebody who has the whole database: take the triggers away, change, put nothing back."""
    with ledger.store.write() as connection:
        for table in APPEND_ONLY:
            if ledger.store.is_sqlite:
                connection.execute(sa.text(f"DROP TRIGGER IF EXISTS {table}_no_update"))
                connection.execute(sa.text(f"DROP TRIGGER IF EXISTS {table}_no_delete"))
            else:
                connection.execute(sa.text(f"ALTER TABLE {table} DISABLE TRIGGER USER"))
        change(connection)
