"""The methodology file: what is wrong in it is told by line and place."""

from pathlib import Path

import pytest

from activities.deal_scoring.methodology import EXAMPLES, methodology_at, read
from contracts.deals import METHODOLOGIES
from contracts.errors import BadMethodology

GOOD = (EXAMPLES / "meddicc.yaml").read_text()


@pytest.mark.parametrize("name", METHODOLOGIES)
def test_the_examples_hold(name: str) -> None:
    made = methodology_at(name)
    assert made.name.casefold() == name
    assert made.stages
    assert made.plays


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (
            ("fact: metrics, present: true", "fact: metrics, present: true, at_least: 3"),
            "stages[1].exit[0].when: needs",
        ),
        (("signals: [closing]", "signals: [clsing]"), "line 62, plays[1].signals: there is no signal 'clsing'"),
        (("chance: 0.2", "chance: 20"), "line 18, stages[1].chance: Input should be less than or equal to 1"),
        (("name: Discovery", "nmae: Discovery"), "line 17, stages[1].nmae: Extra inputs"),
        (("stages: [Proposal, Negotiation]", "stages: [Propsal]"), "there is no stage 'Propsal'"),
        (("says: Call the economic", "says: Call {whom} the economic"), "only {deal}, {stage}, {missing} and {owner}"),
        (("strength: 0.9", "strength: 0.9\n    owner: manager"), "nobody among the people has the role 'manager'"),
        (("rates: {EUR: 1.08,", "rates: {EUR: -1,"), "the rate of EUR is not above 0"),
        (("name: Evaluation", "name: discovery"), "'discovery' is there already, as stages[1]"),
        (("hours: 4\n", "hours: 4\nhours: 5\n"), "it is there again in line"),
    ],
)
def test_a_mistake_is_named_with_its_line_and_place(change: tuple[str, str], told: str) -> None:
    assert change[0] in GOOD
    with pytest.raises(BadMethodology) as caught:
        read(GOOD.replace(*change, 1), "ours.yaml")
    assert told in str(caught.value)
    assert "'ours.yaml'" in str(caught.value)
    assert "docs/workflows/deal_scoring.md" in caught.value.way_out


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "it is empty"),
        ("a: [", "line 1, column 5"),
        ("a: &x [1]\nb: *x", "line 2, b: it is the same part as one further up"),
        ("- 1", "line 1: Input should be a valid dictionary"),
        ("[" * 3000, "this is no YAML"),
        ("!!python/object/apply:os.system ['true']", "line 1"),
    ],
)
def test_what_is_no_methodology_at_all_is_refused(text: str, told: str) -> None:
    with pytest.raises(BadMethodology) as caught:
        read(text, "x.yaml")
    assert told in str(caught.value)


def test_a_file_that_is_not_there_names_the_examples(tmp_path: Path) -> None:
    with pytest.raises(BadMethodology) as caught:
        methodology_at(str(tmp_path / "none.yaml"))
    assert "meddicc, spiced, bant" in caught.value.way_out


def test_all_mistakes_are_told_at_once() -> None:
    with pytest.raises(BadMethodology) as caught:
        read(GOOD.replace("chance: 0.1", "chance: 7").replace("chance: 0.8", "chance: x"), "x.yaml")
    assert "stages[0].chance" in str(caught.value)
    assert "stages[4].chance" in str(caught.value)
