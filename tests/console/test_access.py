"""Who may do what: each route says what it needs, and nobody gets past that."""

from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest
import pytest_asyncio
from fastapi import APIRouter
from fastapi.routing import APIRoute

from console import access, app
from console.access import Need, api_routes, named
from console.app import create_app
from contracts.records import Person
from contracts.requirements import Requirement
from contracts.roles import parts
from ledger import Ledger
from tests.console.conftest import BASE, Visitor, deps_for, visitor_of
from tests.console.samples import add_entries, proposal, run_record

NEEDS: dict[tuple[str, str], Need] = {
    ("GET", "/"): "viewer",
    ("GET", "/waits"): "viewer",
    ("GET", "/proposals/{digest}"): "viewer",
    ("POST", "/proposals/{digest}/revise"): "reviewer",
    ("POST", "/proposals/{digest}/drop"): "reviewer",
    ("POST", "/proposals/{digest}/change"): "reviewer",
    ("GET", "/batch"): "reviewer",
    ("GET", "/delegations"): "reviewer",
    ("GET", "/runs"): "viewer",
    ("GET", "/runs/{run:path}"): "viewer",
    ("GET", "/ledger"): "viewer",
    ("GET", "/workflows"): "viewer",
    ("GET", "/backtests"): "viewer",
    ("GET", "/backtests/{run:path}"): "viewer",
    ("GET", "/health"): "viewer",
    ("GET", "/events"): "viewer",
    ("GET", "/standing"): "viewer",
    ("POST", "/standing/statement"): "reviewer",
    ("POST", "/standing/sign"): "reviewer",
    ("POST", "/standing/revoke"): "reviewer",
    ("POST", "/standing/seen"): "oneself",
    ("POST", "/effects/stop"): "administrator",
    ("POST", "/effects/start"): "administrator",
    ("POST", "/effects/settle"): "administrator",
    ("GET", "/enter"): "nobody",
    ("POST", "/enter"): "nobody",
    ("GET", "/oidc/begin"): "nobody",
    ("GET", "/oidc/return"): "nobody",
    ("GET", "/metrics"): "nobody",
    ("GET", "/healthz"): "nobody",
    ("POST", "/leave"): "oneself",
    ("GET", "/keys"): "oneself",
    ("GET", "/notify"): "oneself",
    ("POST", "/notify"): "oneself",
    ("POST", "/notify/prove"): "oneself",
    ("POST", "/notify/test"): "oneself",
    ("POST", "/keys/revoke"): "oneself",
    ("POST", "/api/keys/passkeys/options"): "oneself",
    ("POST", "/api/keys/passkeys/statement"): "oneself",
    ("POST", "/api/keys/passkeys"): "oneself",
    ("GET", "/api/proposals"): "viewer",
    ("GET", "/api/proposals/{digest}"): "viewer",
    ("POST", "/api/proposals/{digest}/statement"): "reviewer",
    ("POST", "/api/proposals/{digest}/decisions"): "reviewer",
    ("POST", "/api/proposals/{digest}/revise"): "reviewer",
    ("POST", "/api/batches/statement"): "reviewer",
    ("POST", "/api/batches"): "reviewer",
    ("GET", "/api/delegations"): "viewer",
    ("POST", "/api/delegations/statement"): "reviewer",
    ("POST", "/api/delegations/signed"): "reviewer",
    ("GET", "/api/runs"): "viewer",
    ("GET", "/api/runs/{run:path}"): "viewer",
    ("GET", "/api/runs/{run:path}/log"): "viewer",
}
PARTS = {
    ("viewer",): {"viewer"},
    ("reviewer",): {"viewer", "reviewer"},
    ("approver",): {"viewer", "reviewer"},
    ("release",): {"viewer", "reviewer"},
    ("platform:reviewer",): {"viewer", "reviewer"},
    ("platform:viewer",): {"viewer"},
    ("administrator",): {"viewer", "administrator"},
    ("platform:administrator",): {"viewer"},
    ("reviewer", "administrator"): {"viewer", "reviewer", "administrator"},
    ("reviewer", "administrator", "agent"): set(),
    (): set(),
    ("",): set(),
}


