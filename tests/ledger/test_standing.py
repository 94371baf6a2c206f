"""Standing approvals: signed, bounded, counted, ended at once, and never for what nobody measured."""

import re
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from contracts.errors import AlreadyUsed, BadSignature, EffectsStopped, NotIndependent, NotStanding, Refused, UnknownKey
from contracts.requirements import Barred, Requirement
from contracts.standing import Bounds, Measured
from ledger import Ledger
from ledger.schema import standing_uses, standings
from tests.ledger.standing import BOUNDS, approval, covered, measure, on, signature, signed, speaking_for
from tests.ledger.support import NOW, Clock, effect_record, enrolled, entry


def test_what_it_covers_is_carried_out_and_counted_once(ledger: Ledger) -> None:
    ana, made = enrolled(ledger), covered(ledger, 1)
    standing = signed(ledger, ana)
    decision = on(standing, ana, made)
    for _ in range(2):
        ledger.require_all([decision], run=made.run, digest=made.digest, measure=measure)
        ledger.intend(effect_record(decision, key=made.effects[0].key), standing=standing)
    [use] = ledger.standing_uses(person="ana", unseen=True)
    assert (use.number, use.run, use.digest) == (1, made.run, made.digest)
    [used] = [each for each in ledger.entries(run=made.run) if each.name == "standing.used"]
    assert used.facts["standing"] == standing.digest
    ledger.see_standing_use(use.standing, use.number, "ben")
    assert ledger.standing_uses(unseen=True), "only who signed has seen it"
    ledger.see_standing_use(use.standing, use.number, "ana")
    assert not ledger.standing_uses(unseen=True)


def test_done_on_it_the_proposal_is_approved(ledger: Ledger) -> None:
    ana, made = enrolled(ledger), covered(ledger, 1)
    decision = on(signed(ledger, ana), ana, made)
    assert ledger.settle_standing(decision, run=made.run, digest=made.digest).error == "NotStanding", "nothing was done"
    ledger.intend(effect_record(decision, key=made.effects[0].key), standing=decision.standing)
    ledger.finish_effect(made.effects[0].key, state="done", outcome={})
    assert ledger.settle_standing(decision, run=made.run, digest=made.digest).accepted


@pytest.mark.parametrize(
    "fields",
    [
        {"workflow": "other"},
        {"version": "2"},
        {"drafted_by": "model"},
        {"revision": 2},
        {"edited_by": "ben"},
        {"created_at": NOW - timedelta(seconds=1)},
        {"needs": (Requirement(roles=("reviewer",), effects=("run-1/commit",)),)},
        {"needs": (Requirement(roles=("reviewer",), effects=("run-1/commit",), standing=True, critical=True),)},
        {"needs": (Requirement(roles=("reviewer",), effects=("run-1/commit",), standing=True, needs=2),)},
    ],
)
def test_what_it_is_not_for_waits_for_a_person(ledger: Ledger, fields: dict[str, Any]) -> None:
    ana, made = enrolled(ledger), covered(ledger, 1, **fields)
    decision = on(signed(ledger, ana), ana, made)
    with pytest.raises(NotStanding):
        ledger.require_all([decision], run=made.run, digest=made.digest, measure=measure)
    own = ana.decide(made)
    ledger.require(own, run=made.run, digest=made.digest)


def test_without_a_measure_nothing_is_covered(ledger: Ledger) -> None:
    ana, made = enrolled(ledger), covered(ledger, 1)
    decision = on(signed(ledger, ana), ana, made)
    for lacking in (None, lambda _: []):
        with pytest.raises(NotStanding):
            ledger.require_all([decision], run=made.run, digest=made.digest, measure=lacking)
    assert ledger.judge(decision, run=made.run, digest=made.digest).error == "NotStanding", "nor by a signal"


