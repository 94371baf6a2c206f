"""What a reviewer sees of a day's plan. Pure. Names and notes are other people's words: cut, and shown as text."""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Literal

from activities.deal_scoring.certificate import calibrated, version
from activities.deal_scoring.money import money
from activities.models.injection import findings
from contracts import shown
from contracts.deals import Book, DealsTrained, Moved, RankedDeal, Ranking
from contracts.plots import PlotPanel, PlotSeries
from contracts.proposal import Cell, MarkdownPanel, Panel, TablePanel
from contracts.scoring import Trained

MOST_ROWS, MOST_LISTED = 60, 200
WEEKS = 13
MOST_READ = 5_000  # notes looked at for words that are meant for a machine


def panels(made: Ranking, book: Book, trained: DealsTrained, report: Trained | None = None) -> tuple[Panel, ...]:
    """The evidence, in the order in which it is read. `report` is the certificate of the model."""
    found: list[Panel | None] = [
        _today(made),
        _sure(made, trained, report),
        _moved(made),
        _let_go(made),
        _hours(made),
        _curve(made),
        _speaking(book),
        _lessons(made),
        _listed(made),
        _flaws(made),
    ]
    return tuple(each for each in found if each is not None)


def _today(made: Ranking) -> TablePanel:
    names = {plan.rep: at for at, plan in enumerate(made.plans)}
    planned = sorted(made.planned, key=lambda each: names.get(each.action.owner if each.action else "", 0))
    rows = [
        (
            _cell(each.action.owner),
            _cell(each.action.says),
            _cell(str(each.action.due)),
            _cell(f"{each.action.hours:g} h"),
            _cell(money(each.value, made.currency)),
            _cell(chance(each)),
            _cell("; ".join([each.action.why, *each.reasons[:2]]).strip("; ")),
        )
        for each in planned
        if each.action
    ]
    columns = ("Who", "Do", "Due", "Takes", "Worth", "Chance", "Why")
    return _table("Today", columns, rows, MOST_ROWS)


def _moved(made: Ranking) -> TablePanel | None:
    changes = [(each.name, each.owner, part) for each in made.deals for part in each.moved]
    rows = [(_cell(name), _cell(owner), _tone(part)) for name, owner, part in changes]
    rows += [(_cell(""), _cell(""), _tone(part)) for part in made.ended]
    if not rows:
        return None
    return _table(f"What moved since {made.compared_with}", ("Deal", "Owner", "What"), rows, MOST_ROWS)


def _let_go(made: Ranking) -> TablePanel | None:
    rows = [
        (_cell(each.name), _cell(each.owner), _cell(money(each.value, made.currency)), _cell(each.drop))
        for each in made.drops
    ]
    return _table("Deals to let go", ("Deal", "Owner", "Worth", "Why"), rows, MOST_ROWS) if rows else None


def _hours(made: Ranking) -> TablePanel:
    rows = [
        (
            _cell(plan.rep),
            _cell(f"{plan.used:g} of {plan.hours:g} h"),
            _cell(str(len(plan.deals))),
            _cell(str(len(plan.waiting))),
            _cell("nothing better fits" if plan.exact else "the best that was found in time"),
        )
        for plan in made.plans
    ]
    return _table("Whose day", ("Who", "Hours", "Actions", "Wait for another day", "How good"), rows, MOST_ROWS)


def _curve(made: Ranking) -> PlotPanel | None:
    """What is expected to come in, added up week by week by the deals' close dates."""
    days = tuple(made.today + timedelta(weeks=week) for week in range(WEEKS + 1))
    known = [each for each in made.deals if each.closes is not None and each.value is not None]
    if not known:
        return None

    def until(value: Literal["expected", "low", "high"]) -> tuple[float, ...]:
        return tuple(
            round(sum(_part(each, value) for each in known if each.closes and each.closes <= day), 2) for day in days
        )

    banded = made.by_model and all(each.low is not None for each in known)
    band = {"low": until("low"), "high": until("high")} if banded else {}
    series = PlotSeries(name="Expected", y=until("expected"), as_="steps", **band)
    note = "By the deals' own close dates; what is overdue counts from the first day."
    if without := sum(each.likely is None for each in known):
        note += f" {without:,} of {len(known):,} deals count with all that they are worth: nobody knows their chance."
    return PlotPanel(title="Expected to come in", series=(series,), days=days, unit=made.currency, note=note)


