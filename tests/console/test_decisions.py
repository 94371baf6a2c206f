"""Deciding: a real gate on a real Temporal server, the real rule, and every way to be refused."""

import json
import re
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from activities.effects.git_params import CommitParams
from contracts.decision import Statement
from contracts.digests import short
from contracts.proposal import Editable, Effect, Proposal
from contracts.records import Person
from contracts.requirements import Barred, Requirement
from ledger import Ledger
from tests.console.conftest import Visitor, deps_for, visitor_of
from tests.console.running import Parked, eventually, working
from tests.console.samples import ENTRY, NOW
from tests.ledger.support import enrolled
from workers.devserver import DevServer


@pytest_asyncio.fixture
async def parked(own_server: DevServer, ledger: Ledger) -> AsyncIterator[Parked]:
    client = await Client.connect(own_server.address, data_converter=pydantic_data_converter)
    async with working(client, ledger) as parked:
        yield parked


@pytest_asyncio.fixture
async def ada_at_work(parked: Parked, ledger: Ledger) -> AsyncIterator[Visitor]:
    async def temporal() -> Client:
        return parked.client

    visitor = visitor_of(deps_for(ledger, temporal=temporal))
    async with visitor.http:
        await visitor.sign_in()
        yield visitor


@pytest.fixture
def run(request: pytest.FixtureRequest, ledger: Ledger) -> str:
    return f"{request.node.name}-{ledger.realm[:8]}"


async def decide(ada: Visitor, sample: Proposal, **choice: str) -> Any:
    statement = await ada.statement(sample.id, **choice)
    return await ada.post(f"/api/proposals/{sample.digest}/decisions", ada.signed(statement))


async def test_an_approval_reaches_the_run_and_its_effect(ada_at_work: Visitor, parked: Parked, run: str) -> None:
    sample = await parked.park(run)
    answer = await decide(ada_at_work, sample, verdict="approve")
    assert answer.status_code == 200, answer.text
    assert answer.json() | {"decision": ""} == {
        "decision": "",
        "settled": True,
        "state": "approved",
        "says": "Signed. Carrying it out…",
    }
    assert await parked.client.get_workflow_handle(run).result() == "approve"
    [effect] = parked.ledger.effects(run=run)
    assert effect.state == "done"
    page = (await ada_at_work.http.get(f"/proposals/{sample.id}")).text
    assert "Committed 5d1c2e0 on branch countersign/changelog" in page
    assert "data-verdict" not in page
    again = await ada_at_work.post(f"/api/proposals/{sample.id}/statement", {"verdict": "approve"})
    assert again.status_code == 409


def by_two(run: str, apart: str = "sam") -> tuple[Requirement, ...]:
    barred = (Barred(person=apart, why="started this run"),)
    return (Requirement(rule="deploy", roles=("reviewer",), needs=2, barred=barred, effects=(f"{run}/1",)),)


async def test_one_of_two_is_said_and_waits_for_the_other(ada_at_work: Visitor, parked: Parked, run: str) -> None:
    sample = await parked.park(run, role="", needs=by_two(run))
    for name in ("sam", "zoe"):
        enrolled(parked.ledger, name)
    before = (await ada_at_work.http.get(f"/proposals/{sample.id}")).text
    for line in ("deploy: 0 of 2 by reviewer", "May still approve: ada, zoe.", "Not sam, who started this run."):
        assert line in before
    answer = await decide(ada_at_work, sample, verdict="approve")
    assert (answer.status_code, answer.json()["state"], answer.json()["settled"]) == (200, "open", True)
    assert answer.json()["says"] == "Signed. It waits for others: 1 of 2 by reviewer."
    after = (await ada_at_work.http.get(f"/proposals/{sample.id}")).text
    assert "Approved by ada." in after
    assert "May still approve: zoe." in after
    assert "a person counts once" in after
    assert 'data-verdict="approve"' not in after
    assert 'data-verdict="reject"' in after
    inbox = (await ada_at_work.http.get("/")).text
    assert "approved: 1 of 2 by reviewer" in inbox
    again = await ada_at_work.post(f"/api/proposals/{sample.id}/statement", {"verdict": "approve"})
    body = ada_at_work.signed(Statement.model_validate_json(again.json()["statement"]))
    await refused(ada_at_work, sample, body, "AlreadyUsed")
    back = await decide(ada_at_work, sample, verdict="withdraw")
    assert back.json()["says"] == "Withdrawn. Approved: 0 of 2 by reviewer."
    text = (await ada_at_work.http.get(f"/proposals/{sample.id}")).text
    assert 'data-verdict="approve"' in text
    assert "withdrew their approval of" in text


