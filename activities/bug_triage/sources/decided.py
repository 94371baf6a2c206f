"""What people have decided, read from their labels: kind, priority, component. Pure.

Teams write the same thing in many ways: `bug`, `type: bug`, `kind/bug`, `P1`, `priority: high`, `area/parser`. What
these stand for is told by a word in front or by the word itself; the team's own label is kept for writing.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence

KINDS = {
    "bug": ("bug", "bugs", "defect", "bug report", "regression", "crash"),
    "feature": ("feature", "enhancement", "feature request", "improvement", "new feature", "proposal", "wish"),
    "question": ("question", "support", "usage", "help", "q a"),
}
_KIND_OF = {word: kind for kind, words in KINDS.items() for word in words}
_PREFIX = re.compile(
    r"^(?:(kind|type|t)|(priority|prio|severity|sev|urgency)|(area|component|comp|module|pkg|package|"
    r"scope|subsystem|c|a))\s*[:/=\-]+\s*(.+)$",
    re.IGNORECASE,
)
_PRIORITY = re.compile(r"^(?:p[0-5]|s[0-4]|sev-?[0-5]|blocker|critical|urgent|major|minor|trivial)$", re.IGNORECASE)


# A label by which a team marks what holds a release up.
_BLOCKER = re.compile(
    r"\brelease[ _-]?(?:block(?:er|ing)?|critical)\b|\bblock(?:s|er|ing)?[ _-](?:(?:for|of|the)[ _-])*release\b", re.I
)
BLOCKER = "release:blocker"


def kind_of(text: str) -> str:
    """bug, feature or question, for a label or an issue type; empty for any other word."""
    return _KIND_OF.get(re.sub(r"[^a-z]+", " ", text.lower()).strip(), "")


def read(label: str) -> tuple[str, str]:
    """What a label decides and how: `("priority", "high")`; `("", "")` for one that decides nothing."""
    if kind := kind_of(label):
        return "kind", kind
    if _PRIORITY.match(label.strip()):
        return "priority", label.strip()
    found = _PREFIX.match(label.strip())
    if found is None:
        return "", ""
    rest = found[4].strip()
    if found[1]:
        return ("kind", kind_of(rest)) if kind_of(rest) else ("", "")
    if found[2]:
        return "priority", rest
    return "component", rest


def decided(labels: Iterable[str]) -> dict[str, str]:
    """Of each target the first that a label decides. A label that is two things is read once."""
    found: dict[str, str] = {}
    for label in labels:
        target, value = read(label)
        if target:
            found.setdefault(target, value)
    return found


def spellings(issues: Iterable[Sequence[str]]) -> dict[str, str]:
    """For each decision the label that the team uses most for it: `{"kind:bug": "type: bug"}`; under `BLOCKER` the one
    by which it marks what blocks a release."""
    counted: dict[str, Counter[str]] = {}
    for labels in issues:
        for label in labels:
            target, value = read(label)
            if target:
                counted.setdefault(f"{target}:{value}", Counter())[label] += 1
            if _BLOCKER.search(label):
                counted.setdefault(BLOCKER, Counter())[label] += 1
    return {what: min(labels, key=lambda each: (-labels[each], each)) for what, labels in counted.items()}
