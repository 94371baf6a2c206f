"""Ticket to pull request on a real Temporal server: the proof decides, whatever a model says of its work."""

import asyncio
import json
import re
import subprocess
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import ResetWorkflowExecutionRequest
from temporalio.client import WorkflowFailureError

from activities.ticket_to_pr.reading import claim_of
from contracts.proposal import Proposal, TablePanel
from contracts.ticket import TicketRequest
from tests.support.fixing import KEY as KEY
from tests.support.fixing import installed
from tests.support.model_server import Called, ModelServer, Scripted, error
from tests.support.platform import PATIENCE, Platform
from tests.support.repositories import Commit, build, git
from workers.devserver import Binary, DevServer
from workers.watcher import look_once
from workflows.ticket_to_pr import TicketToPr

CALC = b"def add(a, b):\n    return a - b\n\n\ndef double(a):\n    return add(a, a)\n"
TEST = b"""\
from calc import add, double


def test_add():
    assert add(2, 3) == 5


def test_double():
    assert double(4) == 8


def test_zero():
    assert add(0, 0) == 0
"""
# A bug of which no small edit is the fix: the whole idea is missing.
ROMAN = b'''\
def roman(number):
    """The number in Roman numerals, 1 to 3999."""
    return "I" * number
'''
ROMAN_TEST = b"""\
from roman import roman


def test_three():
    assert roman(3) == "III"


def test_nine():
    assert roman(9) == "IX"


def test_1994():
    assert roman(1994) == "MCMXCIV"
"""
FIXED = """\
    values = ((1000, "M"), (900, "CM"), (500, "D"), (400, "CD"), (100, "C"), (90, "XC"), (50, "L"), (40, "XL"),
              (10, "X"), (9, "IX"), (5, "V"), (4, "IV"), (1, "I"))
    said = ""
    for value, letters in values:
        said, number = said + letters * (number // value), number % value
    return said
"""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def fixing(
    temporal_server: DevServer, temporal_binary: Binary, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Platform]:
    """An installation without a model, on a server of its own."""
    folder = tmp_path_factory.mktemp("fixing")
    async with AsyncExitStack() as stack:
        server = DevServer(folder / "temporal", binary=temporal_binary, say=print)
        await stack.enter_async_context(server)
        yield await installed(stack, server, folder / "state", {})


def bare(folder: Path, **files: bytes) -> Path:
    """A bare repository, whose branch main takes fixes in."""
    source = build(
        folder / "source", [Commit("Start", {name.replace("__", "/"): body for name, body in files.items()})]
    )
    subprocess.run(["git", "clone", "-q", "--bare", str(source), str(folder / "app.git")], check=True)
    return folder / "app.git"


def ticket(folder: Path, title: str, body: str = "") -> str:
    path = folder / "ticket.json"
    path.write_text(json.dumps({"id": "T-7", "title": title, "body": body}))
    return str(path)


def calls(name: str, **given: Any) -> Scripted:
    """A reply that wants one tool."""
    return Scripted(calls=(Called(name, given),))


def asked(folder: Path, repository: Path, title: str = "roman(9) is wrong", *, search: float = 0) -> TicketRequest:
    """A request whose search without a model is short, or left out."""
    return TicketRequest(ticket=ticket(folder, title), repository=str(repository), search_seconds=search)


def table(proposal: Proposal, title: str) -> list[list[str]]:
    [panel] = [each for each in proposal.panels if each.title == title]
    assert isinstance(panel, TablePanel)
    return [[cell.text for cell in row] for row in panel.rows]


async def test_a_small_bug_is_fixed_proved_signed_and_merged_without_a_model(fixing: Platform, tmp_path: Path) -> None:
    repository = bare(tmp_path, **{"calc.py": CALC, "test_calc.py": TEST})
    request = TicketRequest(
        ticket=ticket(tmp_path, "add() subtracts", "add(2, 3) gives -1"), repository=str(repository)
    )
    run = await fixing.start("ticket_to_pr", request)
    proposal = await fixing.waiting(run)
    assert proposal.drafted_by == "baseline"
    assert [check.passed for check in proposal.checks] == [True] * 4
    proof = {row[1]: row[2] for row in table(proposal, "The proof")}
    assert "test_calc.py::test_add" in proof["Failed before, pass now"]
    assert proof["Passed before, fail now or gone"] == "none"
    assert proposal.button().endswith("and merge it into main")

    await fixing.decide(proposal, "approve")
    outcome = await fixing.outcome(run)
    assert outcome.state == "done"
    assert "return a + b" in git(repository, "show", "main:calc.py")
    assert git(repository, "rev-list", "--count", "main") == "2"
    assert fixing.tools.leases is not None
    assert fixing.tools.leases.all() == []


