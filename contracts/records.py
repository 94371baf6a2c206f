"""Rows of the ledger as they cross a boundary."""

from typing import Literal

from pydantic import AwareDatetime, Field, JsonValue

from contracts.base import Contract

EntryKind = Literal[
    "activity", "run", "proposal", "decision", "refusal", "effect", "model", "egress", "system", "person"
]


CREDENTIALS = "worker.credentials"  # the entry in which a worker says, at its start, when its credentials end

ANCHORED = "ledger.anchored"  # the entry of a head that was kept elsewhere, or could not be
NOTIFIED = "notify.told"  # the entry of a message that a person was sent, or could not be
SETTINGS_CHANGED = "settings.changed"  # and a dot and the process: what it is set to, written when that has changed
RECONCILED = "ledger.reconciled"  # the entry of a comparison with Temporal's histories


class Entry(Contract):
    """One line of the ledger: who did what, for which run, when, and how it ended.

    `key` makes the entry unique: writing the same key twice keeps the first. `facts` is small structured
    evidence (ids, counts, digests), never a body and never a secret.
    """

    key: str
    kind: EntryKind
    name: str
    says: str
    run: str = ""
    workflow: str = ""
    actor: str = "platform"
    outcome: Literal["ok", "failed", "refused", "cancelled", "intent", "held"] = "ok"
    started_at: AwareDatetime
    finished_at: AwareDatetime
    attempt: int = 1
    facts: dict[str, JsonValue] = Field(default_factory=dict)


class StoredEntry(Entry):
    """An entry with its place in the log."""

    id: int
    digest: str
    sealed_in: int | None = Field(default=None, description="number of the tree head that sealed it")
    recorded_at: AwareDatetime | None = Field(default=None, description="when the ledger took it in")


RunState = Literal["running", "waiting", "done", "nothing to do", "rejected", "expired", "failed", "cancelled"]


class RunRecord(Contract):
    """A run as the console and the command line list it."""

    run: str
    workflow: str
    version: str = ""
    temporal_run_id: str = ""
    subject: str = ""
    state: RunState = "running"
    says: str = ""
    started_at: AwareDatetime
    finished_at: AwareDatetime | None = None
    cost_usd: str | None = "0"
    team: str = ""
    repository: str = ""


class ProposalRecord(Contract):
    """A proposal as the inbox lists it; the body is in the artifact store under its digest."""

    digest: str
    run: str
    workflow: str
    revision: int
    title: str
    summary: str
    state: Literal["open", "superseded", "approved", "changes requested", "rejected", "expired", "withdrawn"]
    role: str
    drafted_by: str
    created_at: AwareDatetime
    expires_at: AwareDatetime
    decided_by: str | None = None
    decided_at: AwareDatetime | None = None


# held: may not begin now. intent: will begin. acting: has begun, and its end isn't written down (yet). unknown: has
# begun, nobody but a person can tell whether it happened, and they were asked.
DOUBT = "Did it happen? "  # how the outcome of an unknown one begins
SETTLED_BY = "settled_by"  # in the outcome: the person who said whether it happened
EffectState = Literal["held", "intent", "acting", "unknown", "done", "failed", "refused"]


class EffectRecord(Contract):
    """An effect's intent and outcome under its idempotency key."""

    key: str
    kind: str
    run: str
    digest: str
    decision: str
    state: EffectState
    subject: str = ""
    outcome: dict[str, JsonValue] = Field(default_factory=dict)
    intended_at: AwareDatetime
    begun_at: AwareDatetime | None = Field(default=None, description="when it last began to act; None: never")
    finished_at: AwareDatetime | None = None


ADMINISTRATOR = "administrator"  # the role that stops effects, and lets them go on


class Person(Contract):
    """Somebody who may decide."""

    name: str
    display_name: str
    email: str = ""
    roles: tuple[str, ...] = ("reviewer",)


class PersonKey(Contract):
    """A public key of a person. Workers only ever hold these."""

    fingerprint: str
    person: str
    public_key: str = Field(description="OpenSSH one-line form: ssh-ed25519 AAAA… comment")
    label: str
    enrolled_at: AwareDatetime
    revoked_at: AwareDatetime | None = None


class Verification(Contract):
    """What `countersign ledger verify` found."""

    ok: bool
    entries: int
    sealed: int
    heads: int
    problems: tuple[str, ...] = ()
    unsealed: int = 0
    erased: tuple[str, ...] = Field(default=(), description="each erasure of personal data, in words")
    seconds: float = 0.0

    @property
    def says(self) -> str:
        """Of one that is whole."""
        but = " but by what was erased" if self.erased else ""
        return f"{self.entries:,} entries, all sealed under {self.heads:,} signed heads, none changed{but}."


class Head(Contract):
    """A signed tree head: the Merkle root over the first `size` entries, chained to the head before.

    Keep one somewhere else (a commit, a mail, paper) and `Ledger.verify(known=[head])` proves that nothing
    that it covers was cut off since.
    """

    number: int
    size: int
    root: str
    previous: str = Field(description="hash of the head before; empty for the first")
    sealed_at: AwareDatetime
    key: str = Field(description="fingerprint of the ledger's key")
    signature: str
