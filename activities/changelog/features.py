"""What can be seen of a change: numbers for a model, words for a model. No judgment is made here.

Every feature is general: it names roles ("touches tests", "fixes something"), never a project, a person or an
issue. A change is looked at with its *topic*, the other changes of the range that carry the same `#12`, because
a changelog tells of topics: the fix, its test and its documentation stand or fall together.
"""

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from contracts.changelog import Change

Matrix = NDArray[np.float32]

TEXT_LIMIT = 4_000  # characters of a body that are read; a generated body can be megabytes
FILE_LIMIT = 300  # paths of a change that are read
MERGED_LIMIT = 40  # commits of a merge that are read

NUMBER = re.compile(r"#(\d{1,9})\b")
CONVENTIONAL = re.compile(r"^\s*([A-Za-z]+)(?:\(([^)]*)\))?(!)?:\s+(?=\S)")
WORD = re.compile(r"[a-z][a-z0-9_+'-]*")
BUMP = re.compile(
    r"^(?:\[?pre-commit(?:\.ci)?\]?\b|(?:chore|build|deps|ci)\S*:\s*)?\s*"
    r"(?:bump|upgrade|update|pin|lock file)\b.*\b(?:from\b.*\bto\b|dependenc|requirements|lock|group|version|v?\d+\.\d)"
    r"|^\[?pre-commit|^(?:fix|chore|build)\(deps",
    re.I,
)
RELEASE = re.compile(
    r"^(?:(?:chore|build)(?:\([^)]*\))?:\s*)?(?:(?:prepare|cut|tag|publish|make|bump)?\s*(?:for\s+)?(?:the\s+)?"
    r"(?:new\s+)?(?:release|version)s?\b[\s:]*(?:to\s+)?v?\d|prepare\s+v?\d+\.\d|v?\d+\.\d+(?:\.\d+)*\S*$"
    r"|release notes|changelog for|bump version|start new development|back to development"
    r"|post-release|preparing release|(?:prepare|cut) (?:the )?release)",
    re.I,
)
REVERT = re.compile(r"^revert\b", re.I)
MERGE = re.compile(
    r"^(?:auto merge of|merge (?:pull request )?#\d+|merge pull request|merge (?:remote-tracking )?branch)", re.I
)
CLOSES = re.compile(r"\b(?:fix(?:e[sd])?|close[sd]?|resolve[sd]?)\b:?\s+(?:\S*)#\d+", re.I)
REFS = re.compile(r"\b(?:refs?|see|re|part of)\b:?\s+(?:\S*)#\d+", re.I)

KINDS = ("feat", "fix", "perf", "docs", "test", "ci", "chore", "refactor", "style", "build", "internal", "minor")
_SYNONYMS = {
    "feature": "feat",
    "bug": "fix",
    "bugfix": "fix",
    "doc": "docs",
    "tests": "test",
    "deps": "build",
    "typo": "docs",
}
ROLES = ("code", "test", "docs", "ci", "deps", "changelog", "fragment", "example", "version", "tooling")

