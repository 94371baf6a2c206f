"""Metrics for Prometheus, and what health says of credentials, idle workflows and stuck runs."""

import base64
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families
from temporalio.api.workflow.v1 import PendingActivityInfo
from temporalio.api.workflowservice.v1 import DescribeWorkflowExecutionResponse

from console.app import create_app
from console.credentials import credentials
from console.finding import Figure, Finding
from console.metrics import HELP, exposition
from console.noops import silent
from console.stuck import causes, grouped, pending
from contracts.records import Entry
from ledger import Ledger
from tests.console.conftest import deps_for
from tests.console.samples import run_record
from workers.credentials import expiries, tell, token_end
from workers.devserver import DevServer

NOW = datetime.now(UTC)


def entry(ledger: Ledger, key: str, *, kind: str, name: str = "", ago: float = 60, **facts: object) -> None:
    at = datetime.now(UTC) - timedelta(seconds=ago)
    outcome = "failed" if "error" in facts else "ok"
    fields = {"key": key, "kind": kind, "name": name or kind, "says": f"{key} said", "outcome": outcome}
    ledger.append(Entry.model_validate({**fields, "started_at": at, "finished_at": at, "facts": facts}))


def values(text: str) -> dict[str, float]:
    families = text_string_to_metric_families(text)
    return {
        f"{sample.name}{sorted(sample.labels.items()) or ''}": sample.value
        for family in families
        for sample in family.samples
    }


def test_they_are_for_who_shows_the_token_only(ledger: Ledger) -> None:
    off = TestClient(create_app(deps_for(ledger)), base_url="http://127.0.0.1:8400")
    on = TestClient(create_app(deps_for(ledger, metrics_token="sesame")), base_url="http://127.0.0.1:8400")
    for client, said in (
        (off, ""),
        (off, "Bearer "),
        (on, ""),
        (on, "Bearer x"),
        (on, "sesame"),
        (on, "Bearer sesamé"),
    ):
        assert client.get("/metrics", headers={"authorization": said.encode()}).status_code == 404
    answer = on.get("/metrics", headers={"authorization": "Bearer sesame"})
    assert answer.headers["content-type"].startswith("text/plain; version=")
    found = values(answer.text)
    assert found["countersign_finding_ok[('finding', 'Temporal server')]"] == 0
    assert found["countersign_finding_ok[('finding', 'Budgets')]"] == 1
    assert found["countersign_proposals_open"] == 0
    assert found["countersign_ledger_problems"] == 0


def test_a_figure_is_a_gauge_with_its_labels() -> None:
    figures = (Figure("workers", 2, {"queue": 'a"b'}), Figure("workers", 0, {"queue": "c"}))
    found = values(exposition([Finding("Any", True, "", "", figures)]).decode())
    assert found["countersign_workers[('queue', 'a\"b')]"] == 2
    assert found["countersign_workers[('queue', 'c')]"] == 0


def test_every_figure_says_what_it_is(ledger: Ledger) -> None:
    ledger.start_run(run_record("x"))
    tokened = create_app(deps_for(ledger, metrics_token="t"))
    text = TestClient(tokened, base_url="http://127.0.0.1:8400").get("/metrics", headers={"authorization": "Bearer t"})
    told = {family.name.removeprefix("countersign_"): family.documentation for family in
            text_string_to_metric_families(text.text)}  # fmt: skip
    assert told
    assert told.items() <= HELP.items()


def test_a_credential_that_was_refused_until_it_is_accepted_again(ledger: Ledger) -> None:
    assert credentials(ledger).ok
    entry(ledger, "old", kind="egress", credential="OLD", status=401, ago=90_000)
    entry(ledger, "fine", kind="egress", credential="FINE", status=200)
    assert credentials(ledger).ok
    entry(ledger, "bad", kind="egress", credential="TICKETS", status=403)
    found = credentials(ledger)
    assert (found.ok, "TICKETS was refused 1 minute ago: bad said" in found.says) == (False, True)
    assert "start it again" in found.fix
    entry(ledger, "good", kind="egress", credential="TICKETS", status=200, ago=30)
    assert credentials(ledger).ok
    entry(ledger, "key", kind="model", name="anthropic/m", error="ModelMisconfigured", subject="ANTHROPIC_API_KEY",
          way_out="Set ANTHROPIC_API_KEY.")  # fmt: skip
    found = credentials(ledger)
    assert (found.ok, found.fix) == (False, "Set ANTHROPIC_API_KEY.")
    entry(ledger, "key well", kind="model", name="anthropic/m", ago=10)
    assert credentials(ledger).ok


def test_a_refused_credential_that_is_refused_without_being_one_is_none(ledger: Ledger) -> None:
    entry(ledger, "open", kind="egress", credential="", status=403)
    entry(ledger, "other", kind="activity", error="BadInput", subject="X")
    assert credentials(ledger).ok


