"""The schedule against every other schedule there is, and the constraints that it must never break."""

import itertools
import random
import re
from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal as D

import pytest

from activities.payables import scenarios
from activities.payables.account import Account
from activities.payables.bank_days import BankDays
from activities.payables.options import Window, choice
from activities.payables.program import Program
from activities.payables.schedule import make_schedule
from activities.payables.solve import SMALL, solve
from contracts.errors import PayablesUnusable
from contracts.payables import (
    CashAccount,
    CashFlow,
    CreditLine,
    Discount,
    LateFee,
    Payable,
    Payment,
    ReceiptBand,
    ReceiptPath,
    Schedule,
    ScheduleInput,
    Terms,
)

MONDAY = date(2026, 3, 2)
MORNING = datetime(2026, 3, 2, 9, tzinfo=UTC)
TWO_TEN = Terms(discounts=(Discount(percent=D(2), days=10),), late=LateFee(monthly_percent=D(1)))


def payable(
    name: str = "p", amount: str = "1000", *, days: int = 30, terms: Terms = TWO_TEN, **more: object
) -> Payable:
    invoice = more.pop("invoice_date", MONDAY)
    assert isinstance(invoice, date)
    fields = {"vendor": "Acme", "currency": "EUR", "invoice_date": invoice, "due_date": invoice + timedelta(days=days)}
    return Payable(id=name, amount=D(amount), terms=terms, **{**fields, **more})


def account(opening: str = "100000", **more: object) -> CashAccount:
    fields = {"currency": "EUR", "opening": D(opening), "capital_percent": D(6), "country": "ECB", **more}
    return CashAccount(**fields)


def given(*payables: Payable, **more: object) -> ScheduleInput:
    fields = {"now": MORNING, "payables": payables, "accounts": (account(),), "seconds": 5, "gap": 1e-9, **more}
    return ScheduleInput(**fields)


def only(schedule: Schedule) -> Payment:
    assert len(schedule.payments) == 1, schedule
    return schedule.payments[0]


# Days


def test_a_discount_is_taken_on_its_last_day_and_its_worth_is_told_as_a_rate() -> None:
    schedule = make_schedule(given(payable()))
    payment = only(schedule)
    # Ten days after Monday the 2nd is Thursday the 12th, and money needs one bank day.
    assert (payment.day, payment.arrives) == (date(2026, 3, 11), date(2026, 3, 12))
    assert (payment.amount, payment.discount, payment.kind) == (D(980), D(20), "early")
    # Due Wednesday, 1 April: without the discount it would leave on the 31st, 20 days later.
    assert schedule.early[0].days == 20
    assert schedule.early[0].annual_percent == pytest.approx(20 / 980 * 365 / 20 * 100, abs=0.01)
    assert "37.2 % a year" in payment.why
    assert schedule.accounts[0].gap == 0
    assert schedule.accounts[0].proved


def test_a_discount_that_is_worth_less_than_capital_is_left() -> None:
    mean = Terms(discounts=(Discount(percent=D("0.1"), days=10),))
    schedule = make_schedule(given(payable(terms=mean)))
    assert only(schedule).kind == "on time"
    assert schedule.early[0].why == "Capital costs more: 6 % a year."


def test_holidays_and_weekends_are_no_days_to_pay_on() -> None:
    # Easter 2026: the 3rd and 6th of April are no bank days for euros. Due on Monday the 6th: there on the 2nd.
    payment = only(make_schedule(given(payable(days=35, terms=Terms()))))
    assert (payment.day, payment.arrives) == (date(2026, 4, 1), date(2026, 4, 2))
    after = only(make_schedule(given(payable(days=35, terms=Terms(weekend="after")))))
    assert (after.day, after.arrives) == (date(2026, 4, 2), date(2026, 4, 7))


def test_a_country_has_holidays_of_its_own() -> None:
    bavaria = account(country="DE", subdivision="BY", arrival_days=0)
    now = datetime(2026, 1, 2, 9, tzinfo=UTC)
    day = {"invoice_date": date(2025, 12, 7), "days": 30, "terms": Terms()}  # due on Epiphany, 6 January
    assert only(make_schedule(given(payable(**day), now=now, accounts=(bavaria,)))).day == date(2026, 1, 5)
    berlin = account(country="DE", subdivision="BE", arrival_days=0)
    assert only(make_schedule(given(payable(**day), now=now, accounts=(berlin,)))).day == date(2026, 1, 6)


