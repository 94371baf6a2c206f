"""Gates as policies declare them: which rules fit what, quiet hours, and what can't be declared."""

from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from itertools import product
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from pydantic import ValidationError

from contracts.errors import MissingRole, NoRule, NotIndependent
from contracts.gate import Escalation, Gate, GateRule, QuietHours, Touches
from contracts.records import Person
from contracts.requirements import Barred, Escalated, Requirement, counts, deciding, refusal, resolve

NOBODY: Any = {"starter": [], "editor": [], "credentials": []}
BERLIN = ZoneInfo("Europe/Berlin")


def effect(kind: str = "git.change", key: str = "k", **touches: Any) -> tuple[str, str, Touches]:
    return key, kind, Touches(**touches)


def asked(gate: Gate, *effects: tuple[str, str, Touches], barred: Any = NOBODY) -> dict[str, int]:
    return {each.rule: each.needs for each in resolve(gate, effects, barred)}


DEPLOYS = Gate(
    rules=(
        GateRule(name="any change", roles=("reviewer",), except_paths=("docs/**",)),
        GateRule(name="docs", paths=("docs/**",), roles=("writer",)),
        GateRule(name="deploy", paths=("deploy/**", "**/Dockerfile"), roles=("release",), needs=2),
        GateRule(name="payment", kinds=("pay.*",), roles=("finance",), up_to_usd=Decimal(100)),
        GateRule(name="large payment", kinds=("pay.*",), roles=("finance",), above_usd=Decimal(100), needs=2),
        GateRule(name="to everybody", kinds=("mail.*",), audience=("public",), people=("ana", "ben"), needs=2),
    )
)


def test_one_role_is_no_list_of_rules() -> None:
    assert resolve(Gate(role="release"), [effect()], NOBODY) == ()


@pytest.mark.parametrize(
    ("touched", "rules"),
    [
        (effect(paths=("src/a.py",)), {"any change": 1}),
        (effect(paths=("docs/a.md",)), {"docs": 1}),
        (effect(paths=("docs/deep/er/a.md", "src/a.py")), {"any change": 1, "docs": 1}),
        (effect(paths=("deploy/prod/values.yaml",)), {"any change": 1, "deploy": 2}),
        (effect(paths=("Dockerfile",)), {"any change": 1, "deploy": 2}),
        (effect(paths=("a/b/Dockerfile",)), {"any change": 1, "deploy": 2}),
        (effect(paths=("deployment.py",)), {"any change": 1}),
        (effect("pay.invoice", usd=Decimal(100)), {"any change": 1, "payment": 1}),
        (effect("pay.invoice", usd=Decimal("100.01")), {"any change": 1, "large payment": 2}),
        (effect("mail.send", audience="public"), {"any change": 1, "to everybody": 2}),
    ],
)
def test_all_rules_that_fit_apply(touched: Any, rules: dict[str, int]) -> None:
    assert asked(DEPLOYS, touched) == rules


def test_several_effects_need_what_each_of_them_needs() -> None:
    found = resolve(DEPLOYS, [effect(paths=("docs/a",), key="1"), effect(paths=("deploy/a",), key="2")], NOBODY)
    assert {each.rule: each.effects for each in found} == {"any change": ("2",), "docs": ("1",), "deploy": ("2",)}


@pytest.mark.parametrize(
    ("touched", "says"),
    [
        ([effect("git.change", paths=("docs/a.md", "src/a.py"))], "an effect 'git.change' of 'src/a.py'"),
        ([effect("pay.invoice")], "an effect 'pay.invoice'"),
        ([effect("pay.invoice", usd=Decimal(500))], "an effect 'pay.invoice' moving $500"),
        ([], "a proposal without effects"),
    ],
)
def test_what_no_rule_fits_is_named(touched: Any, says: str) -> None:
    gate = Gate(
        rules=(
            GateRule(name="docs", kinds=("git.*",), paths=("docs/**",), roles=("writer",)),
            GateRule(name="small", kinds=("pay.*",), up_to_usd=Decimal(100), roles=("finance",)),
        )
    )
    with pytest.raises(NoRule) as caught:
        resolve(gate, touched, NOBODY)
    assert caught.value.what == f"No rule of the gate is for {says}."


def test_more_effects_never_ask_for_less() -> None:
    """Whatever is added to a proposal, what it asked for before it asks for still."""
    random = Random(7)
    paths = ["docs/a", "src/b", "deploy/c", "x/Dockerfile", "README.md"]
    for _ in range(300):
        effects = [effect(key=str(n), paths=tuple(random.sample(paths, 2))) for n in range(random.randint(1, 4))]
        few, all_of_them = asked(DEPLOYS, *effects[:-1] or effects), asked(DEPLOYS, *effects)
        assert few.items() <= all_of_them.items()


