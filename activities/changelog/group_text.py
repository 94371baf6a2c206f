"""Words of a line: from what a commit says of itself to what a reader is told."""

import re

from activities.changelog.features import CONVENTIONAL, NUMBER, kind_of, numbers, title_of
from contracts.changelog import Change, Section

LONGEST = 200  # characters of a line's text

_TAIL = re.compile(
    r"(?:\s*[,;:–-]?\s*(?:\(\s*(?:(?:refs?|fix(?:e[sd])?|close[sd]?|see|gh-?)\s*)*(?:#\d+[\s,]*(?:and\s+)?)+\)"
    r"|\b(?:refs?|fix(?:e[sd])?|close[sd]?|resolve[sd]?|see)\b:?\s+(?:#\d+[\s,]*(?:and\s+)?)+|#\d+))+\s*$",
    re.I,
)
_LABEL = re.compile(r"^\s*(?:\[[\w .:/-]{1,30}\]\s*|(?:internal|minor|bug|fix|feature|feat|docs?)\s*:\s+)+", re.I)
_GITMOJI = re.compile(r"^\s*(?::[a-z0-9_+-]+:\s*|[\u2190-\u2bff\U0001f300-\U0001faff\ufe0f\u200d]+\s*)+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f\u200b-\u200f\u202a-\u202e\u2066-\u2069]+")

_BY_KIND: dict[str, Section] = {
    "feat": "Added", "fix": "Fixed", "hotfix": "Fixed", "perf": "Changed", "security": "Security", "sec": "Security",
    "deprecate": "Deprecated", "remove": "Removed", "revert": "Changed", "refactor": "Changed",
}  # fmt: skip
_FIXES = (
    r"^(?:fix|fixes|fixed|bugfix|hotfix|correct|corrected|prevent|avoid|resolve[sd]?|repair|handle|do(?:n't| not))\b"
    r"|\b(?:fix(?:es|ed)? (?:a |an |the |for |bug|issue|crash|regression)|bug ?fix|crash(?:es|ed)?\b|regression\b)"
)
_ADDS = (
    r"^(?:add|adds|added|new|introduce[sd]?|implement(?:s|ed)?|support(?:s|ed)?|allow(?:s|ed)?|let|enable[sd]?"
    r"|initial|provide|expose[sd]?)\b|\bnow supports?\b|\bsupport for\b"
)
_REMOVES = r"^(?:removed?|removes|drop|dropped|drops|deleted?)\b|^(?:no longer|end) support"
_BY_WORD: tuple[tuple[Section, re.Pattern[str]], ...] = (
    ("Security", re.compile(r"\bcve-\d{4}|\bvulnerab|\bsecurity (?:fix|issue|hole|advisory)|\bghsa-", re.I)),
    ("Deprecated", re.compile(r"\bdeprecat(?!ion warnings? (?:from|in))", re.I)),
    ("Removed", re.compile(_REMOVES, re.I)),
    ("Fixed", re.compile(_FIXES, re.I)),
    ("Added", re.compile(_ADDS, re.I)),
)
_BREAKS = re.compile(r"^BREAKING[ -]CHANGE(?:\s*:|\b)", re.M)
_DROPS = re.compile(
    r"\b(?:drop(?:s|ped)?|remove[sd]?|end)\b.{0,30}\b(?:support|compatib)|\bbackwards?[- ]incompat"
    r"|^breaking\b|\bbreaking (?:api )?changes?\b|\bapi[- ]breaking\b"
    r"|\b(?:drop(?:s|ped)?|require[sd]?)\s+(?:python|node|ruby|go|rust|java|php)\s*(?:<|<=|>=|>)?\s*\d",
    re.I,
)
_NOT_BREAKING = re.compile(
    r"\b(?:non|not|without|avoid|fix\w*|prevent)[- ](?:\w+ )?breaking|line[- ]breaking|breaking (?:out|up|down)", re.I
)

_VERSION_ONLY = re.compile(r"(?:(?:prepare|make|cut|tag|bump)\s+)?(?:release|version)?\s*v?\d+(?:\.\d+)+\S*", re.I)
_MERGES = re.compile(r"merge (?:pull request \S+(?: from \S+)?$|(?:remote-tracking )?(?:branch(?:es)?|tag) )", re.I)
_INTO = re.compile(r"(?: of \S+)?(?: into \S+)?$", re.I)
_ONE_INTO_OTHER = re.compile(r"merge \S+(?: branch)? into \S+", re.I)
LONGEST_MERGE = 300  # characters; longer than that is more than names