async def test_what_it_cannot_fix_becomes_a_note(fixing: Platform, tmp_path: Path) -> None:
    repository = bare(tmp_path, **{"roman.py": ROMAN, "test_roman.py": ROMAN_TEST})
    request = asked(tmp_path, repository, search=10)
    run = await fixing.start("ticket_to_pr", request)
    proposal = await fixing.waiting(run)
    assert proposal.effects == ()
    assert proposal.title.startswith("Could not fix T-7")
    assert "roman.py" in proposal.summary
    await fixing.decide(proposal, "reject", reason="not needed")
    assert (await fixing.outcome(run)).state == "rejected"


async def test_a_project_whose_tests_nobody_names_ends_in_a_note(fixing: Platform, tmp_path: Path) -> None:
    repository = bare(tmp_path, **{"main.c": b"int main(void) { return 1; }\n"})
    run = await fixing.start("ticket_to_pr", asked(tmp_path, repository, "It exits with 1"))
    proposal = await fixing.waiting(run)
    assert proposal.effects == ()
    assert proposal.title.startswith("Could not fix T-7")
    await fixing.decide(proposal, "reject", reason="not needed")
    assert (await fixing.outcome(run)).state == "rejected"


async def test_a_model_fixes_what_small_edits_cannot(modelled: Platform, serving: ModelServer, tmp_path: Path) -> None:
    repository = bare(tmp_path, **{"roman.py": ROMAN, "test_roman.py": ROMAN_TEST})
    serving.script(
        *(calls("grep", pattern=f"nothing{number}") for number in range(16)),
        calls("read", path="roman.py"),
        calls("edit", path="roman.py", old="no such text", new="x"),
        calls("edit", path="roman.py", old='    return "I" * number\n', new=FIXED),
        calls("test"),
        Scripted(text="roman() repeated I; it now uses all numerals. All tests pass."),
    )
    request = asked(tmp_path, repository)
    run = await modelled.start("ticket_to_pr", request)
    proposal = await modelled.waiting(run)
    assert proposal.drafted_by == "model"
    assert proposal.cost.model_calls == 21
    assert proposal.cost.usd is not None
    assert proposal.cost.usd > 0
    rows = table(proposal, "What was tried")
    assert [row[0] for row in rows] == ["small"]
    assert rows[0][2] == "the proof holds"
    await modelled.decide(proposal, "approve")
    assert (await modelled.outcome(run)).state == "done"
    assert "MCM" in git(repository, "show", "main:roman.py") or "CM" in git(repository, "show", "main:roman.py")


async def test_the_proof_wins_over_what_a_model_claims(
    modelled: Platform, serving: ModelServer, tmp_path: Path
) -> None:
    repository = bare(tmp_path, **{"roman.py": ROMAN, "test_roman.py": ROMAN_TEST})
    claim = Scripted(text="Fixed. All tests pass.")
    serving.script(
        calls("edit", path="roman.py", old='"I" * number', new='"X" * number'),
        claim,
        calls("edit", path="roman.py", old='"X" * number', new='"V" * number'),
        claim,
    )
    request = asked(tmp_path, repository)
    run = await modelled.start("ticket_to_pr", request)
    proposal = await modelled.waiting(run)
    assert proposal.effects == ()
    assert proposal.fallback
    told = json.dumps(serving.requests[2].body)
    assert "These tests passed before and fail now" in told
    await modelled.decide(proposal, "reject", reason="wrong approach")
    assert (await modelled.outcome(run)).state == "rejected"


