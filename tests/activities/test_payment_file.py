"""The payment file: what its schema allows, that it is what was signed, and that killed anywhere it is there once."""

import csv
import io
import os
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import xmlschema

from activities.effects.payment_params import KIND, Alone, PaymentFileParams, PaymentLine
from activities.payables.files import end_to_end, payment_effects, payment_line, remittance
from activities.payables.pain001 import document, not_supported, plain, table
from contracts.errors import AccessRefused, BadInput, DestinationMoved, Expired, NotSigned
from contracts.paying import BankDetails, OwnAccount, Vendor
from contracts.proposal import Effect
from tests.activities.effect_world import World, act
from tests.activities.payables.books import DUTCH, FRENCH, OTHERS, OURS, books, settings, vendor
from tests.support import forked

NOW = datetime(2026, 3, 2, 6, tzinfo=UTC)
DAY = date(2099, 3, 3)  # on which payments leave: the bank still takes orders for it
PAYING = ("payment.after_stage", "payment.after_note", "payment.after_csv", "payment.after_xml")
POINTS_OF_IT = (
    *("effect.before_intent", "effect.after_intent", "effect.after_ask", "effect.begun"),
    *(*PAYING, "effect.after_act", "effect.after_finish"),
)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World.open(tmp_path)
    yield made
    made.ledger.close()


def line(number: str = "R-1", amount: str = "12.50", to: Vendor | None = None, **changes: Any) -> PaymentLine:
    fields = {"amount": Decimal(amount), "currency": "EUR", "day": DAY, "refs": [number]}
    return payment_line("folder:/books", to or vendor(), invoices=[f"v1/{number}"], **(fields | changes))


def effect(*lines: PaymentLine, alone: Alone = "", format: str = "pain.001.001.09", **account: Any) -> Effect:
    made = books(settings=settings(format=format))
    own = made.settings.accounts[0].model_copy(update=account)
    given = lines or (line(), line("R-2", "1000"))
    return next(payment_effects(made, own, given, run="run-1", revision=1, now=NOW, alone=alone))


def params(made: Effect) -> PaymentFileParams:
    return PaymentFileParams.model_validate(made.params)


def read(data: bytes, tag: str) -> list[str | None]:
    return [each.text for each in ElementTree.fromstring(data).iter() if each.tag.endswith(f"}}{tag}")]


@pytest.mark.parametrize("format", ["pain.001.001.09", "pain.001.001.03"])
def test_the_file_is_valid_and_adds_up(format: str) -> None:
    made = params(effect(line(), line("R-2", "1000", day=DAY + timedelta(days=1)), format=format))
    data = document(made)
    assert read(data, "CtrlSum") == ["1012.50", "12.50", "1000.00"]
    assert read(data, "NbOfTxs") == ["2", "1", "1"]
    assert read(data, "Cd") == ["SEPA", "SEPA"]
    assert read(data, "ChrgBr") == ["SLEV", "SLEV"]
    assert read(data, "IBAN") == [OURS, OTHERS, OURS, OTHERS]
    assert data == document(made), "the same payments make the same bytes"


def test_it_says_what_sepaxml_says_of_the_same_payments() -> None:
    """An implementation of somebody else's agrees on payees, accounts, amounts and sums."""
    from sepaxml import SepaTransfer

    made = params(effect())
    theirs = SepaTransfer(
        {"name": "Example GmbH", "IBAN": OURS, "BIC": "COBADEFFXXX", "batch": True, "currency": "EUR"},
        schema="pain.001.001.09",
    )
    for each in made.lines:
        payment = {"name": each.name, "IBAN": each.iban, "amount": int(each.amount * 100), "description": each.text}
        theirs.add_payment({**payment, "execution_date": each.day, "endtoend_id": each.id})
    said = theirs.export()
    for tag in ("InstdAmt", "EndToEndId", "Ustrd", "IBAN", "Dt", "CtrlSum", "BICFI"):
        assert sorted(map(str, read(document(made), tag))) == sorted(map(str, read(said, tag))), tag


def test_other_money_goes_by_other_rules() -> None:
    yen = OwnAccount(currency="JPY", opening=Decimal(0), iban=OURS, bic="COBADEFFXXX")
    far = Vendor(id="v9", name="東京", bank=BankDetails(iban="GB29NWBK60161331926819", bic="NWBKGB2L"))
    made = books(settings=settings(accounts=(yen,)))
    lines = [line("7", "1200", to=far, currency="JPY")]
    [only] = payment_effects(made, yen, lines, run="r", revision=1, now=NOW, alone="")
    data = document(params(only))
    assert read(data, "InstdAmt") == ["1200"], "yen have no cents"
    assert read(data, "ChrgBr") == ["SHAR"]
    assert read(data, "Cd") == []
    assert read(data, "Nm")[-1] == "Dong Jing"


