"""The list and the plan: expected value, exact reasons, the next action, what fits into a day, what a person said."""

import itertools
import random
from collections import Counter
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest

from activities.deal_scoring.facts import Facts, day_after
from activities.deal_scoring.lessons import Lessons
from activities.deal_scoring.methodology import methodology_at, read
from activities.deal_scoring.moved import snapshot
from activities.deal_scoring.planning import best
from activities.deal_scoring.ranking import ranking
from contracts.deals import Activity, Book, Contribution, Lesson, Opportunity, Scored, StageChange
from contracts.methodology import Condition
from tests.activities.deal_scoring.test_methodology import GOOD

TODAY = date(2026, 11, 27)  # a Friday
METHODOLOGY = methodology_at("meddicc")
FULL = dict.fromkeys(("identified_pain", "champion", "metrics", "economic_buyer", "decision_criteria"), "x")


def deal(key: str, value: int | None = 1000, stage: str = "Proposal", **more: object) -> Opportunity:
    known = {"owner": "Ana", "created": date(2026, 9, 1), "closes": TODAY + timedelta(days=30), "fields": FULL, **more}
    worth = None if value is None else Decimal(value)
    return Opportunity(id=key, name=f"Deal {key}", stage=stage, value=worth, **known)  # type: ignore[arg-type]


def book(*deals: Opportunity, activities: tuple[Activity, ...] = (), changes: tuple[StageChange, ...] = ()) -> Book:
    return Book(
        source="x",
        target="x",
        today=TODAY,
        currency="USD",
        opportunities=deals,
        activities=activities or tuple(Activity(each.id, TODAY, "call") for each in sorted(deals, key=lambda d: d.id)),
        changes=changes,
    )


def test_without_a_model_value_and_the_methodologys_stages_rank() -> None:
    made = ranking(
        book(deal("a", 1000), deal("b", 5000, "Qualification"), deal("c", 1000, "Negotiation"), deal("d", None)),
        METHODOLOGY,
        {},
    )
    assert [(each.id, each.expected) for each in made.deals] == [
        ("c", Decimal("800.00")),
        ("a", Decimal("600.00")),
        ("b", Decimal("500.00")),
        ("d", Decimal(0)),
    ]
    assert not made.by_model
    assert all(each.chance is None for each in made.deals)


def test_with_a_model_its_chance_ranks_and_its_exact_parts_are_the_reasons() -> None:
    parts = (
        Contribution(feature="meetings", says="3 meetings in a month", log_odds=0.6931471805599453),
        Contribution(feature="stage", says="in Proposal for 87 days", log_odds=-0.2231435513142097),
        Contribution(feature="noise", says="owner", log_odds=0.001),
    )
    scored = {"a": Scored(deal="a", chance=0.9, low=0.8, high=0.95, contributions=parts)}
    made = ranking(book(deal("a"), deal("b")), METHODOLOGY, scored)
    first = made.deals[0]
    assert (first.id, first.expected, first.low, first.high) == ("a", Decimal("900.00"), 0.8, 0.95)
    assert first.reasons == (
        "For it: 3 meetings in a month (odds ×2)",
        "Against it: in Proposal for 87 days (odds ×0.8)",
        "Against it: it is in its stage for over two months",
    )


def test_the_next_action_is_the_first_play_that_fits_with_owner_and_due_day() -> None:
    closing = deal("a", closes=TODAY + timedelta(days=5))
    overdue = deal("b", closes=TODAY - timedelta(days=1))
    nobody = deal("c", fields={**FULL} | {"economic_buyer": ""}, stage="Evaluation")
    nobody = replace(nobody, fields={name: value for name, value in FULL.items() if name != "economic_buyer"})
    made = {each.id: each for each in ranking(book(closing, overdue, nobody), METHODOLOGY, {}).deals}
    plays = {key: each.action.play for key, each in made.items() if each.action}
    assert plays == {"a": "call_the_buyer", "b": "new_date", "c": "find_the_buyer"}
    action = made["c"].action
    assert action is not None
    assert (action.owner, action.due) == ("Ana", date(2026, 12, 1))  # two working days from a Friday
    assert action.says == "Ask the champion of Deal c for a meeting with who signs"
    assert made["c"].missing[0] == "economic buyer"


