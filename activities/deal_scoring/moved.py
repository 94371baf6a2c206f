"""What is different from the last run. Pure."""

from activities.deal_scoring.money import money
from contracts.deals import Book, Moved, RankedDeal, Seen, Snapshot
from contracts.methodology import Methodology

POINTS = 0.05  # a chance that moved by less is not told of


def moved(deal: RankedDeal, before: Seen | None, methodology: Methodology, currency: str) -> tuple[Moved, ...]:
    """What is different of a deal that is open now; that it is new, where it was not there."""
    if before is None:
        return (Moved(says="new", good=True),)
    found = []
    if deal.stage.casefold() != before.stage.casefold():
        says = f"{before.stage or 'no stage'} → {deal.stage or 'no stage'}"
        found.append(Moved(says=says, good=_forward(deal, before, methodology)))
    if deal.value != before.value:
        up = None if deal.value is None or before.value is None else deal.value > before.value
        found.append(Moved(says=f"{money(before.value, currency)} → {money(deal.value, currency)}", good=up))
    if deal.closes != before.closes:
        later = None if deal.closes is None or before.closes is None else deal.closes > before.closes
        good = None if later is None else not later
        found.append(Moved(says=f"closes {deal.closes or 'on no day'}, was {before.closes or 'no day'}", good=good))
    if deal.chance is not None and before.chance is not None and abs(deal.chance - before.chance) >= POINTS:
        says = f"chance {before.chance:.0%} → {deal.chance:.0%}"
        found.append(Moved(says=says, good=deal.chance > before.chance))
    return tuple(found)


def ended(book: Book, before: Snapshot | None) -> tuple[Moved, ...]:
    """Deals that were open at the last run and aren't any more."""
    if before is None:
        return ()
    now = {each.id: each for each in book.opportunities}
    found = []
    for key, seen in before.deals.items():
        deal = now.get(key)
        if deal is None:
            found.append(Moved(says=f"{seen.name} is not in the source any more"))
        elif deal.won is not None:
            worth = money(deal.value, book.currency)
            found.append(Moved(says=f"{deal.name} was {'won' if deal.won else 'lost'}: {worth}", good=deal.won))
    return tuple(found)


def snapshot(book: Book, deals: tuple[RankedDeal, ...]) -> Snapshot:
    """What the next run compares with."""
    seen = {
        each.id: Seen(
            name=each.name,
            stage=each.stage,
            value=each.value,
            closes=each.closes,
            chance=each.chance,
            planned=each.planned,
        )
        for each in deals
    }
    return Snapshot(today=book.today, source=book.source, deals=seen)


def _forward(deal: RankedDeal, before: Seen, methodology: Methodology) -> bool | None:
    names = [each.casefold() for each in methodology.stage_names]
    was, now = before.stage.casefold(), deal.stage.casefold()
    return names.index(now) > names.index(was) if was in names and now in names else None