def test_the_rules_separation_counts(ledger: Ledger) -> None:
    ana = enrolled(ledger)
    apart = (Barred(person="ana", why="started this run"),)
    needs = (Requirement(roles=("reviewer",), effects=("run-1/commit",), standing=True, barred=apart),)
    made = covered(ledger, 1, needs=needs)
    with pytest.raises(NotIndependent):
        ledger.require_all([on(signed(ledger, ana), ana, made)], run=made.run, digest=made.digest, measure=measure)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"kind": "git.change"}, "git.change"),
        ({"destination": "/other"}, "/other"),
        ({"paths": ("CHANGELOG.md", "deploy/x")}, "deploy/x"),
        ({"paths": ("docs/../CHANGELOG.md",)}, "outside"),
        ({"paths": ("CHANGELOG.md\n",)}, "outside"),
        ({"paths": ("CHANGELOG.md", "CHANGELOG.md")}, "2 files"),
        ({"lines": 21}, "21 lines"),
        ({"usd": "0.01"}, r"\$0.01"),
        ({"audience": "public"}, "public"),
        ({"details": ("on release",)}, "on release"),
    ],
)
def test_what_is_out_of_bounds_says_why(change: dict[str, Any], why: str) -> None:
    inside = {"kind": "git.commit_file", "destination": "/repo", "paths": ("CHANGELOG.md",), "lines": 20}
    one = Measured.model_validate({**inside, "details": BOUNDS.details})
    assert BOUNDS.outside([one]) == ""
    assert BOUNDS.outside([one, one]).startswith("it has 2 effects")
    assert BOUNDS.outside([]) != ""
    assert re.search(why, BOUNDS.outside([Measured.model_validate({**one.model_dump(), **change})]))


def test_many_small_ones_are_together_no_less_than_one_big(ledger: Ledger) -> None:
    wide = BOUNDS.model_copy(update={"most_effects": 9, "most_files": 9, "most_usd": 5})
    part = Measured(kind="git.commit_file", destination="/repo", paths=("CHANGELOG.md",), lines=11, usd=3)
    assert wide.outside([part]) == ""
    assert "22 lines" in wide.outside([part, part])
    assert "$6" in wide.model_copy(update={"most_lines": 99}).outside([part, part])


def test_bounds_and_words_that_were_not_signed_cover_nothing(ledger: Ledger) -> None:
    ana, made, other = enrolled(ledger), covered(ledger, 1), covered(ledger, 2)
    standing = signed(ledger, ana)
    good = on(standing, ana, made)
    wide = Bounds.model_validate({**BOUNDS.model_dump(), "paths": ("**",)})
    for forged in (
        good.model_copy(update={"standing": standing.model_copy(update={"bounds": wide})}),
        good.model_copy(update={"standing": standing.model_copy(update={"most_uses": 99})}),
        good.model_copy(update={"standing": standing.model_copy(update={"valid_until": NOW + timedelta(days=29)})}),
        good.model_copy(update={"statement": on(standing, ana, other).statement}),
        good.model_copy(update={"standing": None}),
    ):
        with pytest.raises(Refused):
            ledger.require_all([forged], run=made.run, digest=made.digest, measure=measure)
    longer = standing.model_copy(update={"valid_until": NOW + timedelta(days=31)})
    forged = good.model_copy(update={"standing": longer, "signature": signature(ana, longer)})
    with pytest.raises(BadSignature, match="coherent"):
        ledger.require_all([forged], run=made.run, digest=made.digest, measure=measure)


def test_one_that_nobody_recorded_or_that_a_stranger_signed_covers_nothing(ledger: Ledger) -> None:
    ana, eve, made = enrolled(ledger), enrolled(ledger, "eve", ("viewer",)), covered(ledger, 1)
    with pytest.raises(NotStanding, match="never signed"):
        ledger.require_all([on(approval(ledger, ana), ana, made)], run=made.run, digest=made.digest, measure=measure)
    made_up = approval(ledger, ana)
    speaking_for(ledger, made_up)
    with pytest.raises(UnknownKey):
        ledger.sign_standing(made_up, signature(eve, made_up))
    with pytest.raises(Refused):
        ledger.require_all([on(signed(ledger, eve), eve, made)], run=made.run, digest=made.digest, measure=measure)


def test_ended_expired_or_with_a_revoked_key_it_waits_for_a_person(ledger: Ledger, clock: Clock) -> None:
    ana, made = enrolled(ledger), covered(ledger, 1)
    standing = signed(ledger, ana)
    decision = on(standing, ana, made)

    def refused() -> str:
        with pytest.raises(Refused) as why:
            ledger.require_all([decision], run=made.run, digest=made.digest, measure=measure)
        return str(why.value)

    clock.forward(days=14)
    assert "it ended at" in refused()
    clock.now = NOW
    ledger.end_standing(standing.id, "ben", "no more")
    assert "it was ended" in refused()
    with ledger.store.write() as connection:  # somebody who has the database takes the end away
        connection.execute(sa.update(standings).values(ended="", ended_at=None))
    assert "it was ended" in refused()
    another = signed(ledger, ana)
    ledger.revoke_key(ana.fingerprint)
    decision = on(another, ana, made)
    assert "revoked" in refused()


