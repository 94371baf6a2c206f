"""Bug triage on a real Temporal server, over generated reports and a generated repository."""

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from contracts.bug_triage import DOUBTFUL, BugTriageRequest
from contracts.decision import ParamChange
from contracts.proposal import Proposal, TablePanel
from tests.support.fixing import installed
from tests.support.platform import Platform
from workers.cli.decisions import revise
from workers.demo.reports import Reports, made
from workers.devserver import Binary, DevServer


@dataclass
class Triaging:
    """An installation with machines, and generated reports."""

    here: Platform
    reports: Reports


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def triaging(temporal_binary: Binary, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Triaging]:
    folder = tmp_path_factory.mktemp("triaging")
    async with AsyncExitStack() as stack:
        server = DevServer(folder / "temporal", binary=temporal_binary, say=print)
        await stack.enter_async_context(server)
        here = await installed(stack, server, folder / "state", {})
        yield Triaging(here, made(folder / "generated"))


def table(proposal: Proposal, title: str) -> dict[str, list[str]]:
    """The rows of a panel, by the issue that each begins with."""
    [panel] = [each for each in proposal.panels if each.title == title]
    assert isinstance(panel, TablePanel)
    return {row[0].text: [cell.text for cell in row[1:]] for row in panel.rows}


def by_issue(proposal: Proposal) -> dict[str, dict[str, object]]:
    return {str(each.params["issue"]): dict(each.params) for each in proposal.effects}


def written(reports: Reports) -> dict[str, dict[str, object]]:
    lines = [json.loads(line) for line in Path(f"{reports.source}.updates.jsonl").read_text().splitlines()]
    assert len({line["effect"] for line in lines}) == len(lines)
    return {line["issue"]: line for line in lines}


async def test_a_night_of_triage_from_reports_to_signed_changes_and_what_it_teaches(triaging: Triaging) -> None:
    here, reports = triaging.here, triaging.reports
    request = BugTriageRequest(source=str(reports.source), repository=str(reports.repository))
    night = await here.start("bug_triage", request)
    proposal = await here.waiting(night)
    wanted = by_issue(proposal)
    assert ", 1 blocks the release" in proposal.title
    assert table(proposal, "May block the release")["GEN-370"][1] == "blocks"
    assert table(proposal, "Tried out")["GEN-370"][:2] == ["reproduced", "the same ValueError"]
    assert table(proposal, "Tried out")["GEN-371"][:2] == ["reproduced", "the same ZeroDivisionError"]
    assert table(proposal, "Likely files")["GEN-370"][0] == "genshop/parser.py:6"
    assert (wanted["GEN-370"]["component"], wanted["GEN-370"]["assignee"]) == ("parser", "mira")
    assert wanted["GEN-371"]["assignee"] == "ada"
    assert {each["assignee"] for each in wanted.values()} <= {"", "ada", "jonas", "mira", "tomo"}, "no word of a report"

    other = "feature"
    drop = next(each for each in proposal.effects if each.params["issue"] not in ("GEN-370", "GEN-371"))
    change = next(each for each in proposal.effects if each.params["issue"] == "GEN-371")
    sealed = await revise(
        here.command,
        proposal,
        drop=(drop.key,),
        change=(ParamChange(effect=change.key, param="kind", value=other),),
    )
    revised = here.ledger.proposal(sealed.digest)
    assert table(revised, "What would be done")["GEN-371"][1].startswith("feature")
    await here.decide(revised, "approve")
    outcome = await here.outcome(night)
    assert outcome.state == "done"
    done = written(reports)
    assert set(done) == set(wanted) - {drop.params["issue"]}
    assert done["GEN-371"]["kind"] == "feature"

    doubtful = await here.waiting(f"{night}{DOUBTFUL}")
    choices = table(doubtful, "The choices")
    assert "GEN-374" in choices, "the one in Arabic is shown to a person"
    assert not set(choices) & set(wanted), "nobody is asked the same thing twice"
    await here.decide(doubtful, "reject", reason="not needed")
    await here.outcome(f"{night}{DOUBTFUL}")

    again = await here.start("bug_triage", request)
    assert (await here.outcome(again)).state == "nothing to do", "what was decided is not asked again"
    one = await here.start("bug_triage", request.model_copy(update={"issue": "GEN-371", "reproductions": 0}))
    proposal = await here.waiting(one)
    [panel] = [each for each in proposal.panels if each.title == "What it stands on"]
    assert isinstance(panel, TablePanel)
    assert "1 corrections of reviewers" in panel.note
    assert table(proposal, "What speaks for it")["GEN-371"][0] == "feature (decided)"
    await here.decide(proposal, "reject", reason="not needed")


