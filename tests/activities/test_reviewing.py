"""What sealing makes of a gate: the rules that fit what the effects really touch, and whom they keep apart."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from activities.effects import FileChange, git_change_effect
from activities.reviewing import credential_owners, reviewed
from activities.toolbox import Toolbox
from contracts.errors import BadInput, NoRule
from contracts.gate import Escalation, Gate, GateRule, QuietHours
from contracts.proposal import Effect
from contracts.requirements import Barred, StartedBy
from contracts.runs import Review
from tests.activities.effect_world import World
from tests.ledger.support import NOW, entry, proposal

DEPLOY = GateRule(name="deploy", paths=("deploy/**",), roles=("release",), needs=2)
REST = GateRule(name="rest", except_paths=("deploy/**",), roles=("reviewer",))


@pytest.fixture
def tools(tmp_path: Path) -> Iterator[Toolbox]:
    world = World.open(tmp_path)
    yield world.toolbox
    world.ledger.close()


def change(tools: Toolbox, *paths: str) -> Effect:
    files = [FileChange(path=path, ref="sha256:" + "0" * 64) for path in paths]
    return git_change_effect(
        run="run-1",
        revision=1,
        repository="/srv/app",
        base="a" * 40,
        files=files,
        identity=tools.identity,
        subject="Change it",
    )


def needs(tools: Toolbox, gate: Gate, *effects: Effect, **review: Any) -> dict[str, tuple[Barred, ...]]:
    draft = proposal(tools.ledger, effects=effects, role=gate.role, **review.pop("fields", {}))
    sealed, _ = reviewed(draft, Review(gate=gate, **review), tools)
    assert sealed.is_intact
    return {each.rule: each.barred for each in sealed.needs}


def test_the_paths_are_those_that_are_signed(tools: Toolbox) -> None:
    gate = Gate(rules=(DEPLOY, REST))
    assert set(needs(tools, gate, change(tools, "src/a.py"))) == {"rest"}
    assert set(needs(tools, gate, change(tools, "src/a.py", "deploy/b.yaml"))) == {"deploy", "rest"}
    with pytest.raises(NoRule, match=r"'git\.change' of 'src/a\.py'"):
        needs(tools, Gate(rules=(DEPLOY,)), change(tools, "deploy/b.yaml", "src/a.py"))


def test_without_a_review_or_with_one_role_nothing_is_added(tools: Toolbox) -> None:
    draft = proposal(tools.ledger)
    assert reviewed(draft, None, tools) == (draft, None)
    sealed, alarms = reviewed(draft, Review(gate=Gate(role="reviewer")), tools)
    assert sealed.digest == draft.digest, "a gate of one role seals what it always has"
    assert alarms is not None
    assert [alarm.name for alarm in alarms] == ["gate.reminder"]


def test_who_started_and_who_edited_are_kept_apart(tools: Toolbox) -> None:
    gate = Gate(rules=(REST.model_copy(update={"separate_from": ("starter", "editor")}),))
    ana = StartedBy(kind="person", name="ana")
    edited = {"fields": {"edited_by": "ben"}}
    assert needs(tools, gate, change(tools, "a"), started_by=ana, **edited)["rest"] == (
        Barred(person="ana", why="started this run"),
        Barred(person="ben", why="edited this text"),
    )
    nightly = StartedBy(kind="schedule", name="nightly")
    assert needs(tools, gate, change(tools, "a"), started_by=nightly)["rest"] == ()
    with pytest.raises(BadInput, match="nobody knows who that was"):
        needs(tools, gate, change(tools, "a"))


def test_the_owners_of_the_credentials_that_the_run_used_are_kept_apart(tools: Toolbox) -> None:
    gate = Gate(rules=(REST.model_copy(update={"separate_from": ("credentials",)}),))
    tools.ledger.append(entry("e1", kind="egress", facts={"credential": "GIT_TOKEN"}))
    tools.ledger.append(entry("e2", kind="egress", facts={"credential": ""}))
    tools.ledger.append(entry("e3", kind="egress", run="run-2", facts={"credential": "OF_ANOTHER_RUN"}))
    with pytest.raises(BadInput, match="COUNTERSIGN_CREDENTIAL_OWNERS=GIT_TOKEN=ana"):
        needs(tools, gate, change(tools, "a"))
    known = replace(tools, owners=credential_owners("GIT_TOKEN=ana, API_KEY=ben, BOT=nobody"))
    assert [each.person for each in needs(known, gate, change(tools, "a"))["rest"]] == ["ana"]
    more = needs(known, gate, change(tools, "a"), credentials=("API_KEY", "BOT"))["rest"]
    assert [each.why for each in more] == [
        "owns API_KEY, which the run has used",
        "owns GIT_TOKEN, which the run has used",
    ]


@pytest.mark.parametrize("wrong", ["GIT_TOKEN", "GIT_TOKEN=", "=ana", "a=b,c"])
def test_owners_that_cannot_be_read_are_named(wrong: str) -> None:
    with pytest.raises(BadInput, match="COUNTERSIGN_CREDENTIAL_OWNERS"):
        credential_owners(wrong)


def test_times_wait_for_the_end_of_quiet_hours_and_none_comes_after_the_expiry(tools: Toolbox) -> None:
    # It is made on a Monday at 12:00 UTC.
    gate = Gate(
        role="reviewer",
        remind_after=timedelta(hours=8),
        escalate=(Escalation(after=timedelta(days=4, hours=8), roles=("lead",)),),
        quiet=QuietHours(time_zone="Europe/Berlin"),
        expire_after=timedelta(days=5),
    )
    for days, steps in ((5, 0), (8, 1)):
        draft = proposal(tools.ledger, expires_at=NOW + timedelta(days=days))
        sealed, alarms = reviewed(draft, Review(gate=gate), tools)
        assert alarms
        assert alarms[0].at == NOW.replace(day=24, hour=7)
        assert len(sealed.escalations) == steps
    [step] = sealed.escalations
    assert step.at == NOW.replace(day=30, hour=7), "from Friday evening to Monday morning"
