"""Generated books of a generated company, for the demo of payables and for tests. No vendor, account, invoice is real.

The same seed and day make the same bytes. Dates are relative to that day, so that there is something to pay on it.
"""

import csv
import random
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path

from schwifty import IBAN

SEED = 20261128
BANKS = ("37040044", "10000000", "50010517", "70150000")
TRADES = ("Paper", "Steel", "Coffee", "Freight", "Cleaning", "Print", "Cable", "Garden", "Glass", "Tools")
FORMS = ("GmbH", "AG", "KG", "e.K.")
TERMS = ("2/10 net 30", "net 30", "3/14 net 45", "net 14", "1/10 net 60")
SETTINGS = """\
# Generated for a demo: no company, account or amount in this folder is real.
company = "Generated Trading GmbH"
approval_days = 0
firm_days = 1
reporting = "EUR"
rates = {{ USD = 0.92 }}
usd_rates = {{ EUR = 1.08 }}

[terms]
net_days = 30
max_late_days = 20
late = {{ annual_percent = 9 }}

[[accounts]]
currency = "EUR"
iban = "{ours}"
opening = {opening}
floor = {floor}
country = "DE"
timezone = "Europe/Berlin"
cut_off = {cut_off}
capital_percent = 1
line = {{ limit = 20000, annual_percent = 8.5 }}

[[accounts]]
currency = "USD"
iban = "{dollars}"
bic = "COBADEFFXXX"
opening = 9000
floor = 1000
country = "DE"
timezone = "Europe/Berlin"
cut_off = {cut_off}
"""


def make_books(
    folder: Path,
    today: date,
    *,
    vendors: int = 24,
    opening: int = 62_000,
    floor: int = 15_000,
    cut_off: str = "23:59:00",
) -> Path:
    """Write a folder of books. Among them are a duplicate, an amount out of the pattern, an account that was changed, a
    vendor that was never paid, a credit note, and discounts worth having."""
    folder.mkdir(parents=True, exist_ok=True)
    _Books(random.Random(SEED), folder, today).write(vendors, opening, floor, cut_off)  # noqa: S311 - not for secrets
    return folder


class _Books:
    def __init__(self, chance: random.Random, folder: Path, today: date) -> None:
        self.chance, self.folder, self.today = chance, folder, today

    def write(self, count: int, opening: int, floor: int, cut_off: str) -> None:
        text = SETTINGS.format(ours=self.iban(1), dollars=self.iban(2), opening=opening, floor=floor, cut_off=cut_off)
        (self.folder / "settings.toml").write_text(text)
        names = [f"{TRADES[at % len(TRADES)]} {at + 1:02} {FORMS[at % len(FORMS)]}" for at in range(count)]
        ids = [f"V{at + 1:03}" for at in range(count)]
        accounts = [self.iban(100 + at) for at in range(count)]
        usual = [round(self.chance.uniform(200, 2_400), 2) for _ in range(count)]
        invoices = self.invoices(ids, usual)
        self.payments(ids[:-1], usual, list(accounts))
        accounts[2] = self.iban(900)  # the account of the third vendor is another one now
        rows = [
            (id, name, account, TERMS[at % len(TERMS)])
            for at, (id, name, account) in enumerate(zip(ids, names, accounts, strict=True))
        ]
        self.table("vendors", ("id", "name", "iban", "terms"), rows)
        self.table("invoices", ("vendor", "number", "amount", "currency", "invoice_date"), invoices)
        self.receivables()
        first = self.today.replace(day=1)
        flows = [(first + timedelta(days=31 * at + 24), -11_000, "EUR", "wages") for at in range(3)]
        self.table("flows", ("day", "amount", "currency", "what"), flows)

    def invoices(self, ids: Sequence[str], usual: Sequence[float]) -> list[tuple[object, ...]]:
        made: list[tuple[object, ...]] = []
        for at, (vendor, amount) in enumerate(zip(ids, usual, strict=True)):
            for number in range(2 if at % 3 else 1):
                day = self.today - timedelta(days=self.chance.choice((2, 6, 9, 12, 20, 28)))
                total = round(amount * self.chance.uniform(0.9, 1.15), 2)
                made.append((vendor, f"{day.year}-{at:02}{number}7", f"{total:.2f}", "EUR", day))
        once_more = f"INV {made[0][1]}".replace("-", "/")
        made.append((made[0][0], once_more, *made[0][2:]))
        made.append((ids[4], f"{self.today.year}-9941", f"{usual[4] * 9:.2f}", "EUR", self.today - timedelta(days=9)))
        made.append((ids[5], f"{self.today.year}-CN1", "-90.00", "EUR", self.today - timedelta(days=5)))
        # Both of these leave today: nobody else is due.
        made.append((ids[2], f"{self.today.year}-3001", f"{usual[2]:.2f}", "EUR", self.today - timedelta(days=44)))
        made.append((ids[-1], f"{self.today.year}-1", f"{usual[-1]:.2f}", "EUR", self.today - timedelta(days=59)))
        return made

    def payments(self, ids: Sequence[str], usual: Sequence[float], accounts: Sequence[str]) -> None:
        rows: list[tuple[object, ...]] = []
        for at, vendor in enumerate(ids):
            for month in range(12):
                day = self.today - timedelta(days=40 + 30 * month + at % 7)
                total = usual[at] * self.chance.uniform(0.85, 1.2)
                rows.append((vendor, f"{day.year}-P{at:02}{month:02}", f"{total:.2f}", "EUR", day, accounts[at]))
        self.table("payments", ("vendor", "number", "amount", "currency", "paid_on", "iban"), rows)

    def receivables(self) -> None:
        """Three customers: one pays on time, one late, one as it likes."""
        habits = {"Prompt Stores": (-3, 2), "Slow Markets": (12, 6), "Odd Shops": (5, 18)}
        rows: list[tuple[object, ...]] = []
        for at in range(420):
            customer, (late, spread) = self.chance.choice(sorted(habits.items()))
            day = self.today - timedelta(days=self.chance.randint(1, 420))
            due = day + timedelta(days=30)
            settled = due + timedelta(days=max(-25, round(self.chance.gauss(late, spread))))
            amount = round(self.chance.uniform(300, 2_600), 2)
            paid = settled if settled < self.today else ""
            rows.append((f"S{at:04}", customer, f"{amount:.2f}", "EUR", day, due, paid))
        columns = ("number", "customer", "amount", "currency", "invoice_date", "due_date", "settled")
        self.table("receivables", columns, sorted(rows, key=lambda row: str(row[4])))

    def table(self, name: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        with (self.folder / f"{name}.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(columns)
            writer.writerows(rows)

    def iban(self, number: int) -> str:
        """One that its digits allow. No bank has given it to anybody that we know of."""
        return IBAN.generate("DE", bank_code=BANKS[number % len(BANKS)], account_code=f"{number:010}").compact