async def test_a_reviewers_words_go_back_into_the_same_run(
    modelled: Platform, serving: ModelServer, tmp_path: Path
) -> None:
    repository = bare(tmp_path, **{"calc.py": CALC, "test_calc.py": TEST})
    request = asked(tmp_path, repository, "add() subtracts", search=60)
    run = await modelled.start("ticket_to_pr", request)
    first = await modelled.waiting(run)
    assert first.drafted_by == "baseline"
    serving.script(
        calls(
            "write", path="test_more.py", text="from calc import add\n\n\ndef test_more():\n    assert add(1, 1) == 2\n"
        ),
        Scripted(text="Added a test."),
    )
    await modelled.decide(first, "request_changes", words="Add a test for add(1, 1), please.")
    second = await modelled.waiting(run, revision=2)
    assert "Add a test for add(1, 1)" in serving.requests[0].prompt
    proof = {row[1]: row[2] for row in table(second, "What else was measured")}
    assert proof["New tests"] == "1 of 1 fail on the old code"
    assert {panel.path for panel in second.panels if panel.kind == "diff"} == {"calc.py", "test_more.py"}
    [news] = [panel for panel in second.panels if panel.title.startswith("Since revision 1")]
    assert news.title == "Since revision 1: test_more.py", "what the reviewer has read already is not news"
    told = json.loads(serving.requests[0].prompt)[1][0]["content"]
    words = "".join(part["text"] for part in told) if isinstance(told, list) else told
    assert re.search(r"<<<REVIEWER (\w+)>>>\nAdd a test for add\(1, 1\), please.\n<<<END \1>>>", words)
    refused = await modelled.decide(first, "approve")
    assert refused.statement.digest != second.digest, "the first revision can't be signed any more"
    await modelled.decide(second, "approve")
    outcome = await modelled.outcome(run)
    assert (outcome.state, outcome.digest) == ("done", second.digest)
    assert "test_more" in git(repository, "show", "main:test_more.py")


@pytest.mark.parametrize("trouble", ["refusal", "overflow", "overload"])
async def test_trouble_with_the_model_on_the_way(
    modelled: Platform, serving: ModelServer, tmp_path: Path, trouble: str
) -> None:
    """A refusal ends the agent, an overflow is cut down, an overload is tried again."""
    repository = bare(tmp_path, **{"roman.py": ROMAN, "test_roman.py": ROMAN_TEST})
    edit = calls("edit", path="roman.py", old='    return "I" * number\n', new=FIXED)
    done = Scripted(text="Done.")
    script = {
        "refusal": [calls("read", path="roman.py"), Scripted(text="I can't help with that.", stop="refusal")],
        "overflow": [
            calls("run", command="seq 3000"),
            error(400, "invalid_request_error", "prompt is too long: 250000 tokens > 200000 maximum"),
            edit,
            done,
        ],
        "overload": [error(529, "overloaded_error", "Overloaded"), edit, done],
    }
    serving.script(*script[trouble])
    request = asked(tmp_path, repository)
    run = await modelled.start("ticket_to_pr", request)
    proposal = await modelled.waiting(run)
    assert bool(proposal.effects) == (trouble != "refusal")
    await modelled.decide(proposal, "reject", reason="not needed")
    await modelled.outcome(run)


async def test_two_runs_on_one_ticket_are_one_too_many(fixing: Platform, tmp_path: Path) -> None:
    repository = bare(tmp_path, **{"calc.py": CALC, "test_calc.py": TEST})
    request = asked(tmp_path, repository, "add() subtracts", search=60)
    first = await fixing.start("ticket_to_pr", request)
    proposal = await fixing.waiting(first)
    second = await fixing.start("ticket_to_pr", request)
    with pytest.raises(Exception, match=r"failed"):
        await fixing.outcome(second)
    assert first in fixing.ledger.entries(run=second)[-1].says or any(
        first in entry.says for entry in fixing.ledger.entries(run=second)
    )
    await fixing.decide(proposal, "reject", reason="duplicate")
    await fixing.outcome(first)


