"""Who is told what and when, that nobody is told twice, and what a crash or a broken channel does to it."""

import asyncio
from datetime import time, timedelta

import pytest

from contracts.errors import NotSent, Undeliverable
from contracts.gate import QuietHours
from contracts.identity import Identity
from contracts.notify import Defaults, Preference
from contracts.proposal import Effect, Proposal
from contracts.records import NOTIFIED, Person, RunRecord
from contracts.requirements import Barred, Escalated, Requirement
from ledger import Ledger
from tests.ledger.support import NOW, Clock, Signer, effect_record, enrolled, entry, proposal
from tests.ledger.test_delegations import hand, said
from tests.workers.notify.conftest import URL, Kept
from workers.notify.notifier import Notifier


class Died(BaseException):
    """The process, between two lines."""


def person(ledger: Ledger, name: str, *roles: str) -> Signer:
    signer = enrolled(ledger, name, roles or ("reviewer",))
    ledger.enrol(
        Person(name=name, display_name=name.title(), email=f"{name}@example.com", roles=roles or ("reviewer",))
    )
    return signer


def proposed(ledger: Ledger, **fields: object) -> Proposal:
    made = proposal(ledger, **{"created_at": ledger.clock(), **fields})
    ledger.store_proposal(made)
    ledger.seal()
    return made


def noted(ledger: Ledger, key: str, name: str) -> None:
    ledger.append(entry(key, kind="run", name=name))
    ledger.seal()


async def later(notifier: Notifier, clock: Clock, **by: float) -> None:
    clock.forward(**by)
    await notifier.once()


async def test_a_proposal_is_told_once_to_each_who_may_approve_it(
    ledger: Ledger, notifier: Notifier, mail: Kept, clock: Clock
) -> None:
    for name, *roles in (("ana", "reviewer"), ("ben", "reviewer"), ("cyn", "viewer"), ("bot", "reviewer", "agent")):
        person(ledger, name, *roles)
    made = proposed(ledger)
    await notifier.once()
    assert mail.sent == []  # gathered first
    for _ in range(3):
        await later(notifier, clock, minutes=15)
    assert sorted(mail.told) == ["ana", "ben"]
    to, message = mail.sent[0]
    assert to == f"{message.person}@example.com"
    [item] = message.items
    assert (item.why, item.title, item.workflow, item.says) == (
        "Waiting for you",
        "Changelog of demo",
        "changelog",
        "Commit 3 lines",
    )
    assert item.link == f"{URL}/proposals/{made.id}"


async def test_who_has_something_handed_to_them_is_told_of_it_once(
    ledger: Ledger, notifier: Notifier, mail: Kept, clock: Clock
) -> None:
    ana, _ = person(ledger, "ana"), person(ledger, "ben")
    made, other = proposed(ledger), proposed(ledger, run="run-2")
    for _ in range(2):
        await later(notifier, clock, minutes=15)
    mail.sent.clear()
    hand(ledger, ana, "ben", made)
    taken_back = hand(ledger, ana, "ben", other)
    ledger.delegate(said(ledger, ana, revokes=taken_back.id))
    ledger.seal()
    for _ in range(3):
        await later(notifier, clock, minutes=15)
    [(to, message)] = mail.sent
    assert to == "ben@example.com"
    assert [(item.why, item.link) for item in message.items] == [("Handed to you", f"{URL}/proposals/{made.id}")]


async def test_another_team_and_whoever_has_left_are_told_nothing(
    ledger: Ledger, notifier: Notifier, mail: Kept, clock: Clock
) -> None:
    for name, role in (("ana", "payments:reviewer"), ("ben", "platform:reviewer"), ("lea", "payments:lead")):
        person(ledger, name, role)
    gone = {"issuer": "https://id.example", "subject": "s1", "name": "gus", "display_name": "Gus"}
    gus = Identity(**gone, email="gus@example.com", roles=("payments:reviewer", "payments:lead"))
    ledger.identify(gus, seconds=3600)
    person(ledger, "pat", "platform:lead")
    clock.forward(days=31)
    asked = Escalated(at=clock() + timedelta(days=1), roles=("lead",))
    proposed(ledger, team="payments", escalations=(asked,), expires_at=clock() + timedelta(days=30))
    await notifier.once()
    await later(notifier, clock, minutes=15)
    clock.forward(days=1)
    noted(ledger, "note/1", "gate.escalation")
    await notifier.once()
    await later(notifier, clock, minutes=15)
    assert mail.told == ["ana", "lea"]


