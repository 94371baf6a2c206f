"""A worker that is fully taken over makes no effect that nobody signed.

The attacker has all that the agents' worker has: its code, write access to the database (triggers and all) and to the
store of artifacts, a connection to Temporal. They hold no key that anybody who may has signed for, and can't write to
the folder of trust. Each attempt is told of in the ledger and changes nothing; a genuine approval counts afterwards.
"""

import shutil
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy.engine import Connection

from contracts.decision import Ruling, SignedDecision
from contracts.proposal import Proposal
from contracts.records import Person
from contracts.register import Membership, NewKey, Revocation
from contracts.wire import fingerprint
from ledger.schema import decisions, people, person_keys, proposals, register
from tests.e2e.test_attacks import attack, branches, mallory, proposed, request_for
from tests.ledger.support import Signer, tamper
from tests.support.platform import Platform
from tests.support.register import signed as statement_by
from tests.support.repositories import Commit, build
from tests.workflows.test_gate import ruling
from workers import keys

__all__ = ["mallory"]  # the fixture: a worker whose workflow calls the effects' activity by itself


@dataclass(frozen=True)
class TakenOver:
    """What the attacker does to the database, by SQL, and how they call the effects' activity."""

    here: Platform
    proposal: Proposal

    def write(self, *statements: sa.Executable) -> None:
        def change(connection: Connection) -> None:
            for each in statements:
                connection.execute(each)

        tamper(self.here.ledger, change)

    def person(self, name: str, *roles: str) -> sa.Executable:
        return sa.insert(people).values(name=name, display_name=name, email="", roles=list(roles))

    def key(self, signer: Signer) -> sa.Executable:
        row = {"fingerprint": signer.fingerprint, "person": signer.person, "public_key": signer.line}
        return sa.insert(person_keys).values(**row, label="laptop", enrolled_at=datetime.now(UTC))

    def approval(self, signer: Signer, **fields: object) -> SignedDecision:
        return signer.decide(self.proposal, decided_at=datetime.now(UTC), **fields)

    def taken(self, decision: SignedDecision) -> tuple[sa.Executable, ...]:
        """Rows that say that the decision stood, and that the proposal is approved."""
        statement, ruled = decision.statement, Ruling.of(decision, accepted=True)
        row = {"id": decision.id, "accepted": True, "why": ruled.why, "error": ruled.error}
        row |= {"run": statement.run, "digest": statement.digest, "person": statement.person, "verdict": "approve"}
        body, now = decision.model_dump(mode="json"), datetime.now(UTC)
        approved = sa.update(proposals).where(proposals.c.digest == statement.digest).values(state="approved")
        return self.here.ledger.store.insert_once(decisions).values(**row, body=body, recorded_at=now), approved

    async def act(self, decision: SignedDecision) -> str:
        """Start the effect by itself with that, with rows that say it stood: the error's name, or empty if it acted."""
        self.write(*self.taken(decision))
        answer = await attack(self.here, request_for(self.proposal, decision))
        self.write(sa.update(proposals).where(proposals.c.digest == self.proposal.digest).values(state="open"))
        told = {entry.facts["error"] for entry in self.refusals() if entry.facts["decision"] == decision.id}
        assert told == {answer}, "each refusal is in the ledger"
        return answer

    def refusals(self) -> list:  # type: ignore[type-arg]
        return self.here.ledger.entries(run=self.proposal.run, kind="refusal")

    def told(self, name: str) -> list[str]:
        return [entry.says for entry in self.here.ledger.entries(kind="person", limit=2000) if entry.name == name]


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    commits = [Commit("Start", {"a.py": b"a = 1\n"}, tag="v1.0.0"), Commit("feat: Export as CSV", {"b.py": b"b = 2\n"})]
    return build(tmp_path / "app", commits, checkout=True)


def somebody(name: str) -> Signer:
    """A key of the attacker's own. Names are new each time: the installation is shared with other tests."""
    return Signer(f"{name}-{uuid.uuid4().hex[:8]}", Ed25519PrivateKey.generate())


def colleague(here: Platform, folder: Path, name: str, role: str) -> Signer:
    """Somebody whom the administrator has accepted, with a key that they hold."""
    settings = here.settings.model_copy(update={"person": f"{name}-{uuid.uuid4().hex[:8]}", "state": folder / name})
    person, _, _ = keys.enrol_local_person(settings, here.ledger)
    here.accept(person.name, role)
    return Signer(person.name, keys.load_private(keys.key_path(settings)))


