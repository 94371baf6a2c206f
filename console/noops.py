"""Workflows that find nothing to do, time after time, and nobody notices."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import timedelta
from itertools import takewhile

from console.finding import Figure, Finding
from console.words import count, span
from contracts.records import RunRecord
from ledger import Ledger

RUNS = 5  # in a row
DAYS = timedelta(days=3)  # and for so long: one that looks every five minutes may find nothing for a night
LOOKED_AT = 2000


def silent(ledger: Ledger) -> Finding:
    """Workflows whose last runs, on one subject, all ended with nothing to do."""
    idle = [runs for runs in by_subject(ledger.runs(limit=LOOKED_AT)) if is_silent(runs)]
    figures = (Figure("silent_workflows", len(idle)),)
    if not idle:
        return Finding("Work", True, "No workflow has found nothing to do for long.", "", figures)
    first = idle[0]
    lasted = span((first[0].started_at - first[-1].started_at).total_seconds())
    what = f"{first[0].workflow} {first[0].subject}".strip()
    says = f"{what}: {count(len(first), 'run')} in {lasted} found nothing to do."
    more = f" And {len(idle) - 1} more." if len(idle) > 1 else ""
    fix = f"If there was something, `countersign log {first[0].run}` says what it looked at; else run it less often."
    return Finding("Work", False, says + more, fix, figures)


def by_subject(runs: Iterable[RunRecord]) -> list[list[RunRecord]]:
    """The ended runs at the newer end that found nothing to do, for each workflow and subject; the newest first."""
    groups: dict[tuple[str, str], list[RunRecord]] = defaultdict(list)
    for run in runs:
        if run.finished_at is not None:
            groups[run.workflow, run.subject].append(run)
    return [list(takewhile(lambda run: run.state == "nothing to do", group)) for group in groups.values()]


def is_silent(runs: list[RunRecord]) -> bool:
    return len(runs) >= RUNS and runs[0].started_at - runs[-1].started_at >= DAYS
