"""Effects and decisions: a signature pays once."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from contracts.decision import Ruling
from contracts.errors import AlreadyUsed, Conflict, NotFound
from ledger import Ledger
from tests.ledger.support import Clock, Signer, effect_record, enrolled, proposal


@pytest.fixture
def ana(ledger: Ledger) -> Signer:
    return enrolled(ledger)


def test_an_intent_is_written_once_and_finished(ledger: Ledger, ana: Signer, clock: Clock) -> None:
    record = effect_record(ana.decide(proposal(ledger)))
    assert ledger.intend(record) == record
    clock.forward(seconds=5)
    ledger.finish_effect(record.key, state="done", outcome={"sha": "abc", "n": 1})
    again = ledger.intend(record)
    assert (again.state, again.outcome, again.finished_at) == ("done", {"sha": "abc", "n": 1}, clock())
    assert ledger.effect(record.key) == again
    assert [one.outcome for one in ledger.entries(kind="effect")] == ["intent", "ok"]


def test_a_second_use_is_refused(ledger: Ledger, ana: Signer) -> None:
    made = proposal(ledger)
    decision, other = ana.decide(made), ana.decide(made)
    ledger.intend(effect_record(decision))
    with pytest.raises(AlreadyUsed, match="effect 'run-1/commit'"):
        ledger.intend(effect_record(other))
    with pytest.raises(AlreadyUsed, match="effect 'run-1/commit'"):
        ledger.intend(effect_record(decision, run="run-2"))
    with pytest.raises(AlreadyUsed, match="The decision"):
        ledger.intend(effect_record(decision, key="run-2/commit", run="run-2"))
    with pytest.raises(AlreadyUsed, match="The decision"):
        ledger.intend(effect_record(decision, key="run-1/more", digest="sha256:" + "0" * 64))


def test_one_decision_pays_for_all_effects_of_its_proposal(ledger: Ledger, ana: Signer) -> None:
    decision = ana.decide(proposal(ledger))
    for key in ("run-1/commit", "run-1/mail"):
        assert ledger.intend(effect_record(decision, key=key)).state == "intent"
    assert {one.key for one in ledger.effects(run="run-1", state="intent")} == {"run-1/commit", "run-1/mail"}


def test_ten_at_once_intend_one_effect(ledger: Ledger, ana: Signer) -> None:
    made = proposal(ledger)
    decisions = [ana.decide(made) for _ in range(10)]

    def attempt(number: int) -> bool:
        try:
            ledger.intend(effect_record(decisions[number]))
        except AlreadyUsed:
            return False
        return True

    with ThreadPoolExecutor(10) as pool:
        assert sum(pool.map(attempt, range(10))) == 1
    assert len(ledger.effects()) == 1


def test_done_is_final_and_failed_is_not(ledger: Ledger, ana: Signer) -> None:
    record = effect_record(ana.decide(proposal(ledger)))
    with pytest.raises(NotFound):
        ledger.finish_effect(record.key, state="done", outcome={})
    ledger.intend(record)
    ledger.finish_effect(record.key, state="failed", outcome={"why": "moved"})
    ledger.finish_effect(record.key, state="done", outcome={"sha": "abc"})
    ledger.finish_effect(record.key, state="done", outcome={"sha": "other"})
    with pytest.raises(Conflict, match="done"):
        ledger.finish_effect(record.key, state="failed", outcome={})
    found = ledger.effect(record.key)
    assert found is not None
    assert found.outcome == {"sha": "abc"}


def test_the_last_signed_is_the_newest_done_of_its_kind_and_subject(ledger: Ledger, ana: Signer, clock: Clock) -> None:
    for number, (subject, state) in enumerate(
        [("/repo", "done"), ("/repo", "done"), ("/other", "done"), ("/repo", "failed")]
    ):
        run = f"run-{number}"
        decision = ana.decide(proposal(ledger, run=run))
        ledger.intend(effect_record(decision, key=f"{run}/commit", subject=subject, intended_at=clock()))
        clock.forward(minutes=1)
        ledger.finish_effect(f"{run}/commit", state="done" if state == "done" else "failed", outcome={})
    last = ledger.last_signed("git.commit_file", "/repo")
    assert last is not None
    assert last.run == "run-1"
    assert ledger.last_signed("git.commit_file", "/none") is None
    assert ledger.last_signed("mail", "/repo") is None
    listed = ledger.effects(subject="/repo", kind="git.commit_file")
    assert [one.run for one in listed] == ["run-3", "run-1", "run-0"]


def test_a_decision_is_recorded_once_however_often_it_comes(ledger: Ledger, ana: Signer) -> None:
    made = proposal(ledger)
    ledger.store_proposal(made)
    decision = ana.decide(made, words="fine")
    for _ in range(3):
        ledger.record_decision(decision, ledger.judge(decision, run="run-1", digest=made.digest))
    assert ledger.decisions("run-1") == [(decision, Ruling.of(decision, accepted=True))]
    assert [one.actor for one in ledger.entries(kind="decision")] == ["ana"]


def test_a_decision_that_came_too_early_may_stand_later(ledger: Ledger, ana: Signer) -> None:
    made = proposal(ledger)
    decision = ana.decide(made)
    early = ledger.judge(decision, run="run-1", digest="sha256:" + "0" * 64)
    ledger.record_decision(decision, early)
    ledger.store_proposal(made)
    ledger.record_decision(decision, ledger.judge(decision, run="run-1", digest=made.digest))
    rulings = [ruling.accepted for _, ruling in ledger.decisions("run-1")]
    assert sorted(rulings) == [False, True]
    refusal = ledger.entries(kind="refusal")[0]
    assert refusal.outcome == "refused"
    assert "is what would happen" in refusal.says
