"""Which files a report may be about, from its clues and what a search for them found. Pure."""

import math
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence

from activities.bug_triage.clues import Clues
from contracts.bug_triage import Likely

MOST = 5
LEAST = 2.0
COMMON = 200  # files in which a name stands that then points nowhere
ASIDE = re.compile(
    r"(?:^|/)(?:tests?|testing|spec|__tests__|docs?|examples?|vendor|node_modules|dist|build|changes|news)/|"
    r"(?:^|/)(?:test_[^/]*|[^/]*_test\.\w+|[^/]*\.(?:test|spec)\.\w+|conftest\.py)$|"
    r"\.(?:md|rst|txt|lock|min\.js|map|svg|snap|po)$|(?:^|/)(?:CHANGELOG|CHANGES|HISTORY|NEWS|CODEOWNERS)",
    re.I,
)


class Paths:
    """The files of a repository, by the ends of their paths."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = names
        self._by_base: dict[str, list[str]] = defaultdict(list)
        for name in names:
            self._by_base[name.rpartition("/")[2]].append(name)

    def ending_like(self, path: str) -> list[str]:
        """The files that a path of somebody's host may mean: those that share the longest end with it."""
        parts = re.split(r"[/\\]", path)
        there = self._by_base.get(parts[-1], [])
        shared = {name: _shared(name.split("/"), parts) for name in there}
        longest = max(shared.values(), default=0)
        best = [name for name in there if shared[name] == longest]
        return best if len(best) <= 3 and (longest > 1 or len(there) == 1 or len(parts) == 1) else []


def ranked(
    clues: Clues, paths: Paths, found: Mapping[str, Mapping[str, int]], defined: Mapping[str, Sequence[str]]
) -> tuple[Likely, ...]:
    """The likeliest files. `found`: for each name how often it stands in which file; `defined`: where names are."""
    scores: dict[str, float] = defaultdict(float)
    why: dict[str, list[str]] = defaultdict(list)
    lines: dict[str, int] = {}

    def add(path: str, score: float, reason: str) -> None:
        scores[path] += score
        if reason not in why[path]:
            why[path].append(reason)

    for frame in clues.frames:
        for path in paths.ending_like(frame.path):
            add(path, 8 / (1 + frame.near / 2), f"line {frame.line} is in the report's stack trace")
            lines.setdefault(path, frame.line)
    for mention in clues.paths:
        for path in paths.ending_like(mention):
            add(path, 5, "the report names it")
    for name, files in found.items():
        if 0 < len(files) <= COMMON:
            rare = math.log(1 + len(paths.names) / len(files)) / math.log(2 + len(paths.names))
            for path, count in files.items():
                add(path, 2 * rare * (1 + 0.2 * math.log(count)), f"`{name}` stands in it")
    for name, places in defined.items():
        if len(places) <= 5:
            for path in places:
                add(path, 3 / len(places), f"`{name}` is defined there")
    for path in paths.names if clues.words else ():
        for part in set(re.split(r"[/_.-]", path.lower())) & set(clues.words):
            add(path, 0.7, f"it is called {part}")
    return _best({path: score * (0.3 if ASIDE.search(path) else 1) for path, score in scores.items()}, why, lines)


def _best(scores: Mapping[str, float], why: Mapping[str, list[str]], lines: Mapping[str, int]) -> tuple[Likely, ...]:
    most = sorted(scores, key=lambda path: (-scores[path], path))[:MOST]
    least = max(LEAST, scores[most[0]] / 5) if most else 0
    return tuple(
        Likely(path=path, score=round(scores[path], 3), why=tuple(why[path][:3]), line=lines.get(path, 0))
        for path in most
        if scores[path] >= least
    )


def _shared(one: Sequence[str], other: Sequence[str]) -> int:
    """How many last parts are the same."""
    count = 0
    for left, right in zip(reversed(one), reversed(other), strict=False):
        if left != right:
            break
        count += 1
    return count
