"""How long a busy provider is left alone."""

import random

FIRST, LONGEST = 2.0, 60.0  # seconds
SPREAD = 0.1


def pause(retry_after: float | None, attempt: int) -> float:
    """Seconds until the next attempt, which is the one after `attempt` (the first is 1).

    What the provider asks for is kept to, and a little more: all who were told the same moment should not come back
    at it. Where it says nothing, the pause doubles, anywhere between half of it and all of it.
    """
    if retry_after is not None:
        return retry_after * (1 + random.uniform(0, SPREAD))  # noqa: S311
    whole = min(LONGEST, FIRST * 2.0 ** min(attempt - 1, 10))
    return float(whole * random.uniform(0.5, 1))  # noqa: S311
