"""Deals as they were on a day: only what was known then. What a model learns from, and what it scores. Pure.

A deal that is over is looked at on days of its life, evenly, so that the rows are like the open deals of any morning.
Its stage, activities and age are those of the day. The expected close date is left out: it is overwritten as a deal
closes. So are columns that open deals don't have, or in which closed ones say other things: filled in afterwards.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from activities.deal_scoring.facts import rows_of
from activities.scoring.columns import Row
from activities.scoring.sampling import sampled
from contracts.deals import Activity, Book, Opportunity

EVERY = 14  # days between two looks at a deal
LOOKS = 5  # at one deal
DEALS = 6_000  # closed ones that are looked at
RECENT = 14  # days
KINDS = 6  # of activities that are counted by themselves
FEW = 5  # open deals, below which they do not tell what is known beforehand
DAY = 86_400.0

Moment = dict[str, object]


@dataclass(frozen=True)
class Moments:
    """Rows with their outcomes, when those were known (UNIX seconds, or an order), and whose they are."""

    rows: list[Row]
    outcomes: list[bool]
    times: list[float]
    deals: list[str]
    notes: tuple[str, ...] = ()


class Looking:
    """Looks at deals of a book."""

    def __init__(self, book: Book) -> None:
        self.book = book
        counted = Counter(each.kind for each in book.activities if each.kind)
        self._kinds = tuple(kind for kind, _ in counted.most_common(KINDS))
        self.fields, self.late = known_beforehand(book)

    def at(self, deal: Opportunity, day: date) -> Moment:
        """What was known of the deal at the end of the day before."""
        happened = [each for each in rows_of(self.book.activities, deal.id) if each.at < day]
        row: Moment = {name: deal.fields[name] for name in self.fields if name in deal.fields}
        row |= {"owner": deal.owner, "value": None if deal.value is None else float(deal.value)}
        if deal.created is not None:
            row["days_open"] = (day - deal.created).days
        row |= self._stage(deal, day)
        if self.book.activities:
            row |= self._happened(happened, day)
        return row

    def open(self) -> list[Moment]:
        return [self.at(deal, self.book.today + timedelta(days=1)) for deal in self.book.open]

    def _stage(self, deal: Opportunity, day: date) -> Moment:
        changes = rows_of(self.book.changes, deal.id)
        before = [each for each in changes if each.at < day]
        if before:
            moved = {"days_in_stage": (day - before[-1].at).days, "stage_moves": len(before)}
            return {"stage": before[-1].stage, **moved}
        # What it says now it may not have said on an earlier day.
        now = deal.won is None and day > self.book.today
        stage = changes[0].before if changes else deal.stage if now else ""
        return {"stage": stage, "stage_moves": 0}

    def _happened(self, happened: Sequence[Activity], day: date) -> Moment:
        row: Moment = {"activities": len(happened)}
        row["activities_lately"] = sum((day - each.at).days <= RECENT for each in happened)
        kinds = Counter(each.kind for each in happened)
        row |= {f"activities_{kind}": kinds[kind] for kind in self._kinds}
        if happened:
            row["days_since_activity"] = (day - max(each.at for each in happened)).days
        return row


def closed_moments(
    book: Book, *, before: date | None = None, most: int = DEALS, looking: Looking | None = None
) -> Moments:
    """Looks at the closed deals, in order of when they closed; with `before`, at those that had closed by that day."""
    looking, until = looking or Looking(book), before or book.today + timedelta(days=1)
    closed = [each for each in book.closed if each.closed is None or each.closed < until]
    dated = [each for each in closed if each.closed is not None]
    notes = [f"Left out, since only closed deals have it: {', '.join(looking.late)}."] if looking.late else []
    if closed and not dated:
        notes.append("No deal has the day on which it closed: they are judged in the order of their ids.")
    elif len(dated) < len(closed):
        notes.append(f"{len(closed) - len(dated):,} closed deals without a closing day are not learnt from.")
    chosen = dated or closed
    ends = [place * DAY if each.closed is None else each.closed.toordinal() for place, each in enumerate(chosen)]
    places = sampled(ends, most)
    if len(places) < len(chosen):
        notes.append(
            f"Looked at {len(places):,} of {len(chosen):,} closed deals: the newest {most // 2:,}, and of the older"
            " ones as many again, evenly over their time."
        )
    found = Moments([], [], [], [], tuple(notes))
    for place in places:
        _add(found, looking, chosen[place], ends[place])
    return found


def _add(found: Moments, looking: Looking, deal: Opportunity, end: float) -> None:
    for day in looks(deal):
        found.rows.append(looking.at(deal, day))
        found.outcomes.append(bool(deal.won))
        found.times.append((end - date(1970, 1, 1).toordinal()) * DAY if deal.closed else end)
        found.deals.append(deal.id)


def looks(deal: Opportunity) -> list[date]:
    """The days on which a closed deal is looked at: evenly over its life, more often the longer it was."""
    if deal.closed is None or deal.created is None or deal.created >= deal.closed:
        return [deal.closed or date(2000, 1, 1)]
    life = (deal.closed - deal.created).days
    count = min(LOOKS, max(1, life // EVERY))
    return [deal.created + timedelta(days=round(life * (2 * place + 1) / (2 * count))) for place in range(count)]


def known_beforehand(book: Book) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The other columns by whether open deals have them too, and say the same things in them as closed ones."""
    opened, closed = book.open, book.closed
    names = dict.fromkeys(name for deal in closed for name in deal.fields)
    if len(opened) < FEW:
        return tuple(names), ()
    late = tuple(name for name in names if _afterwards(_said(opened, name), len(opened), _said(closed, name), closed))
    return tuple(name for name in names if name not in late), late


def _said(deals: Sequence[Opportunity], name: str) -> Counter[str]:
    return Counter(deal.fields[name] for deal in deals if deal.fields.get(name))


def _afterwards(opened: Mapping[str, int], of: int, closed: Mapping[str, int], all_closed: Sequence[object]) -> bool:
    filled, filled_closed = sum(opened.values()) / of, sum(closed.values()) / len(all_closed)
    if filled < filled_closed / 2:
        return True
    if len(closed) > 50:
        return False
    return sum(count for text, count in closed.items() if text in opened) < sum(closed.values()) / 2