def test_a_bank_may_close_on_more_days_and_work_on_a_holiday_that_was_moved() -> None:
    """A government moves a holiday after the calendar was made; and the calendar itself knows of earlier moves."""
    due = payable(days=32, terms=Terms())  # 3 April 2026, Good Friday
    usual = only(make_schedule(given(due)))
    assert usual.arrives == date(2026, 4, 2)
    moved = account(closed=(date(2026, 4, 2),), opened=(date(2026, 4, 3),))
    payment = only(make_schedule(given(due, accounts=(moved,))))
    assert (payment.day, payment.arrives) == (date(2026, 4, 1), date(2026, 4, 3))
    coronation = account(country="GB", subdivision="ENG", arrival_days=0)
    early_may = payable(
        invoice_date=date(2020, 5, 1), days=7, terms=Terms()
    )  # Early May Bank Holiday was moved from the 4th to the 8th
    may = given(early_may, accounts=(coronation,), now=datetime(2020, 5, 1, 9, tzinfo=UTC))
    assert only(make_schedule(may)).day == date(2020, 5, 7)


@pytest.mark.parametrize(
    ("clock", "approval", "first"),
    [
        (datetime(2026, 3, 6, 13, tzinfo=UTC), 0, date(2026, 3, 6)),  # Friday, 14:00 in Berlin
        (datetime(2026, 3, 6, 15, tzinfo=UTC), 0, date(2026, 3, 9)),  # 16:00 there: past the cut-off
        (datetime(2026, 3, 6, 13, tzinfo=UTC), 1, date(2026, 3, 9)),
        (datetime(2026, 3, 7, 3, tzinfo=UTC), 2, date(2026, 3, 11)),  # Saturday
        (datetime(2026, 3, 8, 23, 30, tzinfo=UTC), 0, date(2026, 3, 9)),  # Monday already, in Berlin
    ],
)
def test_the_cut_off_is_that_of_the_banks_own_clock(clock: datetime, approval: int, first: date) -> None:
    berlin = account(timezone="Europe/Berlin", cut_off=time(15))
    overdue = payable(invoice_date=date(2026, 1, 2), terms=Terms())
    schedule = make_schedule(given(overdue, now=clock, accounts=(berlin,), approval_days=approval))
    assert only(schedule).day == first
    assert schedule.accounts[0].first_day == first


def test_a_leap_day_is_a_day() -> None:
    now = datetime(2028, 2, 25, 9, tzinfo=UTC)  # a Friday; 29 February 2028 is a Tuesday
    bill = payable(invoice_date=date(2028, 1, 30), days=30, terms=Terms())
    assert bill.due_date == date(2028, 2, 29)
    payment = only(make_schedule(given(bill, now=now)))
    assert (payment.day, payment.arrives) == (date(2028, 2, 28), date(2028, 2, 29))


def test_what_is_late_already_is_paid_as_soon_as_it_can_be() -> None:
    overdue = payable(invoice_date=date(2025, 12, 1), terms=Terms(max_late_days=0, late=LateFee(flat=D(40))))
    payment = only(make_schedule(given(overdue)))
    assert (payment.day, payment.kind, payment.fee, payment.amount) == (date(2026, 3, 3), "late", D(40), D(1040))
    assert "can't be there sooner" in payment.why


def test_what_is_due_after_the_horizon_waits_for_it() -> None:
    schedule = make_schedule(given(payable(days=90, terms=Terms())))
    assert schedule.payments == ()
    assert "after the horizon" in schedule.later[0].why


def test_goods_that_come_later_are_not_paid_before() -> None:
    schedule = make_schedule(given(payable(not_before=date(2026, 3, 20))))
    assert only(schedule).kind == "on time"
    assert schedule.early == ()


# Who is paid, and from where


def test_held_payables_and_those_without_an_account_are_named_and_not_paid() -> None:
    schedule = make_schedule(given(payable("a", held="New bank details."), payable("b", currency="JPY")))
    assert schedule.payments == ()
    assert {each.payable: each.why for each in schedule.later} == {
        "a": "New bank details.",
        "b": "There is no account in JPY; nothing is converted.",
    }


