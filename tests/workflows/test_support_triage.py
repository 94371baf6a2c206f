"""Support triage from new tickets to signed updates, on a real server with both workers. All tickets are generated."""

import json
from pathlib import Path
from typing import Any, cast

import pytest

from contracts.decision import ParamChange, Revision
from contracts.proposal import ClaimsPanel, Proposal
from contracts.runs import Outcome, Sealed
from contracts.support import SupportRequest
from tests.support.platform import Platform
from workers.demo.tickets import INSTRUCTION, history, new, write

WRAPPED = "We wrap it with a ribbon. Tick the box under Orders."


@pytest.fixture(scope="module")
def solved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One history for the module: it is learnt once."""
    return write(tmp_path_factory.mktemp("history") / "solved.jsonl", history(160))


def waiting(folder: Path, rows: list[dict[str, Any]]) -> Path:
    return write(folder / "tickets.jsonl", rows)


async def looked(here: Platform, tickets: Path, solved: Path, **more: Any) -> tuple[str, Outcome]:
    request = SupportRequest(source=str(tickets), history=str(solved), **more)
    run = await here.start("support_triage", request)
    return run, await here.outcome(run)


async def proposed(here: Platform, run: str, number: int) -> Proposal:
    return await here.waiting(f"{run}-{number}")


def updates(tickets: Path) -> list[dict[str, Any]]:
    path = Path(f"{tickets}.updates.jsonl")
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


async def test_from_new_tickets_to_signed_updates(here: Platform, tmp_path: Path, solved: Path) -> None:
    tickets = waiting(tmp_path, new(6, doubtful=1))
    before = tickets.read_bytes()
    run, outcome = await looked(here, tickets, solved)
    assert (outcome.state, outcome.says) == ("done", "7 new tickets: 6 sure, 1 doubtful.")

    batch, doubtful = await proposed(here, run, 1), await proposed(here, run, 2)
    assert len(batch.effects) == 6
    assert batch.title.startswith("Triage 6 tickets into ")
    answers = next(panel for panel in batch.panels if isinstance(panel, ClaimsPanel))
    assert all(claim.sources and claim.sources[0].text.startswith("ticket H") for claim in answers.claims)
    assert doubtful.title.startswith("Ticket T7: ")
    assert " or " in doubtful.title
    assert len(doubtful.effects) == 1
    assert updates(tickets) == [], "nothing happens before a signature"

    await here.decide(batch, "approve")
    assert (await here.outcome(batch.run)).state == "done"
    written = updates(tickets)
    assert {each["ticket"] for each in written} == {f"T{number}" for number in range(1, 7)}
    assert all(each["signed_by"] and "not sent" in each["note"] for each in written)
    assert tickets.read_bytes() == before, "the tickets themselves are never written to"

    await here.decide(doubtful, "reject", reason="not needed")
    assert (await here.outcome(doubtful.run)).state == "rejected"
    _, again = await looked(here, tickets, solved)
    assert again.state == "nothing to do", "no ticket is proposed twice"
    here.ledger.seal()
    assert here.ledger.verify().ok


async def test_a_reviewer_moves_some_and_the_next_look_has_learnt_a_new_intent_and_its_answer(
    here: Platform, tmp_path: Path, solved: Path
) -> None:
    ways = ["Please gift-wrap it with a ribbon", "gift-wrap for my order", "can you gift-wrap the lamp with a ribbon?"]
    ways += ["a ribbon and gift-wrap, please", "I want gift-wrap with a red ribbon", "gift-wrap the kettle, ribbon too"]
    tickets = waiting(tmp_path, [{"id": f"G{place}", "text": text} for place, text in enumerate(ways[:5])])
    run, outcome = await looked(here, tickets, solved)
    assert outcome.state == "done"
    for number in range(1, 6):
        first = await proposed(here, run, number)
        changes = [
            ParamChange(effect=each.key, param=param, value=value)
            for each in first.effects
            for param, value in (("queue", "Gifts"), ("intent", "gift wrap"), ("answer", WRAPPED))
        ]
        second = await changed(here, first, changes)
        assert "Gifts" in second.button()
        await here.decide(second, "approve")
        assert (await here.outcome(first.run)).state == "done"
        if len(updates(tickets)) == 5:
            break
    assert {each["queue"] for each in updates(tickets)} == {"Gifts"}

    write(tickets, [{"id": "G9", "text": ways[5]}])
    run, _ = await looked(here, tickets, solved)
    proposal = await proposed(here, run, 1)
    assert proposal.effects[0].params["queue"] == "Gifts"
    assert proposal.effects[0].params["answer"] == WRAPPED, "what a reviewer wrote comes back for the next one like it"
    assert set(cast(list[str], proposal.effects[0].params["cites"])) < {f"G{number}" for number in range(5)}
    await here.client.get_workflow_handle(proposal.run).cancel()


async def changed(here: Platform, proposal: Proposal, changes: list[ParamChange]) -> Proposal:
    revision = Revision(digest=proposal.digest, text="", person="ana", change=tuple(changes))
    handle = here.client.get_workflow_handle(proposal.run)
    sealed = await handle.execute_update("revise", revision, result_type=Sealed)
    return here.ledger.proposal(sealed.digest)


async def test_without_a_history_it_says_so_and_the_tickets_wait(here: Platform, tmp_path: Path, solved: Path) -> None:
    tickets = waiting(tmp_path, new(2, doubtful=0))
    empty = tmp_path / "empty.jsonl"
    empty.touch()
    _, outcome = await looked(here, tickets, empty)
    assert outcome.state == "nothing to do"
    assert "Nothing was learnt yet" in outcome.says
    _, later = await looked(here, tickets, solved)
    assert later.says == "2 new tickets: 2 sure."


async def test_what_looks_like_an_order_and_what_is_like_nothing_are_handed_over(
    here: Platform, tmp_path: Path, solved: Path
) -> None:
    rows = [
        {"id": "huge", "text": "please refund the lamp. " + INSTRUCTION * 100_000},
        {"id": "arabic", "text": "أريد استعادة أموالي من فضلكم"},
    ]
    tickets = waiting(tmp_path, rows)
    run, outcome = await looked(here, tickets, solved)
    assert outcome.says == "2 new tickets: 2 doubtful."
    for number, id in ((1, "huge"), (2, "arabic")):
        proposal = await proposed(here, run, number)
        assert [each.params["ticket"] for each in proposal.effects] == [id]
        assert len(proposal.model_dump_json()) < 60_000
        await here.client.get_workflow_handle(proposal.run).cancel()


async def test_one_ticket_is_reviewed_in_its_own_run_and_a_backfill_proposes_nothing(
    here: Platform, tmp_path: Path, solved: Path
) -> None:
    tickets = waiting(tmp_path, new(3, doubtful=0))
    request = SupportRequest(source=str(tickets), history=str(solved), ticket="T2")
    run = await here.start("support_triage", request)
    proposal = await here.waiting(run)
    assert [each.params["ticket"] for each in proposal.effects] == ["T2"]
    await here.decide(proposal, "approve")
    assert (await here.outcome(run)).state == "done"
    _, rest = await looked(here, tickets, solved)
    assert rest.says == "2 new tickets: 2 sure."

    run, outcome = await looked(here, solved, solved, backfill=True)
    assert outcome.says.startswith("Read 160 tickets. Learnt 4 intents")
    assert "support.backfill.part" in [each.name for each in here.ledger.entries(run=run)]
    assert here.ledger.proposals(state="", run=run) == []