_CHANGELOG = re.compile(
    r"(?:^|/)(?:changes|changelog|history|news|release[-_ ]?notes)(?:\.(?:md|rst|txt|adoc))?$", re.I
)
_FRAGMENT = re.compile(
    r"(?:^|/)(?:changes|changelog\.d|changelog|newsfragments?|news|\.changes?|\.changesets?)/(?!_|readme|template)[^/]+"
    r"\.(?:md|rst|txt|ya?ml|json|feature|bugfix|fix|change|doc|removal|deprecation|breaking|misc|added|changed|fixed)$",
    re.I,
)
_CI = re.compile(
    r"(?:^|/)(?:\.github/|\.circleci/|\.gitlab|\.travis|azure-pipelines|appveyor|\.azure|\.codecov|codecov|\.buildkite)",
    re.I,
)
_DEPS = re.compile(
    r"(?:^|/)(?:[\w-]*requirements[\w-]*(?:\.(?:txt|in)|/.*)|poetry\.lock|uv\.lock|Cargo\.lock|package-lock\.json|yarn\.lock|pnpm-lock\.yaml"
    r"|go\.sum|Pipfile\.lock|Gemfile\.lock|flake\.lock)$",
    re.I,
)
_TOOLING = re.compile(
    r"(?:^|/)(?:\.pre-commit-config\.yaml|tox\.ini|noxfile\.py|Makefile|justfile|\.gitignore|\.editorconfig|setup\.cfg|mypy\.ini"
    r"|\.readthedocs\.ya?ml|\.git[a-z-]+|CODEOWNERS|scripts/.+|tools/.+|xtask/.+|conftest\.py|pyproject\.toml|setup\.py|Cargo\.toml"
    r"|package\.json|\.[a-z-]+rc(?:\.\w+)?|LICENSE\S*|AUTHORS\S*|CONTRIBUTORS\S*)$",
    re.I,
)
_TEST = re.compile(
    r"(?:^|/)(?:tests?|testing|spec|specs|__tests__|testdata|fixtures|ui_test|tests?[-_]\w+)/|(?:^|/)test_[^/]+$|_tests?\.\w+$|\.(?:test|spec)\.\w+$",
    re.I,
)
_DOCS = re.compile(
    r"(?:^|/)(?:docs?|documentation|book|website|blog)/|\.(?:md|rst|adoc|txt|svg|png|jpe?g|gif)$|(?:^|/)mkdocs\.ya?ml$",
    re.I,
)
_EXAMPLE = re.compile(r"(?:^|/)(?:examples?|docs_src|benchmarks?|benches|demo)/", re.I)
_VERSION = re.compile(r"(?:^|/)(?:__version__|_version|version|__about__)\.\w+$", re.I)
_RULES = (
    ("changelog", _CHANGELOG),
    ("fragment", _FRAGMENT),
    ("ci", _CI),
    ("deps", _DEPS),
    ("version", _VERSION),
    ("test", _TEST),
    ("example", _EXAMPLE),
    ("docs", _DOCS),
    ("tooling", _TOOLING),
)


@lru_cache(maxsize=65_536)
def role_of(path: str) -> str:
    """What a file is for, from its path: one of ROLES; `code` when nothing else fits."""
    return next((role for role, rule in _RULES if rule.search(path)), "code")


def numbers(text: str) -> frozenset[str]:
    """The issue and pull request numbers a text carries as #12, without the sign."""
    return frozenset(NUMBER.findall(text))


@dataclass(frozen=True, slots=True)
class Facts:
    """A change, read once. `roles` counts files by role, `sizes` lines touched by role."""

    sha: str
    subject: str
    body: str
    merged: str
    refs: frozenset[str]
    own_refs: frozenset[str]
    kind: str
    bang: bool
    roles: Counter[str]
    sizes: Counter[str]
    flags: frozenset[str]
    commits: int
    paths: tuple[str, ...]


def facts(change: Change) -> Facts:
    """Everything about one change that later steps look at."""
    subject, body = change.subject[:500], change.body[:TEXT_LIMIT]
    merged = "\n".join(f"{s}\n{b}" for s, b in change.merged[:MERGED_LIMIT])[: 2 * TEXT_LIMIT]
    roles, sizes = _files(change)
    kind, bang = kind_of(title_of(change))
    return Facts(
        sha=change.sha, subject=subject, body=body, merged=merged,
        refs=numbers(f"{subject}\n{body}\n{merged}"), own_refs=numbers(subject),
        kind=kind, bang=bang, roles=roles, sizes=sizes,
        flags=_flags(change, subject, body, merged, roles), commits=len(change.merged),
        paths=tuple(f.path for f in change.files[:FILE_LIMIT]),
    )  # fmt: skip


def title_of(change: Change) -> str:
    """The words that say what a change is: its subject, or for a merge the request's title."""
    if not MERGE.match(change.subject):
        return change.subject
    first = next((line.strip() for line in change.body[:TEXT_LIMIT].splitlines() if line.strip()), "")
    after = re.sub(r"^.*?(?:#\d+|branch '[^']*')\S*\s*(?:from \S+|into \S+)?\s*[-:,]?\s*", "", change.subject)
    if first and not re.match(r"^(?:bors|co-authored|signed-off|r[=?@]|\d+:)", first, re.I):
        return first
    return re.sub(r"^\d+:\s*|\s+r[=]?r?=?\S+(?: a=\S+)?$", "", first or after) or change.subject


