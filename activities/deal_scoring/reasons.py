"""Why a deal stands where it stands, in plain words: what the model added up, and what the methodology notices."""

import math
from collections.abc import Sequence

from activities.deal_scoring.facts import Facts
from contracts.deals import Contribution, Opportunity, Scored
from contracts.methodology import Methodology, Signal, Stage

MOST_REASONS = 5
LEAST = 0.05  # log odds: less than five in a hundred is not worth a line


def reasons(deal: Opportunity, scored: Scored | None, signals: Sequence[Signal]) -> tuple[str, ...]:
    """The model's largest contributions, then the signals, each saying whether it speaks for the deal."""
    told = [contributed(each) for each in scored.contributions if abs(each.log_odds) >= LEAST] if scored else []
    told = told[: MOST_REASONS - 1]
    noticed = [f"{'For' if each.good else 'Against'} it: {each.says}" for each in signals]
    return tuple([*told, *noticed][: MOST_REASONS + 1])


def contributed(part: Contribution) -> str:
    """`For it: last meeting 4 days ago (odds ×1.8)`. The factor is exact: odds are multiplied by it."""
    return f"{'For' if part.log_odds > 0 else 'Against'} it: {part.says} (odds ×{math.exp(part.log_odds):.2g})"


def noticed(deal: Opportunity, methodology: Methodology, facts: Facts) -> list[Signal]:
    """The signals that are true of the deal, in the methodology's order."""
    return [each for each in methodology.signals if facts.all_hold(deal, each.when)]


def lacking(deal: Opportunity, stage: Stage | None, facts: Facts) -> tuple[str, ...]:
    """What the deal's stage asks for and it doesn't have: empty columns first, then exit criteria that aren't met."""
    if stage is None:
        return ()
    empty = [name for name in stage.required if facts.of(deal, name) is None]
    unmet = [each.says for each in stage.exit if each.when.fact not in empty and not facts.holds(deal, each.when)]
    return tuple(dict.fromkeys([*(name.replace("_", " ") for name in empty), *unmet]))
