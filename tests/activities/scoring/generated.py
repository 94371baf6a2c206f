"""A generated history of deals: no row of it is of anybody. Their outcome depends on a few of the columns."""

from typing import NamedTuple

import numpy as np

SOURCES = ("referral", "website", "fair", "إحالة من عميل")


class Generated(NamedTuple):
    rows: list[dict[str, str]]
    outcomes: list[bool]
    times: list[float]


def deals(count: int = 600, *, seed: int = 1, noise: bool = False) -> Generated:
    """In order of time, a day apart. With `noise` the outcome has nothing to do with the columns."""
    random = np.random.default_rng(seed)
    source, visits = random.integers(0, len(SOURCES), count), random.gamma(2.0, 3.0, count)
    odds = -4 + 3.0 * (source == 0) + 2.0 * (source == 3) + 0.4 * np.minimum(visits, 9)
    chance = np.full(count, 0.4) if noise else 1 / (1 + np.exp(-odds))
    rows = [
        {
            "id": f"D-{place:05}",
            "source": SOURCES[source[place]],
            "visits": "" if place % 11 == 0 else f"{visits[place]:.2f}",
            "country": "DE" if place % 3 else "",
            "segment": "everybody",
            "fax": "",
        }
        for place in range(count)
    ]
    outcomes = [bool(each) for each in random.random(count) < chance]
    return Generated(rows, outcomes, [86_400.0 * place for place in range(count)])
