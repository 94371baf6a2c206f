"""When customers will pay: the median of days and the chance of late, from what was settled before.

A regression toward the median (reweighted ridge) with an effect of each fact, of each customer, and of each fact at
each customer, which are pulled to nothing where little was seen. A fact counts as known on the invoice's date; a fact
that is a date only counts by whether it had come by then. Columns that tell the outcome are left out, by name and
reason.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, diags_array
from scipy.sparse.linalg import cg
from threadpoolctl import threadpool_limits

from contracts.payables import Expected, ReceiptsReport, Receivable

Floats = NDArray[np.float64]
NEWEST = 20_000  # invoices learnt from
LEVELS = 12  # values of a fact; one with more is no category
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
    def of(cls, rows: Sequence[Receivable]) -> "Columns":
        """From settled invoices."""
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


def _numbers(levels: set[str]) -> bool:
    return all(each.replace(".", "", 1).replace("-", "", 1).isdigit() for each in levels)


@dataclass(frozen=True, slots=True)
class Model:
    """Effects in days after due."""

    columns: Columns
    effects: dict[tuple[str, str], float]

    @classmethod
    def fit(cls, rows: Sequence[Receivable]) -> "Model":
        """From settled invoices; the newest 20,000 count."""
        settled = sorted((each for each in rows if each.settled), key=lambda each: (each.invoice_date, each.id))
        rows = settled[-NEWEST:]
        if not rows:
            return cls(Columns({}, (), {}), {})
        columns = Columns.of(rows)
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
class Foreteller:
    """What serves, and how far it was off on later invoices."""

    report: ReceiptsReport
    model: Model | None
    medians: Medians
    off: Floats
    own: dict[str, Floats]

    @classmethod
    def learn(cls, rows: Sequence[Receivable], today: date) -> "Foreteller":
        """From what was settled by today. The newest quarter judges what the rest teaches; the model may lose."""
        settled = sorted((r for r in rows if r.settled and r.settled <= today), key=lambda r: (r.invoice_date, r.id))
        settled = settled[-NEWEST:]
        later = settled[len(settled) * 3 // 4 :] if len(settled) >= LEAST else []
        before = [r for r in settled if later and r.settled and r.settled < later[0].invoice_date]
        if not later or len(before) < LEAST // 2:
            return cls._unproved(settled)
        model, medians = Model.fit(before), Medians(before)
        ways = {
            "model": [model.lateness(r) for r in later],
            "customer median": [medians.of(r) for r in later],
            "overall median": [medians.all for _ in later],
        }
        truth = np.array([lateness(r) for r in later])
        errors = {name: float(np.abs(truth - np.array(said)).mean()) for name, said in ways.items()}
        serves = min(errors, key=lambda name: errors[name])
        off = truth - np.array(ways[serves])
        own = {r.customer: off[[i for i, o in enumerate(later) if o.customer == r.customer]] for r in later}
        report = ReceiptsReport(
            rows=len(settled),
            judged=len(later),
            days_mae=errors["model"],
            customer_median_mae=errors["customer median"],
            overall_median_mae=errors["overall median"],
            serves=serves,
            says=f"Off by {errors[serves]:.1f} days on {len(later):,} later invoices, by the {serves}.",
            columns=(*model.columns.categories, *model.columns.dates),
            left_out=model.columns.left_out,
        )
        return cls(report, Model.fit(settled) if serves == "model" else None, Medians(settled), off, own)

    @classmethod
    def _unproved(cls, settled: Sequence[Receivable]) -> "Foreteller":
        says = f"{len(settled):,} settled invoices are too few to judge by: due dates and medians serve."
        serves = "overall median" if settled else "terms"
        report = ReceiptsReport(rows=len(settled), serves=serves, says=says)
        off = np.array([lateness(r) for r in settled] or [0.0, 15.0, 30.0])
        medians = Medians(settled)
        return cls(report, None, medians, off - medians.all, {})

    def expect(self, each: Receivable) -> Expected:
        """Of one open invoice, from its date."""
        model = self.model
        serves = self.report.serves
        middle = model.lateness(each) if model else self._median(each)
        mine = self.own.get(each.customer, np.zeros(0))
        # A customer's own errors count as much as they are many; the others' are mixed in.
        weight = np.concatenate([np.full(len(self.off), SHRINK / len(self.off)), np.ones(len(mine))])
        off = np.concatenate([self.off, mine])
        terms = (each.due_date - each.invoice_date).days
        late = float(weight[middle + off > 0.5].sum() / weight.sum())
        order = np.argsort(off, kind="stable")
        share = np.cumsum(weight[order]) / weight.sum()
        places = np.minimum(np.searchsorted(share, QUANTILES), len(off) - 1)
        days = np.maximum(terms + middle + off[order][places], 0.0)
        return Expected(
            receivable=each.id,
            days=max(terms + middle, 0.0),
            late=late,
            quantiles=tuple(days.tolist()),
            by=serves,
        )

    def _median(self, each: Receivable) -> float:
        return self.medians.all if self.report.serves == "overall median" else self.medians.of(each)