def test_a_role_of_the_methodology_gets_the_task() -> None:
    text = GOOD.replace("strength: 0.9", "strength: 0.9\n    owner: manager").replace(
        "people: []", "people: [{name: Mia, role: manager, hours: 1}]"
    )
    made = ranking(book(deal("a", closes=TODAY)), read(text, "x"), {})
    assert made.deals[0].action is not None
    assert made.deals[0].action.owner == "Mia"
    assert [(each.rep, each.hours, each.deals) for each in made.plans] == [("Mia", 1.0, ("a",))]


def test_a_deal_to_let_go_needs_the_models_word_where_there_is_one() -> None:
    old = deal("a", closes=TODAY - timedelta(days=120))
    assert ranking(book(old), METHODOLOGY, {}).deals[0].drop == "days overdue: 120"
    low, fair = (Scored(deal="a", chance=chance, low=0, high=1) for chance in (0.05, 0.5))
    assert ranking(book(old), METHODOLOGY, {"a": low}).deals[0].drop == "days overdue: 120, and its chance is 5%"
    assert ranking(book(old), METHODOLOGY, {"a": fair}).deals[0].drop == ""


@pytest.mark.parametrize("seed", range(8))
def test_no_other_choice_fits_that_is_worth_more(seed: int) -> None:
    chance = random.Random(seed)
    values = [chance.randint(1, 1000) * 10.0 for _ in range(12)]
    hours = [chance.choice((0.25, 0.5, 0.75, 1.0, 2.0)) for _ in range(12)]
    chosen, exact = best(values, hours, 3.0, 5)
    assert exact
    assert sum(hours[at] for at in chosen) <= 3.0
    assert len(chosen) <= 5
    all_choices = itertools.chain.from_iterable(itertools.combinations(range(12), size) for size in range(6))
    fit = (each for each in all_choices if sum(hours[at] for at in each) <= 3.0)
    assert sum(values[at] for at in chosen) == pytest.approx(max(sum(values[at] for at in each) for each in fit))


def test_of_thousands_the_best_choice_is_proved_too() -> None:
    chance = random.Random(1)
    values = [chance.random() * 10_000 for _ in range(5_000)]
    hours = [chance.choice((0.25, 0.5, 0.75, 1.0, 2.0)) for _ in values]
    chosen, exact = best(values, hours, 4.0, 8)
    assert exact
    assert sum(hours[at] for at in chosen) <= 4.0
    shortest = sorted((value for value, took in zip(values, hours, strict=True) if took == 0.25), reverse=True)
    assert sum(values[at] for at in chosen) >= sum(shortest[:8])


def test_the_plan_fits_the_day_and_says_what_waits() -> None:
    deals = [deal(f"d{at}", 1000 + at, closes=TODAY) for at in range(10)]
    made = ranking(book(*deals, replace(deal("x"), owner="")), METHODOLOGY, {})
    plans = {each.rep: each for each in made.plans}
    assert (plans["Ana"].hours, plans["Ana"].used, len(plans["Ana"].deals), len(plans["Ana"].waiting)) == (4, 4, 4, 6)
    assert plans["Ana"].deals == ("d9", "d8", "d7", "d6")
    assert [each.id for each in made.planned] == ["d9", "d8", "d7", "d6"]
    assert plans["nobody"].deals == ()


