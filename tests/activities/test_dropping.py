"""A revision with fewer effects asks for what is left of it, and lets nobody in who was kept apart."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from activities.dropping import without
from activities.reviewing import reviewed
from activities.toolbox import Toolbox
from contracts.errors import BadInput
from contracts.gate import Gate, GateRule
from contracts.proposal import Proposal
from contracts.requirements import Barred
from contracts.runs import DropEffects, Review
from tests.activities.effect_world import World
from tests.activities.test_reviewing import change
from tests.ledger.support import proposal

DEPLOY = GateRule(name="deploy", paths=("deploy/**",), roles=("release",), needs=2)
REST = GateRule(name="rest", except_paths=("deploy/**",), roles=("reviewer",), separate_from=("credentials", "editor"))
GATE = Gate(rules=(DEPLOY, REST), expire_after=timedelta(days=3))


@pytest.fixture
def tools(tmp_path: Path) -> Iterator[Toolbox]:
    world = World.open(tmp_path)
    yield world.toolbox
    world.ledger.close()


def two(tools: Toolbox) -> Proposal:
    effects = change(tools, "src/a.py"), change(tools, "deploy/b.yaml")
    draft = proposal(tools.ledger, effects=effects, role="")
    sealed, _ = reviewed(draft, Review(gate=GATE), tools)
    return sealed


def dropped(tools: Toolbox, sealed: Proposal, *keys: str) -> Proposal:
    request = DropEffects(run=sealed.run, digest=sealed.digest, drop=keys, person="ben", gate=GATE)
    return without(sealed, request, tools)[0]


def test_what_is_left_is_sealed_anew_with_its_own_rules(tools: Toolbox) -> None:
    both = two(tools)
    left = dropped(tools, both, both.effects[1].key)
    assert left.is_intact
    assert left.digest != both.digest
    assert (left.effects, left.revision, left.edited_by) == (both.effects[:1], 2, "ben")
    assert [each.rule for each in left.needs] == ["rest"]
    assert left.expires_at - left.created_at == timedelta(days=3)
    assert both.effects[1].says in str(left.panels[0]), "what was dropped is shown"
    assert both.effects[1].says not in left.effects_text


def test_who_was_kept_apart_stays_so_and_who_drops_is_an_editor(tools: Toolbox) -> None:
    both = two(tools)
    cyn = Barred(person="cyn", why="owns BOT_KEY, which the run has used")
    needs = tuple(each.model_copy(update={"barred": (cyn,) if each.rule == "rest" else ()}) for each in both.needs)
    both = both.model_copy(update={"needs": needs}).seal()
    left = dropped(tools, both, both.effects[1].key)
    assert left.needs[0].barred == (Barred(person="ben", why="edited this text"), cyn)


@pytest.mark.parametrize("which", ["all", "another"])
def test_what_cannot_be_dropped_is_named(tools: Toolbox, which: str) -> None:
    both = two(tools)
    keys = [each.key for each in both.effects] if which == "all" else ["git.change/other"]
    with pytest.raises(BadInput, match="Nothing would be left" if which == "all" else "git.change/other"):
        dropped(tools, both, *keys)