async def test_what_comes_within_a_window_is_one_message_the_most_urgent_first(
    ledger: Ledger, notifier: Notifier, mail: Kept, clock: Clock
) -> None:
    person(ledger, "ana")
    for number in range(1, 4):
        proposed(ledger, run=f"run-{number}", title=f"Thing {number}", expires_at=NOW + timedelta(days=30 - number))
        await later(notifier, clock, minutes=2)
    noted(ledger, "note/1", "gate.reminder")
    await later(notifier, clock, minutes=15)
    assert len(mail.sent) == 1
    items = mail.sent[0][1].items
    assert [(each.reason, each.title) for each in items] == [
        ("reminder", "Thing 1"),
        ("waiting", "Thing 3"),
        ("waiting", "Thing 2"),
    ]
    await later(notifier, clock, hours=1)
    assert len(mail.sent) == 1


async def test_reminder_and_each_escalation_are_told_by_themselves_and_once(
    ledger: Ledger, notifier: Notifier, mail: Kept, clock: Clock
) -> None:
    person(ledger, "ana")
    person(ledger, "lea", "lead")
    steps = (
        Escalated(at=NOW + timedelta(days=2), roles=("lead",)),
        Escalated(at=NOW + timedelta(days=3), people=("ana",)),
    )
    proposed(ledger, escalations=steps)
    await notifier.once()
    await later(notifier, clock, minutes=15)
    clock.forward(days=1)
    noted(ledger, "note/1", "gate.reminder")
    await notifier.once()
    await later(notifier, clock, minutes=15)
    clock.now = NOW + timedelta(days=2)
    noted(ledger, "note/2", "gate.escalation")
    await notifier.once()
    await later(notifier, clock, minutes=15)
    clock.now = NOW + timedelta(days=3)
    noted(ledger, "note/3", "gate.escalation")
    await notifier.once()
    await later(notifier, clock, minutes=15)
    told = [(message.person, item.reason) for _, message in mail.sent for item in message.items]
    assert told == [("ana", "waiting"), ("ana", "reminder"), ("lea", "escalation"), ("ana", "escalation")]


async def test_what_is_critical_or_about_to_expire_waits_for_no_window(
    ledger: Ledger, notifier: Notifier, mail: Kept, clock: Clock
) -> None:
    person(ledger, "ana")
    critical = Requirement(rule="all", roles=("reviewer",), critical=True)
    proposed(ledger, needs=(critical,), role="")
    await notifier.once()
    assert [item.critical for item in mail.sent[0][1].items] == [True]
    proposed(ledger, run="run-2", expires_at=NOW + timedelta(days=5))
    await notifier.once()
    await later(notifier, clock, minutes=20)
    clock.now = NOW + timedelta(days=4, hours=1)
    for _ in range(2):
        notifier.occasions.look()
        await notifier.once()
    assert [each.reason for _, message in mail.sent for each in message.items] == ["waiting", "waiting", "expiring"]


async def test_a_decision_by_others_drops_what_was_not_sent(
    ledger: Ledger, notifier: Notifier, mail: Kept, clock: Clock
) -> None:
    ana, _ = person(ledger, "ana"), person(ledger, "ben")
    two = (Requirement(rule="both", roles=("reviewer",), needs=2, effects=("run-1/commit",)),)
    first = proposed(ledger, run="run-1", needs=two, role="")
    second = proposed(ledger, run="run-2")
    third = proposed(ledger, run="run-3")
    await notifier.once()
    decision = ana.decide(first)
    ruling = ledger.judge(decision, run="run-1", digest=first.digest)
    assert ruling.accepted, ruling.why
    ledger.record_decision(decision, ruling)
    ledger.set_proposal_state(second.digest, "approved", by="ana", at=clock())
    proposed(ledger, run="run-3", revision=2)  # supersedes the third
    await later(notifier, clock, minutes=15)
    about = {message.person: [item.link for item in message.items] for _, message in mail.sent}
    assert f"{URL}/proposals/{third.id}" not in about["ana"] + about["ben"]
    assert about["ben"][0] == f"{URL}/proposals/{first.id}"
    assert f"{URL}/proposals/{first.id}" not in about["ana"]  # she has approved it; others have to
    why = {each.why for each in ledger.notices(state="dropped")}
    assert why == {"it does not wait for them any more", "the proposal is approved", "the proposal is superseded"}


