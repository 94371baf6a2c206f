"""API tokens: what a program may do in a person's name. None of it is signing: a token has no key."""

from typing import Literal, get_args

from pydantic import AwareDatetime, Field

from contracts.base import Contract

Scope = Literal["read:proposals", "read:runs", "read:ledger", "submit:decisions"]
SCOPES: tuple[Scope, ...] = get_args(Scope)
TOKEN_PREFIX = "cst_"  # so that people and scanners of secrets know one when they see it  # noqa: S105


class ApiToken(Contract):
    """A token as it is listed. `id` is the beginning of its hash; the token itself is shown once."""

    id: str
    person: str
    label: str = Field(max_length=100)
    scopes: tuple[Scope, ...]
    created_at: AwareDatetime
    expires_at: AwareDatetime
    ended_at: AwareDatetime | None = None
    used_at: AwareDatetime | None = Field(default=None, description="to the minute")
