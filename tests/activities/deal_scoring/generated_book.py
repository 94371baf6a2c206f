"""A generated book of deals: nobody's. Those with meetings and a budget are won more often."""

from datetime import date, timedelta
from decimal import Decimal

import numpy as np

from contracts.deals import Activity, Book, Opportunity, StageChange

TODAY = date(2026, 6, 1)
STAGES = ("Discovery", "Evaluation", "Proposal")


def book(count: int = 600, *, today: date = TODAY, noise: bool = False, seed: int = 4) -> Book:
    """Deals begun over two years; what is over by `today` is closed, the others are open."""
    random = np.random.default_rng(seed)
    deals, activities, changes = list[Opportunity](), list[Activity](), list[StageChange]()
    for place in range(count):
        name = f"D{place:04}"
        begun = date(2024, 6, 1) + timedelta(days=int(place * 720 / count))
        life, budget, meetings = int(random.integers(30, 100)), bool(random.random() < 0.5), int(random.integers(0, 9))
        chance = 0.4 if noise else 1 / (1 + np.exp(-(-4.5 + 4.0 * budget + 0.6 * meetings)))
        won, value = bool(random.random() < chance), Decimal(int(random.integers(5, 80)) * 1000)
        ends = begun + timedelta(days=life)
        over = ends <= today
        if begun > today:
            continue
        came = [begun + timedelta(days=life * part // 3) for part in range(3)]
        changes += [StageChange(name, at, stage) for at, stage in zip(came, STAGES, strict=True) if at <= today]
        stage = next(each.stage for each in reversed(changes) if each.deal == name)
        if over:
            changes.append(StageChange(name, ends, "Closed Won" if won else "Closed Lost", stage))
            stage = "Closed Won" if won else "Closed Lost"
        happened = sorted(begun + timedelta(days=int(life * (each + 0.5) / 9)) for each in range(meetings))
        activities += [Activity(name, at, "meeting") for at in happened if at <= today]
        fields = {"budget": "confirmed" if budget else "open"} | ({"loss_reason": "price"} if over and not won else {})
        deals.append(
            Opportunity(
                id=name,
                name=f"Deal {place}",
                owner=("Ana", "Ben")[place % 2],
                stage=stage,
                value=value,
                created=begun,
                closed=ends if over else None,
                won=won if over else None,
                fields=fields,
            )
        )
    return Book(
        source="generated",
        target="generated",
        today=today,
        currency="EUR",
        opportunities=tuple(deals),
        activities=tuple(activities),
        changes=tuple(changes),
    )
