"""Books out of a folder: `settings.toml`, and tables of invoices, vendors, payments, receivables and flows."""

import heapq
import tomllib
from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from pydantic import ValidationError
from schwifty import IBAN
from schwifty.exceptions import SchwiftyException

from activities.payables.sources.cells import Unreadable, amount, day
from activities.payables.sources.columns import FLOWS, INVOICES, PAYMENTS, RECEIVABLES, VENDORS
from activities.payables.sources.rows import Flaws, Names, Row, Table, find, table
from activities.payables.sources.terms import terms
from contracts.errors import BadInput
from contracts.payables import CashFlow, Receivable
from contracts.paying import BankDetails, Books, Invoice, Paid, PayingSettings, Vendor

MOST_OPEN = 100_000  # invoices and vendors
MOST_PAST = 100_000  # payments and receivables that are kept, the newest
T = TypeVar("T")
Say = Callable[[str], None]


def read_folder(folder: Path, now: datetime, say: Say = lambda _: None) -> Books:
    """All that is there. BadInput names the file, what is wrong with it, and the way out."""
    settings = read_settings(folder)
    return _Folder(folder, settings, today(settings, now), say).books()


def today(settings: PayingSettings, now: datetime) -> date:
    """The day at the first account's bank."""
    return now.astimezone(ZoneInfo(settings.accounts[0].timezone)).date()


def read_settings(folder: Path) -> PayingSettings:
    """`settings.toml`. BadInput with the name of what is wrong in it."""
    path = folder / "settings.toml"
    try:
        said = tomllib.loads(path.read_text("utf-8"), parse_float=Decimal)
    except FileNotFoundError:
        raise BadInput(
            f"{str(folder)!r} has no settings.toml." if folder.is_dir() else f"There is no folder {str(folder)!r}.",
            subject=str(folder),
            way_out="Write one with your company and its account, as docs/workflows/payables.md shows."
            if folder.is_dir()
            else "Give the folder of your books; docs/workflows/payables.md says what is in it.",
        ) from None
    except (OSError, ValueError) as error:
        raise BadInput(f"settings.toml can't be read: {error}.", subject=str(path), way_out="Correct it.") from None
    return settings_of(said, "settings.toml")


def settings_of(said: dict[str, Any], where: str) -> PayingSettings:
    """The settings, with IBANs that can be right."""
    try:
        for account in said.get("accounts", []):
            account["iban"] = IBAN(str(account.get("iban", ""))).compact
        return PayingSettings.model_validate(said)
    except SchwiftyException as error:
        raise BadInput(f"{where}: an account's iban can't be right ({error}).", subject=where) from None
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(map(str, first["loc"]))
        raise BadInput(f"{where}: {name}: {first['msg']}.", subject=name, way_out="Correct it and run again.") from None


