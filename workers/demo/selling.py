"""A company that sells, made up from a seed: deals, activities and stages as CSV, and its methodology."""

import csv
import random
from collections.abc import Iterable
from datetime import date, timedelta
from pathlib import Path

from activities.deal_scoring.methodology import EXAMPLES

STAGES = ("Qualification", "Discovery", "Evaluation", "Proposal", "Negotiation")
WORDS = ("Alder", "Birch", "Cedar", "Dogwood", "Elm", "Fir", "Gum", "Hazel", "Ivy", "Juniper", "Larch", "Maple")
TRADES = ("Foods", "Freight", "Glass", "Health", "Labs", "Mills", "Motors", "Paper", "Tools", "Works")
PEOPLE = ("Ana", "Ben", "Chi")
ASKED = ("identified_pain", "champion", "metrics", "economic_buyer", "decision_criteria", "decision_process")
PEOPLE_PART = """people:
  - {name: Ana, role: rep, hours: 3}
  - {name: Ben, role: rep, hours: 2}
  - {name: Chi, role: rep, hours: 4}
"""
Row = list[object]


def make_deals(folder: Path, today: date, *, closed: int = 480, opened: int = 30, seed: int = 7) -> Path:
    """Three tables and methodology.yaml in the folder. The same seed and day give the same files."""
    chance = random.Random(seed)  # noqa: S311
    folder.mkdir(parents=True, exist_ok=True)
    deals, activities, stages = list[Row](), list[Row](), list[Row]()
    for at in range(closed + opened):
        _deal(chance, today, at, at >= closed, deals, activities, stages)
    heading = ("id", "name", "owner", "stage", "amount", "currency", "created", "closes", "closed", *ASKED)
    _write(folder / "opportunities.csv", heading, deals)
    _write(folder / "activities.csv", ("deal", "date", "type", "note"), activities)
    _write(folder / "stages.csv", ("deal", "date", "stage"), stages)
    text = (EXAMPLES / "meddicc.yaml").read_text("utf-8").replace("people: []\n", PEOPLE_PART)
    (folder / "methodology.yaml").write_text(text, "utf-8")
    return folder


def _deal(
    chance: random.Random,
    today: date,
    number: int,
    is_open: bool,
    deals: list[Row],
    activities: list[Row],
    stages: list[Row],
) -> None:
    """One deal. The more of what is asked for is known, and the more is met, the likelier it is won."""
    key = f"D-{number + 1:04}"
    name = f"{chance.choice(WORDS)} {chance.choice(TRADES)} {number + 1}"
    age = chance.randint(20, 90) if is_open else 45 + (chance.randint(150, 720) - 150) * 675 // 570
    created = today - timedelta(days=age)
    known = [chance.random() < 0.6 for _ in ASKED]
    meetings = chance.randint(0, 6)
    at = chance.randint(0, 4) if is_open else 4
    end = today if is_open else created + timedelta(days=min(chance.randint(30, 120), age - 1))
    won = chance.random() < 1 / (1 + 2.718 ** -(1.3 * sum(known) + 0.7 * meetings - 6.8))
    stage = STAGES[at] if is_open else "Closed won" if won else "Closed lost"
    closes = today + timedelta(days=chance.randint(-20, 60)) if is_open else end
    amount, currency = chance.randint(4, 120) * 500, "EUR" if chance.random() < 0.2 else "USD"
    filled = ["yes" if each else "" for each in known]
    deals.append(
        [key, name, chance.choice(PEOPLE), stage, amount, currency, created, closes, "" if is_open else end, *filled]
    )
    length = max((end - created).days, 1)
    for each in range(at + 1):
        stages.append([key, created + timedelta(days=length * each // (at + 2)), STAGES[each]])
    for _ in range(meetings):
        day = created + timedelta(days=chance.randint(0, length))
        activities.append([key, day, chance.choice(("meeting", "call", "email")), ""])


def _write(path: Path, heading: Iterable[str], rows: Iterable[Row]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(list(heading))
        writer.writerows(rows)
