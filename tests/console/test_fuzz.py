"""The API does what its description says, whatever it is asked and whoever asks.

`make fuzz` does the same for longer, with other requests each time.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping

import pytest
import pytest_asyncio
from fastapi import FastAPI

from contracts.tokens import SCOPES, Scope
from ledger import Ledger
from tests.console.fuzzing import Fuzzed, bearer, fuzz, served, session
from workers.devserver import DevServer

READ = {
    "read:proposals": {"GET /api/proposals", "GET /api/proposals/{digest}", "GET /api/delegations"},
    "read:runs": {"GET /api/runs", "GET /api/runs/{run}"},
    "read:ledger": {"GET /api/runs/{run}/log"},
    # Decisions are never let through here: they take a signature, and no fuzzer has a key.
    "submit:decisions": {
        "POST /api/proposals/{digest}/statement",
        "POST /api/proposals/{digest}/revise",
        "POST /api/batches/statement",
        "POST /api/delegations/statement",
    },
}
EVERY: set[str] = set().union(*READ.values())
OWN = {"POST /api/keys/passkeys/options"}


def lists(calls: set[str]) -> set[str]:
    """Those that are always served, where one may. The others take a name that only an answer tells."""
    return {call for call in calls if call.startswith("GET") and "{" not in call}


@pytest_asyncio.fixture
async def console(own_server: DevServer, ledger: Ledger) -> AsyncIterator[FastAPI]:
    async with served(ledger, own_server.address) as app:
        yield app


async def fuzzed(console: FastAPI, headers: Mapping[str, str], examples: int, *phases: str) -> Fuzzed:
    """In a thread, since the console's runs go on in this loop."""
    found = await asyncio.to_thread(fuzz, console, headers, examples=examples, phases=phases)
    shown = "\n\n".join(f"{defect}\n{request}" for defect, request in found.defects.items())
    assert not found.defects, shown
    return found


async def test_a_person_at_the_api(console: FastAPI, ledger: Ledger) -> None:
    found = await fuzzed(console, await session(console, ledger), 8)
    assert lists(EVERY) | OWN <= found.served <= EVERY | OWN


async def test_a_program_with_a_token_of_every_scope(console: FastAPI, ledger: Ledger) -> None:
    found = await fuzzed(console, bearer(ledger, *SCOPES), 8)
    assert lists(EVERY) <= found.served <= EVERY


@pytest.mark.parametrize("scope", SCOPES)
async def test_a_program_with_a_token_of_one_scope(console: FastAPI, ledger: Ledger, scope: Scope) -> None:
    found = await fuzzed(console, bearer(ledger, scope), 3, "coverage")
    assert lists(READ[scope]) <= found.served <= READ[scope]
    assert {call for call, status in found.answers if status == 403} >= EVERY - READ[scope]


async def test_nobody_at_the_api(console: FastAPI) -> None:
    found = await fuzzed(console, {}, 3)
    assert found.served == set()
    assert {401} <= {status for _, status in found.answers} <= {400, 401, 405, 422}