class _Folder:
    """One reading of one folder."""

    def __init__(self, folder: Path, settings: PayingSettings, on: date, say: Say) -> None:
        self.folder, self.settings, self.on, self.say = folder, settings, on, say
        self.flaws, self.notes = Flaws(), list[str]()
        self.currencies = [each.currency for each in settings.accounts]

    def books(self) -> Books:
        vendors = by_id(self._all("vendors", VENDORS, ("id", "name"), self._vendor, needed=True))
        make = lambda row, where: self._invoice(row, where, vendors)  # noqa: E731
        needed = ("vendor", "number", "amount", "invoice_date")
        invoices = self._all("invoices", INVOICES, needed, make, needed=True)
        paid = self._newest("payments", PAYMENTS, ("vendor", "amount", "day"), self._paid, lambda each: each.day)
        columns = ("customer", "amount", "invoice_date", "due_date")
        received = self._newest("receivables", RECEIVABLES, columns, self._receivable, _last_lost)
        flows = self._all("flows", FLOWS, ("day", "amount"), self._flow)
        return Books(
            source=f"folder:{self.folder}",
            today=self.on,
            settings=self.settings,
            vendors=tuple(vendors.values()),
            invoices=tuple(numbered(invoices)),
            paid=tuple(paid),
            receivables=tuple(received),
            flows=tuple(each for each in flows if each.day >= self.on),
            flaws=tuple(self.flaws.found.values()),
            notes=tuple(self.notes),
        )

    def _table(self, name: str, names: Names, columns: tuple[str, ...], *, needed: bool) -> Table | None:
        path = find(self.folder, name)
        if path is None and needed:
            raise BadInput(
                f"{str(self.folder)!r} has no {name}.csv and no {name}.jsonl.",
                subject=name,
                way_out="docs/workflows/payables.md says what is in the folder.",
            )
        if path is None:
            return None
        two = ("currency",) if "currency" in names and len(self.currencies) > 1 else ()
        given = self.settings.columns.get(name, {})
        return table(path, names, (*columns, *two), dates=self.settings.dates, money=("amount",), given=given)

    def _made(
        self,
        name: str,
        names: Names,
        columns: tuple[str, ...],
        make: Callable[[Row, "_At"], T],
        *,
        needed: bool = False,
    ) -> Iterator[T]:
        """What each row is. A row that can't be read is counted among the flaws, with its line."""
        read = self._table(name, names, columns, needed=needed)
        if read is None:
            self.notes += [WITHOUT[name]] if name in WITHOUT else []
            return
        for count, (number, row, other) in enumerate(read.rows(self.flaws)):
            if count % 20_000 == 0:
                self.say(f"reading {read.path.name}, row {count:,}")
            try:
                yield make(row, _At(read, number, other))
            except Unreadable as error:
                self.flaws.add(read.path.name, _class_of(error), f"line {number}: {error}"[:160])
            except ValidationError as error:
                first = error.errors()[0]
                self.flaws.add(read.path.name, f"{first['loc'][0] if first['loc'] else 'row'}: {first['msg']}"[:120])

    def _all(
        self,
        name: str,
        names: Names,
        columns: tuple[str, ...],
        make: Callable[[Row, "_At"], T],
        *,
        needed: bool = False,
    ) -> list[T]:
        found = list[T]()
        for each in self._made(name, names, columns, make, needed=needed):
            if len(found) == MOST_OPEN:
                raise BadInput(
                    f"{name} has over {MOST_OPEN:,} rows.",
                    subject=name,
                    way_out="Give what is open, and what was paid in payments.",
                )
            found.append(each)
        return found

    def _newest(
        self,
        name: str,
        names: Names,
        columns: tuple[str, ...],
        make: Callable[[Row, "_At"], T],
        key: Callable[[T], Any],
    ) -> list[T]:
        kept = heapq.nlargest(MOST_PAST + 1, self._made(name, names, columns, make), key=key)
        if len(kept) > MOST_PAST:
            self.notes.append(f"Of {name} the newest {MOST_PAST:,} rows were read.")
        return kept[:MOST_PAST][::-1]

    def _currency(self, row: Row) -> str:
        said = row.get("currency", "").upper() or (self.currencies[0] if len(self.currencies) == 1 else "")
        if len(said) != 3 or not said.isalpha() or not said.isascii():
            raise Unreadable(f"{said!r} is no currency" if said else "there is no currency")
        return said

    def _vendor(self, row: Row, at: "_At") -> Vendor:
        if not row["id"] or not row["name"]:
            raise Unreadable("a vendor without an id or a name")
        said = terms(row.get("terms", ""), self.settings.terms)
        if said is None:
            self.flaws.add(at.table.path.name, "terms that mean nothing to us: the usual ones count", row["terms"])
        bank = BankDetails(
            iban=_compact(row.get("iban", "")), bic=_compact(row.get("bic", "")), account=row.get("account", "")
        )
        country = row.get("country", "").upper()[:2]
        return Vendor(id=row["id"], name=row["name"], bank=bank, country=country, terms=said)

    def _invoice(self, row: Row, at: "_At", vendors: dict[str, Vendor]) -> Invoice:
        given, on = row.get("terms", ""), at.day(row, "invoice_date")
        if on is None:
            raise Unreadable("there is no date")
        vendor = vendors.get(row["vendor"])
        usual = (vendor.terms if vendor else None) or self.settings.terms
        said = terms(given, usual)
        if said is None:
            self.flaws.add(at.table.path.name, "terms that mean nothing to us: the vendor's count", given)
        due = at.day(row, "due_date") or on + timedelta(days=(said or usual).net_days)
        return Invoice(
            id=row.get("id") or f"{row['vendor']}/{row['number'] or on}",
            vendor=row["vendor"],
            number=row["number"],
            amount=at.amount(row),
            currency=self._currency(row),
            invoice_date=on,
            due_date=due,
            terms=said or usual,
            not_before=at.day(row, "not_before_date"),
            account=_compact(row.get("account", "")),
        )

    def _paid(self, row: Row, at: "_At") -> Paid:
        on = at.day(row, "day")
        if on is None:
            raise Unreadable("there is no date")
        account, of = _compact(row.get("account", "")), at.day(row, "invoice_date")
        return Paid(row["vendor"], row.get("number", ""), at.amount(row), self._currency(row), on, account, of)

    def _receivable(self, row: Row, at: "_At") -> Receivable:
        on, due = at.day(row, "invoice_date"), at.day(row, "due_date")
        if on is None or due is None:
            raise Unreadable("there is no date")
        return Receivable(
            id=row.get("id") or str(at.number),
            customer=row["customer"],
            amount=at.amount(row),
            currency=self._currency(row),
            invoice_date=on,
            due_date=due,
            settled=at.day(row, "settled"),
            facts=at.other,
        )

    def _flow(self, row: Row, at: "_At") -> CashFlow:
        on = at.day(row, "day")
        if on is None:
            raise Unreadable("there is no date")
        return CashFlow(day=on, amount=at.amount(row), currency=self._currency(row), what=row.get("what", ""))


