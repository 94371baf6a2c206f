"""Budgets on both databases: nothing is overspent, charged twice or stuck, whoever dies when."""

from collections.abc import Callable
from decimal import Decimal

import pytest

from contracts.budgets import Draw, Limit, Purse, Reserved, Spender, team_budgets
from contracts.errors import BadInput, BudgetSpent, NotFound
from contracts.policy import Budget, Policy
from ledger import Ledger
from tests.ledger.support import NOW, Clock, entry

ONE = Decimal(1)


def draw(call: str = "call", usd: str = "0.4", attempt: int = 1, **limits: str) -> Draw:
    known = {"run": "1"} | limits
    return Draw(
        call=call,
        attempt=attempt,
        run="run-1",
        usd=Decimal(usd),
        limits=tuple(
            Limit(
                account=name, usd=None if most == "none" else Decimal(most), what=f"the {name}'s budget", setting=name
            )
            for name, most in known.items()
        ),
        seconds=100,
    )


def balance(ledger: Ledger, name: str = "run") -> tuple[str, str]:
    account = ledger.account(name)
    assert account is not None
    return f"{account.spent.normalize():f}", f"{account.reserved.normalize():f}"


def test_reserve_settle(ledger: Ledger) -> None:
    reserved = ledger.reserve(draw(team="none"), entry("intent"))
    assert reserved == Reserved(ticket=reserved.ticket)
    assert balance(ledger) == balance(ledger, "team") == ("0", "0.4")
    ledger.settle(reserved.ticket, Decimal("0.1"), "sha256:reply", entry("paid"))
    assert balance(ledger) == balance(ledger, "team") == ("0.1", "0")
    assert [one.key for one in ledger.entries()] == ["intent", "paid"]


def test_a_reply_is_paid_for_once(ledger: Ledger) -> None:
    ledger.settle(ledger.reserve(draw()).ticket, Decimal("0.1"), "sha256:reply")
    assert ledger.reserve(draw(attempt=2), entry("again")) == Reserved(reply="sha256:reply")
    assert balance(ledger) == ("0.1", "0")
    assert ledger.entries() == []


def test_what_was_not_charged_is_given_back(ledger: Ledger) -> None:
    ledger.release(ledger.reserve(draw()).ticket)
    assert balance(ledger) == ("0", "0")
    assert ledger.reserve(draw(attempt=2)).ticket


def test_what_may_have_been_charged_counts_with_its_worst_case(ledger: Ledger) -> None:
    ledger.assume(ledger.reserve(draw()).ticket)
    assert balance(ledger) == ("0.4", "0")


def test_an_unknown_price_counts_with_its_worst_case(ledger: Ledger) -> None:
    ledger.settle(ledger.reserve(draw()).ticket, None, "sha256:reply")
    assert balance(ledger) == ("0.4", "0")


def test_the_next_attempt_charges_for_one_that_died(ledger: Ledger) -> None:
    ledger.reserve(draw())
    reserved = ledger.reserve(draw(attempt=2))
    assert reserved.assumed == Decimal("0.4")
    assert balance(ledger) == ("0.4", "0.4")
    ledger.settle(reserved.ticket, Decimal("0.1"), "sha256:reply")
    assert balance(ledger) == ("0.5", "0")


def test_one_believed_dead_that_was_only_slow_tells_the_truth_late(ledger: Ledger) -> None:
    slow = ledger.reserve(draw())
    second = ledger.reserve(draw(attempt=2))
    ledger.settle(slow.ticket, Decimal("0.05"), "sha256:slow")
    assert balance(ledger) == ("0.05", "0.4")
    ledger.settle(second.ticket, Decimal("0.1"), "sha256:second")
    assert balance(ledger) == ("0.15", "0")
    third = ledger.reserve(draw(attempt=3))
    assert third.reply in ("sha256:slow", "sha256:second")


def test_settling_twice_charges_once(ledger: Ledger) -> None:
    ticket = ledger.reserve(draw()).ticket
    for end in (lambda: ledger.settle(ticket, Decimal("0.1"), "r"), lambda: ledger.release(ticket)):
        end()
        end()
        assert balance(ledger) == ("0.1", "0")


def test_time_turns_a_dead_reservation_into_a_charge(ledger: Ledger, clock: Clock) -> None:
    ledger.reserve(draw("one", usd="0.6"))
    assert ledger.reserve(draw("two", usd="0.6")).held == "the run's budget"
    clock.forward(seconds=101)
    with pytest.raises(BudgetSpent, match=r"could cost \$0.6000, and \$0.4000 of \$1 is left of the run's budget"):
        ledger.reserve(draw("two", usd="0.6"))
    assert balance(ledger) == ("0.6", "0")
    assert ledger.reserve(draw("two", usd="0.4")).ticket