def test_each_currency_has_its_own_cash() -> None:
    poor, rich = account(opening="0"), account(currency="USD", country="FED")
    bills = (payable("e", terms=Terms(max_late_days=0)), payable("d", currency="USD"))
    schedule = make_schedule(given(*bills, accounts=(poor, rich)))
    assert [payment.payable for payment in schedule.payments] == ["d"]
    assert [each.currency for each in schedule.infeasible] == ["EUR"]
    assert schedule.total is None


def test_costs_are_summed_by_given_rates_only() -> None:
    accounts = (account(), account(currency="USD"))
    bills = (payable("e", terms=Terms()), payable("d", currency="USD"))
    with pytest.raises(PayablesUnusable, match="no rate from USD to EUR"):
        make_schedule(given(*bills, accounts=accounts, reporting="EUR"))
    schedule = make_schedule(given(*bills, accounts=accounts, reporting="EUR", rates={"USD": D("0.5")}))
    dollars = next(plan.costs.total for plan in schedule.accounts if plan.currency == "USD")
    assert dollars > 0
    assert schedule.total == (dollars / 2).quantize(D("0.01"), rounding="ROUND_HALF_UP")


def test_yen_have_no_cents() -> None:
    schedule = make_schedule(given(payable(amount="12345", currency="JPY"), accounts=(account(currency="JPY"),)))
    assert (only(schedule).discount, only(schedule).amount) == (D(247), D(12098))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"accounts": (account(), account())}, "accounts are in 'EUR'"),
        ({"payables": (payable("x"), payable("x"))}, "payables have the id 'x'"),
        ({"accounts": (account(country="ATLANTIS"),)}, "'ATLANTIS' are not known"),
        ({"accounts": (account(country="DE", subdivision="QQ"),)}, "'DE QQ' are not known"),
        ({"accounts": (account(timezone="Mars/Base"),)}, "no timezone 'Mars/Base'"),
        ({"reporting": "EUR", "rates": {"USD": D(0)}}, "rate of USD is not above 0"),
    ],
)
def test_what_contradicts_itself_is_named(change: dict[str, object], says: str) -> None:
    with pytest.raises(PayablesUnusable, match=says):
        make_schedule(given(**change))


def test_nothing_to_pay_is_a_schedule_too() -> None:
    schedule = make_schedule(given())
    assert schedule.payments == schedule.infeasible == ()
    assert schedule.accounts[0].costs.total == 0
    assert make_schedule(ScheduleInput(now=MORNING)).accounts == ()
    weekend = given(payable(), now=datetime(2026, 3, 7, 9, tzinfo=UTC), horizon_days=1)
    assert len(make_schedule(weekend).later) == 1


# Cash


def test_the_discount_that_is_worth_most_gets_the_cash_there_is() -> None:
    small = Terms(discounts=(Discount(percent=D(1), days=10),))
    bands = (ReceiptBand(currency="EUR", day=date(2026, 3, 20), low=D(1000), expected=D(1000), high=D(1000)),)
    schedule = make_schedule(
        given(payable("one", terms=small), payable("two"), accounts=(account("1000"),), receipts=bands)
    )
    assert {each.payable: each.kind for each in schedule.payments} == {"one": "on time", "two": "early"}
    assert next(each.why for each in schedule.early if not each.taken).startswith("Cash does not reach")


def test_a_line_is_drawn_for_what_is_worth_more_than_its_interest() -> None:
    for percent, kind in ((D(9), "early"), (D(60), "on time")):
        line = CreditLine(limit=D(2000), annual_percent=percent)
        bands = (ReceiptBand(currency="EUR", day=date(2026, 3, 25), low=D(1500), expected=D(1500), high=D(1500)),)
        schedule = make_schedule(given(payable(), accounts=(account("0", line=line),), receipts=bands))
        assert only(schedule).kind == kind
        plan = schedule.accounts[0]
        drawn = max(point.drawn for point in plan.curve)
        assert D(980) <= drawn < D(985) if kind == "early" else drawn == 0  # with its interest
        assert min(point.cash for point in plan.curve) >= 0


def test_only_low_receipts_are_counted_on_for_what_is_decided_now() -> None:
    bill = payable(invoice_date=date(2026, 2, 21), days=11, terms=Terms(late=LateFee(flat=D(50))))  # due on the 4th
    unsure = (ReceiptBand(currency="EUR", day=MONDAY, low=D(0), expected=D(2000), high=D(2000)),)
    late = only(make_schedule(given(bill, accounts=(account("0"),), receipts=unsure, firm_days=1)))
    assert late.kind == "late"
    sure = (unsure[0].model_copy(update={"low": D(2000)}),)
    assert only(make_schedule(given(bill, accounts=(account("0"),), receipts=sure))).kind == "on time"


