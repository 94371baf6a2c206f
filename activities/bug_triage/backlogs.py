"""A backlog as artifacts: its issues in parts by their keys, so that one new issue of ten thousand costs one part."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable

from contracts.bug_triage import Backlog, Issues
from contracts.bugs import Issue
from ledger import ArtifactStore

PART = 200  # issues of one part, or half as many


def keep(store: ArtifactStore, backlog: Backlog) -> str:
    """The artifact of a backlog. The same issues give the same parts, whatever is beside them."""
    count = 1 << (len(backlog.issues) // PART).bit_length()
    parts: dict[int, list[Issue]] = defaultdict(list)
    for issue in backlog.issues:
        parts[int(hashlib.sha256(issue.key.encode()).hexdigest()[:8], 16) % count].append(issue)
    refs = tuple(store.put_model(Issues(issues=tuple(parts[at]))) for at in sorted(parts))
    return store.put_model(backlog.model_copy(update={"issues": (), "parts": refs}))


def read(store: ArtifactStore, ref: str) -> Backlog:
    """The backlog of an artifact. NotFound where a part of it is gone."""
    backlog = store.get_model(Backlog, ref)
    if not backlog.parts:
        return backlog
    issues = [each for part in backlog.parts for each in store.get_model(Issues, part).issues]
    return backlog.model_copy(update={"issues": in_order(issues), "parts": ()})


def in_order(issues: Iterable[Issue]) -> tuple[Issue, ...]:
    """Oldest first."""
    return tuple(sorted(issues, key=lambda each: (str(each.created or ""), each.key)))
