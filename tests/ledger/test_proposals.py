"""Proposals: stored once, found by a few digits, superseded by the next."""

import pytest

from contracts.errors import BadInput, Conflict, NotFound, WrongDigest, WrongRun
from ledger import Ledger
from ledger.schema import proposals as table
from tests.ledger.support import NOW, Clock, proposal


def test_a_proposal_comes_back_whole_by_a_few_digits(ledger: Ledger) -> None:
    made = proposal(ledger, title="Zażółć 🎉")
    ledger.store_proposal(made)
    ledger.store_proposal(made)
    for given in (made.digest, made.id, made.id[:6], f" {made.id} "):
        assert ledger.proposal(given) == made
    record = ledger.proposal_record(made.id)
    assert (record.digest, record.state, record.title) == (made.digest, "open", "Zażółć 🎉")
    assert [one.kind for one in ledger.entries()] == ["proposal"]


def test_the_newest_revision_supersedes_open_ones_of_its_run(ledger: Ledger) -> None:
    first, second, other = proposal(ledger), proposal(ledger, revision=2), proposal(ledger, run="run-2")
    for one in (first, other, second):
        ledger.store_proposal(one)
    assert ledger.proposal_record(first.digest).state == "superseded"
    assert {one.digest for one in ledger.proposals()} == {second.digest, other.digest}
    assert [one.digest for one in ledger.proposals(state="", run="run-1")].count(first.digest) == 1


def test_a_revision_stored_late_stays_superseded(ledger: Ledger) -> None:
    first, second = proposal(ledger), proposal(ledger, revision=2)
    ledger.store_proposal(second)
    ledger.store_proposal(first)
    assert ledger.proposal_record(first.digest).state == "superseded"
    assert ledger.proposal_record(second.digest).state == "open"


def test_a_repeated_activity_leaves_one_open_proposal(ledger: Ledger, clock: Clock) -> None:
    """The same revision, made again after a crash with another time and so another digest."""
    first = proposal(ledger)
    ledger.store_proposal(first)
    clock.forward(minutes=1)
    again = proposal(ledger, created_at=clock())
    ledger.store_proposal(again)
    assert [one.digest for one in ledger.proposals()] == [again.digest]


def test_what_is_not_intact_is_refused(ledger: Ledger) -> None:
    made = proposal(ledger)
    with pytest.raises(WrongDigest):
        ledger.store_proposal(made.model_copy(update={"title": "Other"}))
    with pytest.raises(WrongRun):
        ledger.store_proposal(proposal(ledger, realm="elsewhere"))
    assert ledger.proposals() == []


def test_ids_that_name_nothing_or_too_much(ledger: Ledger) -> None:
    ledger.store_proposal(proposal(ledger))
    with pytest.raises(NotFound, match="'abcdef123456'"):
        ledger.proposal("abcdef123456")
    for odd in ("", "abc", "../../etc", "%%%%%%%", "sha256:", "x" * 64):
        with pytest.raises(BadInput):
            ledger.proposal(odd)


def test_an_id_that_several_share_asks_for_more(ledger: Ledger) -> None:
    made = proposal(ledger)
    ledger.store_proposal(made)
    twin = made.digest[:-1] + ("0" if made.digest[-1] != "0" else "1")
    with ledger.store.write() as connection:
        row = dict(connection.execute(table.select()).mappings().one())
        connection.execute(table.insert(), [row | {"digest": twin}])
    with pytest.raises(BadInput, match="Give more digits"):
        ledger.proposal(made.id)


def test_states_only_go_forward(ledger: Ledger) -> None:
    made = proposal(ledger)
    ledger.store_proposal(made)
    ledger.set_proposal_state(made.digest, "approved", by="ana", at=NOW)
    ledger.set_proposal_state(made.digest, "approved", by="ben")
    record = ledger.proposal_record(made.digest)
    assert (record.state, record.decided_by, record.decided_at) == ("approved", "ana", NOW)
    for state in ("open", "rejected", "superseded"):
        with pytest.raises(Conflict, match="approved cannot become"):
            ledger.set_proposal_state(made.digest, state)
    with pytest.raises(NotFound):
        ledger.set_proposal_state("sha256:" + "0" * 64, "approved")
