"""Scores open deals by a trained model, and says its reasons in plain words."""

from collections.abc import Iterator, Mapping

from activities.deal_scoring.moments import Looking
from activities.scoring.additive import Additive
from contracts.deals import Book, Contribution, Scored
from contracts.scoring import Reason, Score

MOST_DIGITS = 20

LEAST = 1e-9  # log-odds; less is nothing


class DealModel:
    """A `Scorer` by an additive model."""

    def __init__(self, model: Additive) -> None:
        self._model = model

    def score(self, book: Book) -> Mapping[str, Scored]:
        rows = Looking(book).open()
        scores = self._model.score(rows).scores(rows)
        return {deal.id: _scored(deal.id, score) for deal, score in zip(book.open, scores, strict=True)}


def _scored(deal: str, score: Score) -> Scored:
    return Scored(
        deal=deal,
        chance=score.probability,
        low=score.low,
        high=score.high,
        base=score.start,
        contributions=tuple(_contributions(score)),
    )


def _contributions(score: Score) -> Iterator[Contribution]:
    for reason in score.reasons:
        if abs(reason.adds) > LEAST:
            feature = " and ".join((reason.column, *(column for column, _ in reason.together)))
            yield Contribution(feature=feature, says=in_words(reason), log_odds=reason.adds)


def in_words(reason: Reason) -> str:
    """`last activity 4 days ago`; `source: referral`; `source: referral, together with last activity 4 days ago`."""
    first, *others = (_in_words(*part) for part in ((reason.column, reason.said), *reason.together))
    return first if not others else f"{first}, together with {' and '.join(others)}"


def _in_words(column: str, said: str) -> str:
    name = column.replace("_", " ")
    if not said:
        return "no activity yet" if column == "days_since_activity" else f"{name}: not known"
    count = said.removesuffix(".0")
    if column == "days_since_activity":
        return f"last activity {count} {_of(count, 'day')} ago"
    if column == "days_open":
        return f"open for {count} {_of(count, 'day')}"
    if column == "days_in_stage":
        return f"in its stage for {count} {_of(count, 'day')}"
    if column == "stage_moves":
        return f"its stage changed {count} {_of(count, 'time')}"
    if column == "activities":
        return f"{count} {_of(count, 'activity', 'activities')} so far"
    if column == "activities_lately":
        return f"{count} {_of(count, 'activity', 'activities')} in the last two weeks"
    if column.startswith("activities_"):
        return f"{count} of kind {column.removeprefix('activities_')!r} so far"
    return f"{name}: {_amount(said)}"


def _amount(said: str) -> str:
    """`37,800` for `37800.0`; other words as they are."""
    try:
        return f"{float(said):,.6g}" if len(said) < MOST_DIGITS else said
    except ValueError:
        return said


def _of(count: str, one: str, many: str = "") -> str:
    return one if count == "1" else many or f"{one}s"