async def test_who_started_the_run_reads_that_it_is_not_theirs(ada_at_work: Visitor, parked: Parked, run: str) -> None:
    sample = await parked.park(run, role="", needs=by_two(run, apart="ada"))
    for page in (f"/proposals/{sample.id}", "/"):
        text = (await ada_at_work.http.get(page)).text
        assert "started this run: somebody else has to approve it by the rule" in text
    assert (
        "Too few people can: 2 more by reviewer would have to be enrolled."
        in (await ada_at_work.http.get(f"/proposals/{sample.id}")).text
    )
    body = ada_at_work.signed(await ada_at_work.statement(sample.id, verdict="approve"))
    await refused(ada_at_work, sample, body, "NotIndependent")
    answer = await decide(ada_at_work, sample, verdict="reject", reason="other")
    assert answer.json()["state"] == "rejected"


async def test_asking_for_changes_carries_the_words(ada_at_work: Visitor, parked: Parked, run: str) -> None:
    sample = await parked.park(run)
    answer = await decide(ada_at_work, sample, verdict="request_changes", words="Mention\r\nthe flag ")
    assert answer.json()["state"] == "changes requested"
    [(decision, ruling)] = parked.ledger.decisions(run)
    assert ruling.accepted
    assert decision.statement.words == "Mention\nthe flag"
    assert decision.via == "console"


async def test_rejecting_needs_a_reason(ada_at_work: Visitor, parked: Parked, run: str) -> None:
    sample = await parked.park(run)
    url = f"/api/proposals/{sample.id}/statement"
    for choice in ({"verdict": "reject"}, {"verdict": "request_changes", "words": "  "}, {"verdict": "maybe"}):
        answer = await ada_at_work.post(url, choice)
        assert answer.status_code == 422
        assert answer.headers["content-type"] == "application/problem+json"
    answer = await decide(ada_at_work, sample, verdict="reject", reason="duplicate", words="see #12")
    assert answer.json()["state"] == "rejected"


async def test_the_statement_is_exactly_what_is_signed(ada_at_work: Visitor, parked: Parked, run: str) -> None:
    sample = await parked.park(run)
    answer = await ada_at_work.post(f"/api/proposals/{sample.id}/statement", {"verdict": "approve"})
    text = answer.json()["statement"]
    statement = Statement.model_validate_json(text)
    assert text.encode() == statement.signing_bytes()
    assert (statement.digest, statement.run, statement.person) == (sample.digest, run, "ada")
    assert statement.realm == parked.ledger.realm


async def refused(ada: Visitor, sample: Proposal, body: dict[str, Any], name: str) -> None:
    """The decision is refused under that name, written down, shown, and the proposal stays open."""
    answer = await ada.post(f"/api/proposals/{sample.digest}/decisions", body)
    assert answer.status_code == 403, answer.text
    assert answer.json()["title"] == name
    assert answer.json()["way_out"]
    assert ada.ledger.proposal_record(sample.digest).state == "open"
    recorded = [ruling for _, ruling in ada.ledger.decisions(sample.run) if not ruling.accepted]
    assert recorded, "the refusal is not in the ledger"
    assert ada.ledger.entries(run=sample.run, kind="refusal")
    assert "was refused" in (await ada.http.get(f"/runs/{sample.run}")).text


async def test_a_changed_word_breaks_the_signature(ada_at_work: Visitor, parked: Parked, run: str) -> None:
    sample = await parked.park(run)
    statement = await ada_at_work.statement(sample.id, verdict="request_changes", words="shorter")
    body = ada_at_work.signed(statement)
    body["statement"]["words"] = "longer"
    await refused(ada_at_work, sample, body, "BadSignature")


async def test_a_verdict_cannot_be_turned(ada_at_work: Visitor, parked: Parked, run: str) -> None:
    sample = await parked.park(run)
    body = ada_at_work.signed(await ada_at_work.statement(sample.id, verdict="reject", reason="style"))
    body["statement"]["verdict"] = "approve"
    await refused(ada_at_work, sample, body, "BadSignature")


