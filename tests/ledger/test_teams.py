"""A role in a team counts for what that team's workflows propose, and for nothing else."""

import pytest

from contracts.errors import MissingRole
from contracts.gate import Escalation, Gate, GateRule
from contracts.records import Person
from contracts.requirements import Requirement, eligible, resolve
from contracts.roles import parts
from ledger import Ledger
from tests.ledger.support import enrolled, proposal

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


def test_an_agent_in_a_team_opens_nothing() -> None:
    assert parts(WHO["agent"]) == frozenset()
