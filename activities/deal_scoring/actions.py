"""What to do about a deal: the first play of the methodology that fits it, its owner, and when it is due. Pure."""

from collections.abc import Container, Sequence

from activities.deal_scoring.booking import cut
from activities.deal_scoring.facts import Facts, day_after
from contracts.deals import Action, Opportunity
from contracts.methodology import Methodology, Play, Signal

LET_GO = "let_go"  # the play of a deal that is one to let go
LET_GO_HOURS = 0.1
MOST_MISSING = 4


def next_action(
    deal: Opportunity,
    methodology: Methodology,
    facts: Facts,
    signals: Sequence[Signal],
    missing: Sequence[str],
    refused: Container[str],
) -> Action | None:
    """The action; None where no play fits. `refused`: plays that its owner has turned down for good."""
    names = {each.name for each in signals}
    for play in methodology.plays:
        if play.name not in refused and _fits(play, deal, methodology, facts, names, missing):
            return made(play, deal, methodology, missing, facts)
    return None


def made(play: Play, deal: Opportunity, methodology: Methodology, missing: Sequence[str], facts: Facts) -> Action:
    """The play as an action for that deal."""
    more = len(missing) - MOST_MISSING
    listed = ", ".join(missing[:MOST_MISSING]) + (f" and {more} more" if more > 0 else "")
    says = play.says.format(deal=deal.name, stage=deal.stage, missing=listed, owner=deal.owner)
    return Action(
        play=play.name,
        says=cut(says, 400),
        why=play.why,
        owner=_owner(play, deal, methodology),
        due=day_after(facts.today, play.due_days),
        hours=play.hours,
        strength=play.strength,
    )


def _fits(
    play: Play, deal: Opportunity, methodology: Methodology, facts: Facts, signals: set[str], missing: Sequence[str]
) -> bool:
    """A play that tells what is missing fits only where something is."""
    stages = {each.casefold() for each in play.stages}
    return (
        (not stages or deal.stage.casefold() in stages)
        and signals.issuperset(play.signals)
        and facts.all_hold(deal, play.when)
        and bool(missing or "{missing}" not in play.says)
    )


def _owner(play: Play, deal: Opportunity, methodology: Methodology) -> str:
    if play.owner == "owner":
        return deal.owner
    return next((each.name for each in methodology.people if each.role == play.owner), deal.owner)
