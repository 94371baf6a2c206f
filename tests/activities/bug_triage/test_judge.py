"""The judge of issues: what it says, of what it says nothing, and that bad input doesn't break it."""

import pytest

from activities.bug_triage.judge import Judge
from contracts.bugs import Issue
from tests.activities.bug_triage.generated import issues

HISTORY = issues(300)
LATER = [each.model_copy(update={"key": f"NEW-{each.key}"}) for each in issues(40, seed=8)]


@pytest.fixture(scope="module")
def judge() -> Judge:
    return Judge.fit(HISTORY)


def test_what_the_words_tell_is_found(judge: Judge) -> None:
    said = judge.judge(LATER)
    for target in ("kind", "component"):
        right = [getattr(a, target).label == getattr(b, target) for a, b in zip(said, LATER, strict=True)]
        assert sum(right) >= 34, target
    assert all(each.serves for each in judge.standings)


def test_a_duplicate_is_found_with_what_the_two_have_in_common(judge: Judge) -> None:
    twins = [each for each in HISTORY if each.duplicates]
    found = {each.key: judge.duplicates(each, 5) for each in twins}
    assert sum(each.duplicates[0] in {a.key for a in found[each.key]} for each in twins) >= len(twins) * 0.8
    evidence = next(a for each in twins for a in found[each.key] if a.key == each.duplicates[0])
    assert evidence.words
    assert evidence.frames


def test_an_issue_is_never_its_own_duplicate_nor_that_of_a_later_one(judge: Judge) -> None:
    at = {each.key: place for place, each in enumerate(HISTORY)}
    for each in HISTORY[:50]:
        assert all(at[a.key] < at[each.key] for a in judge.duplicates(each, 10))


def test_an_empty_history_refuses_every_target_and_says_why() -> None:
    judge = Judge.fit([])
    assert not any(each.serves for each in judge.standings)
    said = judge.judge([Issue(key="1", title="It crashes")])[0]
    assert said.kind.label == ""
    assert "needed" in said.kind.why_not
    assert said.alike == ()
