"""Credentials that were refused, or that soon will be.

No console holds any: what they are is told by the workers, names and ends only, in an entry of each start.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from console.finding import Figure, Finding
from console.words import relative, span
from contracts.records import CREDENTIALS, StoredEntry
from ledger import Ledger

LATELY = timedelta(days=1)
SOON = timedelta(days=14)
MOST = 1000  # of the newest entries of each kind that are read
KINDS = ("activity", "model", "egress")
ERRORS = ("AccessRefused", "ModelMisconfigured")


def credentials(ledger: Ledger) -> Finding:
    """What was refused in the last day and not accepted since, and what expires in two weeks."""
    now = datetime.now(UTC)
    refused, ends = refusals(ledger, now), expiries(ledger)
    figures = tuple(Figure("credential_expires_seconds", (at - now).total_seconds(), {"name": n}) for n, at in ends)
    figures += (Figure("credentials_refused", len(refused)),)
    if refused:
        name, entry = refused[0]
        says = f"{name or entry.name} was refused {relative(entry.finished_at, now)}: {entry.says}"
        more = f" And {len(refused) - 1} more." if len(refused) > 1 else ""
        fix = str(entry.facts.get("way_out") or f"Set {name} anew where the worker is started, and start it again.")
        return Finding("Credentials", False, says + more, fix, figures)
    soon = [(name, at) for name, at in ends if at < now + SOON]
    if soon:
        fix = "Make a new one, set it where the worker is started, and start that again."
        return Finding("Credentials", False, f"{'; '.join(ending(*each, now) for each in soon)}.", fix, figures)
    return Finding("Credentials", True, "None was refused, and none is known to expire soon.", "", figures)


def ending(name: str, at: datetime, now: datetime) -> str:
    left = (at - now).total_seconds()
    return f"{name} expires in {span(left)}" if left > 0 else f"{name} expired {span(-left)} ago"


def refusals(ledger: Ledger, now: datetime) -> list[tuple[str, StoredEntry]]:
    """The newest refusal of each credential, unless something of the same name went well after it."""
    found: dict[str, StoredEntry] = {}
    for kind in KINDS:
        newest = ledger.entries(kind=kind, limit=MOST, newest_first=True)
        well: set[str] = set()
        for entry in newest:
            if entry.finished_at < now - LATELY:
                break
            if (name := refused(entry)) is None:
                well |= {credential(entry)} if entry.outcome == "ok" else set()
            elif credential(entry) not in well:
                found.setdefault(name, entry)
    return sorted(found.items())


def refused(entry: StoredEntry) -> str | None:
    """What was refused; None where nothing was."""
    facts = entry.facts
    if entry.kind == "egress":
        return credential(entry) if facts.get("credential") and facts.get("status") in (401, 403) else None
    return str(facts.get("subject") or entry.name) if facts.get("error") in ERRORS else None


def credential(entry: StoredEntry) -> str:
    """What says whether it is accepted again: the credential of a request, the model of a call, the name of a step."""
    return str(entry.facts.get("credential") or "") if entry.kind == "egress" else entry.name


def expiries(ledger: Ledger) -> list[tuple[str, datetime]]:
    """When credentials end, by what the worker of each queue said last. The first to end first."""
    told: dict[str, StoredEntry] = {}
    for entry in ledger.entries(kind="system", words=CREDENTIALS, limit=MOST, newest_first=True):
        told.setdefault(str(entry.facts.get("worker")), entry)
    return sorted({pair for entry in told.values() for pair in _ends(entry)}, key=lambda pair: pair[1])


def _ends(entry: StoredEntry) -> Iterable[tuple[str, datetime]]:
    known = entry.facts.get("expires")
    for name, at in (known if isinstance(known, dict) else {}).items():
        yield name, datetime.fromisoformat(str(at))