def test_every_route_names_the_role_that_it_needs(ledger: Ledger) -> None:
    """A new route is not in the table: say there who may use it."""
    found = {
        (method, route.path): [each.need for each in named(route)]
        for route in api_routes(create_app(deps_for(ledger)))
        for method in sorted(route.methods)
    }
    assert found == {route: [need] for route, need in NEEDS.items()}


def test_a_console_with_a_route_that_names_none_does_not_start(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    router = APIRouter()
    router.add_api_route("/forgotten", lambda: "all of it")
    monkeypatch.setattr(app.api, "router", router)
    with pytest.raises(RuntimeError, match="/forgotten"):
        create_app(deps_for(ledger))


@pytest.mark.parametrize("roles", PARTS, ids=str)
def test_what_roles_may_do(roles: tuple[str, ...]) -> None:
    assert parts(roles) == PARTS[roles]


def requests(ledger: Ledger) -> Iterator[tuple[str, str, Need]]:
    for route in api_routes(create_app(deps_for(ledger))):
        assert isinstance(route, APIRoute)
        if route.path == "/events":
            continue  # a stream that goes on
        url = route.path.replace("{digest}", "abcdef").replace("{run:path}", "x")
        for method in route.methods:
            yield method, url, NEEDS[method, route.path]


@pytest.mark.parametrize("roles", [("viewer",), ("reviewer",), ("administrator",), ("agent", "reviewer"), ()], ids=str)
async def test_nobody_gets_further_than_their_role(stranger: Visitor, ledger: Ledger, roles: tuple[str, ...]) -> None:
    """Whatever is asked for does not exist: who may ask hears that, and who may not hears nothing of it."""
    ledger.enrol(Person(name="eve", display_name="Eve", roles=roles))
    stranger.http.cookies.set("countersign_8400", ledger.create_session("eve", 3600))
    headers = {"origin": BASE, "accept": "application/json"}
    for method, url, need in requests(ledger):
        answer = await stranger.http.request(method, url, headers=headers)
        refused = answer.status_code == 403 and answer.json()["title"] == "MissingRole"
        may = need in ("nobody", "oneself") or need in parts(roles)
        if need != "administrator" or "administrator" not in roles:  # the ledger itself asks administrators, too
            assert refused is not may, (method, url, answer.text)
        if url == "/leave":
            stranger.http.cookies.set("countersign_8400", ledger.create_session("eve", 3600))


async def test_a_viewer_sees_the_proposal_and_no_way_to_decide(stranger: Visitor, ledger: Ledger) -> None:
    ledger.start_run(run_record())
    sample = proposal(ledger)
    ledger.store_proposal(sample)
    ledger.enrol(Person(name="vic", display_name="Vic", roles=("viewer",)))
    await stranger.sign_in("vic")
    page = (await stranger.http.get(f"/proposals/{sample.id}")).text
    assert sample.title in page
    assert "Deciding takes another role than yours: viewer." in page
    assert "data-verdict" not in page
    assert 'name="text"' not in page
    assert (await stranger.post(f"/api/proposals/{sample.id}/statement", {"verdict": "reject"})).status_code == 403


async def test_who_has_no_say_rewrites_nothing(stranger: Visitor, ledger: Ledger) -> None:
    """A reviewer of another team may look at it."""
    ledger.start_run(run_record())
    sample = proposal(ledger, team="platform")
    ledger.store_proposal(sample)
    ledger.enrol(Person(name="pat", display_name="Pat", roles=("payments:reviewer", "viewer")))
    await stranger.sign_in("pat")
    page = (await stranger.http.get(f"/proposals/{sample.id}")).text
    assert "of another team than" in page
    for change in ({"text": "Mine"}, {"drop": ["a"]}):
        answer = await stranger.post(f"/api/proposals/{sample.id}/revise", change)
        assert (answer.status_code, answer.json()["title"]) == (403, "MissingRole")
    assert (await stranger.form(f"/proposals/{sample.id}/revise", text="Mine")).status_code == 403


# Reading by team ----------------------------------------------------------------------------------------------------

# What somebody with roles in teams only may ask for; all else is about all teams, and closed to them.
BY_TEAM = {
    *("/", "/waits", "/proposals/{digest}", "/proposals/{digest}/revise", "/proposals/{digest}/drop"),
    *("/batch", "/delegations", "/runs", "/api/delegations", "/api/delegations/statement", "/api/delegations/signed"),
    *(
        "/proposals/{digest}/change",
        "/runs/{run:path}",
        "/events",
        "/api/proposals",
        "/api/proposals/{digest}",
        "/api/proposals/{digest}/statement",
    ),
    *("/api/proposals/{digest}/decisions", "/api/proposals/{digest}/revise", "/api/batches/statement"),
    *("/api/batches", "/api/runs", "/api/runs/{run:path}", "/api/runs/{run:path}/log"),
    *("/backtests", "/backtests/{run:path}"),
    *("/standing", "/standing/statement", "/standing/sign", "/standing/revoke"),
}


@dataclass
class Teams:
    """A run with a proposal of each of two teams, and pat, who reviews for payments."""

    pat: Visitor
    digests: dict[str, str]


@pytest_asyncio.fixture
async def two(stranger: Visitor, ledger: Ledger) -> Teams:
    digests = {}
    for team in ("payments", "platform"):
        ledger.start_run(run_record(f"{team}-run").model_copy(update={"team": team, "subject": f"of {team}"}))
        add_entries(ledger, f"{team}-run")
        sample = proposal(ledger, run=f"{team}-run", team=team, title=f"Thing of {team}")
        ledger.store_proposal(sample)
        digests[team] = sample.digest
    ledger.enrol(Person(name="pat", display_name="Pat", roles=("payments:reviewer", "payments:viewer")))
    await stranger.sign_in("pat")
    return Teams(stranger, digests)


def test_the_table_of_what_is_by_team_is_whole(ledger: Ledger) -> None:
    """A new route is closed to who has roles in teams only, until it is by team and stands here."""
    found = {route.path for route in api_routes(create_app(deps_for(ledger))) if any(n.by_team for n in named(route))}
    assert found == BY_TEAM


async def test_lists_hold_what_ones_teams_do(two: Teams) -> None:
    for url in ("/", "/runs"):
        page = (await two.pat.http.get(url)).text
        assert "of payments" in page, url
        assert "of platform" not in page, url
        assert 'href="/ledger"' not in page
    listed = (await two.pat.http.get("/api/proposals?state=")).json()
    assert [each["digest"] for each in listed] == [two.digests["payments"]]
    assert [each["run"] for each in (await two.pat.http.get("/api/runs")).json()] == ["payments-run"]


async def test_what_other_teams_do_is_not_there(two: Teams) -> None:
    other, own = two.digests["platform"], two.digests["payments"]
    gets = ("/proposals/{}", "/api/proposals/{}", "/batch?id={}", "/batch?id=" + own + "&id={}")
    for url in (each.format(other[7:19]) for each in gets):
        answer = await two.pat.http.get(url)
        assert answer.status_code == 404, url
        assert "Thing of platform" not in answer.text
    for url in (
        "/runs/platform-run",
        "/api/runs/platform-run",
        "/api/runs/platform-run/log",
        "/events?run=platform-run",
    ):
        assert (await two.pat.http.get(url)).status_code == 404, url
    for call, body in (("statement", {"verdict": "reject", "reason": "other"}), ("revise", {"text": "Mine"})):
        assert (await two.pat.post(f"/api/proposals/{other}/{call}", body)).status_code == 404, call
    absent = (await two.pat.http.get("/runs/nothing")).text
    assert (await two.pat.http.get("/runs/platform-run")).text == absent  # nor does it say that there is one
    for url in (f"/proposals/{own[7:19]}", "/runs/payments-run", "/api/runs/payments-run/log"):
        assert (await two.pat.http.get(url)).status_code == 200, url
    for url in ("/ledger", "/health", "/workflows"):
        answer = await two.pat.http.get(url)
        assert answer.status_code == 403, url
        assert "about all teams" in answer.text


async def test_whose_word_is_asked_for_reads_what_it_is_about(two: Teams, ledger: Ledger) -> None:
    """By name, or by a role of their team that another team's gate asks for."""
    for number, needed in enumerate(
        (Requirement(people=("pat",)), Requirement(team="platform", roles=("payments:reviewer",)))
    ):
        run = f"asked-{number}"
        ledger.start_run(run_record(run).model_copy(update={"team": "platform"}))
        keys = tuple(effect.key for effect in proposal(ledger, run=run).effects)
        sample = proposal(ledger, run=run, role="", needs=(needed.model_copy(update={"effects": keys}),), title=run)
        ledger.store_proposal(sample)
        for url in (f"/proposals/{sample.id}", f"/runs/{run}"):
            assert (await two.pat.http.get(url)).status_code == 200, url
        assert run in (await two.pat.http.get("/")).text


async def test_a_role_everywhere_reads_all(two: Teams, ledger: Ledger) -> None:
    ledger.enrol(Person(name="pat", display_name="Pat", roles=("payments:reviewer", "viewer")))
    assert "of platform" in (await two.pat.http.get("/")).text
    assert (await two.pat.http.get("/ledger")).status_code == 200


# API tokens ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def program(ledger: Ledger) -> httpx.AsyncClient:
    return visitor_of(deps_for(ledger)).http


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


async def test_a_token_does_what_it_is_for_and_nothing_else(program: httpx.AsyncClient, ledger: Ledger) -> None:
    ledger.start_run(run_record("x"))
    add_entries(ledger, "x")
    sample = proposal(ledger, run="x")
    ledger.store_proposal(sample)
    calls = {
        "read:proposals": ("GET", "/api/proposals"),
        "read:runs": ("GET", "/api/runs/x"),
        "read:ledger": ("GET", "/api/runs/x/log"),
        "submit:decisions": ("POST", f"/api/proposals/{sample.id}/statement"),
    }
    for scope in calls:
        token = ledger.create_token("ada", [scope], seconds=60)
        for needed, (method, url) in calls.items():
            body = {"verdict": "approve"} if method == "POST" else None
            answer = await program.request(method, url, json=body, headers=bearer(token))
            assert answer.status_code == (200 if needed == scope else 403), (scope, url, answer.text)
            if needed != scope:
                assert answer.json()["title"] == "OutOfScope"
        for url in ("/", "/health", "/ledger", "/keys"):
            assert (await program.get(url, headers=bearer(token))).status_code == 401, url
        for url in ("/api/keys/passkeys/options", "/effects/stop"):
            assert (await program.post(url, headers=bearer(token))).status_code == 401, url


async def test_a_token_has_no_more_power_than_its_person(program: httpx.AsyncClient, ledger: Ledger) -> None:
    ledger.enrol(Person(name="vic", display_name="Vic", roles=("viewer",)))
    token = ledger.create_token("vic", ["submit:decisions", "read:runs"], seconds=60)
    url = "/api/proposals/abcdef/statement"
    answer = await program.post(url, json={"verdict": "approve"}, headers=bearer(token))
    assert answer.json()["title"] == "MissingRole"
    ledger.enrol(Person(name="vic", display_name="Vic", roles=()))
    assert (await program.get("/api/runs", headers=bearer(token))).status_code == 403


async def test_a_token_that_ended_or_was_never_made_opens_nothing(program: httpx.AsyncClient, ledger: Ledger) -> None:
    token = ledger.create_token("ada", ["read:runs"], seconds=60)
    session, invitation = ledger.create_session("ada", 60), ledger.create_invitation("ada", seconds=60)
    assert (await program.get("/api/runs", headers=bearer(token))).status_code == 200
    ledger.end_token(ledger.api_tokens()[0].id, "ada")
    for wrong in (token, session, invitation, "", "cst_guess", token.upper()):
        answer = await program.get("/api/runs", headers=bearer(wrong))
        assert answer.status_code == 401, wrong
    program.cookies.set("countersign_8400", token)
    assert (await program.get("/api/runs")).status_code == 401


async def test_a_program_that_calls_without_end_is_slowed_down(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "CALLS", 3)
    program = visitor_of(deps_for(ledger)).http
    token = ledger.create_token("ada", ["read:runs"], seconds=60)
    seen = [(await program.get("/api/runs", headers=bearer(token))).status_code for _ in range(4)]
    assert seen == [200, 200, 200, 429]


def test_the_table_of_needs_covers_what_access_knows() -> None:
    assert {"nobody", "oneself", "viewer", "reviewer", "administrator"} == set(NEEDS.values())
    assert access.OPEN.dependency.need == "nobody"
