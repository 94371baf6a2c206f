"""Who pays for a model call: the accounts it draws from, all of which have to hold its worst case. docs/budgets.md."""

import re
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation

from pydantic import AwareDatetime, Field

from contracts.base import Contract
from contracts.errors import BadInput
from contracts.policy import Policy

OTHERS = "*"  # in COUNTERSIGN_TEAM_BUDGETS: any team that is not named


class Purse(Contract):
    """What one run may spend in all, with what its children spend."""

    run: str
    usd: Decimal = Field(ge=0)


class Spender(Contract):
    """The run that asks, and whose money it is.

    `purses` are the run's own and those of the runs above it, so that children and sub-agents draw from their
    parents. `call_usd` and `month_usd` None: no such limit. The team's month is in the settings, not here.
    """

    run: str
    workflow: str
    team: str
    purses: tuple[Purse, ...] = ()
    call_usd: Decimal | None = None
    month_usd: Decimal | None = Field(default=None, description="of all runs of this workflow in a calendar month")

    @classmethod
    def of(cls, policy: Policy, *, run: str, workflow: str, parent: "Spender | None" = None) -> "Spender":
        """A run under its policy. `parent` is the spender of the run that started this one."""
        above = parent.purses if parent is not None else ()
        budget = policy.budget
        return cls(
            run=run,
            workflow=workflow,
            team=parent.team if parent is not None else policy.team,
            purses=(Purse(run=run, usd=budget.usd), *above),
            call_usd=budget.call_usd,
            month_usd=budget.month_usd,
        )

    def limits(self, team_usd: Mapping[str, Decimal], at: datetime) -> tuple["Limit", ...]:
        """Every account that a call of this spender draws from at that time, the narrowest first."""
        month = f"{at:%Y-%m}"
        runs = (
            Limit(account=f"run/{purse.run}", usd=purse.usd, what=self._whose(purse), setting="budget.usd")
            for purse in self.purses
        )
        workflow = Limit(
            account=f"workflow/{self.workflow}/{month}",
            usd=self.month_usd,
            what=f"the month of the workflow {self.workflow!r}",
            setting="budget.month_usd",
        )
        team = Limit(
            account=f"team/{self.team}/{month}",
            usd=team_usd.get(self.team, team_usd.get(OTHERS)),
            what=f"the month of the team {self.team!r}",
            setting="COUNTERSIGN_TEAM_BUDGETS",
        )
        return (*runs, workflow, team)

    def _whose(self, purse: Purse) -> str:
        if purse.run.startswith(f"{self.run}/"):
            return f"the budget of {purse.run!r}, which this run asked"
        return "the run's budget" if purse.run == self.run else f"the budget of the run above it, {purse.run!r}"


class Limit(Contract):
    """One account and how much may leave it. None: it is kept count of, and not limited."""

    account: str
    usd: Decimal | None
    what: str = Field(description="for people: the run's budget, the month of the team")
    setting: str = Field(default="", description="where the limit is set")


class Draw(Contract):
    """A call that is about to be made: what it may cost at most, and the accounts it draws from.

    `call` is the same for every attempt at the same call. `seconds`: after that long without a word from whoever
    makes the call, it counts as charged with its worst case.
    """

    call: str
    attempt: int = 1
    run: str = ""
    usd: Decimal = Field(ge=0)
    limits: tuple[Limit, ...]
    seconds: float = Field(default=900, gt=0)


class Reserved(Contract):
    """What came of a draw: the ticket to settle it by, or the reply that was paid for before, or who holds the money.

    Exactly one of `ticket`, `reply` and `held` is set. `assumed` is what earlier attempts at this call, cut off
    without a word, were charged just now.
    """

    ticket: str = ""
    reply: str = Field(default="", description="artifact reference of the reply to this very call")
    held: str = Field(default="", description="the limit that calls in flight fill; it may have room soon")
    assumed: Decimal = Decimal(0)


class Account(Contract):
    """What an account has paid and holds back for calls in flight, in US dollars."""

    name: str
    spent: Decimal
    reserved: Decimal
    usd: Decimal | None = Field(default=None, description="the limit at the last call")
    changed_at: AwareDatetime


_TEAM = re.compile(r"\s*(\*|[\w.-]+)\s*=\s*\$?([0-9.]+)\s*")


def team_budgets(text: str) -> dict[str, Decimal]:
    """US dollars a month by team, from `platform=200, *=50`. Empty: no team has a limit. BadInput for anything else."""
    found: dict[str, Decimal] = {}
    for part in filter(str.strip, text.split(",")):
        match = _TEAM.fullmatch(part)
        try:
            if match is None:
                raise InvalidOperation
            found[match.group(1)] = Decimal(match.group(2))
        except InvalidOperation as error:
            raise BadInput(
                f"COUNTERSIGN_TEAM_BUDGETS has {part.strip()!r}, which is no team and its dollars a month.",
                subject="COUNTERSIGN_TEAM_BUDGETS",
                way_out="Write it like platform=200, research=50, *=20.",
            ) from error
    return found
