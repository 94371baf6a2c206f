"""Budgets: reserve the worst case, call, settle. Each step is one transaction, so a killed process leaves no half.

Money is counted in whole nano-dollars; what a call costs is rounded up to one. A ticket is one attempt at a call:

    open ──settle──▶ settled        the reply came: its price is charged
      │ ──release─▶ released        the provider was not reached or refused: nothing is charged
      │ ──assume──▶ assumed         nobody knows: the worst case is charged
      └─ next attempt, or time ─▶ assumed ──settle/release──▶ settled/released (the late word is the truth)

An open ticket whose owner died is turned into a charge by the next attempt at the same call, or by whoever reserves
next after its time is up. docs/budgets.md.
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.engine import Connection, RowMapping

from contracts.budgets import Account, Draw, Limit, Reserved
from contracts.errors import BudgetSpent, NotFound
from contracts.records import Entry
from ledger.entries import Entries
from ledger.schema import accounts, tickets

BUDGETS_LOCK = 4
NANO = Decimal(10) ** 9
End = Literal["settled", "released", "assumed"]


@dataclass(frozen=True)
class Paid:
    """How a ticket ends. `usd` None: nobody knows the price, so the worst case is charged."""

    state: End
    usd: Decimal | None = None
    reply: str = ""


class Budgets(Entries):
    """Accounts and the tickets that draw from them."""

    def reserve(self, draw: Draw, *entry: Entry) -> Reserved:
        """Hold the worst case back from every account, and write the entry: both or neither.

        BudgetSpent where an account can't pay for it even with nothing in flight.
        """
        with self.store.turn("budgets"), self.store.write() as connection:
            self.store.lock(connection, BUDGETS_LOCK)
            self._charge_expired(connection)
            earlier = _tickets(connection, tickets.c.call == draw.call)
            if reply := next((row["reply"] for row in earlier if row["reply"]), ""):
                return Reserved(reply=reply)
            assumed = sum((self._end(connection, row, Paid("assumed")) for row in _open(earlier)), 0)
            balances = self._balances(connection, draw)
            short = _short(balances, draw)
            if short is None:
                ticket = self._hold(connection, draw, balances)
                self.note(connection, *entry)
                return Reserved(ticket=ticket, assumed=dollars(assumed))
        # Raised only here: what was found out about earlier attempts stays found out.
        limit, left, free = short
        if left >= nano(draw.usd):
            return Reserved(held=limit.what, assumed=dollars(assumed))
        raise refusal(draw, limit, dollars(free))

    def settle(self, ticket: str, usd: Decimal | None, reply: str, *entry: Entry) -> None:
        """The reply came and cost `usd`. `reply` is found by every later attempt at the same call."""
        self._close(ticket, Paid("settled", usd, reply), entry)

    def release(self, ticket: str, *entry: Entry) -> None:
        """The call was certainly not charged."""
        self._close(ticket, Paid("released", Decimal(0)), entry)

    def assume(self, ticket: str, *entry: Entry) -> None:
        """The call may have been charged, and nobody knows how much: its worst case is."""
        self._close(ticket, Paid("assumed"), entry)

    def account(self, name: str) -> Account | None:
        with self.store.read() as connection:
            row = connection.execute(sa.select(accounts).where(accounts.c.name == name)).mappings().first()
        return None if row is None else _account(row)

    def accounts(self, prefix: str = "", limit: int = 1000) -> list[Account]:
        """Accounts by name: `team/`, `workflow/changelog/`, `run/`."""
        query = sa.select(accounts).where(accounts.c.name.startswith(prefix, autoescape=True))
        with self.store.read() as connection:
            return [
                _account(row) for row in connection.execute(query.order_by(accounts.c.name).limit(limit)).mappings()
            ]

    def _close(self, ticket: str, paid: Paid, entry: Sequence[Entry]) -> None:
        with self.store.turn("budgets"), self.store.write() as connection:
            self.store.lock(connection, BUDGETS_LOCK)
            found = _tickets(connection, tickets.c.ticket == ticket)
            if not found:
                raise NotFound(f"No model call has the ticket {ticket!r}.", subject=ticket)
            self._end(connection, found[0], paid)
            self.note(connection, *entry)

    def _charge_expired(self, connection: Connection) -> None:
        late = sa.and_(tickets.c.state == "open", tickets.c.expires_at < self.clock())
        for row in _tickets(connection, late):
            self._end(connection, row, Paid("assumed"))

    def _balances(self, connection: Connection, draw: Draw) -> Mapping[str, RowMapping]:
        """The draw's accounts, opened where they are new. Read under the lock, so nobody else moves them."""
        names = list(dict.fromkeys(limit.account for limit in draw.limits))
        query = sa.select(accounts).where(accounts.c.name.in_(names))
        found = {row["name"]: row for row in connection.execute(query).mappings()}
        missing = [name for name in names if name not in found]
        if missing:
            fresh = {"spent": 0, "reserved": 0, "usd": None, "changed_at": self.clock()}
            connection.execute(sa.insert(accounts), [{"name": name, **fresh} for name in missing])
            found = {row["name"]: row for row in connection.execute(query).mappings()}
        return found

    def _hold(self, connection: Connection, draw: Draw, balances: Mapping[str, RowMapping]) -> str:
        now, worst = self.clock(), nano(draw.usd)
        ticket = uuid.uuid4().hex
        row = {
            "ticket": ticket,
            "call": draw.call,
            "attempt": draw.attempt,
            "run": draw.run,
            "accounts": [limit.account for limit in draw.limits],
            "state": "open",
            "worst": worst,
            "charged": 0,
            "reply": "",
            "made_at": now,
            "expires_at": now + timedelta(seconds=draw.seconds),
        }
        connection.execute(sa.insert(tickets), [row])
        names = [limit.account for limit in draw.limits]
        held = {"reserved": accounts.c.reserved + worst, "changed_at": now}
        connection.execute(sa.update(accounts).where(accounts.c.name.in_(names)).values(held))
        for limit in draw.limits:
            most = None if limit.usd is None else nano(limit.usd, ROUND_FLOOR)
            if balances[limit.account]["usd"] != most:
                changed = sa.update(accounts).where(accounts.c.name == limit.account)
                connection.execute(changed.values(usd=most))
        return ticket

    def _end(self, connection: Connection, row: RowMapping, paid: Paid) -> int:
        """Bring a ticket to its end; the same end again changes nothing. Gives what it is charged, in nano-dollars."""
        charged = row["worst"] if paid.usd is None else nano(paid.usd)
        if row["state"] in ("settled", "released") or (row["state"], paid.state) == ("assumed", "assumed"):
            return int(row["charged"])
        changes: dict[str, Any] = {
            "state": paid.state,
            "charged": charged,
            "reply": paid.reply,
            "ended_at": self.clock(),
        }
        connection.execute(sa.update(tickets).where(tickets.c.ticket == row["ticket"]).values(changes))
        freed = row["worst"] if row["state"] == "open" else 0
        values = {
            "reserved": accounts.c.reserved - freed,
            "spent": accounts.c.spent + charged - row["charged"],
            "changed_at": self.clock(),
        }
        connection.execute(sa.update(accounts).where(accounts.c.name.in_(row["accounts"])).values(values))
        return int(charged)


