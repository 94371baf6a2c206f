"""What tests of standing approvals make: one that is signed, proposals that it covers, and a measure of them."""

import secrets
from datetime import timedelta
from typing import Any

from contracts.decision import Signature, SignedDecision, standing_statement
from contracts.proposal import Effect, Proposal
from contracts.requirements import Requirement
from contracts.signatures import sshsig_sign
from contracts.standing import Bounds, Measured, StandingApproval
from contracts.suggesting import MeasuredRun
from ledger import Ledger
from ledger.schema import measured
from tests.ledger.support import NOW, Signer, proposal

BOUNDS = Bounds(
    kinds=("git.commit_file",),
    destinations=("/repo",),
    paths=("CHANGELOG.md",),
    details=("on countersign/changelog-*",),
    most_effects=1,
    most_files=1,
    most_lines=20,
)


def approval(ledger: Ledger, signer: Signer, **fields: Any) -> StandingApproval:
    base: dict[str, Any] = {
        "realm": ledger.realm,
        "workflow": "changelog",
        "version": "1",
        "drafted_by": ("baseline",),
        "bounds": BOUNDS,
        "valid_from": NOW,
        "valid_until": NOW + timedelta(days=14),
        "most_uses": 3,
        "most_a_day": 3,
        "person": signer.person,
        "nonce": secrets.token_hex(16),
    }
    return StandingApproval(**(base | fields))


def signature(signer: Signer, standing: StandingApproval) -> Signature:
    value = sshsig_sign(signer.private, standing.signing_bytes())
    return Signature(scheme="sshsig", key=signer.fingerprint, value=value)


def signed(ledger: Ledger, signer: Signer, **fields: Any) -> StandingApproval:
    made = approval(ledger, signer, **fields)
    speaking_for(ledger, made)
    return ledger.sign_standing(made, signature(signer, made)).standing


def speaking_for(ledger: Ledger, standing: StandingApproval) -> None:
    """A hundred runs that speak for it, in one transaction."""
    one = {"kind": "git.commit_file", "destination": "/repo", "paths": ("CHANGELOG.md",), "lines": 20}
    rows = [
        MeasuredRun.model_validate(
            {
                "run": f"{standing.workflow}-{standing.version}-{number}",
                "workflow": standing.workflow,
                "version": standing.version,
                "drafted_by": standing.drafted_by[0],
                "outcome": "signed",
                "digest": f"sha256:{number:064}",
                "effects": ({**one, "details": BOUNDS.details},),
                "needs": (Requirement(roles=("reviewer",), standing=True),),
                "decided_at": NOW - timedelta(minutes=number),
            }
        )
        for number in range(100)
    ]
    known = {"run", "workflow", "version", "outcome", "decided_at"}
    with ledger.store.write() as connection:
        values = [each.model_dump(include=known) | {"body": each.model_dump(mode="json")} for each in rows]
        connection.execute(ledger.store.insert_once(measured), values)


def covered(ledger: Ledger, number: int, **fields: Any) -> Proposal:
    """A proposal that the gate lets stand."""
    key = f"run-{number}/commit"
    effects = (Effect(kind="git.commit_file", key=key, says="Commit 3 lines", params={}),)
    needs = (Requirement(roles=("reviewer",), effects=(key,), standing=True),)
    made = proposal(ledger, run=f"run-{number}", **({"effects": effects, "needs": needs} | fields))
    ledger.store_proposal(made)
    return made


def on(standing: StandingApproval, signer: Signer, made: Proposal) -> SignedDecision:
    """The decision that the standing approval makes of a proposal."""
    return SignedDecision(
        statement=standing_statement(standing, made),
        signature=signature(signer, standing),
        via="standing approval",
        standing=standing,
    )


def measure(made: Proposal) -> list[Measured]:
    """Each effect as three lines of the changelog."""
    one = {"destination": "/repo", "paths": ("CHANGELOG.md",), "lines": 3, "details": BOUNDS.details}
    return [Measured.model_validate({"kind": effect.kind, **one}) for effect in made.effects]
