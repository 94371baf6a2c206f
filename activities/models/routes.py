"""Which tier makes a draft: the cheapest whose drafts people keep, and one up where a draft fails its checks."""

import hashlib
from collections.abc import Mapping, Sequence

from contracts.policy import Tier
from contracts.routes import Acceptance, Chosen

LEAST = 8  # decisions before a tier is judged: fewer say nothing
LOW = 0.6  # below this share of its drafts kept, a tier is passed over
PRIOR_KEPT, PRIOR_DECISIONS = 4.0, 5.0  # what is believed of a tier that nobody has seen a draft of
TRIED_AGAIN = 10  # one run in so many asks a tier that was passed over, or it could never do better


def choose(tiers: Sequence[Tier], measured: Mapping[str, Acceptance], run: str) -> Chosen:
    """The tier for a run's first draft, of `tiers` from cheap to dear."""
    passed: list[str] = []
    for tier in tiers:
        if not is_low(measured.get(tier)):
            return Chosen(tier=tier, why=because(tier, passed, measured))
        if is_due(run):
            return Chosen(tier=tier, why=f"One run in {TRIED_AGAIN} asks the {tier} tier again: {low(tier, measured)}")
        passed.append(low(tier, measured))
    best = max(tiers, key=lambda tier: estimate(measured.get(tier)))
    return Chosen(tier=best, why=f"No tier is kept often, and this one most. {' '.join(passed)}")


def escalate(tiers: Sequence[Tier], failed: str) -> Chosen:
    """The tier for another try after one whose draft failed its checks: one up, or the same where there is none."""
    after = [tier for tier in tiers if tier == failed]
    higher = tiers[tiers.index(after[0]) + 1 :] if after else ()
    if higher:
        return Chosen(tier=higher[0], why=f"The draft of the {failed} tier failed its checks.")
    return Chosen(
        tier=after[0] if after else tiers[-1], why="Its first draft failed its checks, and no larger tier may be asked."
    )


def cheaper(tiers: Sequence[Tier], chosen: Chosen, why: str) -> Chosen | None:
    """The model one tier below one that the budget does not hold, or None where there is none."""
    below = [tier for tier in tiers[: tiers.index(chosen.tier)] if tier != "baseline"] if chosen.tier in tiers else []
    return Chosen(tier=below[-1], why=f"Not the {chosen.tier} tier: {why}") if below else None


def estimate(known: Acceptance | None) -> float:
    """The share of a tier's drafts that people keep, drawn towards what is believed of one that nobody knows."""
    kept, decisions = (known.kept, known.decisions) if known is not None else (0.0, 0)
    return (PRIOR_KEPT + kept) / (PRIOR_DECISIONS + decisions)


def is_low(known: Acceptance | None) -> bool:
    return known is not None and known.decisions >= LEAST and estimate(known) < LOW


def is_due(run: str) -> bool:
    """The same answer for every attempt of a run."""
    return int.from_bytes(hashlib.sha256(run.encode()).digest()[:4]) % TRIED_AGAIN == 0


def low(tier: str, measured: Mapping[str, Acceptance]) -> str:
    return f"Of the drafts of the {tier} tier people kept {estimate(measured[tier]):.0%} ({measured[tier].says})."


def because(tier: str, passed: Sequence[str], measured: Mapping[str, Acceptance]) -> str:
    if passed:
        return " ".join(passed)
    known = measured.get(tier)
    if known is None or not known.decisions:
        return "The cheapest tier that may be asked."
    return f"The cheapest tier whose drafts are kept: {known.says}."
