"""What needs no learning: reverts that cancel, duplicates, and the plain words for why a change was left out."""

import re
from collections.abc import Mapping, Sequence

from activities.changelog.features import CONVENTIONAL, Facts
from activities.changelog.group_text import is_breaking
from contracts.changelog import Change

_REVERTED = re.compile(r"\bThis reverts commit ([0-9a-f]{7,40})", re.I)
_QUOTED = re.compile(r"^revert:?\s+[\"“](.{3,300})[\"”]", re.I)

_ONLY = {
    "ci": "touches only CI files",
    "test": "touches only tests",
    "docs": "touches only documentation",
    "deps": "touches only pinned dependencies",
    "changelog": "touches only the changelog",
    "fragment": "touches only changelog fragments",
    "version": "touches only the version number",
    "tooling": "touches only tooling",
    "example": "touches only examples and benchmarks",
}

# What a title's first word says that a change is for, where it touches files of that role, too.
_FOR = {
    "describe": "docs", "document": "docs", "documented": "docs", "explain": "docs",
    "test": "test", "tests": "test", "measure": "test", "benchmark": "test",
}  # fmt: skip
_SAYS = {"docs": "describes, rather than changes", "test": "tests or measures, rather than changes"}
_WITHOUT_EFFECT = {"ci", "test", "docs", "changelog", "example"}  # on those who use the code


def cancelled(seen: Sequence[Facts]) -> dict[str, str]:
    """Changes that a later change of the same range took back, and the reverts themselves: SHA to why.

    A revert of a revert brings the first change back. `seen` is oldest first.
    """
    by_prefix = {fact.sha[:7]: fact.sha for fact in seen}
    by_subject: dict[str, str] = {}
    undone: dict[str, str] = {}
    target_of: dict[str, str] = {}
    for fact in seen:
        target = _target(fact, by_prefix, by_subject)
        by_subject[fact.subject] = fact.sha
        if target is None or target == fact.sha:
            continue
        target_of[fact.sha] = target
        undone[fact.sha] = f"reverts {target[:7]}, which is in the same range"
        undone[target] = f"reverted by {fact.sha[:7]}"
        if target in target_of:
            undone.pop(target_of[target], None)
    return undone


def _target(fact: Facts, by_prefix: Mapping[str, str], by_subject: Mapping[str, str]) -> str | None:
    if "revert" not in fact.flags:
        return None
    named = _REVERTED.search(fact.body)
    if named:
        sha = by_prefix.get(named[1].lower()[:7])
        return sha if sha and sha.startswith(named[1].lower()) else None
    quoted = _QUOTED.match(fact.subject)
    return by_subject.get(quoted[1]) if quoted else None


def reason(fact: Facts, score: float, *, cites: bool, learnt: bool) -> str:
    """Why a change was left out, in plain words."""
    plain = plain_reason(fact)
    if plain:
        return plain
    if cites and not fact.refs:
        return "carries no issue or pull request number, and this changelog cites one for what it tells"
    if learnt:
        return f"readers of this changelog were not told of such changes before (score {_short(score)})"
    return f"changes like this are seldom told in a changelog (score {_short(score)})"


def plain_reason(fact: Facts) -> str:
    """What a change is, where that alone makes it uninteresting to most readers; else empty."""
    if "release" in fact.flags:
        return "release commit"
    if "bump" in fact.flags:
        return "updates a dependency"
    only = next(iter(fact.roles), "") if len(fact.roles) == 1 else ""
    if only in _ONLY:
        return _ONLY[only]
    if fact.roles and "code" not in fact.roles:
        return "touches no code"
    if "typo" in fact.flags:
        return "corrects spelling"
    purpose = _FOR.get(CONVENTIONAL.sub("", fact.subject).partition(" ")[0].lower(), "")
    if purpose in fact.roles:
        return _SAYS[purpose]
    kind = {"chore": "a chore", "style": "style only", "refactor": "a refactoring", "internal": "internal"}
    return f"marked by its author as {kind[fact.kind]}" if fact.kind in kind else ""


def must_be_told(fact: Facts, change: Change, *, cites: bool) -> bool:
    """A change that breaks its users is told whatever was told before, if anything of it reaches them."""
    if fact.flags & {"bump", "release", "typo"} or (cites and not fact.refs):
        return False
    return not (fact.roles and fact.roles.keys() <= _WITHOUT_EFFECT) and is_breaking(change)


def _short(score: float) -> str:
    return f"{score:.2f}".lstrip("0") if score < 1 else "1"
