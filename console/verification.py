"""The ledger's own proof, as pages show it: computed at most once a minute."""

import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from weakref import WeakKeyDictionary

from console.deps import Console
from contracts.errors import CountersignError
from contracts.records import Verification
from ledger import Ledger

FRESH_SECONDS = 60.0


@dataclass(frozen=True)
class Proved:
    """What the last verification found, and when it ran."""

    found: Verification
    at: datetime
    clock: float


_lock = threading.Lock()
_known: WeakKeyDictionary[Ledger, Proved] = WeakKeyDictionary()


def verification(console: Console) -> Proved:
    """Never raises: a ledger that can't be verified is a finding like any other."""
    ledger = console.ledger
    with _lock:
        known = _known.get(ledger)
        if known is None or time.monotonic() - known.clock > FRESH_SECONDS:
            known = Proved(_verify(ledger), datetime.now(UTC), time.monotonic())
            _known[ledger] = known
        return known


def _verify(ledger: Ledger) -> Verification:
    try:
        return ledger.verify()
    except CountersignError as error:
        return Verification(ok=False, entries=0, sealed=0, heads=0, problems=(str(error),))
