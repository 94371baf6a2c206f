"""Liveness: what a page's stream says, and that a stopping server takes it down quietly."""

import logging
from collections.abc import AsyncIterator

import httpx
import pytest

from ledger import Ledger
from tests.console.conftest import deps_for
from tests.console.running import served
from tests.console.samples import proposal, run_record
from workers.processes import free_port


async def events(answer: httpx.Response) -> AsyncIterator[str]:
    async for line in answer.aiter_lines():
        if line.startswith("event: "):
            yield line.removeprefix("event: ")


async def test_a_stream_says_when_something_changed(ledger: Ledger, caplog: pytest.LogCaptureFixture) -> None:
    ledger.start_run(run_record())
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    cookies = {f"countersign_{port}": ledger.create_session("ada", 60)}
    with caplog.at_level(logging.ERROR):
        async with httpx.AsyncClient(base_url=url, cookies=cookies, timeout=60) as http:
            with served(deps_for(ledger, base_url=url), port):
                async with http.stream("GET", "/events", params={"run": run_record().run}) as answer:
                    assert answer.headers["content-type"].startswith("text/event-stream")
                    said = events(answer)
                    assert await anext(said) == "mark"
                    ledger.store_proposal(proposal(ledger))
                    assert await anext(said) == "changed"
                    ledger.update_run(run_record().run, state="done", says="Done.")
                    assert await anext(said) == "changed"
    assert "Exception in ASGI" not in caplog.text


async def test_a_stream_stops_with_the_server(ledger: Ledger, caplog: pytest.LogCaptureFixture) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    cookies = {f"countersign_{port}": ledger.create_session("ada", 60)}
    async with httpx.AsyncClient(base_url=url, cookies=cookies, timeout=60) as http:
        with served(deps_for(ledger, base_url=url), port):
            answer = await http.send(http.build_request("GET", "/events"), stream=True)
            said = events(answer)
            assert await anext(said) == "mark"
        await answer.aclose()
    assert "Exception in ASGI" not in caplog.text