def test_what_moved_since_the_last_run() -> None:
    yesterday = book(deal("a", 1000, "Evaluation"), deal("b"), deal("c"), deal("e"))
    before = snapshot(yesterday, ranking(yesterday, METHODOLOGY, {}).deals)
    now = book(deal("a", 800, closes=TODAY + timedelta(days=60)), deal("b"), replace(deal("c"), won=True), deal("n"))
    made = ranking(now, METHODOLOGY, {}, before=before)
    told = {each.id: [(part.says, part.good) for part in each.moved] for each in made.deals}
    assert told["a"] == [
        ("Evaluation → Proposal", True),
        ("USD 1,000 → USD 800", False),
        ("closes 2027-01-26, was 2026-12-27", False),
    ]
    assert told["b"] == []
    assert told["n"] == [("new", True)]
    assert [each.says for each in made.ended] == ["Deal c was won: USD 1,000", "Deal e is not in the source any more"]


def lesson(key: str, play: str = "", days: int = 1, **more: str) -> Lesson:
    at = TODAY - timedelta(days=days)
    return Lesson(deal=key, name=f"Deal {key}", owner="Ana", play=play, person="ana", at=at, stage="Proposal", **more)


def test_a_deal_that_a_person_took_out_rests_until_it_moves_or_time_is_over() -> None:
    said = Lessons(all=(lesson("a", words="they are in a freeze"), lesson("b", days=20), lesson("c")))
    made = {
        each.id: each
        for each in ranking(
            book(deal("a"), deal("b"), deal("c", stage="Negotiation")), METHODOLOGY, {}, lessons=said
        ).deals
    }
    assert made["a"].rests == "rests until 2026-12-10: ana took it out on 2026-11-26: “they are in a freeze”"
    assert made["a"].action is None
    assert made["b"].rests == made["c"].rests == ""


def test_a_play_that_is_turned_down_again_and_again_is_not_proposed_any_more() -> None:
    three = tuple(lesson(f"x{at}", play="find_the_buyer") for at in range(3))
    missing = replace(deal("a", stage="Evaluation"), fields={})
    for said, play in ((Lessons(all=three), "fill_in"), (Lessons(all=three[:2]), "find_the_buyer")):
        [made] = ranking(book(missing), METHODOLOGY, {}, lessons=said).deals
        assert made.action is not None
        assert made.action.play == play
    kept = Lessons(all=three, kept=Counter({("Ana", "find_the_buyer"): 3}))
    assert kept.refused("Ana") == frozenset()
    assert Lessons(all=three).says[0] == "find_the_buyer is not proposed to Ana any more"


def test_facts_and_conditions() -> None:
    made = book(
        deal("a", closes=TODAY - timedelta(days=3), fields={"size": "12", "region": "North"}),
        activities=(Activity("a", date(2026, 11, 1), "meeting"), Activity("a", date(2026, 11, 20), "call")),
        changes=(StageChange("a", date(2026, 10, 1), "Evaluation"), StageChange("a", date(2026, 11, 7), "Proposal")),
    )
    facts, [only] = Facts(made), made.opportunities
    assert facts.of(only, "days_since_activity") == 7
    assert facts.of(only, "days_since_meeting") == 26
    assert facts.of(only, "activities_call") == 1
    assert facts.of(only, "days_in_stage") == 20
    assert facts.of(only, "days_overdue") == 3
    assert facts.of(only, "days_to_close") is None
    assert facts.of(only, "days_since_demo") is None
    yes = [
        Condition(fact="size", at_least=12),
        Condition(fact="region", equals="north"),
        Condition(fact="region", any_of=("south", "north")),
        Condition(fact="budget", missing=True),
        Condition(fact="days_since_meeting", at_least=20),
    ]
    no = [
        Condition(fact="region", at_least=1),
        Condition(fact="days_since_demo", at_least=0),
        Condition(fact="size", at_most=11),
        Condition(fact="budget", present=True),
    ]
    assert all(facts.holds(only, each) for each in yes)
    assert not any(facts.holds(only, each) for each in no)


def test_days_are_working_days() -> None:
    assert day_after(TODAY, 0) == TODAY
    assert day_after(TODAY, 1) == date(2026, 11, 30)
    assert day_after(date(2026, 11, 28), 0) == date(2026, 11, 30)
