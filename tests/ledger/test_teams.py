"""A role in a team counts for what that team's workflows propose, and for nothing else."""

from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from contracts.decision import Signature
from contracts.errors import MissingRole
from contracts.gate import Escalation, Gate, GateRule
from contracts.identity import Identity
from contracts.records import Person
from contracts.register import Membership, NewKey, Registered
from contracts.requirements import Requirement, eligible, resolve
from contracts.roles import parts
from contracts.signatures import sshsig_sign
from ledger import FolderArtifacts, Ledger, Trust
from tests.ledger.support import NOW, Clock, Signer, enrolled, proposal

WHO = {
    "everywhere": ("approver",),
    "payments": ("payments:approver", "payments:reviewer"),
    "platform": ("platform:approver",),
    "nobody": ("viewer",),
    "agent": ("approver", "payments:agent"),
    "spelt": (":approver", "pay:approver", "payments:", "payments:approver:x", "approver:payments"),
}


@pytest.mark.parametrize(
    ("team", "role", "may"),
    [
        ("payments", "approver", {"everywhere", "payments"}),
        ("platform", "approver", {"everywhere", "platform"}),
        ("", "approver", {"everywhere"}),
        ("platform", "payments:approver", {"payments"}),
        ("payments", "", set()),
    ],
)
def test_who_has_a_say(team: str, role: str, may: set[str]) -> None:
    needed = Requirement(team=team, roles=(role,))
    people = [Person(name=name, display_name=name, roles=roles) for name, roles in WHO.items()]
    assert {each.name for each in people if eligible(needed, each, ())} == may


def test_the_rules_of_a_gate_are_for_its_team() -> None:
    gate = Gate(rules=(GateRule(name="all", roles=("approver",)),), escalate=(Escalation(after="P1D", roles=("x",)),))  # type: ignore[arg-type]
    [needed] = resolve(gate, (), {"starter": [], "editor": [], "credentials": []}, "payments")
    assert needed.team == "payments"


def test_the_ledgers_rule_takes_no_approver_of_another_team(ledger: Ledger) -> None:
    ours, theirs = enrolled(ledger, "ana", WHO["payments"]), enrolled(ledger, "ben", WHO["platform"])
    made = proposal(ledger, role="approver", team="payments")
    ledger.store_proposal(made)
    for verdict in ("approve", "reject"):
        refused = ledger.judge(theirs.decide(made, verdict=verdict, reason="other"), run=made.run, digest=made.digest)
        assert (refused.accepted, refused.error) == (False, "MissingRole")
        assert "'ben' is 'approver' of another team than 'payments'" in refused.why
    signed = ours.decide(made)
    assert ledger.judge(signed, run=made.run, digest=made.digest).accepted
    ledger.enrol(Person(name="ana", display_name="Ana", roles=WHO["platform"]))
    with pytest.raises(MissingRole):
        ledger.require_all([signed], run=made.run, digest=made.digest)


def test_whose_proposal_it_is_is_part_of_what_is_signed(ledger: Ledger) -> None:
    made = proposal(ledger, role="approver", team="payments")
    assert made.is_intact
    assert not made.model_copy(update={"team": "platform"}).is_intact
    assert proposal(ledger, role="approver", team="").digest == proposal(ledger, role="approver").digest


def test_the_provider_gives_no_role_that_nobody_signed_for_and_takes_any_away(
    url: str, tmp_path: Path, clock: Clock
) -> None:
    """For the process that carries effects out: ana is its root, and has signed for ben in payments alone."""
    trust = Trust(tmp_path / "trust", keeps=True)
    ana, ben = Signer("ana", Ed25519PrivateKey.generate()), Signer("ben", Ed25519PrivateKey.generate())
    trust.pin("ana", ana.line)
    with Ledger.open(url, FolderArtifacts(tmp_path / "artifacts"), clock=clock, trust=trust) as effects:
        person = Person(name="ben", display_name="Ben", roles=("payments:approver",))
        first = (NewKey(public_key=ben.line, label="laptop"),)
        effects.register(signed(Membership(realm=effects.realm, person=person, keys=first, at=NOW), ana))
        made = {team: proposal(effects, run=team, role="approver", team=team) for team in ("payments", "platform")}
        for each in made.values():
            effects.store_proposal(each)

        def may(*roles: str) -> list[str]:
            fields = {"issuer": "https://id.example", "subject": "s1", "name": "ben", "display_name": "Ben"}
            effects.identify(Identity(**fields, roles=roles, pinned=True), seconds=3600)
            judged = {
                team: effects.judge(ben.decide(each), run=team, digest=each.digest) for team, each in made.items()
            }
            return [team for team, ruling in judged.items() if ruling.accepted]

        assert may("payments:approver", "platform:approver", "approver") == ["payments"]
        assert may("platform:approver") == []
        assert may("payments:approver") == ["payments"]
        more = Person(name="ben", display_name="Ben", roles=("approver",))
        effects.register(signed(Membership(realm=effects.realm, person=more, at=NOW + timedelta(hours=1)), ana))
        assert effects.person("ben").roles == ("payments:approver",)  # a signature adds none
        assert may("approver", "payments:approver") == ["payments", "platform"]


def signed(statement: Membership, by: Signer) -> Registered:
    value = sshsig_sign(by.private, statement.signing_bytes())
    return Registered(statement=statement, signatures=(Signature(scheme="sshsig", key=by.fingerprint, value=value),))


def test_an_agent_in_a_team_opens_nothing() -> None:
    assert parts(WHO["agent"]) == frozenset()
