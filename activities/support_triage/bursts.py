"""Many similar tickets in a short time are one incident; and one ticket that says what another said is a duplicate.

A burst is held against chance: were the same tickets spread over the time at random, so many similar ones would come
together in fewer than `FALSE_ALARMS` of all looks. Only the share of similar tickets counts, not how many come in all:
a busy Monday is no incident.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import hypergeom
from threadpoolctl import threadpool_limits

from activities.support_triage.encoders import Matrix
from activities.support_triage.words import Labels

Times = NDArray[np.float64]

WINDOWS = (3_600.0, 4 * 3_600.0)  # seconds back from now
FALSE_ALARMS = 0.001  # of looks at tickets that came at random
FEWEST = 4  # tickets that make a burst
MOST = 5_000  # of the newest tickets that a look compares
SAME, SAME_WORDS = 0.85, 92  # cosine, and likeness of the words in percent, from which on two tickets say the same
MOST_READ = 2_000  # characters of a ticket whose words are compared
NUMBERS = re.compile(r"\d+")
NEIGHBOUR = 5  # the example of the same intent whose distance says what "similar" is


@dataclass(frozen=True)
class Burst:
    """`places` of the tickets, oldest first. `expected`: how many of them chance would have brought in that time.

    `chance`: of so many by accident, in any of a look's comparisons.
    """

    places: tuple[int, ...]
    first: float
    last: float
    expected: float
    chance: float


def closeness(vectors: Matrix, labels: Labels) -> float:
    """The cosine from which on tickets are similar: what it usually is to the fifth nearest of the same intent."""
    rng = np.random.default_rng(0)
    found: list[float] = []
    for label in np.unique(labels):
        own = np.flatnonzero(labels == label)
        own = rng.permutation(own)[:200]
        if len(own) > 1:
            with threadpool_limits(1):
                alike = np.sort(vectors[own] @ vectors[own].T, axis=1)[:, ::-1]
            found.extend(alike[:, min(NEIGHBOUR, len(own) - 1)])
    return float(np.median(found)) if found else 0.9


def bursts(vectors: Matrix, times: Sequence[float], close: float, now: float) -> list[Burst]:
    """Bursts among tickets that came until `now` (seconds, as `times`), the largest first; none shares a ticket.

    `vectors`: of the tickets of some days or weeks, from which chance is told; the newest 5,000 are compared.
    """
    at = np.asarray(times, np.float64)
    order = np.argsort(at, kind="stable")
    newest = order[at[order] <= now][-MOST:]
    found: list[Burst] = []
    for window in WINDOWS:
        found += _in_window(vectors[newest], at[newest], newest, close, now - window)
    taken: set[int] = set()
    kept = []
    for burst in sorted(found, key=lambda each: (-len(each.places), each.chance)):
        if not taken & set(burst.places):
            kept.append(burst)
            taken |= set(burst.places)
    return kept


def _in_window(vectors: Matrix, at: Times, names: Labels, close: float, since: float) -> list[Burst]:
    inside = np.flatnonzero(at > since)
    if len(inside) < FEWEST or len(inside) == len(at):
        return []  # with no time before there is nothing to hold it against
    with threadpool_limits(1):
        alike = vectors[inside] @ vectors.T >= close
    together, ever = alike[:, inside].sum(1), alike.sum(1)
    # Of all tickets but the one that it is compared with, so many are similar, and so many of those came in the window.
    chance = hypergeom.sf(together - 2, len(at) - 1, ever - 1, len(inside) - 1) * len(inside) * len(WINDOWS)
    found, taken = [], np.zeros(len(inside), bool)
    for seed in np.lexsort((chance, -together)):
        if together[seed] < FEWEST or chance[seed] > FALSE_ALARMS or taken[seed]:
            continue
        members = np.flatnonzero(alike[seed, inside] & ~taken)
        taken[members] = True
        if len(members) >= FEWEST:
            expected = 1 + (ever[seed] - 1) * (len(inside) - 1) / (len(at) - 1)
            found.append(_burst(inside[members], at, names, float(expected), float(chance[seed])))
    return found


def _burst(places: Labels, at: Times, names: Labels, expected: float, chance: float) -> Burst:
    order = places[np.argsort(at[places], kind="stable")]
    return Burst(tuple(int(names[p]) for p in order), float(at[order[0]]), float(at[order[-1]]), expected, chance)


def duplicates(alike: Matrix, texts: Sequence[str], other_texts: Sequence[str]) -> list[int]:
    """For each text the place of the other that says the same, or -1. Other numbers in it make it another case.

    `alike`: the cosine of each to each of the others, less than 0 where that one is out of the question.
    """
    if not alike.size:
        return [-1] * len(texts)
    places = alike.argmax(1)
    pairs = zip(texts, places, alike.max(1), strict=True)
    return [int(p) if score >= SAME and _say_the_same(text, other_texts[p]) else -1 for text, p, score in pairs]


def _say_the_same(one: str, other: str) -> bool:
    from rapidfuzz import fuzz, utils

    if sorted(NUMBERS.findall(one[:MOST_READ])) != sorted(NUMBERS.findall(other[:MOST_READ])):
        return False
    alike = fuzz.ratio(one[:MOST_READ], other[:MOST_READ], processor=utils.default_process)
    return bool(alike >= SAME_WORDS)
