"""The ledger's own proof, as pages show it: computed beside the requests, at most once a minute."""

import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime

from contracts.errors import CountersignError
from contracts.records import Verification
from ledger import Ledger

FRESH_SECONDS = 60.0
PATIENCE_SECONDS = 2.0  # a page waits this long for a first or fresher proof, then shows what there is


@dataclass(frozen=True)
class Proved:
    """What a verification found, and when it ended."""

    found: Verification
    at: datetime
    clock: float


class Prover:
    """Keeps the latest proof of one ledger. A long one never holds up a page."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.latest: Proved | None = None
        self.lock = threading.Lock()
        self.work: threading.Thread | None = None

    def proof(self) -> Proved | None:
        """The latest proof; None while the first one takes its time."""
        with self.lock:
            if self.latest and time.monotonic() - self.latest.clock < FRESH_SECONDS:
                return self.latest
            if self.work is None or not self.work.is_alive():
                self.work = threading.Thread(target=self._prove, name="ledger proof", daemon=True)
                self.work.start()
            work = self.work
        work.join(PATIENCE_SECONDS)
        return self.latest

    def _prove(self) -> None:
        self.latest = Proved(self._verify(), datetime.now(UTC), time.monotonic())

    def _verify(self) -> Verification:
        """A ledger that can't be verified is a finding like any other."""
        try:
            return self.ledger.verify()
        except CountersignError as error:
            return Verification(ok=False, entries=0, sealed=0, heads=0, problems=(str(error),))
