"""Schemathesis against the console's API: the requests that its description allows, and ones that it does not."""

import re
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import httpx
import schemathesis
from fastapi import FastAPI
from schemathesis.engine import events, from_schema
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from console.app import create_app
from contracts.tokens import Scope
from ledger import Ledger
from tests.console.conftest import deps_for
from tests.console.running import Parked, working
from tests.console.samples import add_entries

BASE = "http://localhost:8400"  # a name: browsers give passkeys to no address
COOKIE = "countersign_8400"
# The rest of the checks are on, as they come. What 422 stands for with valid input, where a schema can't tell it:
# an edit is for the proposal's own length and effects to judge, and for its run; a passkey's registration is for the
# session's challenge; a batch is in order, and what two names stand for are two proposals.
JUDGED_FURTHER = (
    "/revise",
    "/api/batches",
    "/api/batches/statement",
    "/api/keys/passkeys",
    "/api/keys/passkeys/statement",
)
ACCEPTED = ["2xx", "3xx", "401", "403", "404", "409", "422", "429"]


@dataclass
class Fuzzed:
    """What came of it. `defects`: each once, with a request that shows it. `answers`: of which call, with what status,
    how many."""

    defects: dict[str, str] = field(default_factory=dict)
    answers: Counter[tuple[str, int]] = field(default_factory=Counter)

    @property
    def served(self) -> set[str]:
        """The calls that were answered as asked."""
        return {call for call, status in self.answers if 200 <= status < 300}

    def take(self, event: Any) -> None:
        if isinstance(event, events.NonFatalError):
            self.defects[f"{event.label}: {event.info.title}: {event.info.message}"] = ""
        if isinstance(event, events.FatalError):
            raise event.exception
        if isinstance(event, events.ScenarioFinished):
            self._scenario(event.recorder)

    def _scenario(self, recorder: Any) -> None:
        for case, done in recorder.interactions.items():
            call = recorder.cases[case].value.operation.label if case in recorder.cases else recorder.label
            self.answers[call, done.response.status_code if done.response else 0] += 1
        for case, checks in recorder.checks.items():
            for info in (check.failure_info for check in checks if check.failure_info):
                call = recorder.cases[case].value.operation.label
                self.defects.setdefault(f"{call}: {info.failure.title}: {info.failure.message}", info.code_sample)


def fuzz(
    console: FastAPI, headers: Mapping[str, str], *, examples: int, phases: tuple[str, ...] = (), seed: int | None = 6
) -> Fuzzed:
    """All of Schemathesis' checks. The same requests each time with a `seed`. It blocks."""
    generation = {"max-examples": examples, "deterministic": seed is not None, "database": "none", "no-shrink": True}
    # It makes credentials up, too, besides those given. Beside a session's cookie that holds they change nothing; that
    # a wrong cookie and none are refused, the check `ignored_auth` asks by itself.
    generation["with-security-parameters"] = "Cookie" not in headers
    settings: dict[str, Any] = {
        "base-url": BASE,
        "headers": dict(headers),
        "workers": 1,
        "continue-on-failure": True,
        "generation": generation,
        "operations": [
            {
                "include-path-regex": f"({'|'.join(JUDGED_FURTHER)})$",
                "checks": {"positive_data_acceptance": {"expected-statuses": ACCEPTED}},
            }
        ],
    }
    config = schemathesis.Config.from_dict(settings | ({"seed": seed} if seed is not None else {}))
    if phases:
        config.projects.get_default().phases.update(phases=list(phases))
    schema = schemathesis.openapi.from_asgi(
        "/api/openapi.json", console, config=config, headers={"host": urlsplit(BASE).netloc}
    )
    found = Fuzzed()
    for event in from_schema(schema).execute():
        found.take(event)
    return found


@asynccontextmanager
async def served(ledger: Ledger, address: str) -> AsyncIterator[FastAPI]:
    """The console with two proposals whose runs wait at a real gate, and one whose run Temporal doesn't know."""

    async def temporal() -> Client:  # of the loop that asks: the requests come from a thread of their own
        return await Client.connect(address, data_converter=pydantic_data_converter)

    async with working(await temporal(), ledger) as parked:
        await some_runs(parked)
        console = create_app(deps_for(ledger, temporal=temporal, base_url=BASE))
        console.state.console.calls.tries = 10**9  # what is tried here is not the limit of calls
        yield console


async def session(console: FastAPI, ledger: Ledger) -> dict[str, str]:
    """The headers of a signed-in person's page."""
    cookie = {"Cookie": f"{COOKIE}={ledger.create_session('ada', 3600)}"}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(console), base_url=BASE) as http:
        page = (await http.get("/", headers=cookie)).text
    found = re.search(r'name="csrf" content="([0-9a-f]{64})"', page)
    assert found, page
    return {**cookie, "X-CSRF-Token": found.group(1)}


def bearer(ledger: Ledger, *scopes: Scope) -> dict[str, str]:
    return {"Authorization": f"Bearer {ledger.create_token('ada', scopes, seconds=86400)}"}


async def some_runs(parked: Parked) -> None:
    for number in range(2):
        run = f"fuzzed-{number}-{parked.ledger.realm[:8]}"
        await parked.park(run)
        add_entries(parked.ledger, run)
