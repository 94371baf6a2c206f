"""What a run's end teaches: what became of the draft, and which tier made it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from activities.learning import verdict
from contracts.decision import Ruling
from contracts.proposal import PASSED, Claim, ClaimsPanel, Cost, Editable, Panel, Proposal, Tried
from contracts.routes import Verdict
from contracts.runs import Close
from ledger import FolderArtifacts, Ledger
from tests.ledger.support import enrolled, proposal

TRIED = Cost(tried=(Tried(tier="small", why="", outcome="It failed: x"), Tried(tier="large", why="", outcome=PASSED)))


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger.open(f"sqlite:///{tmp_path / 'ledger.db'}", FolderArtifacts(tmp_path / "artifacts")) as opened:
        yield opened


def revision(ledger: Ledger, number: int, text: str, **fields: object) -> Proposal:
    editable = Editable(label="The entry", text=text)
    known = {"drafted_by": "model", "cost": TRIED, "editable": editable, "revision": number} | fields
    made = proposal(ledger, **known)
    ledger.store_proposal(made)
    return made


def learnt(ledger: Ledger, ended: Proposal, state: str = "done") -> Verdict | None:
    close = Close.model_validate({"run": "run-1", "state": state, "says": "", "digest": ended.digest})
    return verdict(ledger, close, "changelog")


def test_signed_as_it_was(ledger: Ledger) -> None:
    found = learnt(ledger, revision(ledger, 1, "one two"))
    assert found == Verdict(run="run-1", workflow="changelog", tier="large", outcome="untouched", share=1)


def test_signed_after_edits_counts_what_stayed(ledger: Ledger) -> None:
    revision(ledger, 1, "one two three four")
    found = learnt(ledger, revision(ledger, 2, "one two three five", drafted_by="person", edited_by="ana"))
    assert found is not None
    assert (found.tier, found.outcome, found.share) == ("large", "edited", 0.75)


def test_without_one_text_the_lines_that_a_model_worded_are_what_counts(ledger: Ledger) -> None:
    def panels(*lines: str) -> tuple[Panel, ...]:
        return (ClaimsPanel(title="Answers", claims=tuple(Claim(text=each, sources=()) for each in lines)),)

    first = revision(ledger, 1, "", editable=None, panels=panels("one two three", "four"))
    moved = revision(ledger, 2, "", editable=None, panels=first.panels, edited_by="ana")
    edited = revision(ledger, 3, "", editable=None, panels=panels("one two three", "five"), edited_by="ana")
    shares = [found.share for each in (moved, edited) if (found := learnt(ledger, each))]
    assert shares == [1, 0.75], "a ticket that was put elsewhere says nothing of a model's words"


def test_a_baseline_draft_teaches_about_the_baseline(ledger: Ledger) -> None:
    found = learnt(ledger, revision(ledger, 1, "one", drafted_by="baseline"))
    assert found is not None
    assert found.tier == "baseline"


@pytest.mark.parametrize(("reason", "teaches"), [("incorrect", True), ("not needed", False), ("duplicate", False)])
def test_a_rejection_teaches_if_the_draft_was_at_fault(ledger: Ledger, reason: str, teaches: bool) -> None:
    made = revision(ledger, 1, "one")
    decision = enrolled(ledger).decide(made, verdict="reject", reason=reason)
    ledger.record_decision(decision, Ruling.of(decision, accepted=True))
    found = learnt(ledger, made, "rejected")
    assert (found is not None) == teaches
    assert not teaches or (found and (found.outcome, found.share) == ("rejected", 0))


def test_an_expiry_or_a_lost_proposal_teaches_nothing(ledger: Ledger) -> None:
    made = revision(ledger, 1, "one")
    assert learnt(ledger, made, "expired") is None
    assert learnt(ledger, made.model_copy(update={"digest": "sha256:" + "0" * 64})) is None


def test_what_was_learnt_is_measured_by_tier(ledger: Ledger) -> None:
    for number, share in enumerate((1.0, 0.5, 0.0)):
        outcome = {1.0: "untouched", 0.5: "edited", 0.0: "rejected"}[share]
        one = {"run": f"r{number}", "workflow": "changelog", "tier": "small", "outcome": outcome, "share": share}
        ledger.learn(Verdict.model_validate(one))
    found = ledger.acceptance("changelog", ("small", "large"))
    assert (found["small"].decisions, found["small"].kept, found["large"].decisions) == (3, 1.5, 0)
    assert ledger.acceptance("other", ("small",))["small"].decisions == 0