def _short(balances: Mapping[str, RowMapping], draw: Draw) -> tuple[Limit, int, int] | None:
    """The first account that has no room: its limit, what is left of it, and what of that is free. None: all have.

    An account without any money left comes before one that others only hold for now.
    """
    worst, lacking = nano(draw.usd), []
    for limit in draw.limits:
        if limit.usd is None:
            continue
        balance = balances[limit.account]
        left = nano(limit.usd, ROUND_FLOOR) - balance["spent"]
        if worst > left - balance["reserved"]:
            lacking.append((limit, left, left - balance["reserved"]))
    return min(lacking, key=lambda short: short[1] >= worst, default=None)


def _tickets(connection: Connection, which: sa.ColumnElement[bool]) -> list[RowMapping]:
    return list(connection.execute(sa.select(tickets).where(which).order_by(tickets.c.made_at)).mappings())


def _open(rows: Sequence[RowMapping]) -> list[RowMapping]:
    return [row for row in rows if row["state"] == "open"]


def refusal(draw: Draw, limit: Limit, free: Decimal) -> BudgetSpent:
    left = f"${max(free, Decimal(0)):.4f} of ${limit.usd} is left of {limit.what}"
    return BudgetSpent(
        f"The call could cost ${draw.usd:.4f}, and {left}.",
        subject=limit.account,
        way_out=f"Raise {limit.setting or 'the limit'}, or use a cheaper model.",
    )


def nano(usd: Decimal, rounding: str = ROUND_CEILING) -> int:
    """Whole nano-dollars, rounded up: never less than what was paid. Limits are rounded down."""
    return int((usd * NANO).to_integral_value(rounding))


def dollars(nanos: int) -> Decimal:
    return Decimal(nanos) / NANO


def _account(row: RowMapping) -> Account:
    usd = row["usd"]
    return Account(
        name=row["name"],
        spent=dollars(row["spent"]),
        reserved=dollars(row["reserved"]),
        usd=None if usd is None else dollars(usd),
        changed_at=row["changed_at"],
    )
