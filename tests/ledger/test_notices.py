"""The outbox on both databases: a notice is there once, claimed by one, and its message stays the same."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from contracts.errors import BadInput, Conflict
from contracts.notify import Defaults, Notice, Preference
from contracts.records import Person
from ledger import Ledger
from tests.ledger.support import NOW, Clock, enrolled, entry, proposal

LEASE = timedelta(minutes=5)


def notice(number: int = 1, **fields: object) -> Notice:
    base = {
        "person": "ana",
        "subject": f"run-{number}",
        "reason": "waiting",
        "channel": "email",
        "revision": "sha256:1",
        "made_at": NOW,
    }
    return Notice.model_validate(base | fields)


def claim(ledger: Ledger, message: str) -> list[Notice]:
    keys = [each.key for each in ledger.notices()]
    return ledger.claim_notices("ana", "email", keys, message, ledger.clock() + LEASE)


def test_a_notice_is_kept_once_whoever_makes_it(open_ledger: Callable[[], Ledger]) -> None:
    ledgers = [open_ledger() for _ in range(10)]
    made = [notice(number) for number in range(3)]
    with ThreadPoolExecutor(10) as pool:
        list(pool.map(lambda each: each.add_notices(made), ledgers))
    ledgers[0].add_notices([notice(0, reason="reminder"), notice(0, channel="slack"), notice(0, revision="sha256:2")])
    assert len(ledgers[0].notices()) == 6


def test_one_of_ten_claims_a_message(open_ledger: Callable[[], Ledger]) -> None:
    ledgers = [open_ledger() for _ in range(10)]
    ledgers[0].add_notices([notice(number) for number in range(3)])
    with ThreadPoolExecutor(10) as pool:
        claimed = list(pool.map(lambda pair: claim(pair[1], f"m{pair[0]}"), enumerate(ledgers)))
    assert sorted(map(len, claimed)) == [0] * 9 + [3]


def test_a_claim_that_ran_out_goes_on_as_the_same_message(ledger: Ledger, clock: Clock) -> None:
    ledger.add_notices([notice(1), notice(2)])
    assert [each.message for each in claim(ledger, "first")] == ["first", "first"]
    ledger.add_notices([notice(3)])
    assert claim(ledger, "second") == []
    clock.forward(minutes=6)
    again = claim(ledger, "second")
    assert [(each.subject, each.message, each.attempts) for each in again] == [
        ("run-1", "first", 2),
        ("run-2", "first", 2),
    ]
    for _ in range(2):  # the one that was believed dead writes it down, too
        ledger.end_message("first", "sent", "", again)
    assert [each.subject for each in claim(ledger, "third")] == ["run-3"]
    [told] = [each for each in ledger.entries(kind="system") if each.key == "notify/first/sent"]
    assert (told.says, told.facts["channel"]) == ("ana was told by e-mail of 2 things", "email")


def test_the_place_in_the_log_moves_with_what_was_made_of_it(open_ledger: Callable[[], Ledger]) -> None:
    ledger, other = open_ledger(), open_ledger()
    for number in range(4):
        ledger.append(entry(f"e{number}", kind="run" if number % 2 else "activity"))
    ledger.seal()
    assert (ledger.notices_place(), ledger.sealed_size()) == (None, 4)
    assert [each.key for each in ledger.sealed_entries(("run",), 0, 3)] == ["e1"]
    assert ledger.add_notices([notice(1)], (None, 2))
    assert not other.add_notices([notice(2)], (None, 4))
    assert other.notices_place() == 2
    assert [each.subject for each in other.notices()] == ["run-1"]


def test_a_dropped_notice_is_not_made_again(ledger: Ledger) -> None:
    ledger.add_notices([notice(1)])
    ledger.drop_notices([(notice(1), "it was decided")])
    ledger.add_notices([notice(1)])
    assert ledger.notices() == []
    assert [each.why for each in ledger.notices(state="dropped")] == ["it was decided"]


def test_an_address_counts_once_its_code_came_back(ledger: Ledger, clock: Clock) -> None:
    ledger.enrol(Person(name="ana", display_name="Ana", email="ana@example.com"))
    wish, defaults = Preference(email="new@example.com", window="hour"), Defaults()
    ledger.set_preference("ana", wish, defaults)
    assert ledger.preference("ana", defaults) == wish.model_copy(update={"email": "ana@example.com"})
    assert [each.reason for each in ledger.notices()] == ["verify"]
    with pytest.raises(Conflict, match="less than a minute"):
        ledger.set_preference("ana", wish.model_copy(update={"email": "other@example.com"}), defaults)
    to, code = ledger.new_code("ana")
    assert (to, ledger.unproved_email("ana")) == ("new@example.com", "new@example.com")
    for _ in range(5):
        with pytest.raises(BadInput):
            ledger.prove_email("ana", "00000000x")
    with pytest.raises(BadInput):  # tried too often by now
        ledger.prove_email("ana", code)
    _, code = ledger.new_code("ana")
    clock.forward(minutes=61)
    with pytest.raises(BadInput):
        ledger.prove_email("ana", code)
    _, code = ledger.new_code("ana")
    assert ledger.prove_email("ana", f" {code[:4]} {code[4:]} ") == "new@example.com"
    assert ledger.preference("ana", defaults) == wish
    told = "".join(str(each) for each in ledger.entries())
    assert "new@example.com" not in told
    assert code not in told


def test_what_is_undecided_says_when_it_changes(ledger: Ledger) -> None:
    ana = enrolled(ledger)
    first, second = (proposal(ledger, run=name) for name in ("a", "b"))
    for each in (first, second):
        ledger.store_proposal(each)
    assert (set(ledger.undecided()[0]), ledger.undecided()[1]) == ({first.digest, second.digest}, 0)
    decision = ana.decide(first)
    ledger.record_decision(decision, ledger.judge(decision, run="a", digest=first.digest))
    assert ledger.undecided()[1] == 1
    ledger.set_proposal_state(first.digest, "approved")
    assert ledger.undecided() == ((second.digest,), 0)
