"""One attempt at a paid call, for a process of its own, which kills itself where `COUNTERSIGN_FAULT` says."""

import asyncio
from decimal import Decimal
from pathlib import Path

from activities.models import models_from_environment
from activities.models.journal import Journal, Purpose
from contracts.budgets import Purse, Spender
from contracts.models import Message, ModelRequest
from ledger import FolderArtifacts, Ledger
from tests.support.model_server import KEY

REQUEST = ModelRequest(system="Be brief.", messages=(Message(role="user", text="Hello?"),), max_output_tokens=100)
SPENDER = Spender(
    run="run-1",
    workflow="w",
    team="t",
    purses=(Purse(run="run-1", usd=Decimal("0.0075")), Purse(run="parent", usd=Decimal(1))),
)


def environ(server: str) -> dict[str, str]:
    own = {"ANTHROPIC_API_KEY": KEY, "ANTHROPIC_BASE_URL": server, "COUNTERSIGN_PRICES_OF": "anthropic"}
    return own | {"COUNTERSIGN_MODEL": "claude-haiku-4-5"}


def purpose(attempt: int, call: str = "the-call") -> Purpose:
    return Purpose(call=call, attempt=attempt, says="say hello", spender=SPENDER)


async def pay(ledger: Ledger, folder: Path, server: str, attempt: int, call: str = "the-call") -> str:
    tiers = models_from_environment(environ(server))
    assert tiers is not None
    journal = Journal(tiers, ledger, FolderArtifacts(folder / "artifacts"), team_usd={"t": Decimal("0.02")}, patience=1)
    return (await journal.call(REQUEST, purpose(attempt, call))).text


def main(url: str, folder: Path, server: str, attempt: int) -> None:
    with Ledger.open(url, FolderArtifacts(folder / "artifacts")) as ledger:
        print(asyncio.run(pay(ledger, folder, server, attempt)))
