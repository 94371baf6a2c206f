"""Which lines failing tests execute that passing ones do not."""

import math
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

Place = TypeVar("Place", bound=Hashable)


@dataclass(frozen=True)
class Spectrum:
    """How often a place was executed by tests that failed, of all of them, and by tests that passed."""

    failed: int
    failures: int
    passed: int

    @property
    def ochiai(self) -> float:
        """Between 0 and 1 (Abreu et al. 2006): the cosine between being executed and failing."""
        together = math.sqrt(self.failures * (self.failed + self.passed))
        return self.failed / together if together else 0.0


def spectra(failing: Iterable[Iterable[Place]], passing: Iterable[Iterable[Place]]) -> Mapping[Place, Spectrum]:
    """For every place that some failing test executed."""
    runs = [set(run) for run in failing]
    failed = Counter(place for run in runs for place in run)
    passed = Counter(place for run in passing for place in set(run))
    return {place: Spectrum(count, len(runs), passed[place]) for place, count in failed.items()}