def _part(deal: RankedDeal, value: str) -> float:
    if value == "expected" or deal.value is None:
        return float(deal.expected)
    return float(deal.value) * float((deal.low if value == "low" else deal.high) or 0)


def _speaking(book: Book) -> TablePanel | None:
    """Notes that seem to be meant for a machine. For the reviewer's eyes: nothing else looks at them."""
    names = {each.id: each.name for each in book.open}
    texts = [(names[each.deal], each.note) for each in book.activities if each.note and each.deal in names][:MOST_READ]
    texts += [(each.name, " ".join((each.name, *each.fields.values()))) for each in book.open[:MOST_READ]]
    found = [(name, finding) for name, text in texts for finding in findings(text)]
    rows = [(_cell(name), _cell(finding.what), _cell(finding.quote, 200)) for name, finding in found]
    title = "Notes that seem to tell a machine what to do"
    return _table(title, ("Deal", "It seems to want", "Its words"), rows, MOST_ROWS) if rows else None


def _lessons(made: Ranking) -> TablePanel | None:
    rows = [(_cell(each, 300),) for each in made.lessons]
    return _table("What people said before", ("Heeded",), rows, MOST_ROWS, folded=True) if rows else None


def _listed(made: Ranking) -> TablePanel:
    rows = [
        (
            _cell(each.name),
            _cell(each.owner),
            _cell(each.stage),
            _cell(money(each.value, made.currency)),
            _cell(chance(each)),
            _cell(money(each.expected, made.currency)),
            _cell(each.rests or "; ".join((*each.reasons[:3], *(f"missing: {part}" for part in each.missing[:2])))),
        )
        for each in made.deals
    ]
    columns = ("Deal", "Owner", "Stage", "Worth", "Chance", "Expected", "Why")
    return _table("The whole list", columns, rows, MOST_LISTED, folded=True)


def _flaws(made: Ranking) -> TablePanel | None:
    rows = [
        (_cell(each.where), _cell(each.says, 300), _cell(f"{each.rows:,}"), _cell("; ".join(each.examples)))
        for each in made.flaws
    ]
    columns = ("Where", "What could not be used as it is", "Rows", "Such as")
    return _table("Flaws of the source", columns, rows, MOST_LISTED, folded=True) if rows else None


def _sure(made: Ranking, trained: DealsTrained, report: Trained | None) -> MarkdownPanel:
    if not made.by_model:
        text = (
            f"{shown.words(made.refused or 'No model serves.')} Deals are ranked by value and by what the methodology "
            "says of their stages; no chance here is learnt."
        )
    else:
        told = [f"The chances are learnt from {trained.deals:,} closed deals of the same source."]
        if trained.auc is not None:
            told.append(f"On later deals than those, it put a won one before a lost one in {trained.auc:.0%} of cases.")
        if trained.brier is not None and trained.base_brier:
            better = 1 - trained.brier / trained.base_brier
            told.append(f"Its chances were {better:.0%} nearer to what happened than the base rate (Brier score).")
        if report is not None:
            told.append(calibrated(report))
            told.append(f"Version `{version(report)}`: of its data's sha256, and how often it was calibrated since.")
        text = " ".join(filter(None, told))
    return MarkdownPanel(title="How sure this is", text=text)


def chance(deal: RankedDeal) -> str:
    """`62% (48–74%)`; by the methodology where no model serves."""
    if deal.chance is not None:
        band = "" if deal.low is None or deal.high is None else f" ({deal.low:.0%}–{deal.high:.0%})"
        return f"{deal.chance:.0%}{band}"
    return "unknown" if deal.stage_chance is None else f"{deal.stage_chance:.0%} by stage"


def _tone(part: Moved) -> Cell:
    tone: Literal["", "good", "bad"] = "" if part.good is None else "good" if part.good else "bad"
    return Cell(text=shown.spelt(part.says)[:300], tone=tone)


def _cell(text: str, most: int = 400) -> Cell:
    told = shown.spelt(" ".join(text.split()))
    return Cell(text=told if len(told) <= most else f"{told[: most - 1]}…")


def _table(
    title: str, columns: Sequence[str], rows: Iterable[tuple[Cell, ...]], most: int, *, folded: bool = False
) -> TablePanel:
    every = list(rows)
    more = len(every) - most
    return TablePanel(
        title=title,
        columns=tuple(columns),
        rows=tuple(every[:most]),
        note=f"{more:,} more are not shown." if more > 0 else "",
        folded=folded,
    )
