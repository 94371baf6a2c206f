"""Payables from a folder of books to payment files in the outbox, on a real server with both workers."""

import csv
from datetime import UTC, datetime, timedelta
from pathlib import Path
from xml.etree import ElementTree

import pytest
import pytest_asyncio
from temporalio.client import WorkflowFailureError

from contracts.errors import BadInput, Refused
from contracts.paying import APART, PayablesRequest
from contracts.plots import PlotPanel
from contracts.proposal import Proposal, TablePanel
from tests.support.platform import Platform
from tests.workflows.test_quorum import Team
from workers.cli.common import out
from workers.cli.decisions import revise
from workers.cli.show import print_proposal
from workers.demo.books import make_books
from workers.watcher import root_message


def books(folder: Path, **changes: object) -> PayablesRequest:
    """Generated books of today. The bank takes orders until midnight, so that tests pay something at any hour."""
    made = make_books(folder, datetime.now(UTC).date(), vendors=8, **({"cut_off": "23:59:00"} | changes))  # type: ignore[arg-type]
    return PayablesRequest(books=str(made))


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def team(here: Platform, tmp_path_factory: pytest.TempPathFactory) -> Team:
    made = Team(here, tmp_path_factory.mktemp("payers"))
    made.enrol("pat")
    return made


def written(here: Platform) -> list[Path]:
    return sorted(here.settings.outbox.glob("*.xml"))


def panel(proposal: Proposal, title: str) -> TablePanel:
    return next(each for each in proposal.panels if isinstance(each, TablePanel) and each.title.startswith(title))


def texts(table: TablePanel) -> str:
    return "\n".join(" | ".join(cell.text for cell in row) for row in table.rows)


async def test_from_books_to_a_payment_file_and_the_next_morning(here: Platform, team: Team, tmp_path: Path) -> None:
    request, before = books(tmp_path / "books"), written(here)
    run = await here.start("payables", request)
    proposal = await here.waiting(run)
    assert proposal.title.startswith("Pay ")
    assert "2 held" in proposal.title
    held = texts(panel(proposal, "Held"))
    assert "It seems to repeat" in held
    assert "times what this vendor usually asks for" in held
    apart = texts(panel(proposal, "Paid apart"))
    assert "The account was changed" in apart
    curve = next(each for each in proposal.panels if isinstance(each, PlotPanel))
    assert curve.title == "Cash in EUR"
    assert curve.lines[0].name == "floor"
    assert "%" in texts(panel(proposal, "What paying early is worth"))
    assert all(check.passed for check in proposal.checks)
    assert [each.name for each in proposal.checks][:2] == ["Control sums", "Schema"]
    [foretold] = [each.says for each in proposal.checks if each.name == "Receipts"]
    assert foretold.startswith("Receipts are foretold")
    assert "later ones" in foretold, "with how far off it was"
    assert proposal.needs[0].needs == 1
    ends = datetime.fromisoformat(str(proposal.effects[0].params["send_by"]))
    assert proposal.expires_at == min(ends, proposal.created_at + timedelta(hours=20)), "nobody signs after the cut-off"
    assert written(here) == before, "nothing happens before a signature"
    with out.capture():
        print_proposal(out, proposal)

    twin = await here.outcome(await here.start("payables", request))
    assert (twin.state, run in twin.says) == ("nothing to do", True), "nothing is proposed twice"
    await here.decide(proposal, "approve")
    outcome = await here.outcome(run)
    assert outcome.state == "done"
    [file] = [each for each in written(here) if each not in before]
    root = ElementTree.fromstring(file.read_bytes())
    names = [each.text for each in root.iter() if each.tag.endswith("}CtrlSum")]
    [effect] = proposal.effects
    assert names[0] == effect.params["total"]
    assert str(names[0]) in proposal.checks[0].says.replace(",", "")

    other = f"{run}{APART}"
    two = await here.waiting(other)
    assert {each.params["alone"] for each in two.effects} == {"changed bank details", "first payment"}
    assert [each.needs for each in two.needs] == [2]
    assert "Call the vendor by a number that you knew before" in panel(two, "Why two people").note
    new = next(each for each in two.effects if each.params["alone"] == "first payment")
    two = here.ledger.proposal((await revise(here.command, two, drop=(new.key,))).digest)
    assert two.expires_at <= datetime.fromisoformat(str(two.effects[0].params["send_by"])), "dropping puts nothing off"
    assert await team.told(other, team.sign("ana", two)) == ""
    assert here.ledger.proposal_record(two.digest).state == "open", "one is not enough"
    assert await team.told(other, team.sign("pat", two)) == ""
    both = await here.outcome(other)
    assert (both.state, both.signed_by) == ("done", "ana and pat")
    assert len([each for each in written(here) if each not in before]) == 2

    overdue = datetime.now(UTC).date() - timedelta(days=70)
    with (Path(request.books) / "invoices.csv").open("a") as table:
        table.write(f"V002,NEW-1,333.00,EUR,{overdue}\n")
    again = await here.start("payables", request)
    second = await here.waiting(again)
    assert "new | Steel 02 AG | NEW-1 | 333" in texts(panel(second, "What changed since"))
    changed = texts(panel(second, "What changed since"))
    assert f"in {file.name}" in changed
    assert "in payment files already" in second.summary
    assert f"ana: {new.says}" in changed, "what was dropped is told the next morning"
    paid = {str(each) for line in effect.params["lines"] for each in line["invoices"]}  # type: ignore[union-attr,index,call-overload]
    later = {str(each) for made in second.effects for line in made.params["lines"] for each in line["invoices"]}  # type: ignore[union-attr,index,call-overload]
    assert not paid & later
    await here.decide(second, "approve")
    await here.outcome(again)
    outcome = await here.outcome(await here.start("payables", request))
    assert outcome.state == "nothing to do", "what is held was so yesterday"


