"""When customers pay, and how fast 5,000 payables are scheduled: `python -m tests.bench.payables --data PATH`.

For each invoice after the first fifth, in order of their dates, the product's model is fitted on what was settled
before (again every 7 days) and says when it will be settled. The schedule lays generated terms (2/10 net 30 and
others), a tight account and a cost of capital over 5,000 amounts drawn from the data.
"""

import argparse
import csv
import ctypes
import json
import random
import time
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal as D
from pathlib import Path

import numpy as np
from sklearn.metrics import roc_auc_score

from activities.payables.expecting import expected
from activities.payables.receipts import Medians, Model, lateness
from activities.payables.schedule import make_schedule
from contracts.payables import (
    CashAccount,
    CreditLine,
    Discount,
    LateFee,
    Payable,
    ReceiptBand,
    Receivable,
    ScheduleInput,
    Terms,
)
from contracts.paying import Books, OwnAccount, PayingSettings
from tests.bench.payables_rolling import regret

NAMES = {"invoiceNumber", "customerID", "InvoiceDate", "DueDate", "InvoiceAmount", "SettledDate"}
OUTCOMES = {"DaysToSettle", "DaysLate"}  # filled in when it was settled
EVERY = timedelta(days=7)
TODAY = date(2026, 3, 2)
SEEDS = 2
AHEAD = (2, 5, 10, 20, 40)  # days