@pytest.mark.parametrize(
    ("request_", "error"),
    [
        ({"source": "github:"}, "BadInput"),
        ({"source": "/nowhere/bugs.jsonl"}, "NotFound"),
        ({"issue": "GEN-9999"}, "NotFound"),
    ],
)
async def test_what_can_not_be_read_is_named(triaging: Triaging, request_: dict[str, str], error: str) -> None:
    here = triaging.here
    run = await here.start("bug_triage", BugTriageRequest(**{"source": str(triaging.reports.source), **request_}))
    with pytest.raises(Exception, match="failed"):
        await here.outcome(run)
    [entry] = [each for each in here.ledger.entries(run=run) if each.name == "bugs.gather"]
    assert (entry.facts["error"], entry.attempt) == (error, 1)
    assert entry.facts["way_out"]


async def test_a_repository_that_can_not_be_read_costs_the_files_and_not_the_run(triaging: Triaging) -> None:
    here = triaging.here
    request = BugTriageRequest(source=str(triaging.reports.source), repository="/nowhere", issue="GEN-372")
    run = await here.start("bug_triage", request)
    proposal = await here.waiting(run)
    assert "The code was not read: " in proposal.summary
    assert by_issue(proposal)["GEN-372"]["question"] is True
    await here.decide(proposal, "reject", reason="not needed")


async def test_an_image_that_is_not_there_costs_the_trial_and_not_the_run(triaging: Triaging) -> None:
    here, reports = triaging.here, triaging.reports
    request = BugTriageRequest(
        source=str(reports.source),
        repository=str(reports.repository),
        issue="GEN-370",
        images={"python": "countersign-no-such-image:1"},
    )
    run = await here.start("bug_triage", request)
    proposal = await here.waiting(run)
    tried = table(proposal, "Tried out")["GEN-370"]
    assert tried[0] == "could not be tried"
    assert tried[1]
    assert table(proposal, "Likely files")["GEN-370"][0].startswith("genshop/parser.py")
    await here.decide(proposal, "reject", reason="not needed")


async def test_a_likely_small_fix_is_started_by_the_same_signature(triaging: Triaging) -> None:
    here, reports = triaging.here, triaging.reports
    request = BugTriageRequest(
        source=str(reports.source), repository=str(reports.repository), issue="GEN-370", fixes=True
    )
    run = await here.start("bug_triage", request)
    proposal = await here.waiting(run)
    [start] = [each for each in proposal.effects if each.kind == "run.start"]
    assert start.says == "start ticket_to_pr on GEN-370"
    for each in proposal.effects:
        if each.kind != "run.start":
            proposal = here.ledger.proposal((await revise(here.command, proposal, drop=(each.key,))).digest)
    await here.decide(proposal, "approve")
    outcome = await here.outcome(run)
    fix = str(outcome.effects[0].facts["run"])
    record = here.ledger.run(fix)
    assert (record.workflow, record.repository in ("", str(reports.repository))) == ("ticket_to_pr", True)
    note = await here.waiting(fix)
    assert note.started_by is not None
    assert note.started_by.name == "ana"
    await here.decide(note, "reject", reason="not needed")
