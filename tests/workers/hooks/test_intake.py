"""Deliveries over HTTP to the process as it is served, with a real Temporal server behind it."""

import asyncio
import hmac
import json
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from temporalio.client import WorkflowExecutionStatus

from contracts.requirements import StartedBy
from tests.support.platform import Platform
from workers.hooks.intake import MAX_BODY
from workers.processes import free_port

ROOT = Path(__file__).parents[3]
SECRET = "a-secret-of-the-hook"
HOOKS = """
[[hook]]
name = "app"
from = "github"
secret = "APP_HOOK_SECRET"
on = ["release.published"]
workflow = "changelog"
input = { repository = "{repository.path}" }
"""


@dataclass(frozen=True)
class Door:
    """The served process, and a client of it."""

    http: httpx.Client
    process: subprocess.Popen[bytes]

    def deliver(self, body: bytes, *, event: str = "release", secret: str = SECRET, to: str = "app") -> httpx.Response:
        signature = hmac.new(secret.encode(), body, "sha256").hexdigest()
        headers = {"X-Hub-Signature-256": f"sha256={signature}", "X-GitHub-Event": event}
        return self.http.post(f"/hooks/{to}", content=body, headers=headers)


def published(path: object = "/nowhere", action: str = "published") -> bytes:
    return json.dumps({"action": action, "repository": {"path": path}, "id": str(uuid.uuid4())}).encode()


def served(here: Platform, folder: Path, **more: str) -> Iterator[Door]:
    port, own = free_port(), here.settings
    (folder / "hooks.toml").write_text(HOOKS)
    environment = {
        **os.environ,
        "COUNTERSIGN_STATE": str(own.state),
        "TEMPORAL_ADDRESS": own.address,
        "TEMPORAL_NAMESPACE": own.namespace,
        "COUNTERSIGN_HOOKS": str(folder / "hooks.toml"),
        "COUNTERSIGN_HOOKS_PORT": str(port),
        "APP_HOOK_SECRET": SECRET,
        **more,
    }
    process = subprocess.Popen([sys.executable, "-m", "workers", "hooks", "serve"], cwd=ROOT, env=environment)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", transport=httpx.HTTPTransport(retries=8)) as http:
            assert http.get("/healthz", timeout=30).text == "ok\n"
            yield Door(http, process)
    finally:
        process.terminate()
        process.wait(10)


@pytest.fixture(scope="module")
def door(here: Platform, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    yield from served(here, tmp_path_factory.mktemp("hooks"))


async def test_a_delivery_starts_one_run_however_often_it_comes(here: Platform, door: Door) -> None:
    body = published()
    first = await asyncio.to_thread(door.deliver, body)
    assert first.status_code == 202, first.text
    again = await asyncio.to_thread(door.deliver, body)
    run = first.json()["run"]
    assert (again.status_code, again.json()) == (200, {"run": run, "again": True})

    handle = here.client.get_workflow_handle(run)
    description = await handle.describe()
    assert StartedBy.model_validate(await description.memo_value("started_by")) == StartedBy(kind="webhook", name="app")
    assert here.ledger.run(run).workflow == "changelog"
    [entry] = [each for each in here.ledger.entries(kind="system", words="hook.started") if each.facts["run"] == run]
    assert entry.facts["event"] == "release.published"
    assert SECRET not in entry.model_dump_json()
    if description.status == WorkflowExecutionStatus.RUNNING:
        await handle.terminate()


def test_what_nobody_signed_starts_nothing_and_is_told_once(here: Platform, door: Door) -> None:
    refused = [door.deliver(published(), secret="guessed") for _ in range(5)]
    assert {answer.status_code for answer in refused} == {401}
    assert door.http.post("/hooks/app", content=b"{}").status_code == 401
    told = here.ledger.entries(kind="system", words="hook.refused")
    assert len(told) == 1
    assert told[0].outcome == "failed"


@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        (published(action="deleted"), 200, "release.deleted"),
        (b"not json", 422, "no JSON object"),
        (b"[1]", 422, "no JSON object"),
        (b"[" * 100_000, 422, "no JSON object"),
        (json.dumps({"action": "published"}).encode(), 422, "has nothing at repository.path"),
        (published({"a": 1}), 422, "no single value"),
        (published("x" * 3000), 422, "too long"),
        (b'{"action": "published", "pad": "' + b"x" * MAX_BODY + b'"}', 413, "at most 25 MiB"),
    ],
    ids=["other event", "no json", "a list", "deep", "missing", "object", "long", "huge"],
)
def test_rubbish_is_answered_and_starts_nothing(door: Door, body: bytes, status: int, says: str) -> None:
    answer = door.deliver(body)
    assert (answer.status_code, says in answer.text) == (status, True), answer.text[:300]


def test_other_doors_are_shut(door: Door) -> None:
    assert door.deliver(published(), to="nowhere").status_code == 404
    assert door.http.get("/hooks/app").status_code == 405
    assert door.http.get("/").status_code == 404


def test_temporal_is_away_so_the_service_delivers_again(here: Platform, tmp_path: Path) -> None:
    for away in served(here, tmp_path, TEMPORAL_ADDRESS=f"127.0.0.1:{free_port()}"):
        body = published()
        answer = away.deliver(body)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "30")


def test_nothing_declared_is_said_with_the_way_out(tmp_path: Path) -> None:
    environment = {**os.environ, "COUNTERSIGN_HOOKS": str(tmp_path / "none.toml"), "COUNTERSIGN_STATE": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-m", "workers", "hooks", "serve"], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 2
    assert "docs/triggers.md" in done.stderr
    assert "Traceback" not in done.stderr