def kind_of(title: str) -> tuple[str, bool]:
    """The conventional-commit type of a title ("feat", "fix", … or "") and whether it carries `!`."""
    found = CONVENTIONAL.match(title)
    if not found:
        return "", False
    word = found[1].lower()
    return _SYNONYMS.get(word, word), bool(found[3])


def _files(change: Change) -> tuple[Counter[str], Counter[str]]:
    roles: Counter[str] = Counter()
    sizes: Counter[str] = Counter()
    for file in change.files[:FILE_LIMIT]:
        role = role_of(file.path)
        roles[role] += 1
        sizes[role] += max(file.added, 0) + max(file.deleted, 0)
    return roles, sizes


def _flags(change: Change, subject: str, body: str, merged: str, roles: Counter[str]) -> frozenset[str]:
    title = title_of(change)
    text = f"{subject}\n{body}\n{merged}"
    seen = {
        "bump": bool(BUMP.match(title)) or "dependabot" in text or "[bot]" in f"{change.author}{change.email}",
        "release": is_release(title, roles),
        "revert": bool(REVERT.match(title)),
        "merge": bool(change.merged) or bool(MERGE.match(subject)),
        "closes": bool(CLOSES.search(text)),
        "refers": bool(REFS.search(text)),
        "number_in_subject": bool(NUMBER.search(subject)),
        "number_at_end": bool(re.search(r"\(#\d+\)\s*$", subject)),
        "typo": bool(re.search(r"\btypos?\b|\bspelling\b|\bgrammar\b", title, re.I)),
        "breaking": "BREAKING CHANGE" in text or kind_of(title)[1],
        "thanks": "thanks" in text.lower(),
        "code_mark": "`" in title,
        "co_author": "co-authored-by" in text.lower(),
        "body": bool(body.strip()),
        "test_word": bool(re.search(r"\btests?\b|\bcoverage\b", title, re.I)),
        "doc_word": bool(re.search(r"\bdocs?\b|\bdocument|\breadme\b", title, re.I)),
    }
    return frozenset(name for name, present in seen.items() if present)


def is_release(title: str, roles: Counter[str]) -> bool:
    """True for the commit that makes a release: a title like "Version 1.2.0" and nothing but paperwork."""
    paperwork = (
        roles["changelog"] + roles["version"] + roles["tooling"] + roles["docs"] + roles["deps"] + roles["fragment"]
    )
    mostly = not roles or paperwork * 2 >= sum(roles.values())
    return bool(RELEASE.match(title.strip())) and mostly


FLAGS = (
    "bump", "release", "revert", "merge", "closes", "refers", "number_in_subject", "number_at_end", "typo",
    "breaking", "thanks", "code_mark", "co_author", "body", "test_word", "doc_word",
)  # fmt: skip
_OWN = (
    *(f"flag {f}" for f in FLAGS), *(f"kind {k}" for k in KINDS), "kind other", *(f"has {r}" for r in ROLES),
    *(f"only {r}" for r in ROLES), *(f"size {r}" for r in ("code", "test", "docs", "changelog", "tooling")),
    "size", "files", "commits", "numbers", "title words", "body length", "position", "range size",
)  # fmt: skip
_TOPIC = (
    "topic changes", "topic later", "topic size code", "topic size test", "topic closes", "topic number in subject",
    *(f"topic has {r}" for r in ROLES), "topic release", "topic named alone", "topic paperwork", "number rank",
)  # fmt: skip
DENSE = (*_OWN, *_TOPIC)


def dense(seen: Sequence[Facts]) -> Matrix:
    """Numbers for each change: shape (changes, len(DENSE)). The changes are those of one range, oldest first."""
    if not seen:
        return np.zeros((0, len(DENSE)), dtype=np.float32)
    own = [_own_row(fact, index, len(seen)) for index, fact in enumerate(seen)]
    return np.asarray([o + t for o, t in zip(own, _topic_rows(seen), strict=True)], dtype=np.float32)