def test_money_that_is_only_held_may_come_back(ledger: Ledger) -> None:
    held = ledger.reserve(draw("one", usd="0.6"))
    assert ledger.reserve(draw("two", usd="0.6"), entry("no")).held
    assert ledger.entries() == [], "nothing was asked of a model, so nothing is written"
    ledger.settle(held.ticket, Decimal("0.01"), "r")
    assert ledger.reserve(draw("two", usd="0.6")).ticket


def test_every_account_has_to_have_room(ledger: Ledger) -> None:
    ledger.settle(ledger.reserve(draw("one", usd="0.3", team="0.5")).ticket, Decimal("0.3"), "r")
    with pytest.raises(BudgetSpent, match="the team's budget") as caught:
        ledger.reserve(draw("two", usd="0.3", team="0.5"))
    assert caught.value.subject == "team"
    assert balance(ledger) == balance(ledger, "team") == ("0.3", "0")


def test_an_empty_account_is_named_before_one_that_is_held(ledger: Ledger) -> None:
    ledger.settle(ledger.reserve(draw("one", usd="0.5", run="9", team="0.5")).ticket, Decimal("0.5"), "r")
    ledger.reserve(draw("two", usd="0.4", run="1"))
    with pytest.raises(BudgetSpent, match="the team's budget"):
        ledger.reserve(draw("three", usd="0.4", run="1", team="0.5"))


def test_fractions_of_nano_dollars_never_add_up_to_more_than_the_budget(ledger: Ledger) -> None:
    for number in range(5):
        ticket = ledger.reserve(draw(f"c{number}", usd="0.0000000011", run="0.00000001")).ticket
        ledger.settle(ticket, Decimal("0.0000000011"), "r")
    assert balance(ledger) == ("0.00000001", "0")
    with pytest.raises(BudgetSpent):
        ledger.reserve(draw("last", usd="0.0000000001", run="0.00000001"))


def test_an_unknown_ticket(ledger: Ledger) -> None:
    with pytest.raises(NotFound):
        ledger.settle("nothing", ONE, "r")


def test_children_draw_from_their_parents(open_ledger: Callable[[], Ledger]) -> None:
    ledger = open_ledger()
    parent = Spender.of(Policy(summary="", team="apps", budget=Budget(usd=ONE)), run="p", workflow="ticket")
    child = Spender.of(Policy(summary="", budget=Budget(usd=Decimal(5))), run="p/c", workflow="search", parent=parent)
    limits = child.limits({"apps": Decimal(100)}, NOW)
    assert [limit.account for limit in limits] == ["run/p/c", "run/p", "workflow/search/2026-11", "team/apps/2026-11"]
    asked = parent.model_copy(update={"purses": (Purse(run="p/ask-1", usd=ONE), *parent.purses)})
    assert [limit.what for limit in asked.limits({}, NOW)][:2] == [
        "the budget of 'p/ask-1', which this run asked",
        "the run's budget",
    ]
    spent = Draw(call="c", usd=Decimal("0.9"), limits=limits)
    ledger.settle(ledger.reserve(spent).ticket, Decimal("0.9"), "r")
    with pytest.raises(BudgetSpent, match="the budget of the run above it, 'p'"):
        ledger.reserve(spent.model_copy(update={"call": "d"}))
    assert [account.name for account in ledger.accounts("run/")] == ["run/p", "run/p/c"]
    assert balance(ledger, "team/apps/2026-11") == ("0.9", "0")


def test_a_month_begins_with_nothing_spent(clock: Clock) -> None:
    spender = Spender(run="r", workflow="w", team="t", month_usd=ONE)
    clock.forward(days=8)
    assert [limit.account for limit in spender.limits({}, clock.now)] == ["workflow/w/2026-12", "team/t/2026-12"]


def test_team_budgets_are_read() -> None:
    assert team_budgets("") == {}
    assert team_budgets("platform=200, *=$50.5") == {"platform": Decimal(200), "*": Decimal("50.5")}
    spender = Spender(run="r", workflow="w", team="other")
    assert spender.limits(team_budgets("platform=200, *=50"), NOW)[-1].usd == 50
    for wrong in ("200", "platform", "platform=many", "a=1.2.3", "platform=-5"):
        with pytest.raises(BadInput, match="COUNTERSIGN_TEAM_BUDGETS"):
            team_budgets(wrong)