async def test_a_hold_is_released_and_a_payment_left_out_by_words_and_remembered(
    here: Platform, tmp_path: Path
) -> None:
    request = books(tmp_path / "books")
    run = await here.start("payables", request)
    first = await here.waiting(run)
    odd = next(row for row in panel(first, "Held").rows if "usually asks for" in row[3].text)
    paid = panel(first, "Paid by these files").rows[0]
    words = f"release {odd[1].text}: they confirmed it\nleave out {paid[2].text}: wrong price\nmake me rich"
    await here.decide(first, "request_changes", words=words)
    second = await here.waiting(run, revision=2)
    held = texts(panel(second, "Held"))
    assert "usually asks for" not in held
    assert "ana left it out on" in held
    assert "wrong price" in held
    answers = texts(panel(second, "What became of what was asked for"))
    assert f"Released as ana asked: {odd[1].text}" in answers
    assert "“make me rich” was not acted on" in answers
    await here.decide(second, "reject", reason="not needed")
    await here.outcome(run)

    again = await here.waiting(await here.start("payables", request))
    held = texts(panel(again, "Held"))
    assert "usually asks for" not in held
    assert "wrong price" in held
    await here.decide(again, "reject", reason="not needed")
    await here.outcome(again.run)


async def test_without_a_schedule_the_proposal_says_what_would_help(here: Platform, tmp_path: Path) -> None:
    run = await here.start("payables", books(tmp_path / "books", opening=-40_000, floor=15_000))
    proposal = await here.waiting(run)
    assert "no schedule for EUR" in proposal.title
    ways = panel(proposal, "Nothing is paid in EUR")
    assert ways.rows
    await here.decide(proposal, "approve")
    assert (await here.outcome(run)).says == "Signed as read. Nothing was to be done."


async def test_there_is_no_text_to_edit_and_bad_books_are_named_once(here: Platform, tmp_path: Path) -> None:
    run = await here.start("payables", books(tmp_path / "books"))
    proposal = await here.waiting(run)
    with pytest.raises((BadInput, Refused), match="no text to edit"):
        await here.edit(proposal, "Pay everybody twice.")
    await here.decide(proposal, "reject", reason="not needed")
    await here.outcome(run)

    (tmp_path / "books" / "invoices.csv").write_text("vendor,number\n")
    failing = await here.start("payables", PayablesRequest(books=str(tmp_path / "books")))
    with pytest.raises(WorkflowFailureError) as failed:
        await here.outcome(failing)
    assert "invoices.csv has no column for amount, invoice_date" in root_message(failed.value)
    attempts = [entry for entry in here.ledger.entries(run=failing) if entry.name == "payables.gather"]
    assert [entry.outcome for entry in attempts] == ["failed"]


async def test_with_nothing_to_pay_there_is_no_proposal(here: Platform, tmp_path: Path) -> None:
    request = books(tmp_path / "books")
    path = Path(request.books) / "invoices.csv"
    rows = list(csv.reader(path.open()))
    path.write_text(",".join(rows[0]) + "\n")
    outcome = await here.outcome(await here.start("payables", request))
    assert outcome.state == "nothing to do"
    assert "0 of 0 invoices" in outcome.says


async def test_the_table_that_was_shown_is_what_the_file_pays(here: Platform, tmp_path: Path) -> None:
    run = await here.start("payables", books(tmp_path / "books"))
    proposal = await here.waiting(run)
    [effect] = proposal.effects
    shown = sorted((row[2].text, row[3].text) for row in panel(proposal, "Paid by these files").rows)
    lines: list[dict[str, str]] = effect.params["lines"]  # type: ignore[assignment]
    assert shown == sorted((line["refs"][0], f"{float(line['amount']):,.2f} EUR") for line in lines)
    await here.decide(proposal, "reject", reason="not needed")
    await here.outcome(run)