@pytest.mark.usefixtures("mallory")
async def test_nothing_that_a_taken_over_worker_writes_makes_an_effect(
    here: Platform, repository: Path, tmp_path: Path
) -> None:
    proposal = await proposed(here, repository)
    worker = TakenOver(here, proposal)
    said: dict[str, str] = {}

    own = somebody("mallory")
    worker.write(worker.person(own.person, "reviewer", "administrator"), worker.key(own))
    said["an own person with an own key"] = await worker.act(worker.approval(own))

    second = Signer("ana", Ed25519PrivateKey.generate())
    worker.write(worker.key(second))
    said["an own key as one of ana's"] = await worker.act(worker.approval(second))

    vic = colleague(here, tmp_path, "vic", "viewer")
    worker.write(sa.update(people).where(people.c.name == vic.person).values(roles=["viewer", "reviewer"]))
    said["a role that nobody gave"] = await worker.act(worker.approval(vic))

    forged = here.sign(proposal, "approve")
    words = forged.statement.model_copy(update={"nonce": "e" * 32})
    said["a decision in ana's name"] = await worker.act(forged.model_copy(update={"statement": words}))

    joined = somebody("mole")
    member = Person(name=joined.person, display_name="Mole", roles=("reviewer",))
    claim = statement_by(
        Membership(
            realm=here.ledger.realm,
            person=member,
            keys=(NewKey(public_key=joined.line, label="laptop"),),
            at=datetime.now(UTC),
        ),
        joined.private,
    )
    row = {"id": claim.id, "body": claim.model_dump_json(), "recorded_at": datetime.now(UTC)}
    worker.write(worker.person(joined.person, "reviewer"), worker.key(joined), sa.insert(register).values(**row))
    said["a statement of their own in the register"] = await worker.act(worker.approval(joined))
    assert any(joined.person in says for says in worker.told("register.idle"))

    assert said == {
        "an own person with an own key": "UnknownKey",
        "an own key as one of ana's": "UnknownKey",
        "a role that nobody gave": "MissingRole",
        "a decision in ana's name": "BadSignature",
        "a statement of their own in the register": "UnknownKey",
    }
    assert branches(repository) == ""

    signal = worker.approval(own)
    await here.signal(proposal.run, signal)
    assert "nobody who may has signed for it" in await ruling(here, signal)
    assert here.ledger.proposal_record(proposal.digest).state == "open", "the gate still waits"
    await here.decide(proposal, "approve")
    assert (await here.outcome(proposal.run)).state == "done"
    assert branches(repository).count("countersign/") == 1


@pytest.mark.usefixtures("mallory")
async def test_a_revocation_that_is_dropped_stays_one(here: Platform, repository: Path, tmp_path: Path) -> None:
    proposal = await proposed(here, repository)
    worker, dan = TakenOver(here, proposal), colleague(here, tmp_path, "dan", "reviewer")
    early = worker.approval(dan)
    revocation = statement_by(
        Revocation(realm=here.ledger.realm, key=dan.fingerprint, at=datetime.now(UTC)), dan.private
    )
    here.ledger.register(revocation)
    worker.write(
        sa.delete(register).where(register.c.id == revocation.id),
        sa.update(person_keys).where(person_keys.c.fingerprint == dan.fingerprint).values(revoked_at=None),
    )
    assert await worker.act(early) == "UnknownKey"
    assert any(dan.fingerprint in says for says in worker.told("register.put_back"))
    assert branches(repository) == ""
    await here.client.get_workflow_handle(proposal.run).cancel()


@pytest.mark.usefixtures("mallory")
async def test_an_approval_is_of_its_own_digest_and_rule(here: Platform, repository: Path, tmp_path: Path) -> None:
    other = await proposed(here, build(tmp_path / "other", [Commit("feat: Sort", {"c.py": b"c\n"})]))
    old = await here.decide(other, "approve")
    await here.outcome(other.run)
    proposal = await proposed(here, repository)
    worker, vic = TakenOver(here, proposal), colleague(here, tmp_path, "vic", "viewer")
    assert await worker.act(old) == "WrongRun"
    moved = old.statement.model_copy(update={"run": proposal.run, "digest": proposal.digest})
    assert await worker.act(old.model_copy(update={"statement": moved})) == "BadSignature"

    weaker = here.ledger.artifacts.put_model(proposal.model_copy(update={"role": "viewer", "needs": ()}))
    mine = proposals.c.digest == proposal.digest
    with here.ledger.store.read() as connection:
        body = connection.scalar(sa.select(proposals.c.body).where(mine))
    worker.write(sa.update(proposals).where(mine).values(body=weaker))
    assert await worker.act(worker.approval(vic)) == "WrongDigest"
    worker.write(sa.update(proposals).where(mine).values(body=body))
    assert await worker.act(worker.approval(vic)) == "MissingRole"
    assert branches(repository) == ""
    await here.client.get_workflow_handle(proposal.run).cancel()
    shutil.rmtree(tmp_path / "other")


def test_the_attacker_holds_no_key_that_counts(here: Platform) -> None:
    """What the agents' worker is given has no private key in it, and the roots are not in the database."""
    assert here.ledger.trust is not None
    roots = {root.fingerprint for root in here.ledger.trust.roots()}
    line = keys.key_path(here.settings).with_suffix(".pub").read_text()
    assert roots == {fingerprint(line)}
    assert here.ledger.trust.file.stat().st_mode & 0o077 == 0
