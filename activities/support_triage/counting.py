"""What a backfill found, counted, and a file with a line for each ticket."""

import csv
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from activities.toolbox import Toolbox
from contracts.support import BackfillPlan, BackfillReport, Guess, LearnRequest, Sorted, Tally, Triaged

COLUMNS = ("ticket", "queue", "intent", "probability", "sure", "or_else", "priority", "language", "duplicate_of", "why")
MOST_LINES, MOST_EXAMPLES = 30, 3
FOLDER = "backfills"
FORMULA = re.compile(r"[=+\-@\t\r]")


@dataclass
class Counts:
    """Tickets, sure ones and some of the ids, by a label."""

    tickets: Counter[str] = field(default_factory=Counter)
    sure: Counter[str] = field(default_factory=Counter)
    ids: dict[str, list[str]] = field(default_factory=dict)

    def add(self, name: str, id: str, is_sure: bool) -> None:
        self.tickets[name] += 1
        self.sure[name] += is_sure
        some = self.ids.setdefault(name, [])
        if len(some) < MOST_EXAMPLES:
            some.append(id)

    def tallies(self) -> tuple[Tally, ...]:
        """The largest first."""
        most = self.tickets.most_common(MOST_LINES)
        return tuple(Tally(name=n, tickets=c, sure=self.sure[n], examples=tuple(self.ids[n])) for n, c in most)


def counted_up(tools: Toolbox, request: LearnRequest, plan: BackfillPlan, parts: Sequence[str]) -> BackfillReport:
    """The report of these parts, one after the other. The file is whole or not there."""
    file = tools.state / FOLDER / f"{re.sub(r'[^A-Za-z0-9._-]', '-', request.run)}.csv"
    file.parent.mkdir(parents=True, exist_ok=True)
    aside = file.with_suffix(".part")
    queues, intents, between, others = Counts(), Counts(), Counts(), Counter[str]()
    with aside.open("w", newline="", encoding="utf-8") as opened:
        lines = csv.writer(opened)
        lines.writerow(COLUMNS)
        for key, said in _all(tools, parts):
            id = key.rpartition("#")[2]
            lines.writerow([_cell(each) for each in _line(id, said)])
            _count(id, said, queues, intents, between, others)
    aside.replace(file)
    return BackfillReport(
        source=request.history or request.source,
        read=plan.read,
        triaged=others["all"],
        confident=others["sure"],
        queues=queues.tallies(),
        intents=intents.tallies(),
        between=between.tallies(),
        unlike=others["unlike"],
        urgent=others["urgent"],
        duplicates=others["duplicates"],
        days=_days(request),
        file=str(file),
        says=plan.says,
        notes=plan.notes,
    )


def _all(tools: Toolbox, parts: Sequence[str]) -> Iterator[tuple[str, Triaged]]:
    for part in parts:
        yield from tools.artifacts.get_model(Sorted, part).tickets


def _count(id: str, said: Triaged, queues: Counts, intents: Counts, between: Counts, others: Counter[str]) -> None:
    if said.queues:
        queues.add(said.queues[0].label, id, said.confident)
    if said.intents:
        intents.add(said.intents[0].label, id, said.confident)
    if not said.confident and not said.unlike:
        between.add(" or ".join(each.label for each in (said.queues or said.intents)[:2]), id, is_sure=False)
    others["all"] += 1
    others["sure"] += said.confident
    others["unlike"] += said.unlike
    others["urgent"] += said.priority == "urgent"
    others["duplicates"] += bool(said.duplicate_of)


def _line(id: str, said: Triaged) -> tuple[str, ...]:
    guesses = said.intents or said.queues
    sure = "yes" if said.confident else "no"
    return (
        id,
        _first(said.queues),
        _first(said.intents),
        f"{guesses[0].probability:.3f}" if guesses else "",
        sure,
        "" if said.confident or len(guesses) < 2 else guesses[1].label,
        said.priority,
        said.language,
        said.duplicate_of,
        said.why,
    )


def _first(guesses: Sequence[Guess]) -> str:
    return guesses[0].label if guesses else ""


def _cell(text: str) -> str:
    """Ids and labels come from strangers: none of them is a formula in a spreadsheet."""
    return f"'{text}" if FORMULA.match(text) else text


def _days(request: LearnRequest) -> str:
    if request.since and request.until:
        return f"from {request.since} to {request.until}"
    return f"from {request.since} on" if request.since else f"until {request.until}" if request.until else ""
