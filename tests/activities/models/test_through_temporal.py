"""The changelog workflow with a model, on a real Temporal server: what is proposed when the model is good or bad."""

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import pytest_asyncio

from activities.models import models_from_environment
from contracts.changelog import ChangelogRequest
from contracts.proposal import Proposal
from tests.support.model_server import ModelServer, Scripted, error
from tests.support.model_server.script import Asked
from tests.support.platform import Installation, Platform
from tests.support.repositories import Commit, build
from workers.devserver import Binary, DevServer
from workers.worker import build as build_worker

SENTINEL = "sk-sentinel-in-temporal-987654321"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def with_model(
    temporal_binary: Binary, running_model_server: ModelServer, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Platform]:
    """An installation of its own, since its worker has a model and the shared one has none."""
    environ = {
        "ANTHROPIC_API_KEY": SENTINEL,
        "ANTHROPIC_BASE_URL": running_model_server.anthropic_url,
        "COUNTERSIGN_PRICES_OF": "anthropic",
    }
    folder = tmp_path_factory.mktemp("modelled")
    async with AsyncExitStack() as stack:
        server = DevServer(folder / "temporal", binary=temporal_binary, say=print)
        await stack.enter_async_context(server)
        models = models_from_environment(environ)
        platform = await Installation(server, folder / "state").open(stack, models=models)
        await stack.enter_async_context(build_worker(platform.client, "agents", platform.tools, cached_workflows=0))
        yield platform


@pytest.fixture
def serving(model_server: ModelServer, monkeypatch: pytest.MonkeyPatch) -> ModelServer:
    monkeypatch.setattr(model_server, "key", SENTINEL)
    return model_server


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    commits = [
        Commit("Start", {"app.py": b"print(1)\n"}, tag="v1.0.0"),
        Commit("feat: Export reports as CSV (#12)", {"export.py": b"def export(): ...\n"}),
        Commit("fix: Crash when the file is empty (#13)", {"app.py": b"print(2)\n"}),
    ]
    return build(tmp_path / "repository", commits, checkout=True)


def rewriting(asked: Asked, extra: str = "") -> Scripted:
    """An answer as a good model gives it: each line of the prompt in other words, on the same commits."""
    content = asked.body["messages"][0]["content"][0]["text"]
    fenced = content.split(">>>\n", 1)[1].split("\n<<<END")[0]
    rows = [json.loads(row) for row in fenced.splitlines()]
    lines = [
        {
            "section": row["section"],
            "text": f"Reworded: {row['text']}{extra}",
            "changes": [commit["id"] for commit in row["commits"]],
        }
        for row in rows
    ]
    return Scripted(data={"lines": lines})


def inventing(asked: Asked) -> Scripted:
    return rewriting(asked, " in version 9.9.9")


async def proposed(platform: Platform, repository: Path) -> Proposal:
    run = await platform.start("changelog", ChangelogRequest(repository=str(repository)))
    return await platform.waiting(run)


async def test_a_good_model_after_a_rate_limit(with_model: Platform, serving: ModelServer, repository: Path) -> None:
    serving.script(error(429, "rate_limit_error", "Slow", retry_after="2"), rewriting)
    proposal = await proposed(with_model, repository)
    assert (proposal.drafted_by, proposal.fallback) == ("model", "")
    assert proposal.editable is not None
    assert "Reworded: Export reports as CSV" in proposal.editable.text
    assert proposal.cost.model == "claude-haiku-4-5"
    assert proposal.cost.usd
    entries = with_model.ledger.entries(run=proposal.run, kind="model")
    assert [entry.outcome for entry in entries] == ["intent", "failed", "intent", "ok"]
    assert (entries[2].started_at - entries[1].finished_at).total_seconds() >= 1.9


async def test_a_model_that_invents_twice(with_model: Platform, serving: ModelServer, repository: Path) -> None:
    serving.script(inventing, inventing)
    proposal = await proposed(with_model, repository)
    assert proposal.drafted_by == "baseline"
    assert "9.9.9" in proposal.fallback
    assert proposal.editable is not None
    assert "9.9.9" not in proposal.editable.text
    assert proposal.cost.model_calls == 2


async def test_a_model_that_mends_its_draft(with_model: Platform, serving: ModelServer, repository: Path) -> None:
    serving.script(inventing, rewriting)
    proposal = await proposed(with_model, repository)
    assert proposal.drafted_by == "model"
    assert "9.9.9" in serving.requests[1].prompt


async def test_a_bad_key_is_no_reason_to_have_no_draft(
    with_model: Platform, serving: ModelServer, repository: Path
) -> None:
    serving.key = "another"
    proposal = await proposed(with_model, repository)
    assert proposal.drafted_by == "baseline"
    assert "ANTHROPIC_API_KEY" in proposal.fallback
    serving.key = SENTINEL


async def test_the_key_is_in_no_byte_of_history_ledger_or_artifact(
    with_model: Platform, serving: ModelServer, repository: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    serving.script(error(529, "overloaded_error", f"{SENTINEL} is overloaded"), inventing, rewriting)
    proposal = await proposed(with_model, repository)
    history = await with_model.client.get_workflow_handle(proposal.run).fetch_history()
    assert SENTINEL not in history.to_json()
    assert SENTINEL not in caplog.text
    files = [path for path in with_model.settings.state.rglob("*") if path.is_file()]
    assert len(files) > 5
    assert [path for path in files if SENTINEL.encode() in path.read_bytes()] == []