def _own_row(fact: Facts, index: int, total: int) -> list[float]:
    files = sum(fact.roles.values())
    return [
        *(float(f in fact.flags) for f in FLAGS),
        *(float(fact.kind == k) for k in KINDS), float(bool(fact.kind) and fact.kind not in KINDS),
        *(float(fact.roles[r] > 0) for r in ROLES),
        *(float(files > 0 and fact.roles[r] == files) for r in ROLES),
        *(math.log1p(fact.sizes[r]) for r in ("code", "test", "docs", "changelog", "tooling")),
        math.log1p(sum(fact.sizes.values())), math.log1p(files), math.log1p(fact.commits),
        math.log1p(len(fact.refs)), float(len(fact.subject.split())), math.log1p(len(fact.body)),
        index / total, math.log1p(total),
    ]  # fmt: skip


@dataclass(slots=True)
class _Topic:
    members: list[int]
    roles: Counter[str]
    sizes: Counter[str]
    closes: bool = False
    in_subject: bool = False
    release: bool = False
    alone: bool = False
    paperwork: bool = False


def _topic_rows(seen: Sequence[Facts]) -> list[list[float]]:
    topics: dict[str, _Topic] = defaultdict(lambda: _Topic([], Counter(), Counter()))
    for index, fact in enumerate(seen):
        for ref in fact.refs:
            _join(topics[ref], index, fact, ref)
    order = {ref: rank for rank, ref in enumerate(sorted(topics, key=int))}
    return [_topic_row(fact, i, [topics[r] for r in fact.refs], order) for i, fact in enumerate(seen)]


def _join(topic: _Topic, index: int, fact: Facts, ref: str) -> None:
    topic.members.append(index)
    # A release commit lists topics; it says nothing of their files.
    if "release" in fact.flags:
        topic.release = True
        return
    if len(fact.refs) <= 4:
        topic.roles.update(fact.roles)
        topic.sizes.update(fact.sizes)
    topic.closes |= "closes" in fact.flags
    topic.in_subject |= ref in fact.own_refs
    topic.alone |= len(fact.refs) == 1
    topic.paperwork |= bool(fact.roles) and not fact.roles.keys() - {"changelog", "fragment"}


def _topic_row(fact: Facts, index: int, topics: list[_Topic], order: dict[str, int]) -> list[float]:
    if not topics:
        return [0.0] * len(_TOPIC)
    later = max(len(t.members) - 1 - t.members.index(index) if len(t.members) < 50 else 25 for t in topics)
    return [
        math.log1p(max(len(t.members) for t in topics)), math.log1p(later),
        math.log1p(max(t.sizes["code"] for t in topics)), math.log1p(max(t.sizes["test"] for t in topics)),
        float(any(t.closes for t in topics)), float(any(t.in_subject for t in topics)),
        *(float(any(t.roles[r] for t in topics)) for r in ROLES),
        float(any(t.release for t in topics)), float(any(t.alone for t in topics)),
        float(any(t.paperwork for t in topics)),
        max(order[r] for r in fact.refs) / max(len(order), 1),
    ]  # fmt: skip


def general_words(fact: Facts) -> list[str]:
    """Words of the title and of what was merged, each marked with where it stood: nothing of paths or projects."""
    title = f"{fact.subject}\n{fact.body[:200]}" if "merge" in fact.flags else fact.subject
    found = WORD.findall(NUMBER.sub(" ", title.lower()))[:60]
    out = {f"w {w}" for w in found}
    out.update(f"2 {a} {b}" for a, b in pairwise(found))
    out.update(f"f {w}" for w in found[:1])
    out.update({f"k {fact.kind}"} if fact.kind else ())
    out.update(f"m {w}" for w in WORD.findall(fact.merged.lower()[:800]))
    return sorted(out)


def words(fact: Facts) -> list[str]:
    """Every word of a change, those of its body and paths too. Without repeats, always in the same order."""
    body = {f"b {w}" for w in WORD.findall(fact.body.lower()[:600])}
    return [*general_words(fact), *sorted(body), *sorted(_path_words(fact.paths))]


def _path_words(paths: Iterable[str]) -> set[str]:
    out: set[str] = set()
    for path in list(paths)[:40]:
        folders = path.lower().split("/")
        out.update(f"d {'/'.join(folders[:n])}" for n in (1, 2) if n < len(folders))
        out.add(f"n {folders[-1]}")
        out.add(f"x {folders[-1].rpartition('.')[2][:8]}")
    return out