async def test_who_is_kept_apart_is_told_nothing(ledger: Ledger, notifier: Notifier, mail: Kept, clock: Clock) -> None:
    person(ledger, "ana")
    barred = (Barred(person="ana", why="started this run"),)
    proposed(ledger, needs=(Requirement(rule="r", roles=("reviewer",), barred=barred),), role="")
    await notifier.once()
    await later(notifier, clock, minutes=15)
    assert mail.sent == []


async def test_a_crash_between_sending_and_writing_it_down_sends_the_same_message_once_more(
    ledger: Ledger, notifier: Notifier, mail: Kept, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    person(ledger, "ana")
    proposed(ledger)
    await notifier.once()
    with monkeypatch.context() as broken:
        broken.setattr(ledger, "end_message", lambda *_, **__: (_ for _ in ()).throw(Died))
        with pytest.raises(Died):
            await later(notifier, clock, minutes=15)
    other = Notifier(ledger, {"email": mail}, Defaults(), URL)
    await other.once()
    assert len(mail.sent) == 1  # the lease holds
    proposed(ledger, run="run-2")
    await later(other, clock, minutes=6)
    await later(other, clock, minutes=20)
    first, again, new = (message for _, message in mail.sent)
    assert first.id == again.id != new.id
    assert first.items == again.items
    entries = [each for each in ledger.entries(kind="system") if each.name == NOTIFIED]
    assert [each.facts["message"] for each in entries] == [first.id, new.id]


async def test_ten_notifiers_at_once_tell_each_person_once(
    ledger: Ledger, notifier: Notifier, mail: Kept, clock: Clock
) -> None:
    for name in ("ana", "ben", "cyn"):
        person(ledger, name)
    for number in range(5):
        proposed(ledger, run=f"run-{number}")
    await notifier.once()
    clock.forward(minutes=15)
    many = [Notifier(ledger, {"email": mail}, Defaults(), URL) for _ in range(10)]
    await asyncio.gather(*(each.once() for each in many))
    assert sorted(mail.told) == ["ana", "ben", "cyn"]
    assert all(len(message.items) == 5 for _, message in mail.sent)


async def test_a_channel_that_fails_is_tried_again_when_it_said_and_given_up_in_words(
    ledger: Ledger, notifier: Notifier, mail: Kept, clock: Clock
) -> None:
    person(ledger, "ana")
    proposed(ledger)
    await notifier.once()
    mail.before = [NotSent("It is full.", retry_after=600)]
    await later(notifier, clock, minutes=15)
    await later(notifier, clock, seconds=599)
    assert (mail.sent, [each.why for each in ledger.notices()]) == ([], ["It is full."])
    mail.before = [Undeliverable("Nobody of that name.")]
    await later(notifier, clock, seconds=2)
    await later(notifier, clock, days=1)
    assert mail.sent == []
    assert [each.why for each in ledger.notices(state="failed")] == ["Nobody of that name."]
    [told] = [each for each in ledger.entries(kind="system") if each.name == NOTIFIED]
    assert told.outcome == "failed"
    assert "Nobody of that name" in told.says


async def test_a_channel_that_never_works_is_not_tried_for_ever(
    ledger: Ledger, notifier: Notifier, mail: Kept, clock: Clock
) -> None:
    person(ledger, "ana")
    proposed(ledger)
    await notifier.once()
    mail.before = [RuntimeError("a mistake of ours") for _ in range(100)]
    for _ in range(30):
        await later(notifier, clock, hours=2)
    assert len(mail.before) == 100 - 24
    [failed] = ledger.notices(state="failed")
    assert failed.why.startswith("Given up after 24 tries. It went wrong here: RuntimeError")


async def test_effects_in_doubt_and_stuck_runs_go_to_administrators(
    ledger: Ledger, notifier: Notifier, mail: Kept, clock: Clock
) -> None:
    person(ledger, "ana")
    person(ledger, "root", "administrator")
    ledger.start_run(RunRecord(run="run-9", workflow="changelog", started_at=NOW))  # the wall clock says: long ago
    for _ in range(2):
        notifier.occasions.look()
    await notifier.once()
    await later(notifier, clock, minutes=15)
    assert [(message.person, item.reason) for _, message in mail.sent for item in message.items] == [("root", "stuck")]
    assert mail.sent[0][1].items[0].link == f"{URL}/runs/run-9"


async def test_an_effect_in_doubt_is_told_at_once_until_somebody_has_said(
    ledger: Ledger, notifier: Notifier, mail: Kept, clock: Clock
) -> None:
    person(ledger, "ana")
    person(ledger, "root", "administrator")
    person(ledger, "ria", "administrator")
    ledger.set_preference("ria", Preference(urgent_at_once=False), Defaults())
    decision = enrolled(ledger, "dan").decide(proposed(ledger, role="nobody"))
    ledger.intend(effect_record(decision))
    ledger.begin_effect("run-1/commit", again=False)
    ledger.doubt_effect("run-1/commit", "The connection broke.")
    ledger.seal()
    await notifier.once()
    [(_, message)] = mail.sent
    assert (message.person, message.subject) == ("root", "Did it happen? git.commit_file")
    ledger.settle_effect("run-1/commit", happened=True, person="root")
    await later(notifier, clock, minutes=15)
    assert mail.told == ["root"]
    assert "somebody has said whether it happened" in {each.why for each in ledger.notices(state="dropped")}


async def test_a_channel_that_was_taken_away_leaves_nothing_behind(
    ledger: Ledger, notifier: Notifier, mail: Kept, clock: Clock
) -> None:
    person(ledger, "ana")
    proposed(ledger)
    await notifier.once()
    await Notifier(ledger, {"slack": mail}, Defaults(), URL).once()
    assert [each.why for each in ledger.notices(state="dropped")] == ["this channel is not set up any more"]
    assert mail.sent == []


async def test_the_first_start_tells_of_what_waits_and_of_nothing_before(
    ledger: Ledger, mail: Kept, clock: Clock
) -> None:
    person(ledger, "ana")
    old = proposed(ledger, run="run-1")
    ledger.set_proposal_state(old.digest, "rejected")
    proposed(ledger, run="run-2")
    noted(ledger, "note/1", "gate.reminder")
    notifier = Notifier(ledger, {"email": mail}, Defaults(), URL)
    await notifier.once()
    await later(notifier, clock, minutes=15)
    assert [(item.reason) for _, message in mail.sent for item in message.items] == ["waiting"]


QUIET = QuietHours(start=time(18), end=time(8), time_zone="Europe/Berlin", weekends=True)


@pytest.mark.parametrize(
    ("wish", "told_at"),
    [
        (Preference(window="at once"), "2026-11-23T12:00"),
        (Preference(window="hour"), "2026-11-23T13:00"),
        (Preference(window="day", time_zone="Europe/Berlin"), "2026-11-24T08:00"),
        (Preference(window="day", time_zone="America/New_York"), "2026-11-23T14:00"),
        (
            Preference(
                window="hour", time_zone="Europe/Berlin", quiet=QUIET.model_copy(update={"start": time(13, 30)})
            ),
            "2026-11-24T07:00",
        ),
    ],
)
async def test_each_person_chooses_when(
    wish: Preference, told_at: str, ledger: Ledger, notifier: Notifier, mail: Kept, clock: Clock
) -> None:
    person(ledger, "ana")
    ledger.set_preference("ana", wish, Defaults())
    proposed(ledger)
    await notifier.once()
    while not mail.sent:
        await later(notifier, clock, minutes=15)
        assert clock.now < NOW + timedelta(days=3)
    assert f"{clock.now:%Y-%m-%dT%H:%M}" == told_at


async def test_an_agents_words_are_cleaned_and_bounded(
    ledger: Ledger, notifier: Notifier, mail: Kept, clock: Clock
) -> None:
    person(ledger, "ana")
    evil = "Hi\r\nBcc: all@example.com\n\n<script>alert(1)</script>\u202e <!channel> " + "x" * 500
    effect = Effect(kind="git.commit_file", key="k", says=evil, params={})
    proposed(ledger, title=evil, effects=(effect,))
    await notifier.once()
    await later(notifier, clock, minutes=15)
    [item] = mail.sent[0][1].items
    assert len(item.title) == 120
    assert len(item.says) == 200
    assert "\n" not in item.title + item.says + mail.sent[0][1].subject
    assert "\r" not in item.title
    assert "⟨U+202E⟩" in item.title