@pytest.mark.parametrize("end", ["cancel", "terminate", "reject", "reset"])
async def test_a_ticket_is_free_as_soon_as_its_run_is_closed_and_never_before(
    fixing: Platform, tmp_path: Path, end: str
) -> None:
    repository = bare(tmp_path, **{"main.c": b"int main(void) { return 1; }\n"})
    request = asked(tmp_path, repository, "It exits with 1")
    first = await fixing.start("ticket_to_pr", request)
    proposal = await fixing.waiting(first)
    handle = fixing.client.get_workflow_handle(first)
    assert fixing.ledger.claim(claim_of("T-7", str(repository)), "another") == first
    if end == "reject":
        await fixing.decide(proposal, "reject", reason="not needed")
        await fixing.outcome(first)
    else:
        await (handle.cancel() if end == "cancel" else handle.terminate())
        with suppress(WorkflowFailureError):
            await handle.result()
        await look_once(fixing.client, fixing.ledger)  # as the worker's watcher does every two seconds
    await until_given_back(fixing)
    second = await fixing.start("ticket_to_pr", request)
    newer = await fixing.waiting(second)
    assert fixing.ledger.claim(claim_of("T-7", str(repository)), "another") == second
    if end == "reset":
        await reset(fixing, first)
        with pytest.raises(WorkflowFailureError):
            await fixing.outcome(first)
        assert second in fixing.ledger.entries(run=first)[-1].says or any(
            second in entry.says for entry in fixing.ledger.entries(run=first)
        ), "it lost its ticket meanwhile, and may not propose"
    await fixing.decide(newer, "reject", reason="not needed")
    await fixing.outcome(second)


async def until_given_back(here: Platform) -> None:
    """A run that was terminated can't close its machine: the worker does, as soon as it looks."""
    assert here.tools.leases is not None
    async with asyncio.timeout(PATIENCE):
        while here.tools.leases.all():
            await asyncio.sleep(0.1)


async def reset(here: Platform, run: str) -> None:
    """From its last step on, as somebody would in the Temporal UI: the ticket is not read again."""
    handle = here.client.get_workflow_handle(run)
    events = [event async for event in handle.fetch_history_events()]
    named = {
        event.event_id: event.activity_task_scheduled_event_attributes.activity_type.name
        for event in events
        if event.HasField("activity_task_scheduled_event_attributes")
    }
    last = max(number for number, name in named.items() if name == "ticket.propose")
    done = max(
        event.event_id
        for event in events
        if event.HasField("workflow_task_completed_event_attributes") and event.event_id < last
    )
    await here.client.workflow_service.reset_workflow_execution(
        ResetWorkflowExecutionRequest(
            namespace=here.client.namespace,
            workflow_execution=WorkflowExecution(workflow_id=run, run_id=(await handle.describe()).run_id),
            workflow_task_finish_event_id=done,
            request_id=run,
            reason="a test",
        )
    )


async def test_changes_are_asked_for_as_often_as_the_policy_says_and_no_more(fixing: Platform, tmp_path: Path) -> None:
    repository = bare(tmp_path, **{"main.c": b"int main(void) { return 1; }\n"})
    run = await fixing.start("ticket_to_pr", asked(tmp_path, repository, "It exits with 1"))
    most = TicketToPr.policy.gate.rounds
    for revision in range(1, most + 1):
        proposal = await fixing.waiting(run, revision=revision)
        assert proposal.revision == revision
        await fixing.decide(proposal, "request_changes", words=f"Try again, {revision}.")
    outcome = await fixing.outcome(run)
    assert (outcome.state, outcome.says) == ("rejected", f"Changes were asked for {most} times.")
    assert outcome.effects == ()
    assert fixing.ledger.proposals(state="open", run=run) == []
    assert fixing.ledger.claim(claim_of("T-7", str(repository)), "another") == "another", "the ticket is free"
    assert git(repository, "rev-list", "--count", "main") == "1"


async def test_a_fix_that_the_tests_do_not_settle_says_so_first(fixing: Platform, tmp_path: Path) -> None:
    """`a + a` and `a * a` both give 4 for 2: one is proposed, and the reviewer is told that the other passes, too."""
    files = {
        "double.py": b"def double(a):\n    return a - a\n",
        "test_double.py": b"from double import double\n\n\ndef test_double():\n    assert double(2) == 4\n",
    }
    request = asked(tmp_path, bare(tmp_path, **files), "double(2) is 0", search=60)
    run = await fixing.start("ticket_to_pr", request)
    proposal = await fixing.waiting(run)
    assert proposal.panels[0].title == "Look at this first"
    [[sign, says]] = table(proposal, "Look at this first")
    assert sign == "look", "no reason to refuse it"
    assert re.fullmatch(r"The tests do not settle the fix: \d+% of the weight .* behave otherwise\.", says)
    others = {row[1] for row in table(proposal, "Other edits that make the same tests pass")}
    assert others
    await fixing.decide(proposal, "reject", reason="not needed")
    await fixing.outcome(run)