def jwt(claims: str) -> str:
    middle = base64.urlsafe_b64encode(claims.encode()).decode().rstrip("=")
    return f"e30.{middle}.c2ln"


def test_a_credential_that_ends_soon_by_what_the_worker_last_said(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    ends = NOW + timedelta(days=3, hours=1)
    monkeypatch.setenv("SERVICE_TOKEN", jwt(f'{{"exp": {int(ends.timestamp())}}}'))
    tell(ledger, "agents", ["SERVICE_TOKEN", "ABSENT"])
    found = credentials(ledger)
    assert (found.ok, found.says) == (False, "SERVICE_TOKEN expires in 3 days.")
    assert jwt("") not in ledger.entries(kind="system")[0].model_dump_json()
    monkeypatch.setenv("SERVICE_TOKEN", "opaque-and-secret")
    tell(ledger, "agents", ["SERVICE_TOKEN"])
    assert credentials(ledger).ok
    assert "opaque" not in "".join(each.model_dump_json() for each in ledger.entries(kind="system"))


NO_ENDS = ["", "a.b", "a.b.c", "ghp_x.y.z", "é.é.é", *map(jwt, ("[]", "{}", '{"exp": "soon"}', '{"exp": 1e400}'))]


@pytest.mark.parametrize("text", NO_ENDS)
def test_what_is_no_token_with_an_end(text: str) -> None:
    assert token_end(text) is None


def test_the_end_of_an_aws_session() -> None:
    known = {"AWS_SESSION_TOKEN": "x"}
    assert expiries(known, "2026-12-01T00:00:00Z") == {"AWS_SESSION_TOKEN": datetime(2026, 12, 1, tzinfo=UTC)}
    assert expiries(known, "rubbish") == expiries({}, "2026-12-01T00:00:00Z") == {}


def idle(ledger: Ledger, subject: str, *days: float, state: str = "nothing to do") -> None:
    for number, ago in enumerate(days):
        at = NOW - timedelta(days=ago)
        record = run_record(f"{subject}-{state}-{number}").model_copy(
            update={"subject": subject, "state": state, "started_at": at, "finished_at": at}
        )
        ledger.start_run(record)


def test_a_workflow_that_finds_nothing_to_do_for_days(ledger: Ledger) -> None:
    idle(ledger, "often", *(hour / 24 for hour in range(30)))  # for a night only
    idle(ledger, "seldom", 1, 9, 18)
    idle(ledger, "worked", 1, 2, 3, 4, 5, 6)
    idle(ledger, "worked", 0.5, state="done")
    assert silent(ledger).ok
    idle(ledger, "broken", 1, 2, 3, 4, 5)
    found = silent(ledger)
    assert (found.ok, "broken: 5 runs in 4 days found nothing to do." in found.says) == (False, True)
    assert "countersign log broken" in found.fix


def test_why_a_run_does_not_go_on() -> None:
    nothing = DescribeWorkflowExecutionResponse()
    assert pending(nothing, NOW) == ""
    task = DescribeWorkflowExecutionResponse()
    task.pending_workflow_task.attempt = 1
    assert pending(task, NOW) == "no worker takes its next step"
    task.pending_workflow_task.attempt = 4
    assert pending(task, NOW).startswith("the workflow's own code fails (attempt 4)")
    step = PendingActivityInfo(attempt=7)
    step.activity_type.name = "models.draft"
    steps = DescribeWorkflowExecutionResponse(pending_activities=[step])
    assert pending(steps, NOW) == "no worker takes models.draft"
    steps.pending_activities[0].last_started_time.FromDatetime(NOW - timedelta(minutes=20))
    assert pending(steps, NOW) == "models.draft has been at work for 20 minutes"
    steps.pending_activities[0].last_failure.message = "It is overloaded."
    assert pending(steps, NOW) == "models.draft failed 6 times: It is overloaded"


async def test_the_server_is_asked_about_each(temporal_server: DevServer) -> None:
    client = temporal_server.client
    await client.start_workflow("nobody", id="stuck-for-ever", task_queue="nobody-polls-this")
    try:
        why = await causes(client, ["stuck-for-ever", "never-was"])
    finally:
        await client.get_workflow_handle("stuck-for-ever").terminate()
    assert why == {"stuck-for-ever": "no worker takes its next step", "never-was": "Temporal does not know it any more"}
    assert grouped(["a", "b", "c"], {"a": "x", "b": "y", "c": "y"}) == [("y", ["b", "c"]), ("x", ["a"])]


def test_alerts_name_figures_that_there_are() -> None:
    rules = (Path(__file__).parents[2] / "deploy/prometheus/countersign.rules.yml").read_text()
    asked = set(re.findall(r"countersign_(\w+)", rules))
    assert asked
    assert asked <= HELP.keys()