async def test_a_key_nobody_enrolled_decides_nothing(ada_at_work: Visitor, parked: Parked, run: str) -> None:
    sample = await parked.park(run)
    statement = await ada_at_work.statement(sample.id, verdict="approve")
    await refused(ada_at_work, sample, ada_at_work.signed(statement, Ed25519PrivateKey.generate()), "UnknownKey")


async def test_a_revoked_key_decides_nothing(ada_at_work: Visitor, parked: Parked, run: str) -> None:
    sample = await parked.park(run)
    body = ada_at_work.signed(await ada_at_work.statement(sample.id, verdict="approve"))
    parked.ledger.revoke_key(body["signature"]["key"])
    await refused(ada_at_work, sample, body, "UnknownKey")


async def test_a_signature_for_one_digest_approves_no_other(ada_at_work: Visitor, parked: Parked, run: str) -> None:
    sample, other = await parked.park(run), await parked.park(f"{run}-other")
    body = ada_at_work.signed(await ada_at_work.statement(other.id, verdict="approve"))
    answer = await ada_at_work.post(f"/api/proposals/{sample.digest}/decisions", body)
    assert answer.status_code == 403
    assert {parked.ledger.proposal_record(p.digest).state for p in (sample, other)} == {"open"}


async def test_nobody_decides_in_another_persons_session(ada_at_work: Visitor, parked: Parked, run: str) -> None:
    sample = await parked.park(run)
    body = ada_at_work.signed(await ada_at_work.statement(sample.id, verdict="approve"))
    parked.ledger.enrol(Person(name="eve", display_name="Eve"))
    ada_at_work.http.cookies.clear()
    eve = Visitor(ada_at_work.http, parked.ledger)
    await eve.sign_in("eve")
    await refused(eve, sample, body, "Refused")


async def test_a_person_without_the_role_is_refused(ada_at_work: Visitor, parked: Parked, run: str) -> None:
    sample = await parked.park(run, role="release")
    body = ada_at_work.signed(await ada_at_work.statement(sample.id, verdict="approve"))
    await refused(ada_at_work, sample, body, "MissingRole")


async def test_after_its_time_nothing_approves(ada_at_work: Visitor, parked: Parked, run: str) -> None:
    sample = await parked.park(run, expires_at=NOW - timedelta(minutes=1))
    body = ada_at_work.signed(await ada_at_work.statement(sample.id, verdict="approve"))
    await refused(ada_at_work, sample, body, "Expired")


async def test_a_decision_twice_is_one_decision(ada_at_work: Visitor, parked: Parked, run: str) -> None:
    sample = await parked.park(run)
    body = ada_at_work.signed(await ada_at_work.statement(sample.id, verdict="approve"))
    url = f"/api/proposals/{sample.digest}/decisions"
    assert (await ada_at_work.post(url, body)).status_code == 200
    await parked.client.get_workflow_handle(run).result()
    assert (await ada_at_work.post(url, body)).status_code in {200, 409}
    assert len(parked.ledger.effects(run=run)) == 1


async def test_nothing_is_decided_while_the_server_is_away(ledger: Ledger, parked: Parked, run: str) -> None:
    sample = await parked.park(run)
    visitor = visitor_of(deps_for(ledger))
    await visitor.sign_in()
    answer = await decide(visitor, sample, verdict="approve")
    assert answer.status_code == 503
    assert answer.json()["title"] == "TemporalUnavailable"
    assert ledger.proposal_record(sample.digest).state == "open"


async def test_a_run_that_is_gone_says_so(ada_at_work: Visitor, parked: Parked, run: str) -> None:
    sample = await parked.park(run)
    await parked.client.get_workflow_handle(run).terminate("gone")
    answer = await decide(ada_at_work, sample, verdict="approve")
    assert answer.status_code == 409
    assert "run is over" in answer.json()["detail"]


# Editing in place