def by_id(vendors: Iterable[Vendor]) -> dict[str, Vendor]:
    """One that is there twice is the last of its rows, and known to have the accounts of the others as well."""
    found = dict[str, Vendor]()
    for each in vendors:
        before = found.get(each.id)
        known = {before.bank.known_as, *before.others} if before else set[str]()
        others = tuple(sorted(known - {each.bank.known_as, ""}))
        found[each.id] = each.model_copy(update={"others": others}) if others else each
    return found


def numbered(invoices: Iterable[Invoice]) -> Iterator[Invoice]:
    """With ids that stay the same from day to day, and that no two of them share."""
    seen = dict[str, int]()
    for each in invoices:
        seen[each.id] = count = seen.get(each.id, 0) + 1
        yield each if count == 1 else each.model_copy(update={"id": f"{each.id}#{count}"})


class _At:
    """A row's place: its table, its line, and its other cells."""

    def __init__(self, table: Table, number: int, other: Row) -> None:
        self.table, self.number, self.other = table, number, other

    def day(self, row: Row, name: str) -> date | None:
        return day(row.get(name, ""), self.table.order)

    def amount(self, row: Row) -> Decimal:
        return amount(row["amount"], self.table.mark)


def _last_lost(each: Receivable) -> tuple[bool, date]:
    """Of too many receivables the open ones are kept first, then the newest."""
    return each.settled is None, each.invoice_date


WITHOUT = {
    "payments": "There is no table of payments: every vendor counts as one that was never paid.",
    "receivables": "There is no table of receivables: no money is expected.",
}


def _class_of(error: Unreadable) -> str:
    """What is wrong, without the value: `no date`."""
    said = str(error)
    return said if "'" not in said else f"a value that {said.rpartition(chr(39))[2].strip()}"


def _compact(text: str) -> str:
    return "".join(text.upper().split())
