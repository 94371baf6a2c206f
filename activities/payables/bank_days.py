"""The days on which an account's bank works, and when an order given now can leave.

Holidays are those of the `holidays` package: of a country (`DE`, with `subdivision` `BY`), or of a payment system by
its name there (`ECB` for euro payments between banks, `FED` for dollars). Without a country, only weekends are free.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Container
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from contracts.errors import PayablesUnusable
from contracts.payables import CashAccount

FARTHEST = timedelta(days=3660)  # later due dates, which are slips of the pen, count as this far
PAST = timedelta(days=14)  # to know on which bank day a weekend ends that has begun
SLACK = timedelta(days=75)  # more than the longest way of money, 30 bank days, and any holidays in it


@dataclass(frozen=True, slots=True)
class BankDays:
    """Bank days by place: 0 is the first that an order given now could leave on, if nobody had to sign it."""

    days: tuple[date, ...]
    start: int  # where in `days` place 0 is
    arrival: int  # bank days from leaving to being there

    @classmethod
    def of(cls, account: CashAccount, now: datetime, until: date) -> "BankDays":
        """At least to `until` and what money that leaves then needs. PayablesUnusable: no such country or timezone."""
        here = now.astimezone(_zone(account.timezone))
        today = here.date()
        first = today if here.time() <= account.cut_off else today + timedelta(days=1)
        begin, end = today - PAST, min(max(until, today), today + FARTHEST) + SLACK
        free = _holidays(account.country, account.subdivision, tuple(range(begin.year, end.year + 1)))
        span = (begin + timedelta(days=i) for i in range((end - begin).days + 1))
        usual = (day for day in span if day in account.opened or (day.weekday() < 5 and day not in free))
        days = tuple(day for day in usual if day not in account.closed)
        return cls(days, bisect_left(days, first), account.arrival_days)

    def day(self, place: int) -> date:
        """The date of a place; of one outside of what is known, the nearest that is."""
        return self.days[min(max(place + self.start, 0), len(self.days) - 1)]

    def after(self, day: date) -> int:
        """The place of the first bank day at or after it."""
        return bisect_left(self.days, day) - self.start

    def before(self, day: date) -> int:
        """The place of the last bank day at or before it."""
        return bisect_right(self.days, day) - 1 - self.start

    def arrives(self, place: int) -> date:
        """When money that leaves then is there."""
        return self.day(place + self.arrival)

    def limit(self, day: date, weekend: str) -> date:
        """The last day on which money is in time: the day itself, or the bank day after it where terms say so."""
        known = weekend == "after" and self.days[0] <= day <= self.days[-1]
        return self.days[bisect_left(self.days, day)] if known else day

    def last_for(self, limit: date) -> int:
        """The last place from which money is there by then. It may have passed."""
        return min(self.before(limit), len(self.days) - 1 - self.start) - self.arrival


def cut_off(account: CashAccount, day: date) -> datetime:
    """Until when the account's bank takes orders for that day, in UTC."""
    return datetime.combine(day, account.cut_off, _zone(account.timezone)).astimezone(UTC)


def local_day(account: CashAccount, now: datetime) -> date:
    """Today, where the account's bank is."""
    return now.astimezone(_zone(account.timezone)).date()


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise PayablesUnusable(
            f"There is no timezone {name!r}.", subject=name, way_out="Give one such as Europe/Berlin."
        ) from error


@lru_cache(maxsize=64)
def _holidays(country: str, subdivision: str, years: tuple[int, ...]) -> Container[date]:
    if not country:
        return frozenset()
    import holidays  # half a second, which only whoever makes a schedule pays

    try:
        if country.upper() in holidays.list_supported_financial():
            found = holidays.financial_holidays(country.upper(), years=years)
        else:
            found = holidays.country_holidays(country.upper(), subdiv=subdivision or None, years=years)
    except NotImplementedError as error:
        raise PayablesUnusable(
            f"The holidays of {' '.join(filter(None, (country, subdivision)))!r} are not known.",
            subject=country,
            way_out="Give a country such as DE, with a subdivision such as BY, or a payment system: ECB or FED.",
        ) from error
    return frozenset(found)