@pytest.mark.parametrize(
    ("currency", "iban", "bic", "says"),
    [
        ("EUR", OTHERS, "", ""),
        ("USD", OTHERS, "", "needs the BIC"),
        ("USD", OTHERS, "COBADEFFXXX", ""),
        ("EUR", "SA0380000000608010167519", "", "needs the BIC"),
        ("EUR", "", "", "no IBAN"),
    ],
)
def test_what_a_payment_file_can_not_hold_is_named(currency: str, iban: str, bic: str, says: str) -> None:
    found = not_supported(currency, OURS, iban, bic)
    assert says in found
    assert bool(found) is bool(says)


def test_the_schema_refuses_what_is_wrong_and_says_where() -> None:
    made = params(effect()).model_copy(update={"iban": "not an iban"})
    with pytest.raises(BadInput, match=r"not valid pain\.001\.001\.09.*DbtrAcct"):
        document(made)
    with pytest.raises(xmlschema.XMLSchemaException):
        xmlschema.XMLSchema("<broken/>")


def test_names_and_numbers_come_in_the_banks_letters_and_harm_no_spreadsheet() -> None:
    assert plain("Müller & Söhne <x> GmbH", 70) == "Muller Sohne x GmbH"
    assert plain("شركة النور", 70) != ""
    assert remittance([f"INV-{at:05}" for at in range(50)]).endswith(" ...")
    assert len(remittance([f"INV-{at:05}" for at in range(50)])) <= 140
    wicked = line(to=vendor(name='=HYPERLINK("http://x")'))
    rows = list(csv.reader(io.StringIO(table(params(effect(wicked))).decode())))
    assert rows[1][2].startswith("'=")


def test_an_id_is_of_the_invoices_and_not_of_the_run() -> None:
    assert end_to_end("s", ["a", "b"]) == end_to_end("s", ["b", "a"]) != end_to_end("t", ["a", "b"])


def test_more_than_a_file_holds_are_several_and_each_vendor_with_a_new_account_has_its_own() -> None:
    made = books()
    account = made.settings.accounts[0]
    many = [line(f"R-{at}") for at in range(1001)]
    files = list(payment_effects(made, account, many, run="r", revision=1, now=NOW, alone=""))
    assert [params(each).count for each in files] == [1000, 1]
    both = [line(), line("R-2", to=vendor("v2", iban=DUTCH)), line("R-3")]
    apart = payment_effects(made, account, both, run="r", revision=1, now=NOW, alone="changed bank details")
    assert [params(each).count for each in apart] == [2, 1]


def test_the_sums_that_are_signed_must_be_those_of_the_payments() -> None:
    made = effect().params
    with pytest.raises(ValueError, match="control sums"):
        PaymentFileParams.model_validate({**made, "total": "1"})
    with pytest.raises(ValueError, match="one id"):
        effect(line(), line())


async def test_it_is_written_once_and_asked_for(world: World) -> None:
    request = world.request(effect())
    done = await world.carry_out(request)
    [file] = (world.folder / "outbox").glob("*.xml")
    assert done.facts["file"] == str(file)
    assert "1,012.50 EUR in all" in done.says
    assert len(list((world.folder / "outbox" / "csv").glob("*.csv"))) == 1
    assert (await world.carry_out(request)).repeated


@pytest.mark.chaos
@pytest.mark.parametrize(
    ("point", "taken"),
    [
        *((point, False) for point in POINTS_OF_IT),
        *((point, True) for point in ("payment.after_csv", "effect.after_act")),
    ],
)
async def test_killed_anywhere_there_is_one_file(world: World, point: str, taken: bool) -> None:
    """Also where the bank's program has taken it away before the next attempt."""
    request = world.request(effect())
    (world.folder / "request.json").write_text(request.model_dump_json())
    environ = os.environ | {"COUNTERSIGN_FAULT": point, "COUNTERSIGN_FAULT_ONCE": str(world.folder / "once")}
    forked.died(act, world.folder, environ=environ, output=world.folder / "killed.log")

    outbox, bank = world.folder / "outbox", world.folder / "bank"
    bank.mkdir()
    if taken:
        for file in outbox.rglob("*"):
            if file.is_file() and ".countersign" not in file.parts:
                file.rename(bank / file.name)
    done = await world.carry_out(request)
    written = [*outbox.glob("*"), *(outbox / "csv").glob("*"), *bank.glob("*")]
    assert sorted(each.suffix for each in written if each.is_file()) == [".csv", ".xml"]
    assert done.facts["count"] == 2


