"""Whether a workflow is of use: what people made of what it proposed."""

from decimal import Decimal

from pydantic import Field

from contracts.base import Contract


class Used(Contract):
    """Proposals by how they ended, their effects that were carried out, and what models cost, in US dollars."""

    signed: int = 0
    changed: int = Field(default=0, description="of those that were signed: after changes")
    rejected: int = 0
    expired: int = 0
    effects: int = 0
    usd: Decimal = Decimal(0)
    unpriced: int = Field(default=0, description="runs whose price nobody knows; it is not in `usd`")
