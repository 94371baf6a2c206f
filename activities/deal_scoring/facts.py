"""Facts of a deal on a day, as the methodology's conditions ask for them. Pure."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping
from datetime import date
from operator import attrgetter
from typing import TypeVar

from contracts.deals import Activity, Book, Opportunity, StageChange
from contracts.methodology import Condition, Methodology

Fact = float | str | None
OfDeal = TypeVar("OfDeal", Activity, StageChange)


class Facts:
    """Looks up facts of a book's deals."""

    def __init__(self, book: Book) -> None:
        self._book = book
        self.today = book.today

    def of(self, deal: Opportunity, fact: str) -> Fact:
        """A number, a text, or None where it isn't known."""
        known = getattr(self, f"_{fact}", None) if fact in KNOWN else None
        if known is not None:
            return known(deal)  # type: ignore[no-any-return]
        if fact.startswith("activities_"):
            return float(len(self._of_kind(deal, fact.removeprefix("activities_"))))
        if fact.startswith("days_since_"):
            return self._since(self._of_kind(deal, fact.removeprefix("days_since_")))
        return deal.fields.get(fact)

    def holds(self, deal: Opportunity, condition: Condition) -> bool:
        """Whether the condition is true of the deal. Of a fact that isn't known only `missing` is."""
        fact = self.of(deal, condition.fact)
        if condition.missing:
            return fact is None
        if fact is None:
            return False
        if condition.present:
            return True
        if condition.at_least is not None or condition.at_most is not None:
            number = _number(fact)
            if number is None:
                return False
            return (
                number >= condition.at_least if condition.at_least is not None else number <= (condition.at_most or 0)
            )
        wanted = (condition.equals,) if condition.equals is not None else condition.any_of or ()
        return str(fact).casefold() in {str(each).casefold() for each in wanted}

    def all_hold(self, deal: Opportunity, conditions: Iterable[Condition]) -> bool:
        return all(self.holds(deal, each) for each in conditions)

    def activities(self, deal: Opportunity) -> tuple[Activity, ...]:
        """Those of the deal, the oldest first."""
        return rows_of(self._book.activities, deal.id)

    def _of_kind(self, deal: Opportunity, kind: str) -> list[Activity]:
        return [each for each in self.activities(deal) if each.kind == kind.casefold()]

    def _since(self, activities: Iterable[Activity]) -> float | None:
        newest = max((each.at for each in activities), default=None)
        return None if newest is None else float((self.today - newest).days)

    def _stage(self, deal: Opportunity) -> Fact:
        return deal.stage or None

    def _value(self, deal: Opportunity) -> Fact:
        return None if deal.value is None else float(deal.value)

    def _activities(self, deal: Opportunity) -> Fact:
        return float(len(self.activities(deal)))

    def _days_since_activity(self, deal: Opportunity) -> Fact:
        """Since the last one; of a deal with none, since it was made."""
        found = self._since(self.activities(deal))
        return found if found is not None or not self._book.activities else self._days_open(deal)

    def _days_open(self, deal: Opportunity) -> Fact:
        return None if deal.created is None else float((self.today - deal.created).days)

    def _days_in_stage(self, deal: Opportunity) -> Fact:
        came = [each.at for each in self._changes(deal) if each.stage.casefold() == deal.stage.casefold()]
        return float((self.today - max(came)).days) if came else self._days_open(deal)

    def _changes(self, deal: Opportunity) -> tuple[StageChange, ...]:
        return rows_of(self._book.changes, deal.id)

    def _days_to_close(self, deal: Opportunity) -> Fact:
        """Days until its close date; not known of one that is over."""
        left = None if deal.closes is None else (deal.closes - self.today).days
        return None if left is None or left < 0 else float(left)

    def _days_overdue(self, deal: Opportunity) -> Fact:
        over = None if deal.closes is None else (self.today - deal.closes).days
        return None if over is None or over <= 0 else float(over)


KNOWN = frozenset(
    (
        *("stage", "value", "activities", "days_open", "days_in_stage"),
        *("days_to_close", "days_overdue", "days_since_activity"),
    )
)


def columns_asked(methodology: Methodology) -> Mapping[str, str]:
    """Columns of a deal that the methodology asks for, and what asks."""
    found: dict[str, str] = {}
    for stage in methodology.stages:
        found |= dict.fromkeys(stage.required, f"the stage {stage.name!r}")
        found |= {each.when.fact: f"the stage {stage.name!r}" for each in stage.exit}
    for signal in methodology.signals:
        found |= {each.fact: f"the signal {signal.name!r}" for each in signal.when}
    for play in methodology.plays:
        found |= {each.fact: f"the play {play.name!r}" for each in play.when}
    found |= {each.fact: "let_go" for each in methodology.let_go.when}
    return {
        fact: what
        for fact, what in found.items()
        if fact not in KNOWN and not fact.startswith(("activities_", "days_since_"))
    }


def rows_of(rows: tuple[OfDeal, ...], deal: str) -> tuple[OfDeal, ...]:
    """Those of one deal, out of rows in order of deals."""
    of = attrgetter("deal")
    return rows[bisect_left(rows, deal, key=of) : bisect_right(rows, deal, key=of)]


def _number(fact: float | str) -> float | None:
    try:
        return float(fact)
    except ValueError:
        return None


def day_after(today: date, working_days: int) -> date:
    """The day that many working days from today; today itself, or the next working day, for none."""
    at = today
    while at.weekday() >= 5:
        at = date.fromordinal(at.toordinal() + 1)
    for _ in range(working_days):
        at = date.fromordinal(at.toordinal() + 1)
        while at.weekday() >= 5:
            at = date.fromordinal(at.toordinal() + 1)
    return at
