"""Who pays for a model call: the purses it draws from, all of which have to hold its worst case."""

from decimal import Decimal

from pydantic import Field

from contracts.base import Contract
from contracts.policy import Policy


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