def is_breaking(change: Change) -> bool:
    """True where a change says that it breaks its users: `!`, a BREAKING CHANGE footer, dropped support."""
    texts = [(change.subject, change.body), *change.merged[:40]]
    if any(kind_of(subject)[1] or _BREAKS.search(body[:20_000]) for subject, body in texts):
        return True
    title = words_of(change)
    return bool(_DROPS.search(title)) and not _NOT_BREAKING.search(title)


def section_of(change: Change) -> Section:
    """The section of Keep a Changelog that a change belongs to."""
    if is_breaking(change):
        return "Breaking"
    title = words_of(change)
    kind = kind_of(title)[0]
    bare = _bare(title)
    found = next((section for section, rule in _BY_WORD if rule.search(bare)), None)
    if found in ("Security", "Deprecated"):
        return found
    return _BY_KIND.get(kind) or found or "Changed"


def words_of(change: Change) -> str:
    """The title of a change. A merge that says no more than that it merges is called by what it brought in."""
    title = title_of(change)
    has_words = bool(_bare(title).strip(" .;,:")) and not merges_only(title)
    if has_words or not change.merged:
        return title
    brought = [subject for subject, _ in change.merged[:40] if not merges_only(subject)]
    telling = [subject for subject in brought if kind_of(subject)[0] in ("feat", "fix", "perf")]
    return (telling or brought or [title])[-1]  # newest first, so this is what the branch began with


def text_of(change: Change) -> str:
    """One line for a reader: sentence case, no prefix, no trailing numbers or dot, at most LONGEST characters.

    Never empty: a change with no words of its own is called by its short SHA.
    """
    text = _bare(words_of(change)).rstrip(" .;,:")
    if not text:
        text = " ".join(_CONTROL.sub(" ", change.subject).split()) or f"Change {change.sha[:9]}"
    return _shortened(_sentence(text))


def _bare(title: str) -> str:
    text = " ".join(_CONTROL.sub(" ", title[:2_000]).split())
    text = _GITMOJI.sub("", text)
    text = CONVENTIONAL.sub("", text, count=1)
    text = _LABEL.sub("", text)
    return _TAIL.sub("", text).strip()


def _sentence(text: str) -> str:
    first = text.split(" ", 1)[0]
    plain = first.isalpha() and first.islower()
    return text[0].upper() + text[1:] if plain else text


def _shortened(text: str) -> str:
    if len(text) <= LONGEST:
        return text
    cut = text[: LONGEST - 1].rsplit(" ", 1)[0] or text[: LONGEST - 1]
    return f"{cut.rstrip(' .,;:')}…"


def references_of(change: Change) -> tuple[str, ...]:
    """The numbers a change carries as #12: those of its subject first, else of its body, else of what it brought in."""
    for text in (change.subject, change.body[:4_000], "\n".join(s for s, _ in change.merged[:40])):
        found = list(dict.fromkeys(NUMBER.findall(text)))
        if found:
            return tuple(f"#{n}" for n in found[:6])
    return ()


def all_numbers(change: Change) -> frozenset[str]:
    """Every number a change carries, wherever it stands."""
    merged = "\n".join(f"{s}\n{b}" for s, b in change.merged[:40])
    return numbers(f"{change.subject}\n{change.body[:4_000]}\n{merged[:8_000]}")


def says_nothing(text: str) -> str:
    """Why a line with only these words tells a reader nothing; empty where it does."""
    if _VERSION_ONLY.fullmatch(text):
        return "release commit"
    # A pull request was somebody's work, whose words we may not have.
    return "merges one branch into another" if merges_only(text) and "pull request" not in text.lower() else ""


def merges_only(title: str) -> bool:
    """Whether a title says that branches are merged, their names, and nothing else."""
    if len(title) > LONGEST_MERGE:
        return False
    found = _MERGES.match(title)
    if found is None:
        return _ONE_INTO_OTHER.fullmatch(title) is not None
    names = re.split(r", (?:and )?| and ", _INTO.sub("", title[found.end() :]))
    return all(" " not in name or re.fullmatch(r"'[^']+'", name) for name in names)
