"""A revision with other parameters of an effect: checked by its kind, shown anew, and asked about anew."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pydantic import Field, JsonValue, ValidationError

from activities.changing import CHANGED
from activities.dropping import without
from activities.effects import KINDS, FileChange, pull_effect, pull_panel
from activities.effects.kinds import EffectContext, Facts, UnaskableKind
from activities.effects.pull_params import PullParams
from activities.reviewing import reviewed
from activities.toolbox import Toolbox
from contracts.base import Contract
from contracts.decision import ParamChange
from contracts.errors import BadInput
from contracts.gate import Gate, GateRule, Touches
from contracts.proposal import Effect, Panel, Proposal
from contracts.requirements import Barred
from contracts.runs import DropEffects, Review
from tests.activities.effect_world import World
from tests.activities.test_reviewing import change
from tests.ledger.support import proposal

SMALL = GateRule(name="small", up_to_usd=Decimal(100), roles=("reviewer",))
LARGE = GateRule(name="large", above_usd=Decimal(100), roles=("release",), needs=2, separate_from=("editor",))
ONE = Gate(role="reviewer")


class Payment(Contract):
    to: str
    usd: Decimal = Field(gt=0)


class Pay(UnaskableKind):
    """A kind that moves money, whose amount a reviewer may change."""

    kind = "bank.pay"
    editable = ("usd",)

    def subject(self, params: Mapping[str, JsonValue]) -> str:
        return Payment.model_validate(params).to

    def touches(self, params: Mapping[str, JsonValue]) -> Touches:
        return Touches(usd=Payment.model_validate(params).usd)

    def edited(
        self, effect: Effect, params: Mapping[str, JsonValue], panels: tuple[Panel, ...]
    ) -> tuple[Effect, tuple[Panel, ...]]:
        try:
            wanted = Payment.model_validate(params)
        except ValidationError as error:
            raise BadInput(f"That is no amount: {error.errors()[0]['msg']}.", subject="usd") from None
        says = f"Pay ${wanted.usd} to {wanted.to}"
        return effect.model_copy(update={"params": wanted.model_dump(mode="json"), "says": says}), panels

    async def act(self, params: Mapping[str, JsonValue], context: EffectContext) -> Facts:
        raise NotImplementedError


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Toolbox]:
    monkeypatch.setitem(KINDS, "bank.pay", Pay())
    world = World.open(tmp_path)
    yield world.toolbox
    world.ledger.close()


def sealed(tools: Toolbox, gate: Gate, *effects: Effect, **fields: Any) -> Proposal:
    made, _ = reviewed(proposal(tools.ledger, effects=effects, role=gate.role, **fields), Review(gate=gate), tools)
    tools.ledger.store_proposal(made)
    return made


def revised(
    tools: Toolbox, before: Proposal, gate: Gate, by: str = "ben", drop: tuple[str, ...] = (), **to: Any
) -> Proposal:
    """A revision with these parameters of its first effect."""
    wanted = tuple(ParamChange(effect=before.effects[0].key, param=name, value=value) for name, value in to.items())
    request = DropEffects(run=before.run, digest=before.digest, drop=drop, person=by, gate=gate, change=wanted)
    made = without(before, request, tools)[0]
    tools.ledger.store_proposal(made)
    return made


def pay(usd: str) -> Effect:
    return Effect(kind="bank.pay", key="bank.pay/1", says=f"Pay ${usd} to acme", params={"to": "acme", "usd": usd})


def test_another_message_and_branch_make_another_effect_that_says_so(tools: Toolbox) -> None:
    before = sealed(tools, ONE, change(tools, "src/a.py"))
    after = revised(tools, before, ONE, branch="mend/pump", subject="Mend the pump", body="Two\nlines")
    [was], [now] = before.effects, after.effects
    assert now.params == {**was.params, "branch": "mend/pump", "subject": "Mend the pump", "body": "Two\nlines"}
    assert now.says == was.says.replace(str(was.params["branch"]), "mend/pump")
    assert now.key != was.key
    assert after.is_intact
    assert after.digest != before.digest
    assert (after.revision, after.edited_by) == (2, "ben")
    assert after.panels[0].title == CHANGED
    assert "    lines\n" in after.effects_text


@pytest.mark.parametrize(
    ("param", "value", "says"),
    [
        ("branch", "a b", "The branch can't be that: 'a b' is not a branch name"),
        ("branch", 7, "The branch can't be that"),
        ("subject", "", "The subject can't be that"),
        ("subject", "x" * 201, "The subject can't be that"),
        ("base", "b" * 40, "'base' of an effect 'git.change' can't be changed"),
        ("files", [], "'files' of an effect 'git.change' can't be changed"),
        ("subject", "Change it", "Nothing was changed"),
    ],
)
def test_what_cannot_be_is_named(tools: Toolbox, param: str, value: JsonValue, says: str) -> None:
    before = sealed(tools, ONE, change(tools, "src/a.py"))
    with pytest.raises(BadInput, match=says):
        revised(tools, before, ONE, **{param: value})


@pytest.mark.parametrize("value", [float("nan"), 2**60, ["a", {"b": float("inf")}]])
def test_what_no_signature_could_cover_is_no_value(value: Any) -> None:
    with pytest.raises(ValidationError, match="can't be signed"):
        ParamChange(effect="k", param="usd", value=value)


def test_a_dropped_effect_is_not_changed(tools: Toolbox) -> None:
    before = sealed(tools, ONE, change(tools, "src/a.py"), change(tools, "src/b.py"))
    with pytest.raises(BadInput, match="There is no effect"):
        revised(tools, before, ONE, drop=(before.effects[0].key,), subject="Other")
    left = revised(tools, before, ONE, drop=(before.effects[1].key,), subject="Other")
    assert [each.params["subject"] for each in left.effects] == ["Other"]


def test_the_panel_of_a_pull_request_shows_the_new_words(tools: Toolbox) -> None:
    """The effects' process makes the panel from the signed parameters, and wants the same."""
    effect, params = pull_effect(
        run="run-1",
        revision=1,
        repository="https://git.example/acme/app.git",
        base="a" * 40,
        into="main",
        files=[FileChange(path="src/a.py", ref="sha256:" + "0" * 64)],
        identity=tools.identity,
        subject="Fix #7",
        body="",
        title="Fix #7",
        text="Ticket",
        ticket="t",
        place="Acme/App",
    )
    before = sealed(tools, ONE, effect, panels=(pull_panel(params),))
    after = revised(tools, before, ONE, title="Mend the pump", branch="mend/pump")
    shown = [panel for panel in after.panels if panel.title == pull_panel(params).title]
    assert shown == [pull_panel(PullParams.model_validate(after.effects[0].params))]
    assert "Mend the pump" in str(shown)
    assert "to Acme/App on branch mend/pump as" in after.effects[0].says


def test_a_larger_amount_is_asked_about_by_the_rule_for_it(tools: Toolbox) -> None:
    gate = Gate(rules=(SMALL, LARGE))
    small = sealed(tools, gate, pay("80"))
    assert [(each.rule, each.needs) for each in small.needs] == [("small", 1)]
    again = revised(tools, small, gate, by="ana", usd="90")
    large = revised(tools, again, gate, by="ben", usd="8000")
    assert large.button() == "Pay $8000 to acme"
    [asked] = large.needs
    assert (asked.rule, asked.needs, asked.effects) == ("large", 2, (large.effects[0].key,))
    assert set(asked.barred) == {Barred(person=name, why="edited this text") for name in ("ana", "ben")}
    with pytest.raises(BadInput, match="That is no amount"):
        revised(tools, large, gate, usd="-1")


def test_a_kind_that_declares_nothing_lets_nothing_be_changed(tools: Toolbox) -> None:
    before = sealed(tools, ONE, Effect(kind="x.unknown", key="k", says="Do it", params={"a": 1}, editable=("a",)))
    assert before.effects[0].editable == ()
    with pytest.raises(BadInput, match="can't be changed by a reviewer"):
        revised(tools, before, ONE, a=2)
