"""The sentences that results leave in the ledger."""

from contracts.changelog import Drafted, Gathered
from contracts.decision import Ruling
from contracts.proposal import Check
from workers.interceptors import says


def gathered(**changes: object) -> Gathered:
    known = {"history": "sha256:1", "repository": "/srv/app", "subject": "app", "commits": 81, "releases": 2}
    return Gathered.model_validate(
        {**known, "base": "", "base_says": "since tag v1.2.0", "head": "a" * 40, **changes},
    )


def test_what_was_gathered() -> None:
    assert says(gathered()) == "81 commits since tag v1.2.0 in app."
    assert (
        says(gathered(commits=1, truncated="A shallow clone.")) == "1 commit since tag v1.2.0 in app. A shallow clone."
    )


def test_what_was_drafted() -> None:
    assert says(Drafted(draft="d", lines=41, left_out=40)) == "41 lines, 40 left out, by the baseline."
    failed = Check(name="length", passed=False, says="too long")
    model = Drafted(draft="d", lines=1, left_out=0, drafted_by="model", checks=(failed,))
    assert says(model) == "1 line, 0 left out, by the model. Failed checks: length."
    nothing = Drafted(draft="d", lines=0, left_out=9, checks=(failed,))
    assert says(nothing) == "0 lines, 9 left out, by the baseline.", "what is never proposed fails nothing"
    assert says(Drafted(draft="d", lines=1, left_out=0, note="No model.")) == "No model."
    assert says(Drafted(draft="d", lines=2, left_out=0, fallback="It was down.")).endswith("It was down.")


def test_what_was_ruled() -> None:
    good = Ruling(decision="d", accepted=True, verdict="request_changes", person="ana")
    assert says(good) == "Accepted: request changes by ana"
    bad = Ruling(decision="d", accepted=False, why="The key was revoked.", verdict="approve", person="ana")
    assert says(bad) == "Refused: approve by ana. The key was revoked."
    assert says(None) == ""
