"""Books out of an ERPNext that speaks its protocol over TLS: pages, refusals, a rate limit, rubbish."""

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from activities.payables.holds import find_holds
from activities.payables.sources import erpnext
from activities.payables.sources.choosing import read_books
from contracts.errors import AccessRefused, BadInput, CountersignError, ServiceBusy, StrangeReply
from contracts.paying import Books, Known
from tests.activities.payables.books import OTHERS
from tests.activities.payables.test_folder import SETTINGS
from tests.support.services.erpnext import TOKEN, StandInERPNext, standin_erpnext
from tests.support.services.wire import page, said
from tests.support.tls_host import authority
from workers.services import services
from workers.settings import Settings

NOW = datetime(2026, 3, 2, 6, tzinfo=UTC)


class World:
    def __init__(self, erp: StandInERPNext, folder: Path, ca: Path) -> None:
        self.erp, self.folder = erp, folder
        self.settings = Settings(
            state=folder, erpnext=erp.place, ticket_credentials=f"{erp.place}=TEST_ERPNEXT", egress_authorities=str(ca)
        )
        (folder / "settings.toml").write_text(f'{SETTINGS}[erpnext]\nhost = "{erp.place}"\ncompany = "Example"\n')

    async def read(self) -> Books:
        return await read_books(str(self.folder), NOW, services(self.settings, "agents"), lambda _: None)

    async def fails(self) -> CountersignError:
        with pytest.raises(CountersignError) as caught:
            await self.read()
        assert TOKEN not in f"{caught.value}{caught.value.problem()}"
        return caught.value


@pytest.fixture
async def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    monkeypatch.setenv("TEST_ERPNEXT", TOKEN)
    monkeypatch.setattr(erpnext, "PAGE", 2)
    ca, pem = authority(tmp_path, ("localhost",))
    async with standin_erpnext(pem) as erp:
        erp.add("Supplier", "S1", supplier_name="Paper Mill GmbH")
        erp.add("Bank", "Berlin Bank", swift_number="BYLADEM1001")
        account = {"party_type": "Supplier", "party": "S1", "bank": "Berlin Bank", "iban": OTHERS, "is_default": 1}
        erp.add("Bank Account", "B1", modified="2026-01-01 10:00:00.000000", **account)
        for number in range(1, 6):
            bought(erp, f"PINV-{number}", bill_no=f"R-{number}", outstanding_amount=0.0 if number < 4 else 100.5)
        bought(erp, "PINV-RET", outstanding_amount=-20.0, grand_total=-20.0)
        paying = {"payment_type": "Pay", "party_type": "Supplier", "party": "S1"}
        erp.add("Payment Entry", "PE-1", posting_date="2026-02-02", **paying)
        sale = {"customer": "C1", "posting_date": "2026-01-01", "due_date": "2026-01-31", "grand_total": 50.0}
        more = {"currency": "EUR", "is_return": 0}
        erp.add("Sales Invoice", "SINV-1", outstanding_amount=0.0, **sale, **more)
        erp.add("Sales Invoice", "SINV-2", outstanding_amount=50.0, **sale, **more)
        ledger = {"against_voucher_type": "Sales Invoice", "voucher_type": "Payment Entry", "delinked": 0}
        erp.add("Payment Ledger Entry", "PLE-1", against_voucher_no="SINV-1", posting_date="2026-02-03", **ledger)
        yield World(erp, tmp_path, ca)


def bought(erp: StandInERPNext, name: str, **fields: object) -> None:
    usual = {"supplier": "S1", "bill_date": "2026-02-20", "posting_date": "2026-02-21", "due_date": "2026-03-22"}
    money = {"currency": "EUR", "party_account_currency": "EUR", "grand_total": 100.5, "base_grand_total": 100.5}
    erp.add("Purchase Invoice", name, **{**usual, **money, "on_hold": 0, **fields})


async def test_all_pages_are_read_and_mean_what_the_tables_mean(world: World) -> None:
    made = await world.read()
    assert [(each.number, each.amount) for each in made.invoices] == [
        ("R-4", Decimal("100.5")),
        ("R-5", Decimal("100.5")),
        ("PINV-RET", Decimal("-20.0")),
    ]
    assert made.invoices[0].due_date == date(2026, 3, 22)
    assert (made.vendors[0].bank.iban, made.vendors[0].bank.bic) == (OTHERS, "BYLADEM1001")
    assert [each.number for each in made.paid] == ["R-1", "R-2", "R-3"]
    assert {each.account for each in made.paid} == {OTHERS}
    assert [(each.id, each.settled) for each in made.receivables] == [("SINV-1", date(2026, 2, 3)), ("SINV-2", None)]
    asked = [each for each in world.erp.host.seen if "Purchase" in each.target]
    assert len(asked) == 4, "six documents by pages of two, and one that is empty"


async def test_an_account_that_was_changed_after_the_last_payment_is_not_known(world: World) -> None:
    world.erp.documents["Bank Account"][0]["modified"] = "2026-02-20 08:00:00"
    made = await world.read()
    assert {each.account for each in made.paid} == {""}
    assert {hold.kind for hold in find_holds(made, Known()) if hold.alone} == {"first payment"}


async def test_money_of_another_currency_and_what_is_on_hold_there(world: World) -> None:
    dollars = {"currency": "USD", "grand_total": 200.0, "base_grand_total": 180.0, "outstanding_amount": 90.0}
    bought(world.erp, "PINV-USD", **dollars)
    bought(world.erp, "PINV-HOLD", outstanding_amount=5.0, on_hold=1)
    bought(world.erp, "PINV-LATER", outstanding_amount=5.0, on_hold=1, release_date="2026-04-01")
    bought(world.erp, "PINV-BAD", outstanding_amount=5.0, bill_date="soon")
    made = await world.read()
    found = {each.id: each for each in made.invoices}
    assert (found["PINV-USD"].amount, found["PINV-USD"].currency) == (Decimal(100), "USD")
    assert found["PINV-LATER"].not_before == date(2026, 4, 1)
    assert {(each.says, each.rows) for each in made.flaws} == {
        ("on hold in ERPNext: not paid", 1),
        ("a document that can't be read", 1),
    }


async def test_a_wrong_token_a_denied_kind_and_a_rate_limit_are_named(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.erp.denied = ("Bank Account",)
    error = await world.fails()
    assert isinstance(error, AccessRefused)
    assert "won't list Bank Account: frappe.exceptions.PermissionError" in str(error)
    world.erp.trouble = lambda _: said({"exc_type": "TooManyRequestsError"}, 429, Retry_After="7")
    error = await world.fails()
    assert isinstance(error, ServiceBusy)
    assert error.retry_after == 7
    world.erp.trouble = None
    monkeypatch.setenv("TEST_ERPNEXT", "wrongkey:wrongsecret")
    assert isinstance(await world.fails(), AccessRefused)


@pytest.mark.parametrize(
    "answer", [page(200), said({"data": "none"}), said([1]), said({"data": [1]}), said({"message": "x"})]
)
async def test_rubbish_is_no_books(world: World, answer: object) -> None:
    world.erp.trouble = lambda _: answer  # type: ignore[assignment,return-value]
    assert isinstance(await world.fails(), StrangeReply)


async def test_a_host_that_the_operator_has_not_named_is_not_asked(world: World) -> None:
    text = (world.folder / "settings.toml").read_text()
    (world.folder / "settings.toml").write_text(text.replace(world.erp.place, "elsewhere.example"))
    error = await world.fails()
    assert isinstance(error, BadInput)
    assert "COUNTERSIGN_ERPNEXT" in error.way_out
    assert world.erp.host.seen == []