def gambled(*, late: int) -> ScheduleInput:
    """A discount ends today, a bill with a large late fee is due in two days, and there is cash for one of both. In
    `late` of eight ways customers pay too late for the bill; they are expected in time."""
    discount = Terms(discounts=(Discount(percent=D(2), days=1),))
    fee = Terms(late=LateFee(flat=D(500)))
    soon, later = [0.0, 1200.0] + [1200.0] * 58, [0.0] * 20 + [1200.0] * 40
    return given(
        payable("discount", days=60, terms=discount),
        payable("fee", "900", days=4, terms=fee),
        accounts=(account("1000", arrival_days=1),),
        approval_days=0,
        receipts=tuple(
            ReceiptBand(currency="EUR", day=MONDAY + timedelta(days=at), low=D(0), expected=D(come), high=D(come))
            for at, come in enumerate(soon, 1)
        ),
        paths=[ReceiptPath(currency="EUR", sums=tuple(soon if way >= late else later)) for way in range(8)],
    )


@pytest.mark.parametrize(("late", "paid_now"), [(0, ["discount"]), (4, [])])
def test_cash_is_kept_where_receipts_may_come_too_late(late: int, paid_now: list[str]) -> None:
    """What is expected is the same: only how sure it is differs."""
    made = make_schedule(gambled(late=late))
    assert [each.payable for each in made.payments if each.firm] == paid_now
    assert made.accounts[0].weighed
    assert made == make_schedule(gambled(late=late)), "the same each time"
    plain = make_schedule(gambled(late=late).model_copy(update={"paths": ()}))
    assert [each.payable for each in plain.payments if each.firm] == ["discount"]
    assert not plain.accounts[0].weighed


def test_more_than_can_be_weighed_is_decided_by_what_is_expected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scenarios, "MOST", 5)
    made = make_schedule(gambled(late=4))
    assert [each.payable for each in made.payments if each.firm] == ["discount"]
    assert not made.accounts[0].weighed


def test_wages_come_first() -> None:
    wages = CashFlow(day=date(2026, 3, 30), amount=D(-900), currency="EUR", what="wages")
    bands = (ReceiptBand(currency="EUR", day=date(2026, 4, 8), low=D(1000), expected=D(1000), high=D(1000)),)
    schedule = make_schedule(given(payable(), accounts=(account("1000"),), flows=(wages,), receipts=bands))
    assert only(schedule).kind == "late"
    assert all(point.cash >= 0 for point in schedule.accounts[0].curve)


# Where there is none


def relaxed(case: ScheduleInput, kind: str, amount: D) -> ScheduleInput:
    """The same with one constraint relaxed by so much."""
    cash = case.accounts[0]
    line = cash.line or CreditLine(limit=D(0), annual_percent=D(0))
    change: dict[str, object] = {"floor": cash.floor - amount}
    if kind == "credit":
        change = {"line": line.model_copy(update={"limit": line.limit + amount})}
    elif kind == "cash":
        change = {"opening": cash.opening + amount}
    return case.model_copy(update={"accounts": (cash.model_copy(update=change),)})


@pytest.mark.parametrize("line", [None, CreditLine(limit=D(200), annual_percent=D(9))])
def test_each_way_to_relax_is_enough_and_little_less_is_not(line: CreditLine | None) -> None:
    punctual = Terms(max_late_days=0)
    bills = (payable("a", "700", terms=punctual), payable("b", "600", terms=punctual, days=20))
    wages = CashFlow(day=date(2026, 3, 25), amount=D(-300), currency="EUR", what="wages")
    case = given(*bills, accounts=(account("900", floor=D(100), line=line),), flows=(wages,))
    schedule = make_schedule(case)
    assert schedule.payments == schedule.accounts == ()
    (none,) = schedule.infeasible
    # 600 by the 20th, 300 by the 25th: at 0, below the floor of 100. The line only moves the day to the end of March.
    assert none.day == (date(2026, 3, 25) if line is None else date(2026, 3, 31))
    assert "Acme" in none.says
    ways = {way.kind: way for way in none.relax}
    assert set(ways) == {"floor", "cash", "credit", "late"}
    for kind in ("floor", "cash", "credit"):
        assert not make_schedule(relaxed(case, kind, ways[kind].amount)).infeasible, ways[kind]
        assert make_schedule(relaxed(case, kind, ways[kind].amount - 3)).infeasible, ways[kind]
        assert ways[kind].day is not None
    assert set(ways["late"].payables) <= {"a", "b"}
    assert ways["late"].says.startswith("Let ")


