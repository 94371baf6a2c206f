"""When customers will pay: the median of days and the chance of late, from what was settled before.

A regression toward the median (reweighted ridge) with an effect of each fact, of each customer, and of each fact at
each customer, which are pulled to nothing where little was seen. A fact counts as known on the invoice's date; a fact
that is a date only counts by whether it had come by then. Columns that tell the outcome are left out, by name and
reason.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, diags_array
from scipy.sparse.linalg import cg
from threadpoolctl import threadpool_limits

from activities.scoring.judging import auc
from contracts.payables import Expected, ReceiptsReport, Receivable

Floats = NDArray[np.float64]
NEWEST = 20_000  # invoices learnt from
LEVELS = 12  # values of a fact; one with more is no category
GROWN = 0.95  # of the days that invoices took: whose age is less teaches nothing yet
LEAST = 40  # settled invoices, below which nothing is judged
ROUNDS, NEAR = 12, 1.0  # of reweighting, and the days within which an error counts as square
PENALTY = {"customer": 0.35, "fact": 0.1, "both": 3.0, "week": 1.0, "all": 0.01}
QUANTILES = (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95)
SHRINK = 10.0  # invoices of others that a customer's own spread is mixed with
FORMATS = ("%Y-%m-%d", "%m/%d/%Y", "%d.%m.%Y")


@dataclass(frozen=True, slots=True)
class Columns:
    """Which facts are looked at, and why the others are not."""

    dates: dict[str, str]  # and their format
    categories: tuple[str, ...]
    left_out: dict[str, str]

    @classmethod
    def of(cls, rows: Sequence[Receivable], waiting: Sequence[Receivable] = ()) -> "Columns":
        """From settled invoices; what other values open ones have is no fact, but the outcome: `paid late`."""
        dates: dict[str, str] = {}
        categories: list[str] = []
        out: dict[str, str] = {}
        took = {str((each.settled - each.invoice_date).days) for each in rows if each.settled}
        for name in sorted({name for each in rows for name in each.facts}):
            values = [each.facts.get(name, "").strip() for each in rows]
            levels = set(values) - {""}
            form = next((form for form in FORMATS if levels and all(_day(v, form) for v in levels)), "")
            if form:
                dates[name] = form
            elif len(levels) > LEVELS:
                tells = levels <= took or _numbers(levels)
                out[name] = "A number: it may tell the outcome." if tells else "Has too many values for a category."
            elif len(levels) < 2 and "" not in values:
                out[name] = "Is always the same."
            elif _other(name, set(values), waiting):
                out[name] = "Open invoices have other values: it may tell the outcome."
            else:
                categories.append(name)
        return cls(dates, tuple(categories), out)

    def keys(self, each: Receivable) -> Iterator[tuple[str, str]]:
        """The effects that an invoice has, each with the name of its penalty."""
        yield "all", ""
        yield "customer", each.customer
        yield "week", f"{each.due_date.weekday() >= 5}"
        for fact in self._facts(each):
            yield "fact", fact
            yield "both", f"{each.customer}\0{fact}"

    def _facts(self, each: Receivable) -> Iterator[str]:
        for name in self.categories:
            yield f"{name}={each.facts.get(name, '').strip()[:80]}"
        for name, form in self.dates.items():
            day = _day(each.facts.get(name, "").strip(), form)
            yield f"{name} came={day is not None and day <= each.invoice_date}"


def _day(text: str, form: str) -> date | None:
    try:
        return datetime.strptime(text, form).date()
    except ValueError:
        return None


def _other(name: str, levels: set[str], waiting: Sequence[Receivable]) -> bool:
    """Whether most open invoices have a value that no settled one has."""
    return sum(each.facts.get(name, "").strip() not in levels for each in waiting) > len(waiting) / 2


def _numbers(levels: set[str]) -> bool:
    return all(each.replace(".", "", 1).replace("-", "", 1).isdigit() for each in levels)


@dataclass(frozen=True, slots=True)
class Model:
    """Effects in days after due."""

    columns: Columns
    effects: dict[tuple[str, str], float]

    @classmethod
    def fit(cls, rows: Sequence[Receivable], waiting: Sequence[Receivable] = ()) -> "Model":
        """From settled invoices; the newest 20,000 count."""
        settled = sorted((each for each in rows if each.settled), key=lambda each: (each.invoice_date, each.id))
        rows = settled[-NEWEST:]
        if not rows:
            return cls(Columns({}, (), {}), {})
        columns = Columns.of(rows, waiting)
        keys = [list(columns.keys(each)) for each in rows]
        known = {key: place for place, key in enumerate(dict.fromkeys(key for each in keys for key in each))}
        at = np.array([known[key] for each in keys for key in each], dtype=np.int64)
        ends = np.cumsum([0, *(len(each) for each in keys)])
        table = csr_array((np.ones(len(at)), at, ends), shape=(len(rows), len(known)))
        penalty = np.array([PENALTY[kind] for kind, _ in known])
        with threadpool_limits(1):
            found = _toward_median(table, np.array([lateness(each) for each in rows]), penalty)
        return cls(columns, dict(zip(known, found.tolist(), strict=True)))

    def lateness(self, each: Receivable) -> float:
        """The median of days after due; less than 0: before."""
        return sum(self.effects.get(key, 0.0) for key in self.columns.keys(each))


def _toward_median(table: csr_array, told: Floats, penalty: Floats) -> Floats:
    at = np.zeros(table.shape[1])
    for _ in range(ROUNDS):
        weight = 1 / np.maximum(np.abs(told - table @ at), NEAR)
        normal = table.T @ diags_array(weight) @ table + diags_array(penalty * float(weight.mean()))
        at, _ = cg(normal, table.T @ (weight * told), x0=at, rtol=1e-4, maxiter=200)
    return np.asarray(at)


def _grown(settled: list[Receivable], today: date) -> list[Receivable]:
    """Without the youngest: of those only the quick ones are settled, which would make everybody look quick."""
    days = [(each.settled - each.invoice_date).days for each in settled if each.settled]
    until = today - timedelta(days=float(np.quantile(days, GROWN))) if days else today
    grown = [each for each in settled if each.invoice_date <= until]
    return grown if len(grown) >= LEAST else settled


def learnt_from(rows: Sequence[Receivable], today: date) -> list[Receivable]:
    """What was settled by today and is old enough to teach, in order of dates; the newest 20,000."""
    settled = sorted((r for r in rows if r.settled and r.settled <= today), key=lambda r: (r.invoice_date, r.id))
    return _grown(settled, today)[-NEWEST:]


def lateness(each: Receivable) -> float:
    """Days from due to settled."""
    assert each.settled is not None
    return float((each.settled - each.due_date).days)


class Medians:
    """What is good enough where nothing better is proved: each customer's median, or that of all."""

    def __init__(self, rows: Sequence[Receivable]) -> None:
        by: dict[str, list[float]] = {}
        for each in rows:
            by.setdefault(each.customer, []).append(lateness(each))
        self.own = {name: float(np.median(found)) for name, found in by.items()}
        self.all = float(np.median([value for found in by.values() for value in found])) if by else 0.0

    def of(self, each: Receivable) -> float:
        return self.own.get(each.customer, self.all)


