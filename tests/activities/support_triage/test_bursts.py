"""Tickets that come at random raise no alarm more often than is promised."""

import numpy as np

from activities.support_triage.bursts import FALSE_ALARMS, bursts, closeness
from activities.support_triage.encoders import WordVectors
from tests.activities.support_triage.made import tickets

DAY = 24 * 3600.0


def alarms(looks: int, seed: int = 0) -> float:
    """The share of looks with an alarm, at the same tickets with shuffled times: busy by day, quiet by night."""
    rng = np.random.default_rng(seed)
    texts, intents = tickets(400, seed=8)
    vectors = WordVectors().encode(texts)
    close = closeness(vectors, np.unique(intents, return_inverse=True)[1])
    raised = 0
    for _ in range(looks):
        times = rng.integers(0, 14, len(texts)) * DAY + np.clip(rng.normal(13, 3, len(texts)), 0, 24) * 3600
        raised += bool(bursts(vectors, list(times), close, now=float(rng.uniform(2 * DAY, 14 * DAY))))
    return raised / looks


def test_false_alarms_are_as_rare_as_promised() -> None:
    assert alarms(400) <= 4 * FALSE_ALARMS  # at most one in 400, where .4 are expected at most


def test_with_no_time_before_and_with_nothing_at_all_there_is_no_alarm() -> None:
    vectors = WordVectors().encode(["the portal is down"] * 9)
    assert bursts(vectors, [100.0] * 9, 0.8, now=200.0) == []
    assert bursts(vectors[:0], [], 0.8, now=200.0) == []