def main() -> None:
    """Read the arguments, measure, print."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.payables", description=__doc__)
    for name in ("--data", "--train", "--test"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--seeds", type=int, default=SEEDS, help="of the bills, for the regret")
    options = parser.parse_args()
    began = time.perf_counter()
    path = found(options.test or options.data)
    if path is None:
        print(f"skipped: no invoices.csv at {options.test or options.data}")
        print(json.dumps({"skipped": str(options.test or options.data)}))
        return
    rows = read(path)
    train = found(options.train)
    past = read(train) if train else []
    figures = foretold(rows, past) | covered(rows, past)
    figures |= scheduled([each.amount for each in rows if each.amount > 0])
    figures |= rolled(rows, past, options.seeds, figures.pop("floor_broken"))
    ctypes.CDLL(None).fflush(None)  # HiGHS may have words of its own waiting, which would come last
    print(json.dumps({**figures, "seconds": round(time.perf_counter() - began, 1)}), flush=True)


def rolled(rows: Sequence[Receivable], past: Sequence[Receivable], seeds: int, broken: float) -> dict[str, float]:
    """The mean and the worst over seeds, where the credit line is seldom reached and where it always is."""
    figures: dict[str, float] = {}
    for name, tight in (("", False), ("_tight", True)):
        runs = [regret(rows, bill, tight=tight, seed=seed, past=past) for seed in range(1, seeds + 1)]
        for what in ("regret", "regret_avoidable"):
            figures[f"{what}{name}"] = round(float(np.mean([run[what] for run in runs])), 5)
            figures[f"{what}{name}_worst"] = max(run[what] for run in runs)
        figures[f"optimum_gap{name}"] = max(run["optimum_gap"] for run in runs)
        broken += sum(run["floor_broken"] for run in runs)
    return {**figures, "floor_broken": broken}


def found(path: Path | None) -> Path | None:
    """The file, or the one in a folder."""
    places = [path, path / "invoices.csv", path / "payables" / "invoices.csv"] if path else []
    return next((place for place in places if place.is_file()), None)


def read(path: Path) -> list[Receivable]:
    with path.open(newline="", encoding="utf-8-sig") as file:
        rows = [receivable(row) for row in csv.DictReader(file)]
    return sorted(rows, key=lambda each: (each.invoice_date, each.id))


def receivable(row: dict[str, str]) -> Receivable:
    return Receivable(
        id=row["invoiceNumber"],
        customer=row["customerID"],
        amount=D(row["InvoiceAmount"]),
        invoice_date=day(row["InvoiceDate"]),
        due_date=day(row["DueDate"]),
        settled=day(row["SettledDate"]),
        facts={name: value for name, value in row.items() if name not in NAMES | OUTCOMES},
    )


def day(text: str) -> date:
    return datetime.strptime(text, "%m/%d/%Y").date()


def foretold(rows: Sequence[Receivable], train: Sequence[Receivable]) -> dict[str, float]:
    """Streamed: nothing of an invoice's own day or later is known."""
    begin = rows[0 if train else len(rows) // 5].invoice_date
    fitted, said, plain, truth = date.min, [], [], []
    model, medians = Model.fit([]), Medians([])
    for each in (each for each in rows if each.invoice_date >= begin):
        if each.invoice_date - fitted >= EVERY:
            fitted = each.invoice_date
            known = [one for one in (*train, *rows) if one.settled and one.settled < fitted]
            known = known or list(train)
            model, medians = Model.fit(known), Medians(known)
        said.append(model.lateness(each))
        plain.append(medians.of(each))
        truth.append(lateness(each))
    late = np.array(truth) > 0
    return {
        "late_auc": round(float(roc_auc_score(late, said)), 4),
        "days_mae": round(float(np.abs(np.array(truth) - said).mean()), 3),
        "customer_median_mae": round(float(np.abs(np.array(truth) - plain).mean()), 3),
        "judged": len(truth),
    }


def covered(rows: Sequence[Receivable], train: Sequence[Receivable]) -> dict[str, float]:
    """How often what came until a day was in the band of receipts for it, and how often below it."""
    today, last = rows[len(rows) // 3].invoice_date, rows[-1].invoice_date - timedelta(days=20)
    inside, below = [], []
    own = OwnAccount(currency="EUR", opening=D(0), iban="DE89370400440532013000")
    settings = PayingSettings(company="measured", accounts=(own,))
    while today < last:
        known = [known_on(each, today) for each in (*train, *rows) if each.invoice_date <= today]
        for band in expected(Books(source="", today=today, settings=settings, receivables=tuple(known))).bands:
            if (band.day - today).days in AHEAD:
                waiting = (each for each in known if each.settled is None)
                came = settled_by((*train, *rows), {each.id for each in waiting}, band.day)
                inside.append(band.low <= came <= band.high)
                below.append(came < band.low)
        today += timedelta(days=9)
    return {"band_held": round(float(np.mean(inside)), 3), "band_below": round(float(np.mean(below)), 3)}


def known_on(each: Receivable, today: date) -> Receivable:
    settled = each.settled if each.settled and each.settled <= today else None
    return each.model_copy(update={"settled": settled, "currency": "EUR"})


def settled_by(rows: Sequence[Receivable], waiting: set[str], until: date) -> D:
    return sum((r.amount for r in rows if r.id in waiting and r.settled and r.settled <= until), D(0))


def scheduled(amounts: Sequence[D], count: int = 5000, seed: int = 1) -> dict[str, float]:
    dice = random.Random(seed)
    bills = tuple(bill(dice, str(number), dice.choice(amounts)) for number in range(count))
    total = sum((each.amount for each in bills), D(0))
    part = (total / 60).quantize(D("0.01"))
    bands = []
    came = D(0)
    for offset in range(61):
        came += (part * D(str(round(dice.uniform(0.4, 1.6), 3)))).quantize(D("0.01"))
        low = (came * D("0.8")).quantize(D("0.01"))
        bands.append(ReceiptBand(currency="EUR", day=TODAY + timedelta(days=offset), low=low, expected=came, high=came))
    account = CashAccount(
        currency="EUR",
        opening=3 * part,
        floor=part,
        line=CreditLine(limit=3 * part, annual_percent=D(9)),
        capital_percent=D(6),
        country="ECB",
    )
    now = datetime(2026, 3, 2, 6, tzinfo=UTC)
    began = time.perf_counter()
    schedule = make_schedule(
        ScheduleInput(now=now, payables=bills, accounts=(account,), receipts=tuple(bands), seconds=8)
    )
    took = time.perf_counter() - began
    plan = schedule.accounts[0]
    return {
        "solve_seconds_5000": round(took, 2),
        "solve_gap": plan.gap,
        "floor_broken": sum(point.cash < plan.floor for point in plan.curve),
    }


def bill(dice: random.Random, name: str, amount: D) -> Payable:
    offs: tuple[tuple[Discount, ...], ...] = (
        (),
        (Discount(percent=D(2), days=10),),
        (Discount(percent=D(2), days=10),),
        (Discount(percent=D(3), days=5), Discount(percent=D(1), days=15)),
    )
    late = dice.choice([LateFee(monthly_percent=D("1.5")), LateFee(annual_percent=D(12)), LateFee(flat=D(5))])
    invoice = TODAY - timedelta(days=dice.randrange(30))
    return Payable(
        id=name,
        vendor=f"vendor {dice.randrange(200)}",
        amount=amount,
        currency="EUR",
        invoice_date=invoice,
        due_date=invoice + timedelta(days=dice.choice([30, 45, 60])),
        terms=Terms(discounts=dice.choice(offs), late=late),
    )


if __name__ == "__main__":
    main()
