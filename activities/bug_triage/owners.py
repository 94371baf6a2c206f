"""Who knows a file: CODEOWNERS, and who changed it, the recent counting most. Pure."""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from contracts.bug_triage import Likely, Owner

HALF_LIFE = 180 * 86_400.0  # seconds after which a change counts half
NAMED = 0.5  # what being named in CODEOWNERS counts, beside a share of the changes
MOST = 5
BOT = re.compile(r"\[bot\]|\bbot\b|dependabot|renovate|github-actions", re.I)
_NOREPLY = re.compile(r"(?:\d+\+)?([A-Za-z0-9-]{1,39})@users\.noreply\.", re.I)


@dataclass(frozen=True)
class Commit:
    """Who changed which files, and when, in Unix seconds."""

    time: int
    author: str
    email: str
    paths: tuple[str, ...]


LOG = (
    "log",
    "--no-merges",
    "--max-count=4000",
    "--no-renames",
    "--name-only",
    "-z",
    "--format=%x01%ct%x02%aN%x02%aE%x03",
)


def commits_of(log: str) -> list[Commit]:
    """What `git LOG` printed. A part that can't be read is passed over."""
    found = []
    for part in log.split("\x01")[1:]:
        head, _, names = part.partition("\x03")
        fields = head.split("\x02")
        if len(fields) != 3 or not fields[0].isdigit():
            continue
        paths = tuple(name.strip("\n") for name in names.split("\0") if name.strip("\n"))
        if len(paths) <= 200:  # a reformatting of everything says nothing about who knows what
            found.append(Commit(int(fields[0]), fields[1][:100], fields[2][:200], paths))
    return found


class Ownership:
    """Who changed what, looked up by file."""

    def __init__(self, commits: Sequence[Commit], codeowners: str = "") -> None:
        self._by_path: dict[str, dict[tuple[str, str], float]] = defaultdict(lambda: defaultdict(float))
        self._rules = rules_of(codeowners)
        newest = max((each.time for each in commits), default=0)
        for commit in commits:
            if BOT.search(commit.author) or BOT.search(commit.email):
                continue
            weight = 0.5 ** (max(0, newest - commit.time) / HALF_LIFE)
            for path in commit.paths:
                self._by_path[path][commit.author, commit.email] += weight

    def of(self, files: Sequence[Likely], names: Mapping[str, str], *, by_name: bool) -> tuple[Owner, ...]:
        """Who knows these files, most first. `names`: what people are called, by what the source uses; `by_name`: the
        source uses names themselves."""
        total = sum(each.score for each in files) or 1.0
        shares: dict[str, float] = defaultdict(float)
        called, whys = dict[str, tuple[str, str]](), defaultdict[str, list[str]](list)
        for file in files:
            weight = file.score / total
            changes = self._by_path.get(file.path, {})
            sum_of = sum(changes.values()) or 1.0
            for (author, email), amount in changes.items():
                known = who(author, email, names, by_name=by_name)
                shares[known or author] += weight * amount / sum_of
                called.setdefault(known or author, (author, known))
                whys[known or author].append(f"{amount / sum_of:.0%} of the recent changes of {file.path}")
            for owner in owners_by(self._rules, file.path):
                known = owner.removeprefix("@") if "/" not in owner else ""
                shares[known or owner] += weight * NAMED
                called.setdefault(known or owner, (owner, known))
                whys[known or owner].append(f"CODEOWNERS names them for {file.path}")
        most = sorted(shares, key=lambda name: (-shares[name], name))[:MOST]
        return tuple(
            Owner(
                name=called[each][0],
                who=called[each][1],
                share=round(min(1.0, shares[each]), 4),
                why="; ".join(whys[each][:2]),
            )
            for each in most
        )


def who(author: str, email: str, names: Mapping[str, str], *, by_name: bool) -> str:
    """What the source calls an author of git's; empty where nobody knows."""
    if by_name:
        return author
    if found := _NOREPLY.match(email):
        return found[1]
    local = email.partition("@")[0].lower()
    return next(
        (
            key
            for key, name in names.items()
            if name.casefold() == author.casefold() or key.lower() in (author.lower(), local)
        ),
        "",
    )


def rules_of(codeowners: str) -> list[tuple[str, tuple[str, ...]]]:
    """Patterns and owners, in order. A line without owners takes them away, as the format has it."""
    found = []
    for line in codeowners.splitlines()[:5000]:
        words = line.partition("#")[0].split()
        if words and not words[0].startswith(("[", "^[")):
            found.append((words[0], tuple(word for word in words[1:] if word.startswith("@"))))
    return found


def owners_by(rules: Sequence[tuple[str, tuple[str, ...]]], path: str) -> tuple[str, ...]:
    """The owners that the last rule which fits names."""
    return next((owners for pattern, owners in reversed(rules) if fits(pattern, path)), ())


def fits(pattern: str, path: str) -> bool:
    """Whether a pattern of CODEOWNERS (gitignore's, in the main) fits a path."""
    anchored = "/" in pattern.rstrip("/")
    plain = pattern.strip("/")
    tails = [path] if anchored else ["/".join(path.split("/")[at:]) for at in range(path.count("/") + 1)]
    if plain == "*":
        return True
    for tail in tails:
        if "**" not in plain and plain.endswith("/*") and tail.count("/") != plain.count("/"):
            continue
        if fnmatchcase(tail, plain.replace("**/", "*").replace("/**", "/*")) or tail.startswith(f"{plain}/"):
            return True
    return False