def test_a_forged_count_gives_no_use_more(ledger: Ledger) -> None:
    ana = enrolled(ledger)
    standing = signed(ledger, ana, most_uses=1, most_a_day=1)
    first, second = covered(ledger, 1), covered(ledger, 2)
    ledger.intend(effect_record(on(standing, ana, first), key=first.effects[0].key), standing=standing)
    with ledger.store.write() as connection:
        connection.execute(sa.delete(standing_uses))
    with pytest.raises(NotStanding, match="used up"):
        ledger.intend(effect_record(on(standing, ana, second), key=second.effects[0].key), standing=standing)
    assert ledger.effect(second.effects[0].key) is None


def test_no_more_a_day_than_was_signed(ledger: Ledger, clock: Clock) -> None:
    ana = enrolled(ledger)
    standing = signed(ledger, ana, most_a_day=1)
    for number, hours in ((1, 0), (2, 25)):
        clock.forward(hours=hours)
        made = covered(ledger, number)
        ledger.intend(effect_record(on(standing, ana, made), key=made.effects[0].key), standing=standing)
    clock.forward(hours=23)
    made = covered(ledger, 3)
    with pytest.raises(NotStanding, match="in a day"):
        ledger.intend(effect_record(on(standing, ana, made), key=made.effects[0].key), standing=standing)


def test_ten_at_once_do_not_go_over_the_count(open_ledger: Callable[[], Ledger]) -> None:
    ledger = open_ledger()
    ana = enrolled(ledger)
    standing = signed(ledger, ana)
    made = [covered(ledger, number) for number in range(10)]
    decisions = [on(standing, ana, each) for each in made]
    ledgers = [open_ledger() for _ in range(5)]
    start, done = threading.Barrier(10), list[str]()

    def use(number: int) -> None:
        record = effect_record(decisions[number], key=made[number].effects[0].key)
        start.wait()
        try:
            ledgers[number % 5].intend(record, standing=standing)
            done.append("used")
        except NotStanding:
            done.append("waits")

    threads = [threading.Thread(target=use, args=(number,)) for number in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(done) == ["used"] * 3 + ["waits"] * 7
    assert sorted(each.number for each in ledger.standing_uses()) == [1, 2, 3]
    assert len(ledger.effects()) == 3


@pytest.mark.parametrize("workflow", ["changelog", "other"])
def test_a_rejection_of_the_class_ends_it(ledger: Ledger, workflow: str) -> None:
    ana, ben = enrolled(ledger), enrolled(ledger, "ben")
    standing = signed(ledger, ana)
    made = covered(ledger, 1, workflow=workflow)
    no = ben.decide(made, verdict="reject", reason="incorrect")
    ledger.record_decision(no, ledger.judge(no, run=made.run, digest=made.digest))
    ended = ledger.standing_approval(standing.id).ended
    assert ended == (f"suspended, because ben rejected proposal {made.id}" if workflow == "changelog" else "")


def test_stopped_effects_leave_it_to_a_person_who_may_then_go_on(ledger: Ledger) -> None:
    ana, made = enrolled(ledger, roles=("reviewer", "administrator")), covered(ledger, 1)
    standing = signed(ledger, ana)
    record = effect_record(on(standing, ana, made), key=made.effects[0].key)
    ledger.stop_effects("ana")
    with pytest.raises(EffectsStopped):
        ledger.intend(record, standing=standing)
    assert (ledger.effect(record.key), ledger.standing_uses()) == (None, []), "neither held nor counted"
    ledger.start_effects("ana")
    ledger.intend(record, standing=standing)
    ledger.end_standing(standing.digest, "ana")
    own = ana.decide(made)
    assert ledger.intend(effect_record(own, key=record.key)).decision == own.id, (
        "what was begun is theirs to go on with"
    )
    with pytest.raises(AlreadyUsed):
        ledger.intend(effect_record(own, key=record.key, run="run-9"))


def test_entries_of_others_count_for_nothing(ledger: Ledger) -> None:
    ana = enrolled(ledger)
    standing = signed(ledger, ana)
    ledger.append(entry("standing/sha256:00/use/1"))
    assert ledger.used_standing(standing, "sha256:00") is False
