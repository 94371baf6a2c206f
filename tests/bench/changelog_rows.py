"""Rows of releases.jsonl as the product's own types, and what counts as right."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from activities.changelog.features import numbers
from activities.changelog.select_history import cited
from contracts.changelog import Change, FileChange, Release

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Judged:
    """One release with its answer: the SHAs of the changes that belong."""

    release: Release
    truth: frozenset[str]


def find(path: Path) -> Path | None:
    """The rows under a path: the file itself, its folder, or the folder that has a `changelog` folder."""
    tried = (path, path / "releases.jsonl", path / "changelog" / "releases.jsonl")
    return next((p for p in tried if p.is_file()), None)


def read(path: Path) -> dict[str, list[Judged]]:
    """Each repository's releases that have a positive change, oldest first."""
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    by_name: dict[str, list[Judged]] = {}
    for row in sorted(rows, key=lambda row: max((c["time"] for c in row["changes"]), default=0)):
        judged = _judged(row)
        if judged.truth:
            by_name.setdefault(row["repo"], []).append(judged)
    return by_name


def _judged(row: Row) -> Judged:
    changes = tuple(_change(c) for c in row["changes"])
    refs = {str(ref).lstrip("#") for ref in row["refs"]}
    truth = frozenset(change.sha for change in changes if refs & _numbers(change))
    # A number that the row knows but whose form in the text we don't read is still part of the changelog.
    rest = " ".join(f"#{ref}" for ref in sorted(refs - cited(row["changelog"])))
    return Judged(Release(version=row["version"], changes=changes, changelog=f"{row['changelog']}\n{rest}"), truth)


def _change(row: Row) -> Change:
    files = tuple(FileChange(path=p, added=_count(a), deleted=_count(d)) for p, a, d in row["files"])
    merged = tuple((s, b) for s, b in row["merged"])
    return Change(
        sha=row["sha"], time=row["time"], subject=row["subject"], body=row["body"] or "", merged=merged, files=files
    )


def _count(lines: Any) -> int:
    return lines if isinstance(lines, int) else -1


def _numbers(change: Change) -> frozenset[str]:
    texts = [change.subject, change.body, *(text for pair in change.merged for text in pair)]
    return frozenset().union(*map(numbers, texts))


@dataclass
class Tally:
    """Counts of right and wrong decisions."""

    hit: int = 0
    chosen: int = 0
    truth: int = 0
    changes: int = 0

    def count(self, judged: Judged, chosen: Iterable[str]) -> None:
        """Add one release. `chosen` are SHAs of its changes."""
        picked = set(chosen)
        self.hit += len(picked & judged.truth)
        self.chosen += len(picked)
        self.truth += len(judged.truth)
        self.changes += len(judged.release.changes)

    def figures(self) -> dict[str, float]:
        """f1, precision and recall, rounded; and how many changes they stand on."""
        precision = self.hit / self.chosen if self.chosen else 0.0
        recall = self.hit / self.truth if self.truth else 0.0
        f1 = 2 * self.hit / (self.chosen + self.truth) if self.chosen + self.truth else 0.0
        return {
            "f1": round(f1, 4),
            "precision": round(precision, 4),
            "recall": round(recall, 4),
            "changes": self.changes,
        }


def total(tallies: Iterable[Tally]) -> Tally:
    """All changes together."""
    summed: Counter[str] = Counter()
    for tally in tallies:
        summed.update(vars(tally))
    return Tally(**summed)


def tally(releases: Sequence[Judged], chosen: Mapping[str, frozenset[str]]) -> Tally:
    """Count a repository's releases, whose chosen SHAs are by version."""
    counted = Tally()
    for judged in releases:
        counted.count(judged, chosen.get(judged.release.version, frozenset()))
    return counted


CONVENTIONAL = re.compile(r"^(?:feat|fix|perf|revert)(?:\([^)]*\))?!?:", re.I)
BREAKING = re.compile(r"^\w+(?:\([^)]*\))?!:")


def conventional(releases: Sequence[Judged]) -> dict[str, frozenset[str]]:
    """What conventional-commit tools select by default: features, fixes, performance, reverts and breaking changes."""
    return {j.release.version: frozenset(c.sha for c in j.release.changes if _is_conventional(c)) for j in releases}


def _is_conventional(change: Change) -> bool:
    return (
        bool(CONVENTIONAL.match(change.subject) or BREAKING.match(change.subject)) or "BREAKING CHANGE:" in change.body
    )


def everything(releases: Sequence[Judged]) -> dict[str, frozenset[str]]:
    """Every change."""
    return {j.release.version: frozenset(c.sha for c in j.release.changes) for j in releases}
