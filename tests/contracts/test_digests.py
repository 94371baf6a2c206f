"""Digests: what they cover, what they don't, and what an upgrade may not change."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from contracts.decision import Statement
from contracts.digests import canonical_json, sealed_json, tagged_digest
from contracts.proposal import Cell, Check, Cost, DiffPanel, Effect, MarkdownPanel, Proposal, TablePanel

WHEN = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


def proposal(**changes: Any) -> Proposal:
    known: dict[str, Any] = {
        "realm": "here",
        "workflow": "changelog",
        "version": "1",
        "run": "run-1",
        "revision": 1,
        "title": "A title",
        "summary": "A summary",
        "drafted_by": "baseline",
        "effects": (Effect(kind="git.commit_file", key="k", says="Commit", params={"path": "CHANGELOG.md"}),),
        "panels": (MarkdownPanel(title="Entry", text="- one"), DiffPanel(title="Diff", path="a", diff="+x")),
        "checks": (Check(name="length", passed=True, says="short enough"),),
        "role": "reviewer",
        "created_at": WHEN,
        "expires_at": WHEN + timedelta(days=30),
    }
    return Proposal(**(known | changes)).seal()


def statement(**changes: Any) -> Statement:
    known: dict[str, Any] = {
        "realm": "here",
        "run": "run-1",
        "digest": "sha256:aa",
        "verdict": "approve",
        "person": "ana",
        "decided_at": WHEN,
        "nonce": "0" * 32,
    }
    return Statement(**(known | changes))


@pytest.mark.parametrize(
    "change",
    [
        {"realm": "elsewhere"},
        {"workflow": "other"},
        {"version": "2"},
        {"run": "run-2"},
        {"revision": 2},
        {"title": "Another"},
        {"summary": "Another"},
        {"drafted_by": "model"},
        {"edited_by": "ana"},
        {"fallback": "because"},
        {"effects": ()},
        {"effects": (Effect(kind="git.commit_file", key="k", says="Commit", params={"path": "OTHER.md"}),)},
        {"effects": (Effect(kind="git.other", key="k", says="Commit", params={"path": "CHANGELOG.md"}),)},
        {"panels": ()},
        {"panels": (MarkdownPanel(title="Entry", text="- two"), DiffPanel(title="Diff", path="a", diff="+x"))},
        {"panels": (TablePanel(title="Entry", columns=("a",), rows=((Cell(text="x", href="https://e.org"),),)),)},
        {"checks": (Check(name="length", passed=False, says="short enough"),)},
        {"cost": Cost(usd=Decimal("0.01"))},
        {"cost": Cost(usd=None)},
        {"role": "approver"},
        {"created_at": WHEN + timedelta(seconds=1)},
        {"expires_at": WHEN + timedelta(days=31)},
    ],
)
def test_the_digest_covers_everything_that_is_shown_and_done(change: dict[str, Any]) -> None:
    assert proposal(**change).digest != proposal().digest


def test_the_digest_is_the_same_after_a_round_trip() -> None:
    sealed = proposal()
    again = Proposal.model_validate_json(sealed.model_dump_json())
    assert again.is_intact
    assert again.digest == sealed.digest
    assert not again.model_copy(update={"title": "Changed after"}).is_intact


def test_a_field_that_a_later_release_adds_leaves_old_digests_alone() -> None:
    class Later(Proposal):
        risk: str = "low"

    sealed = proposal()
    assert Later.model_validate_json(sealed.model_dump_json()).is_intact
    assert not Later.model_validate({**sealed.model_dump(), "risk": "high"}).is_intact


def test_panels_of_different_kinds_never_look_alike() -> None:
    class Twin(MarkdownPanel):
        kind: str = "twin"  # type: ignore[assignment]

    one, other = MarkdownPanel(title="t", text="x"), Twin(title="t", text="x")
    assert canonical_json(sealed_json(one)) != canonical_json(sealed_json(other))


def test_a_statement_says_what_it_is_and_for_what() -> None:
    said = statement().signing_bytes()
    for part in (b"countersign/decision/v1", b"here", b"run-1", b"sha256:aa", b"approve", b"ana"):
        assert part in said


@pytest.mark.parametrize(
    "change",
    [
        {"realm": "x"},
        {"run": "x"},
        {"digest": "sha256:bb"},
        {"verdict": "reject", "reason": "style"},
        {"words": "x"},
        {"person": "x"},
        {"decided_at": WHEN + timedelta(microseconds=1)},
        {"nonce": "1" * 32},
    ],
)
def test_every_part_of_a_statement_is_signed(change: dict[str, Any]) -> None:
    assert statement(**change).signing_bytes() != statement().signing_bytes()


@pytest.mark.parametrize("wrong", [{"verdict": "reject"}, {"verdict": "request_changes"}, {"nonce": "short"}])
def test_a_verdict_without_its_reason_is_no_statement(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        statement(**wrong)


def test_tags_keep_digests_of_different_things_apart() -> None:
    assert tagged_digest("a", b"x") != tagged_digest("b", b"x")
    assert tagged_digest("ab", b"c") != tagged_digest("a", b"bc")


def test_only_web_links_become_links() -> None:
    assert Cell(text="x", href="javascript:alert(1)").href is None
    assert Cell(text="x", href="https://example.org").href == "https://example.org"
