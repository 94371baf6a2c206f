"""The kill switch and the limits, as every effects worker meets them: in one transaction with what it will do."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest

from contracts.effects import effect_limits
from contracts.errors import BadInput, Conflict, EffectsStopped, Held, MissingRole, OverLimit, Unaskable
from contracts.records import EffectRecord
from ledger import Ledger
from tests.ledger.support import Clock, Signer, effect_record, enrolled, proposal


@pytest.fixture
def ana(ledger: Ledger) -> Signer:
    enrolled(ledger, "root", roles=("administrator",))
    return enrolled(ledger)


def signed(ledger: Ledger, ana: Signer, number: int, **fields: object) -> EffectRecord:
    run = f"run-{number}"
    made = effect_record(ana.decide(proposal(ledger, run=run)), key=f"{run}/commit")
    return made.model_copy(update={"intended_at": ledger.clock(), **fields})


def story(ledger: Ledger) -> list[str]:
    """What the ledger tells of effects and the switch, in its order: each by the first word that matters."""
    told = []
    for entry in ledger.entries(limit=1000):
        if entry.kind == "effect":
            told.append(f"{entry.run} {entry.says.split(': ', 1)[1].split(':')[0].split(' since')[0]}")
        elif entry.name.startswith("effects."):
            told.append(entry.name)
    return told


def test_who_stopped_it_and_why_is_written_down_once(ledger: Ledger, ana: Signer, clock: Clock) -> None:
    assert ledger.effect_switch().says == "Effects are carried out."
    switch, flying = ledger.stop_effects("root", "wrong branch ")
    assert (switch, flying) == (ledger.effect_switch(), [])
    assert switch.says == "Effects are stopped by root since 2026-11-23 12:00:00 UTC: wrong branch"
    clock.forward(hours=1)
    assert ledger.stop_effects("root", "again")[0] == switch
    assert not ledger.start_effects("root").stopped
    ledger.start_effects("root")
    stopped, started = (entry for entry in ledger.entries(kind="system") if entry.name.startswith("effects."))
    assert (stopped.name, stopped.actor, stopped.says) == (
        "effects.stopped",
        "root",
        "root stopped all effects: wrong branch",
    )
    assert (started.name, started.actor) == ("effects.started", "root")


def test_only_administrators_throw_it(ledger: Ledger, ana: Signer) -> None:
    for call in (ledger.stop_effects, ledger.start_effects):
        with pytest.raises(MissingRole, match="administrator"):
            call("ana")
        with pytest.raises(MissingRole, match="nobody"):
            call("nobody")
    assert ledger.effect_switch().number == 0


def test_nothing_is_intended_while_effects_are_stopped(ledger: Ledger, ana: Signer) -> None:
    record = signed(ledger, ana, 1)
    ledger.stop_effects("root", "wrong branch")
    for _ in range(2):
        with pytest.raises(EffectsStopped, match=r"by root since .*: wrong branch"):
            ledger.intend(record)
    held = ledger.effect(record.key)
    assert held is not None
    assert (held.state, held.begun_at) == ("held", None)
    assert held.outcome["says"] == f"Held: {ledger.effect_switch().says}"
    ledger.start_effects("root")
    assert ledger.intend(record).state == "intent"
    assert ledger.intend(record).state == "intent"
    assert story(ledger) == ["effects.stopped", "run-1 held", "effects.started", "run-1 intent"]


def test_nothing_begins_between_intent_and_act_once_effects_are_stopped(ledger: Ledger, ana: Signer) -> None:
    record = signed(ledger, ana, 1)
    ledger.intend(record)
    ledger.stop_effects("root")
    with pytest.raises(EffectsStopped):
        ledger.begin_effect(record.key, again=True)
    ledger.start_effects("root")
    ledger.intend(record)
    ledger.begin_effect(record.key, again=True)
    ledger.finish_effect(record.key, state="done", outcome={})
    told = ["run-1 intent", "effects.stopped", "run-1 held", "effects.started", "run-1 begun", "run-1 done"]
    assert story(ledger) == told


def test_what_was_in_flight_is_named_and_may_end(ledger: Ledger, ana: Signer, clock: Clock) -> None:
    done, flying, waiting = (signed(ledger, ana, number) for number in (1, 2, 3))
    for record in (done, flying, waiting):
        ledger.intend(record)
    for record in (done, flying):
        ledger.begin_effect(record.key, again=True)
    ledger.finish_effect(done.key, state="done", outcome={})
    clock.forward(seconds=7)
    _, in_flight = ledger.stop_effects("root")
    assert [(one.key, one.kind, one.run, one.state) for one in in_flight] == [
        ("run-2/commit", "git.commit_file", "run-2", "acting")
    ]
    with pytest.raises(EffectsStopped):
        ledger.intend(flying)
    assert ledger.effect(flying.key) == in_flight[0], "it did begin: that is not forgotten"
    ledger.finish_effect(flying.key, state="done", outcome={"says": "it was nearly done"})
    assert ledger.intend(flying).state == "done"


def test_one_that_was_cut_off_is_held(ledger: Ledger, ana: Signer) -> None:
    record = signed(ledger, ana, 1)
    ledger.intend(record)
    ledger.begin_effect(record.key, again=True)
    ledger.stop_effects("root", "why")
    assert "stopped by root" in ledger.interrupt_effect(record.key).what
    held = ledger.effect(record.key)
    assert held is not None
    assert (held.state, held.begun_at is None) == ("held", False)
    assert "was cut off; the destination is asked" in str(held.outcome["says"])


@pytest.mark.parametrize("round", range(3))
def test_in_the_ledgers_order_nothing_begins_after_the_stop(
    open_ledger: Callable[[], Ledger], ledger: Ledger, ana: Signer, round: int
) -> None:
    """Two effects workers as busy as they can be, while somebody throws the switch."""
    records = [signed(ledger, ana, number) for number in range(24)]
    workers, going = [open_ledger(), open_ledger()], Event()

    def carry_out(number: int) -> str:
        worker, key = workers[number % 2], records[number].key
        try:
            worker.intend(records[number])
            worker.begin_effect(key, again=True)
        except Held:
            return "held"
        finally:
            if number == 6 + round:
                going.set()
        worker.finish_effect(key, state="done", outcome={})
        return "done"

    with ThreadPoolExecutor(5) as pool:
        ended = [pool.submit(carry_out, number) for number in range(24)]
        going.wait()
        _, flying = ledger.stop_effects("root")
        became = [each.result() for each in ended]
    told = [each for each in story(ledger) if not each.endswith((" done", " held", " intent"))]
    assert told.index("effects.stopped") == len(told) - 1
    begun = {each.split()[0] for each in told[:-1]}
    assert begun == {f"run-{number}" for number, each in enumerate(became) if each == "done"}
    assert {each.run for each in flying} <= begun
    assert {each.state for each in ledger.effects()} <= {"done", "held"}


def test_what_another_attempt_did_stays_done(ledger: Ledger, ana: Signer) -> None:
    """Two attempts at once, one of them believed dead: it ends while the other is about to begin."""
    record = signed(ledger, ana, 1)
    ledger.intend(record)
    ledger.begin_effect(record.key, again=True)
    ledger.finish_effect(record.key, state="done", outcome={"says": "it was not dead"})
    for late in (ledger.begin_effect(record.key, again=True), ledger.effect(record.key)):
        assert late is not None
        assert (late.state, late.outcome) == ("done", {"says": "it was not dead"})
    ledger.stop_effects("root")
    ledger.interrupt_effect(record.key)
    assert ledger.begin_effect(record.key, again=False).state == "done"


def test_a_limit_is_kept_by_ten_at_once(open_ledger: Callable[[], Ledger], ledger: Ledger, ana: Signer) -> None:
    records = [signed(ledger, ana, number) for number in range(10)]
    workers, limits = [open_ledger(), open_ledger()], effect_limits("git.commit_file=3/hour, *=100/day")

    def intended(number: int) -> bool:
        try:
            return workers[number % 2].intend(records[number], limits).state == "intent"
        except OverLimit:
            return False

    with ThreadPoolExecutor(10) as pool:
        assert sum(pool.map(intended, range(10))) == 3
    states = sorted(each.state for each in ledger.effects())
    assert states == ["held"] * 7 + ["intent"] * 3


def test_over_the_limit_it_is_held_until_the_window_allows(ledger: Ledger, ana: Signer, clock: Clock) -> None:
    limits = effect_limits("*=2/hour, git.commit_file=50/minute")
    records = []
    for number in range(3):
        records.append(signed(ledger, ana, number))
        if number < 2:
            ledger.intend(records[-1], limits)
        clock.forward(minutes=10)
    until = r"The limit \*=2/hour is reached: held until 2026-11-23 13:00:00 UTC\."
    for _ in range(2):
        with pytest.raises(OverLimit, match=until) as caught:
            ledger.intend(records[2], limits)
        assert 0 < caught.value.retry_after <= 15 * 60
    assert [each.used for each in ledger.effect_usage(limits)] == [2, 0]
    clock.forward(minutes=29, seconds=59)
    with pytest.raises(OverLimit) as caught:
        ledger.intend(records[2], limits)
    clock.forward(seconds=caught.value.retry_after)
    assert ledger.intend(records[2], limits).state == "intent"
    assert [each for each in story(ledger) if each.startswith("run-2")] == ["run-2 held", "run-2 intent"]
    with pytest.raises(OverLimit, match="13:10:00"):
        ledger.intend(signed(ledger, ana, 3), limits)


def test_each_destination_by_itself_or_one_of_them(ledger: Ledger, ana: Signer) -> None:
    limits = effect_limits("*@*=2/hour, git.commit_file@/b=1/day")
    for number, subject in enumerate(("/a", "/a", "/b")):
        ledger.intend(signed(ledger, ana, number, subject=subject), limits)
    with pytest.raises(OverLimit, match=r"\*@\*=2/hour is reached at /a"):
        ledger.intend(signed(ledger, ana, 4, subject="/a"), limits)
    with pytest.raises(OverLimit, match=r"git.commit_file@/b=1/day is reached at /b"):
        ledger.intend(signed(ledger, ana, 5, subject="/b"), limits)
    ledger.intend(signed(ledger, ana, 6, subject="/b", kind="git.change"), limits)
    ledger.intend(signed(ledger, ana, 7, subject="/c"), limits)
    used = [(each.used, each.destination, each.free_at is not None) for each in ledger.effect_usage(limits)]
    assert used[0] in ((2, "/a", True), (2, "/b", True))
    assert used[1] == (1, "/b", True)


def test_what_was_held_by_a_stop_keeps_its_place(ledger: Ledger, ana: Signer) -> None:
    limits = effect_limits("*=1/hour")
    first, second = signed(ledger, ana, 1), signed(ledger, ana, 2)
    ledger.intend(first, limits)
    ledger.stop_effects("root")
    for record in (first, second):
        with pytest.raises(EffectsStopped):
            ledger.intend(record, limits)
    ledger.start_effects("root")
    with pytest.raises(OverLimit):
        ledger.intend(second, limits)
    assert ledger.intend(first, limits).state == "intent"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("git.change", "no limit"),
        ("git.change=ten/hour", "no limit"),
        ("git.change=10/week", "no limit"),
        ("git.change=0/day", "effects stop"),
        ("*=1/day, *=2/day", "limits already"),
    ],
)
def test_a_limit_that_is_none_is_named(text: str, words: str) -> None:
    with pytest.raises(BadInput, match=words) as caught:
        effect_limits(text)
    assert caught.value.subject == "COUNTERSIGN_EFFECT_LIMITS"


def test_limits_read_as_they_are_written() -> None:
    text = "git.pull_request=10/hour, *@*=20/minute, *@https://git.example.com/a.git=1/day"
    assert ", ".join(map(str, effect_limits(text))) == text
    assert effect_limits("  ") == ()


def test_a_person_says_whether_it_happened(ledger: Ledger, ana: Signer) -> None:
    happened, did_not = signed(ledger, ana, 1), signed(ledger, ana, 2)
    for record in (happened, did_not):
        ledger.intend(record)
        ledger.begin_effect(record.key, again=False)
        with pytest.raises(Unaskable):
            ledger.begin_effect(record.key, again=False)
        with pytest.raises(Conflict, match="it is acting"):
            ledger.settle_effect(record.key, happened=True, person="root")
        ledger.doubt_effect(record.key, "its process died")
        with pytest.raises(MissingRole):
            ledger.settle_effect(record.key, happened=True, person="ana")
        assert ledger.intend(record).state == "unknown"
    ledger.settle_effect(happened.key, happened=True, person="root", words="it is in their inbox")
    ledger.settle_effect(did_not.key, happened=False, person="root")
    assert [ledger.intend(record).state for record in (happened, did_not)] == ["done", "intent"]
    ledger.begin_effect(did_not.key, again=False)
    told = [(entry.actor, entry.says.split(": ", 1)[1]) for entry in ledger.entries(kind="effect")]
    assert ("root", "root says that it happened: it is in their inbox") in told
    assert ("root", "root says that it did not happen") in told