async def test_an_edit_is_a_new_revision_with_its_own_digest(ada_at_work: Visitor, parked: Parked, run: str) -> None:
    sample = await parked.park(run)
    typed = ENTRY.replace("a growing pause", "growing pauses").replace("\n", "\r\n")
    answer = await ada_at_work.form(f"/proposals/{sample.id}/revise", text=typed)
    assert answer.status_code == 303
    [record] = parked.ledger.proposals(state="open", run=run)
    assert answer.headers["location"] == f"/proposals/{short(record.digest)}#changed"
    new = parked.ledger.proposal(record.digest)
    assert new.editable == Editable(label=new.editable.label, text=typed.replace("\r\n", "\n")) if new.editable else 0
    assert new.edited_by == "ada"
    page = (await ada_at_work.http.get(answer.headers["location"])).text
    assert "What this revision changed in the text" in page
    stale = await ada_at_work.post(f"/api/proposals/{sample.id}/statement", {"verdict": "approve"})
    assert stale.status_code == 409
    assert (await decide(ada_at_work, new, verdict="approve")).json()["state"] == "approved"


async def test_one_of_two_effects_is_dropped_and_the_rest_is_signed(
    ada_at_work: Visitor, parked: Parked, run: str
) -> None:
    both = tuple(Effect(kind="git.commit_file", key=f"{run}/{n}", says=f"Commit {n}", params={"n": n}) for n in (1, 2))
    sample = await parked.park(run, effects=both)
    early = await ada_at_work.statement(sample.id, verdict="approve")
    page = (await ada_at_work.http.get(f"/proposals/{sample.id}")).text
    assert page.count('type="checkbox"') == 2
    answer = await ada_at_work.form(f"/proposals/{sample.id}/drop", effect=both[1].key)
    assert answer.status_code == 303, answer.text
    [record] = parked.ledger.proposals(state="open", run=run)
    left = parked.ledger.proposal(record.digest)
    assert (left.effects, left.edited_by, left.revision) == (both[:1], "ada", 2)
    page = (await ada_at_work.http.get(answer.headers["location"])).text
    assert "What this revision changed in what happens" in page
    assert "Dropped by a reviewer" in page
    refused = await ada_at_work.post(f"/api/proposals/{sample.digest}/decisions", ada_at_work.signed(early))
    assert refused.status_code == 403, "a signature for both is none for one"
    assert (await decide(ada_at_work, left, verdict="approve")).json()["state"] == "approved"
    await eventually(lambda: parked.ledger.effect(both[0].key))
    assert parked.ledger.effect(both[1].key) is None


async def test_what_cannot_be_dropped_is_said(ada_at_work: Visitor, parked: Parked, run: str) -> None:
    both = tuple(Effect(kind="git.commit_file", key=f"{run}/{n}", says=f"Commit {n}", params={}) for n in (1, 2))
    sample = await parked.park(run, effects=both)
    for keys, says in (([each.key for each in both], "Nothing would be left"), (["other"], "does not have")):
        answer = await ada_at_work.post(f"/api/proposals/{sample.id}/revise", {"drop": keys})
        assert answer.status_code == 422
        assert says in answer.json()["detail"]
    mixed = await ada_at_work.post(f"/api/proposals/{sample.id}/revise", {"drop": [both[0].key], "text": "x"})
    assert mixed.status_code == 422
    assert (await ada_at_work.form(f"/proposals/{sample.id}/drop")).status_code == 422
    assert [each.digest for each in parked.ledger.proposals(run=run)] == [sample.digest]


async def test_what_happens_is_changed_shown_and_then_signed(ada_at_work: Visitor, parked: Parked, run: str) -> None:
    sample = await parked.park(run, effects=(commit(run),))
    page = (await ada_at_work.http.get(f"/proposals/{sample.id}")).text
    assert 'name="1.branch" value="countersign/' in page
    bad = await ada_at_work.form(f"/proposals/{sample.id}/change", **{"1.branch": "a b", "1.subject": "Mine"})
    assert bad.status_code == 422
    assert "The branch can&#39;t be that: &#39;a b&#39; is not a branch name." in bad.text
    assert 'name="1.subject" value="Mine"' in bad.text, "what was typed is kept"
    answer = await ada_at_work.form(f"/proposals/{sample.id}/change", **{"1.branch": "mend/pump", "1.body": "A\r\nB"})
    assert answer.status_code == 303, answer.text
    [record] = parked.ledger.proposals(state="open", run=run)
    new = parked.ledger.proposal(record.digest)
    assert (new.effects[0].params["branch"], new.effects[0].params["body"]) == ("mend/pump", "A\nB")
    page = (await ada_at_work.http.get(answer.headers["location"])).text
    assert "What this revision changed in what happens" in page
    assert "Changed by a reviewer" in page
    assert (await decide(ada_at_work, new, verdict="approve")).json()["state"] == "approved"
    await eventually(lambda: parked.ledger.effect(new.effects[0].key))