async def test_another_file_of_that_name_stays(world: World) -> None:
    made = effect()
    there = world.folder / "outbox" / f"{params(made).name}.xml"
    there.parent.mkdir()
    there.write_text("somebody's")
    with pytest.raises(DestinationMoved, match="another file"):
        await world.carry_out(world.request(made))
    assert there.read_text() == "somebody's"


async def test_an_invoice_is_in_one_file_only(world: World) -> None:
    await world.carry_out(world.request(effect()))
    again = effect(line("R-2", "1000"), line("R-9"))
    with pytest.raises(DestinationMoved, match="'v1/R-2' of Paper Mill GmbH is in"):
        await world.carry_out(world.request(again, run="run-2"))


async def test_after_the_banks_cut_off_nothing_is_written_and_the_way_out_is_a_new_run(world: World) -> None:
    """Signed in time, and carried out too late: effects were stopped, a worker was away, a second person was slow."""
    today = datetime.now(UTC).date()
    passed = {"cut_off": time(0), "timezone": "Etc/GMT-14"}  # that midnight has passed wherever this runs
    with pytest.raises(Expired, match=r"took orders for .* until .* UTC") as refused:
        await world.carry_out(world.request(effect(line(day=today), line("R-2", day=DAY), **passed)))
    assert "Start the run again" in refused.value.way_out
    assert not list((world.folder / "outbox").rglob("*.*"))
    assert (await world.carry_out(world.request(effect(line(day=today + timedelta(days=2))), run="run-2"))).facts[
        "count"
    ]


async def test_a_file_that_is_half_out_at_the_cut_off_is_ended(world: World) -> None:
    made, outbox = effect(line(day=date(2026, 3, 3))), world.folder / "outbox"
    (outbox / ".countersign").mkdir(parents=True)
    (outbox / ".countersign" / f"{params(made).name}.note").write_text(params(made).xml_sha256)
    (outbox / ".countersign" / f"{params(made).name}.xml").write_bytes(document(params(made)))
    done = await world.carry_out(world.request(made))
    assert Path(str(done.facts["file"])).read_bytes() == document(params(made))


def test_the_cut_off_is_of_the_first_day_at_the_banks_clock() -> None:
    made = params(effect(line("R-2", day=DAY + timedelta(days=1)), line(), cut_off=time(15), timezone="Europe/Berlin"))
    assert made.send_by == datetime(2099, 3, 3, 14, tzinfo=UTC)


async def test_another_account_than_the_last_needs_a_file_that_says_so(world: World) -> None:
    """Whoever seals proposals could say that nothing was changed: the process that writes files knows better."""
    await world.carry_out(world.request(effect()))
    moved = line("R-5", to=vendor(iban=FRENCH))
    with pytest.raises(NotSigned, match="two people"):
        await world.carry_out(world.request(effect(moved), run="run-2"))
    done = await world.carry_out(world.request(effect(moved, alone="changed bank details"), run="run-3"))
    assert done.facts["accounts"] == {"v1": FRENCH}


async def test_a_file_whose_hash_was_not_signed_is_not_written(world: World) -> None:
    made = effect()
    other = made.model_copy(update={"params": {**made.params, "xml_sha256": "0" * 64}})
    with pytest.raises(NotSigned, match="hash"):
        await world.carry_out(world.request(other))
    assert not list((world.folder / "outbox").rglob("*.xml"))


async def test_an_outbox_that_is_no_folder_is_named(world: World) -> None:
    (world.folder / "outbox").write_text("")
    with pytest.raises(AccessRefused, match="COUNTERSIGN_PAYMENT_OUTBOX"):
        await world.carry_out(world.request(effect()))


def test_what_it_touches_is_what_a_gate_chooses_by() -> None:
    from activities.effects import KINDS

    kind = KINDS[KIND]
    assert kind.touches(effect().params).paths == ("payments/usual",)
    assert kind.touches(effect(alone="first payment").params).paths == ("payments/first-payment",)
    assert kind.subject(effect().params) == "folder:/books"
