"""Which rows of a long history are learnt from: the same each time, the newest whole and the older ones thinned."""

from collections.abc import Sequence

import numpy as np

MOST = 30_000


def sampled(times: Sequence[float], most: int = MOST) -> list[int]:
    """Places of at most `most` rows, in order of time: all where they fit, else the newest half of `most` and, of the
    older ones, as many again, evenly over them. Rows of the same time stay in their order."""
    order = np.argsort(np.array(times, float), kind="stable")
    if len(order) <= most:
        return [int(place) for place in order]
    newest = most // 2
    older, recent = order[:-newest], order[-newest:]
    thinned = older[np.linspace(0, len(older) - 1, most - newest).round().astype(int)]
    return [int(place) for place in np.concatenate([thinned, recent])]


def says(rows: int, used: int) -> str:
    """For people; empty where all rows were used."""
    if used == rows:
        return ""
    return (
        f"Learnt from {used:,} of {rows:,} rows: the newest {used // 2:,} whole, and of the older ones as many again,"
        " evenly over their time."
    )