def let_late(case: ScheduleInput, names: Collection[str], days: int) -> ScheduleInput:
    """The same with these payables' vendors waiting so long."""
    waits = {"terms": Terms(max_late_days=days)}
    bills = tuple(each.model_copy(update=waits) if each.id in names else each for each in case.payables)
    return case.model_copy(update={"payables": bills})


def test_letting_the_named_ones_be_late_is_enough_and_none_of_them_can_be_spared() -> None:
    punctual = Terms(max_late_days=0)
    amounts = {"a": "700", "b": "400", "c": "350", "d": "100"}
    bills = [payable(name, amount, terms=punctual, days=20) for name, amount in amounts.items()]
    came = (ReceiptBand(currency="EUR", day=date(2026, 4, 8), low=D(2000), expected=D(2000), high=D(2000)),)
    case = given(*bills, accounts=(account("800"),), receipts=came)
    (none,) = make_schedule(case).infeasible
    [way] = [way for way in none.relax if way.kind == "late"]
    # 750 of 1,550 are missing until April 8th: nothing less than 400 and 350 does.
    assert (set(way.payables), way.amount) == ({"b", "c"}, D(750))
    days = int(re.findall(r"up to (\d+) days late", way.says)[0])
    after = make_schedule(let_late(case, way.payables, days))
    assert not after.infeasible
    assert {each.payable for each in after.payments if each.kind == "late"} == set(way.payables)
    assert make_schedule(let_late(case, way.payables, days - 1)).infeasible
    for spared in way.payables:
        assert make_schedule(let_late(case, set(way.payables) - {spared}, 90)).infeasible


def test_an_account_that_breaks_its_floor_with_nothing_to_pay_says_so() -> None:
    wages = CashFlow(day=date(2026, 3, 25), amount=D(-300), currency="EUR", what="wages")
    (none,) = make_schedule(given(accounts=(account("100"),), flows=(wages,))).infeasible
    assert (none.day, none.short) == (date(2026, 3, 25), D(200))
    assert {way.kind for way in none.relax} == {"floor", "cash", "credit"}


def test_a_schedule_that_is_there_is_found_however_busy_the_machine_is() -> None:
    """With no time left when the solver begins: it takes what the first schedule needs."""
    dice = random.Random(4)
    bills = [payable(f"{n}", f"{dice.randrange(100, 900)}", days=dice.randrange(5, 40)) for n in range(60)]
    cash = account("9000", line=CreditLine(limit=D(30_000), annual_percent=D(9)))
    case = given(*bills, accounts=(cash,))
    bank = BankDays.of(cash, case.now, MONDAY + timedelta(days=90))
    money = Account.of(case, cash, bank, MONDAY)
    window = Window(bank, money.first, money.end, cash.capital_percent)
    program = Program([choice(each, window) for each in bills], money.cash())
    assert program.taken > SMALL, "it is solved in stages"
    found = solve(program, gap=1e-9, seconds=0.0)
    assert found is not None
    assert money.run(found.options, money.planned).beyond(money.line.limit) <= D("0.05")


# Against every schedule there is


def every(case: ScheduleInput) -> Iterator[D]:
    """The costs of every schedule that keeps the floor, each made of any days: told from the contract, not the code."""
    cash = case.accounts[0]
    days = [MONDAY + timedelta(days=i) for i in range(90) if (MONDAY + timedelta(days=i)).weekday() < 5]
    end = sum(day < MONDAY + timedelta(days=case.horizon_days) for day in days)
    ways = [list(outcomes(each, days, end, cash)) for each in case.payables]
    for chosen in itertools.product(*ways):
        lent = afloat(case, cash, days[: end + 1], [(place, paid) for place, paid, _ in chosen])
        if lent is not None:
            yield sum((cost for *_, cost in chosen), D(0)) + lent