@pytest.mark.parametrize(
    "wrong",
    [
        {"role": "release", "rules": ({"name": "a", "roles": ("b",)},)},
        {"rules": ({"name": "a"},)},
        {"rules": ({"name": "a", "roles": ("",)},)},
        {"rules": ({"name": "a", "people": ("ana",), "needs": 2},)},
        {"rules": ({"name": "a", "roles": ("b",)}, {"name": "a", "roles": ("c",)})},
        {"rules": ({"name": "a", "roles": ("b",), "needs": 0},)},
        {"escalate": ({"after": timedelta(days=31), "roles": ("a",)},)},
        {"escalate": ({"after": timedelta(days=2), "roles": ("a",)}, {"after": timedelta(days=1), "roles": ("a",)})},
        {"escalate": ({"after": timedelta(days=2)},)},
        {"quiet": {"time_zone": "Mars/Olympus"}},
        {"quiet": {"start": time(8), "end": time(8)}},
    ],
)
def test_what_a_gate_cannot_be(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Gate.model_validate(wrong)


def test_with_rules_the_role_is_one_that_nobody_has() -> None:
    """Code that asks for a role only must not get by with the default."""
    assert DEPLOYS.role == ""
    assert Gate.model_validate(DEPLOYS.model_dump(mode="json")) == DEPLOYS
    person = Person(name="ana", display_name="Ana", roles=("", "reviewer"))
    assert refusal([Requirement(roles=(DEPLOYS.role,))], person, ())


@pytest.mark.parametrize(
    ("quiet", "moment", "over"),
    [
        # A Tuesday in November: 18:00 to 08:00 in Berlin is 17:00 to 07:00 UTC.
        (QuietHours(time_zone="Europe/Berlin"), "2026-11-24T12:00Z", "2026-11-24T12:00Z"),
        (QuietHours(time_zone="Europe/Berlin"), "2026-11-24T17:00Z", "2026-11-25T07:00Z"),
        (QuietHours(time_zone="Europe/Berlin"), "2026-11-24T03:00Z", "2026-11-24T07:00Z"),
        # From Friday evening to Monday morning.
        (QuietHours(time_zone="Europe/Berlin"), "2026-11-27T18:30Z", "2026-11-30T07:00Z"),
        (QuietHours(time_zone="Europe/Berlin", weekends=False), "2026-11-28T12:00Z", "2026-11-28T12:00Z"),
        # The night in which the clocks go forward, and that in which they go back.
        (QuietHours(time_zone="Europe/Berlin", weekends=False), "2026-03-28T20:00Z", "2026-03-29T06:00Z"),
        (QuietHours(time_zone="Europe/Berlin", weekends=False), "2026-10-24T20:00Z", "2026-10-25T07:00Z"),
        # A siesta; and a country that is ahead of everybody.
        (QuietHours(start=time(13), end=time(15), time_zone="Europe/Madrid"), "2026-11-24T12:30Z", "2026-11-24T14:00Z"),
        (QuietHours(time_zone="Pacific/Auckland"), "2026-11-24T06:00Z", "2026-11-24T19:00Z"),
    ],
)
def test_quiet_hours(quiet: QuietHours, moment: str, over: str) -> None:
    assert quiet.over(datetime.fromisoformat(moment)) == datetime.fromisoformat(over)


def test_quiet_hours_end_always_and_in_an_hour_that_is_not_quiet() -> None:
    random = Random(11)
    for _ in range(500):
        hours = random.sample(range(24), 2)
        zone = random.choice(["Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Africa/Casablanca", "UTC"])
        quiet = QuietHours(start=time(hours[0], 30), end=time(hours[1]), time_zone=zone, weekends=random.random() < 0.5)
        moment = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=random.randrange(366 * 24 * 60))
        over = quiet.over(moment)
        assert moment <= over <= moment + timedelta(days=4)
        assert quiet.over(over) == over


def person(name: str = "ana", *roles: str) -> Person:
    return Person(name=name, display_name=name, roles=roles)


def test_who_counts_for_what() -> None:
    rule = Requirement(
        rule="deploy", roles=("release",), people=("cyn",), barred=(Barred(person="ana", why="started this run"),)
    )
    assert counts(rule, person("ben", "release"), ())
    assert counts(rule, person("cyn"), ())
    for who, error in (
        (person("ana", "release"), NotIndependent),
        (person("bot", "release", "agent"), NotIndependent),
        (person("dan", "reviewer"), MissingRole),
    ):
        why = refusal([rule], who, ())
        assert isinstance(why, error), who
    assert "'ana' started this run: somebody else has to approve it by the rule 'deploy'." in str(
        refusal([rule], person("ana", "release"), ())
    )


def test_an_escalation_widens_only_from_its_time_and_only_if_it_says_so() -> None:
    rule = Requirement(rule="deploy", roles=("release",), barred=(Barred(person="ana", why="started this run"),))
    at = datetime(2026, 11, 24, tzinfo=UTC)
    told = Escalated(at=at, roles=("manager",))
    asked_too = Escalated(at=at + timedelta(days=1), roles=("manager",), people=("ana",), may_decide=True)
    for days, may in product((-1, 0, 1, 2), (False, True)):
        steps = deciding([told, asked_too] if may else [told], at + timedelta(days=days))
        assert counts(rule, person("mia", "manager"), steps) is (may and days >= 1)
        assert not counts(rule, person("ana", "release"), steps), "who started the run stays apart"


def test_an_escalation_to_agents_gives_them_no_say() -> None:
    step = Escalated(at=datetime(2026, 11, 24, tzinfo=UTC), roles=("agent",), may_decide=True)
    assert not counts(Requirement(roles=("release",)), person("bot", "agent"), [step])
    assert Escalation(after=timedelta(days=1), roles=("agent",)).roles == ("agent",)