async def test_what_cannot_be_changed_is_said(ada_at_work: Visitor, parked: Parked, run: str) -> None:
    effect = commit(run)
    sample = await parked.park(run, effects=(effect,))
    wrong = {
        "Nothing was changed": [{"effect": effect.key, "param": "subject", "value": "Change it"}],
        "can't be changed by a reviewer": [{"effect": effect.key, "param": "path", "value": "b"}],
        "would not be there": [{"effect": "other", "param": "subject", "value": "x"}],
    }
    for says, change in wrong.items():
        answer = await ada_at_work.post(f"/api/proposals/{sample.id}/revise", {"change": change})
        assert (answer.status_code, says in answer.json()["detail"]) == (422, True), answer.text
    for fields in ({}, {"1.path": "b"}, {"9.subject": "x"}, {"subject": "x"}):
        assert (await ada_at_work.form(f"/proposals/{sample.id}/change", **fields)).status_code == 422
    stranger = await ada_at_work.http.post(f"/proposals/{sample.id}/change", data={"1.subject": "x"})
    assert stranger.status_code == 403
    assert [each.digest for each in parked.ledger.proposals(run=run)] == [sample.digest]


def commit(run: str) -> Effect:
    """One as the changelog makes it."""
    params = CommitParams(
        repository="/srv/app", base="a" * 40, branch="countersign/changelog-1", subject="Change it", path="a",
        text_ref="sha256:" + "0" * 64,
    )  # fmt: skip
    says = "Commit 1 line to a on branch countersign/changelog-1 as Ada"
    editable = ("branch", "subject", "body")
    return Effect(kind="git.commit_file", key=f"{run}/1", says=says, params=params.model_dump(), editable=editable)


@pytest.mark.parametrize("text", ["", "  \r\n", ENTRY, "x" * 200_001])
async def test_a_bad_edit_is_said_beside_the_field(ada_at_work: Visitor, parked: Parked, run: str, text: str) -> None:
    sample = await parked.park(run.replace("[", "").replace("]", "")[:60])
    answer = await ada_at_work.form(f"/proposals/{sample.id}/revise", text=text)
    assert answer.status_code == 422
    assert 'aria-invalid="true"' in answer.text
    assert f"{text}</textarea>" in answer.text.replace("&#34;", '"') or len(text) < 10
    assert [p.digest for p in parked.ledger.proposals(run=sample.run)] == [sample.digest]


async def test_an_edit_of_an_old_revision_keeps_the_words(ada_at_work: Visitor, parked: Parked, run: str) -> None:
    sample = await parked.park(run)
    await ada_at_work.form(f"/proposals/{sample.id}/revise", text="First edit\n")
    await eventually(lambda: parked.ledger.proposal_record(sample.digest).state == "superseded")
    late = await ada_at_work.form(f"/proposals/{sample.id}/revise", text="My long and late words\n")
    assert late.status_code == 409
    assert "My long and late words" in late.text


async def test_the_api_does_what_the_pages_do(ada_at_work: Visitor, parked: Parked, run: str) -> None:
    sample = await parked.park(run)
    listed = (await ada_at_work.http.get("/api/proposals", params={"run": run})).json()
    assert [row["digest"] for row in listed] == [sample.digest]
    assert Proposal.model_validate((await ada_at_work.http.get(f"/api/proposals/{sample.id}")).json()).is_intact
    assert (await ada_at_work.http.get(f"/api/runs/{run}")).json()["state"] == "waiting"
    log = (await ada_at_work.http.get(f"/api/runs/{run}/log")).json()
    assert [entry["kind"] for entry in log] == ["proposal"]
    edited = await ada_at_work.post(f"/api/proposals/{sample.id}/revise", {"text": "Shorter\n"})
    assert edited.json()["revision"] == 2
    described = (await ada_at_work.http.get("/api/openapi.json")).json()
    paths, known = described["paths"], described["components"]["schemas"]
    assert set(re.findall(r'"#/components/schemas/([^"]+)"', json.dumps(described))) <= known.keys()
    assert "/api/proposals/{digest}/decisions" in paths
    assert not [path for path in paths if not path.startswith("/api/")]