def outcomes(bill: Payable, days: Sequence[date], end: int, cash: CashAccount) -> Iterator[tuple[int, D, D]]:
    """Place, what is paid and what that costs. Money is there on the next bank day."""
    in_time = max(place for place in range(len(days) - 1) if days[place + 1] <= bill.due_date)
    offs = [(each, bill.invoice_date + timedelta(days=each.days)) for each in bill.terms.discounts]
    can_have = [bill.amount * each.percent / 100 for each, last in offs if days[2] <= last]
    for place in range(1, end + 1):
        there = days[place + 1]
        if place == end and in_time >= end:
            yield end, D(0), max([D(0), *can_have])
            continue
        off = max([D(0), *(bill.amount * each.percent / 100 for each, last in offs if there <= last)])
        late = (there - bill.due_date).days
        if late > bill.terms.max_late_days:
            continue
        fee = bill.terms.late.flat + bill.amount * bill.terms.late.annual_percent * late / 36500 if late > 0 else D(0)
        off, fee = off.quantize(D("0.01"), "ROUND_HALF_UP"), fee.quantize(D("0.01"), "ROUND_HALF_UP")
        paid = bill.amount - off + fee
        early = max(0, (days[in_time] - days[place]).days)
        timing = paid * cash.capital_percent / 36500 * early
        timing += bill.amount * bill.terms.goodwill_percent / 36500 * max(0, late)
        yield place, paid, max([D(0), *can_have]) - off + fee + timing


def afloat(case: ScheduleInput, cash: CashAccount, days: Sequence[date], paid: Sequence[tuple[int, D]]) -> D | None:
    """The interest above capital of what has to be drawn; None: even the whole line is too little."""
    line = cash.line or CreditLine(limit=D(0), annual_percent=D(0))
    own, drawn, costs = cash.opening, D(0), D(0)
    known = {band.day: band.expected for band in case.receipts}
    came = D(0)
    for place, day in enumerate(days[:-1]):
        now = max([came, *(amount for when, amount in known.items() if when < day and when <= days[max(place - 1, 0)])])
        gap = (day - days[place - 1]).days if place else 0
        own += now - came - sum(amount for when, amount in paid if when == place)
        own -= (drawn * line.annual_percent * gap / 36500).quantize(D("0.01"), "ROUND_HALF_UP")
        came, drawn = now, max(D(0), cash.floor - own)
        if drawn > line.limit:
            return None
        costs += drawn * max(D(0), line.annual_percent - cash.capital_percent) / 36500 * (days[place + 1] - day).days
    return costs


def small_case(seed: int) -> ScheduleInput:
    dice = random.Random(seed)
    bills = []
    for number in range(3):
        invoice = MONDAY - timedelta(days=dice.randrange(12))
        offs = [(Discount(percent=D(2), days=14),), (Discount(percent=D(3), days=13), Discount(percent=D(1), days=17))]
        terms = Terms(
            discounts=dice.choice([(), *offs]),
            late=LateFee(flat=D(dice.choice([0, 3])), annual_percent=D(dice.choice([0, 12]))),
            max_late_days=dice.choice([0, 5, 30]),
        )
        bills.append(payable(str(number), str(dice.randrange(200, 900)), days=20, terms=terms, invoice_date=invoice))
    total, bands = D(0), []
    for offset in range(0, 14, 3):
        total += dice.randrange(50, 400)
        day = MONDAY + timedelta(days=offset)
        bands.append(ReceiptBand(currency="EUR", day=day, low=total, expected=total, high=total))
    line = CreditLine(limit=D(dice.choice([100, 600])), annual_percent=D(dice.choice([4, 15])))
    cash = account(
        str(dice.randrange(0, 600)), country="", line=dice.choice([None, line]), floor=D(dice.choice([0, 50]))
    )
    return given(*bills, accounts=(cash,), receipts=tuple(bands), horizon_days=16)


@pytest.mark.parametrize("seed", range(40))
def test_no_other_schedule_costs_less(seed: int) -> None:
    case = small_case(seed)
    costs = sorted(every(case))
    schedule = make_schedule(case)
    if not costs:
        assert schedule.infeasible, "there is no schedule, and one was made"
        return
    assert not schedule.infeasible, schedule.infeasible
    assert schedule.accounts[0].costs.total == pytest.approx(costs[0], abs=D("0.02"))


def test_the_small_cases_are_of_both_kinds() -> None:
    found = [bool(make_schedule(small_case(seed)).infeasible) for seed in range(12)]
    assert {True, False} == set(found)
