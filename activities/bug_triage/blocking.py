"""Whether a bug holds a release up, by rules: how bad, whether it worked before, whether the newest version has it.

Pure.
"""

import re
from collections.abc import Iterable, Sequence

from contracts.bug_triage import Blocker, Milestone
from contracts.bugs import Issue

GRAVE = {
    "loses data": r"\bdata ?loss\b|\blos(?:es|ing|t) (?:(?:my|all|the|our|user) )?data\b|\bcorrupt\w*\b|"
    r"\boverwrit\w+ (?:my|the|existing)\b",
    "is about security": r"\bsecurity\b|\bvulnerabilit\w+\b|\bCVE-\d|\binjection\b|\bpassword leak|"
    r"\bprivilege escalation",
}
SEVERE = {
    "it crashes": r"\bcrash\w*\b|\bsegfault\w*\b|\bsegmentation fault\b|\bcore dump\w*\b|\bpanick?(?:s|ed)?\b|"
    r"\boom\b|\bout of memory\b",
    "it hangs": r"\bhangs?\b|\bdeadlock\w*\b|\bfreez(?:e|es|ing)\b|\bfrozen\b|\binfinite loop\b",
    "it can't be started or installed": r"\b(?:can'?t|cannot|fails? to|unable to|won'?t) "
    r"(?:start|boot|install|build|compile|import|launch)\b",
}
REGRESSION = re.compile(
    r"\bregression\b|\bused to work\b|\bworked (?:(?:fine|well|correctly) )?(?:in|with|on|before|until|prior)\b|"
    r"\bno longer works?\b|\bstopped working\b|"
    r"\b(?:since|after) (?:the )?(?:upgrad\w+|updat\w+|version|v?\d+\.\d+)|\bbroke(?:n)? (?:in|by|since|with) v?\d",
    re.I,
)
VERSION = re.compile(r"(?<![\w.])v?(\d+)\.(\d+)(?:\.(\d+))?(?:\.\d+)*(?![\w.]*\d)")
URGENT = 0.5


def blocker(issue: Issue, urgent: float | None, newest: str) -> Blocker:
    """Whether it blocks, and by which rule. `newest`: the newest version there is; empty: nobody knows."""
    text = f"{issue.title}\n{issue.body[:8000]}"
    grave = _first(GRAVE, text)
    severe = grave or _first(SEVERE, text)
    if not severe and (urgent or 0.0) >= URGENT:
        severe = f"the team gives such issues a high priority ({urgent:.0%})"
    regression = REGRESSION.search(text)
    if not severe:
        return Blocker(blocks=False, why="Nothing in it is severe.")
    if not grave and not regression:
        return Blocker(blocks=False, why=f"Severe ({severe}), and nothing says that it worked before.")
    worked = f", and worked before (“{' '.join(regression[0].split())}”)" if regression else ""
    affected, latest = versions_of(issue), version_of(newest)
    if latest is None:
        return Blocker(blocks=None, why=f"It {_verb(severe)}{worked}; which version is the newest is not known.")
    if not affected:
        return Blocker(blocks=None, why=f"It {_verb(severe)}{worked}; the report names no version.")
    if max(affected) >= latest:
        return Blocker(
            blocks=True, why=f"It {_verb(severe)}{worked}, in {said(max(affected))}, and {newest} is the newest."
        )
    return Blocker(
        blocks=False, why=f"It {_verb(severe)}{worked}, in {said(max(affected))}, which is older than {newest}."
    )


def milestone_of(milestones: Sequence[Milestone], newest: str) -> str:
    """The open milestone that a blocker belongs to: the one due first; where none has a date the lowest version after
    the newest; else the only one there is. Empty: it is not clear which."""
    due = [each for each in milestones if each.due]
    if due:
        return min(due, key=lambda each: (str(each.due), each.title)).title
    latest = version_of(newest)
    later = [
        (found, each.title) for each in milestones if latest and (found := version_of(each.title)) and found > latest
    ]
    if later:
        return min(later)[1]
    return milestones[0].title if len(milestones) == 1 else ""


def versions_of(issue: Issue) -> list[tuple[int, int, int]]:
    """The versions that a report names as its own: in its field, else near the word version."""
    named = [version_of(each) for each in issue.versions]
    if any(named):
        return [each for each in named if each]
    near = re.findall(
        r"(?:version|release|v)\W{0,12}(\d+\.\d+(?:\.\d+)?)", issue.title + "\n" + issue.body[:8000], re.I
    )
    return [found for each in near[:10] if (found := version_of(each))]


def version_of(text: str) -> tuple[int, int, int] | None:
    """The first version in a text."""
    found = VERSION.search(text)
    if not found or any(len(part or "") > 9 for part in found.groups()):
        return None
    return int(found[1]), int(found[2]), int(found[3] or 0)


def newest_of(issues: Iterable[Issue]) -> str:
    """The newest version that two reports name in their fields, where the repository has no tags."""
    counts: dict[tuple[int, int, int], int] = {}
    for issue in issues:
        for each in filter(None, map(version_of, issue.versions)):
            counts[each] = counts.get(each, 0) + 1
    several = [version for version, count in counts.items() if count > 1]
    return said(max(several)) if several else ""


def said(version: tuple[int, int, int]) -> str:
    return ".".join(map(str, version))


def _first(rules: dict[str, str], text: str) -> str:
    return next((what for what, words in rules.items() if re.search(words, text, re.I)), "")


def _verb(severe: str) -> str:
    """As what follows "It"."""
    return (
        severe.removeprefix("it ")
        if severe.startswith("it ")
        else severe
        if severe in GRAVE
        else f"is severe: {severe}"
    )