@dataclass(frozen=True, slots=True)
class Spread:
    """How far it was off, in order, and the share of the cases up to each."""

    off: Floats
    share: Floats

    @classmethod
    def of(cls, all_: Floats, own: Floats) -> "Spread":
        """A customer's own errors count as much as they are many; the others' are mixed in."""
        weight = np.concatenate([np.full(len(all_), SHRINK / len(all_)), np.ones(len(own))])
        off = np.concatenate([all_, own])
        order = np.argsort(off, kind="stable")
        return cls(off[order], np.cumsum(weight[order]) / weight.sum())

    def quantiles(self) -> Floats:
        return self.off[np.minimum(np.searchsorted(self.share, QUANTILES), len(self.off) - 1)]

    def above(self, bound: float) -> float:
        """The share of cases above it."""
        at = int(np.searchsorted(self.off, bound, side="right"))
        return max(1.0 - float(self.share[at - 1]), 0.0) if at else 1.0


@dataclass(frozen=True, slots=True)
class Foreteller:
    """What serves, and how far it was off on later invoices."""

    report: ReceiptsReport
    model: Model | None
    medians: Medians
    off: Floats
    own: dict[str, Floats]
    spreads: dict[str, Spread] = field(default_factory=dict)  # by customer, made when asked for

    @classmethod
    def learn(cls, rows: Sequence[Receivable], today: date) -> "Foreteller":
        """From what was settled by today. The newest quarter judges what the rest teaches; the model may lose."""
        settled = learnt_from(rows, today)
        waiting = [r for r in rows if not r.settled or r.settled > today][-NEWEST:]
        later = settled[len(settled) * 3 // 4 :] if len(settled) >= LEAST else []
        before = [r for r in settled if later and r.settled and r.settled < later[0].invoice_date]
        if not later or len(before) < LEAST // 2:
            return cls._unproved(settled)
        model, medians = Model.fit(before, waiting), Medians(before)
        ways = {
            "model": [model.lateness(r) for r in later],
            "customer median": [medians.of(r) for r in later],
            "overall median": [medians.all for _ in later],
        }
        truth = np.array([lateness(r) for r in later])
        errors = {name: float(np.abs(truth - np.array(said)).mean()) for name, said in ways.items()}
        serves = min(errors, key=lambda name: errors[name])
        off = truth - np.array(ways[serves])
        places: dict[str, list[int]] = {}
        for place, each in enumerate(later):
            places.setdefault(each.customer, []).append(place)
        own = {name: off[at] for name, at in places.items()}
        report = ReceiptsReport(
            rows=len(settled),
            judged=len(later),
            days_mae=errors["model"],
            customer_median_mae=errors["customer median"],
            overall_median_mae=errors["overall median"],
            late_auc=auc(np.array(ways[serves]), (truth > 0).astype(np.int64)),
            serves=serves,
            says=f"Off by {errors[serves]:.1f} days on {len(later):,} later invoices, by the {serves}.",
            sha256=sha256_of(settled),
            columns=(*model.columns.categories, *model.columns.dates),
            left_out=model.columns.left_out,
        )
        return cls(report, Model.fit(settled, waiting) if serves == "model" else None, Medians(settled), off, own)

    @classmethod
    def _unproved(cls, settled: Sequence[Receivable]) -> "Foreteller":
        says = f"{len(settled):,} settled invoices are too few to judge by: due dates and medians serve."
        serves = "overall median" if settled else "terms"
        report = ReceiptsReport(rows=len(settled), serves=serves, says=says, sha256=sha256_of(settled))
        off = np.array([lateness(r) for r in settled] or [0.0, 15.0, 30.0])
        medians = Medians(settled)
        return cls(report, None, medians, off - medians.all, {})

    def expect(self, each: Receivable) -> Expected:
        """Of one open invoice, from its date."""
        model = self.model
        serves = self.report.serves
        middle = model.lateness(each) if model else self._median(each)
        if each.customer not in self.spreads:
            known = each.customer if each.customer in self.own else ""
            mine = self.own.get(known, np.zeros(0))
            self.spreads[each.customer] = self.spreads.get(known) or Spread.of(self.off, mine)
        spread = self.spreads[each.customer]
        terms = (each.due_date - each.invoice_date).days
        days = np.maximum(terms + middle + spread.quantiles(), 0.0)
        return Expected(
            receivable=each.id,
            days=max(terms + middle, 0.0),
            late=spread.above(0.5 - middle),
            quantiles=tuple(days.tolist()),
            by=serves,
        )

    def _median(self, each: Receivable) -> float:
        return self.medians.all if self.report.serves == "overall median" else self.medians.of(each)


def sha256_of(settled: Sequence[Receivable]) -> str:
    """Of the rows that were learnt from: their version. Empty where there are none."""
    found = hashlib.sha256()
    for each in settled:
        found.update(each.model_dump_json().encode())
    return found.hexdigest() if settled else ""
