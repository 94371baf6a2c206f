"""Whether people are told what waits for them: the process that does, and the messages that don't get through."""

from datetime import UTC, datetime, timedelta

from console.finding import Figure, Finding
from console.words import count, relative
from contracts.notify import BY
from ledger import Ledger

LATE, SHOWN = timedelta(minutes=5), timedelta(days=7)
LOOKED_AT = 1000


def notified(ledger: Ledger) -> Finding:
    """What became of the messages of the last days."""
    now, looked = datetime.now(UTC), ledger.notifier_looked()
    pending = ledger.notices(state="pending", limit=LOOKED_AT)
    failed = [each for each in ledger.notices(state="failed", limit=LOOKED_AT) if (each.ended_at or now) > now - SHOWN]
    failing = [each for each in pending if each.why]
    measured = {"notices_pending": len(pending), "notices_failing": len(failing), "notices_failed": len(failed)}
    figures = tuple(Figure(name, value) for name, value in measured.items())
    if looked is None or looked < now - SHOWN:
        says = "Nobody is told outside the console what waits for them: no channel is set up, or nobody runs it."
        return Finding("Notification", True, says, "", figures)
    if looked < now - LATE:
        fix = "Start it: `countersign notify serve`, or `countersign up` for everything."
        says = f"Nobody has been told anything since {relative(looked, now)}: no process does it."
        return Finding("Notification", False, says, fix, figures)
    if failing or failed:
        last = (failing or failed)[-1]
        who = f"{last.person} {BY[last.channel]}"
        says = f"{count(len(failing), 'thing')} could not be told yet, {len(failed)} were given up. {who}: {last.why}"
        fix = "Correct what it names, or the address on the person's page /notify; `countersign notify test` tries it."
        return Finding("Notification", False, says, fix, figures)
    return Finding("Notification", True, f"People are told. {count(len(pending), 'thing')} gathered.", "", figures)
