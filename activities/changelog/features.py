"""What can be seen of a change: facts, and words for a model. No judgment is made here.

A range can have a hundred thousand changes, so each is read once, what many of them have in common is kept once, and
a pattern is tried only where a character that it needs is there.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from activities.changelog.features_roles import role_of
from contracts.changelog import Change

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
_AT_END = re.compile(r"\(#\d+\)\s*$")
_TYPO = re.compile(r"\btypos?\b|\bspelling\b|\bgrammar\b", re.I)
_TESTS = re.compile(r"\btests?\b|\bcoverage\b", re.I)
_DOCUMENTS = re.compile(r"\bdocs?\b|\bdocument|\breadme\b", re.I)

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
    sizes: Mapping[str, int]
    flags: frozenset[str]
    commits: int
    paths: tuple[str, ...]


def facts(change: Change) -> Facts:
    """Everything about one change that later steps look at."""
    subject, body = change.subject[:500], change.body[:TEXT_LIMIT]
    merged = "\n".join(f"{s}\n{b}" for s, b in change.merged[:MERGED_LIMIT])[: 2 * TEXT_LIMIT]
    text = f"{subject}\n{body}\n{merged}"
    title = title_of(change)
    kind, bang = kind_of(title)
    paths = tuple(file.path for file in change.files[:FILE_LIMIT])
    names = tuple(map(role_of, paths))
    roles = _counted(names)
    own_refs = numbers(subject)
    return Facts(
        sha=change.sha, subject=subject, body=body, merged=merged,
        refs=numbers(text) if "#" in body or "#" in merged else own_refs, own_refs=own_refs,
        kind=kind, bang=bang, roles=roles, sizes=_sizes(names, change),
        flags=_flags(change, title, bang, text, roles, bool(own_refs)), commits=len(change.merged), paths=paths,
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


@lru_cache(maxsize=4_096)
def _counted(names: tuple[str, ...]) -> Counter[str]:
    """Shared by all changes that touch files of the same roles: never to be changed."""
    return Counter(names)


def _sizes(names: tuple[str, ...], change: Change) -> dict[str, int]:
    sizes: dict[str, int] = {}
    for role, file in zip(names, change.files, strict=False):
        added, deleted = file.added, file.deleted
        sizes[role] = sizes.get(role, 0) + (added if added > 0 else 0) + (deleted if deleted > 0 else 0)
    return sizes


def _flags(change: Change, title: str, bang: bool, text: str, roles: Counter[str], in_subject: bool) -> frozenset[str]:
    low, numbered, called = text.lower(), "#" in text, title.lower()
    subject = change.subject[:500]
    bot = "dependabot" in text or "[bot]" in change.author or "[bot]" in change.email
    seen = (
        bot or bool(BUMP.match(title)),
        is_release(title, roles),
        bool(REVERT.match(title)),
        bool(change.merged) or bool(MERGE.match(subject)),
        numbered and _has(low, "fix", "clos", "resolve") and bool(CLOSES.search(text)),
        numbered and bool(REFS.search(text)),
        in_subject,
        in_subject and bool(_AT_END.search(subject)),
        _has(called, "typo", "spell", "gramm") and bool(_TYPO.search(title)),
        bang or "BREAKING CHANGE" in text,
        "thanks" in low,
        "`" in title,
        "co-authored-by" in low,
        bool(change.body) and bool(change.body[:TEXT_LIMIT].strip()),
        _has(called, "test", "coverage") and bool(_TESTS.search(title)),
        _has(called, "doc", "readme") and bool(_DOCUMENTS.search(title)),
    )
    return _named(seen)


def _has(text: str, *some: str) -> bool:
    """A look that costs less than a pattern, which most texts don't pass."""
    return any(part in text for part in some)


@lru_cache(maxsize=4_096)
def _named(seen: tuple[bool, ...]) -> frozenset[str]:
    return frozenset(name for name, present in zip(FLAGS, seen, strict=True) if present)


FLAGS = (
    "bump", "release", "revert", "merge", "closes", "refers", "number_in_subject", "number_at_end", "typo",
    "breaking", "thanks", "code_mark", "co_author", "body", "test_word", "doc_word",
)  # fmt: skip


def is_release(title: str, roles: Counter[str]) -> bool:
    """True for the commit that makes a release: a title like "Version 1.2.0" and nothing but paperwork."""
    if not RELEASE.match(title.strip()):
        return False
    paperwork = (
        roles["changelog"] + roles["version"] + roles["tooling"] + roles["docs"] + roles["deps"] + roles["fragment"]
    )
    return not roles or paperwork * 2 >= sum(roles.values())


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
    return {word for path in list(paths)[:40] for word in _words_of_path(path)}


@lru_cache(maxsize=65_536)
def _words_of_path(path: str) -> tuple[str, ...]:
    *folders, name = path.lower().split("/")
    above = (f"d {'/'.join(folders[:n])}" for n in (1, 2) if n <= len(folders))
    return (*above, f"n {name}", f"x {name.rpartition('.')[2][:8]}")
