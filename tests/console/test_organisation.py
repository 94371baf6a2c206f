"""Signing in through an organisation's provider: a real one, over HTTP, with its own pages."""

import re
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlencode, urljoin, urlsplit

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from playwright.async_api import Browser, expect

from console import app, oidc
from console.oidc import Provider
from contracts.errors import BadInput
from contracts.identity import RoleMap
from contracts.records import Person
from ledger import Ledger
from tests.console.conftest import deps_for
from tests.console.running import served
from tests.console.test_door import raw_public
from tests.support.oidc import CLIENT, SECRET, Organisation, organisation
from workers.processes import free_port

PORT = free_port()
BASE = f"http://127.0.0.1:{PORT}"
SITE = f"http://localhost:{PORT}"  # to a browser another site than the provider's 127.0.0.1
COOKIE = f"countersign_{PORT}"
ROLES = RoleMap.read(
    """
    scopes = "openid profile email groups"
    [teams."*"]
    viewer = ["everybody"]
    administrator = ["platform-admins"]
    [teams.payments]
    approver = ["payments-leads"]
    [people]
    "s-ada" = "ada"
    """,
    "roles.toml",
)
BEN = {
    "name": "Ben Bell",
    "preferred_username": "ben",
    "email": "ben@example.com",
    "email_verified": True,
    "groups": ["payments-leads"],
}


@pytest.fixture(scope="module")
def provider() -> Iterator[Organisation]:
    with organisation(BASE, SITE) as started:
        yield started


@pytest.fixture
def org(provider: Organisation) -> Organisation:
    if provider.process is None:
        provider.start()
    provider.people(**{"s-ben": BEN})
    provider.be_honest()
    return provider


def through(org: Organisation, **changes: Any) -> Provider:
    fields = {"issuer": org.issuer, "client_id": CLIENT, "roles": ROLES, "console": BASE, "secret": SECRET}
    return Provider(**(fields | changes))


@pytest.fixture
def console(org: Organisation, ledger: Ledger) -> Iterator[None]:
    with served(deps_for(ledger, base_url=BASE, provider=through(org)), PORT):
        yield


@dataclass
class Somebody:
    """A browser of somebody: one jar of cookies for the console and the provider."""

    subject: str
    http: httpx.Client = field(default_factory=lambda: httpx.Client(follow_redirects=False, timeout=30))

    def sign_in(self) -> httpx.Response:
        return self.http.get(self.to_the_door(), headers={"sec-fetch-site": "cross-site"})

    def to_the_door(self) -> str:
        """Begins at the console, fills in the provider's forms, and stops at the URL that leads back."""
        answer, forms = self.http.get(f"{BASE}/oidc/begin"), 0
        while True:
            if answer.is_redirect:
                where = urljoin(str(answer.url), answer.headers["location"])
                if where.startswith(f"{BASE}/"):
                    return where
                answer = self.http.get(where)
                continue
            form = re.search(r'<form[^>]*action="([^"]+)"[^>]*>(.*?)</form>', answer.text, re.DOTALL)
            assert form, (answer.status_code, answer.text[:2000])
            assert forms < 3
            forms += 1
            fields = dict(re.findall(r'name="([^"]+)" value="([^"]*)"', form[2]))
            if "password" in form[2]:
                fields |= {"login": self.subject, "password": "whatever"}
            answer = self.http.post(urljoin(str(answer.url), form[1]), data=fields)

    def get(self, path: str, **headers: str) -> httpx.Response:
        return self.http.get(f"{BASE}{path}", headers=headers)

    @property
    def session(self) -> str:
        return self.http.cookies.get(COOKIE, "")


@pytest.fixture
def ben(console: None) -> Iterator[Somebody]:
    somebody = Somebody("s-ben")
    with somebody.http:
        yield somebody


def said(ledger: Ledger) -> list[str]:
    return [entry.says for entry in ledger.entries(kind="person")]


# The way in --------------------------------------------------------------------------------------------------------


def test_somebody_signs_in_with_the_roles_that_their_groups_have(
    ben: Somebody, org: Organisation, ledger: Ledger
) -> None:
    assert "/oidc/begin" in ben.get("/").text
    answer = ben.sign_in()
    assert answer.status_code == 200, answer.text
    assert "Ben Bell" in answer.text
    assert "Ben Bell" in ben.get("/").text
    assert ledger.person("ben") == Person(
        name="ben",
        display_name="Ben Bell",
        email="ben@example.com",
        roles=("payments:approver", "payments:reviewer", "payments:viewer"),
    )
    entries = {entry.name: entry for entry in ledger.entries(kind="person")}
    assert entries["person.signed_in"].actor == "ben"
    assert entries["person.signed_in"].facts["roles"] == list(ledger.person("ben").roles)
    assert entries["person.identified"].facts["subject"] == "s-ben"
    assert entries["person.signed_in"].facts["how"] == f"through {urlsplit(org.issuer).netloc}"


def test_what_goes_out_is_a_code_flow_with_pkce_state_and_nonce(ben: Somebody, org: Organisation) -> None:
    answer = ben.get("/oidc/begin")
    asked = {name: values[0] for name, values in parse_qs(urlsplit(answer.headers["location"]).query).items()}
    assert asked["redirect_uri"] == f"{BASE}/oidc/return"
    assert asked["response_type"] == "code"
    assert asked["code_challenge_method"] == "S256"
    kept = ben.http.cookies[f"{COOKIE}_oidc"]
    assert len({asked["state"], asked["nonce"], asked["code_challenge"], kept}) == 4
    assert kept not in answer.headers["location"]
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert SECRET not in answer.headers["location"]


def test_the_session_is_a_new_one_and_the_one_before_is_over(ben: Somebody, ledger: Ledger) -> None:
    """Whoever planted a cookie in this browser, or sat here before, is not who signs in now."""
    ledger.enrol(Person(name="eve", display_name="Eve", roles=("reviewer",)))
    planted = ledger.create_session("eve", 3600)
    ben.http.cookies.set(COOKIE, planted, domain="127.0.0.1")
    answer = ben.sign_in()
    assert planted not in answer.headers["set-cookie"]
    assert ledger.session(planted) is None
    fresh = re.search(rf"{COOKIE}=([^;]+);([^,]*)", answer.headers["set-cookie"])
    assert fresh
    assert "samesite=strict" in fresh[2].lower()
    assert "httponly" in fresh[2].lower()
    found = ledger.session(fresh[1])
    assert found is not None
    assert found.name == "ben"


def test_a_second_time_the_provider_asks_nothing_and_the_roles_are_read_again(
    ben: Somebody, org: Organisation, ledger: Ledger
) -> None:
    ben.sign_in()
    org.people(**{"s-ben": BEN | {"groups": ["everybody"], "preferred_username": "benjamin", "name": "Benjamin"}})
    assert ben.sign_in().status_code == 200
    assert (ledger.person("ben").roles, ledger.person("ben").display_name) == (("viewer",), "Benjamin")
    assert [person.name for person in ledger.people()] == ["ada", "ben"]


# The way in is closed -----------------------------------------------------------------------------------------------


def test_whoever_has_no_group_here_reads_why_and_gets_nothing(ben: Somebody, org: Organisation, ledger: Ledger) -> None:
    for groups in (["strangers"], []):
        org.people(**{"s-ben": BEN | {"groups": groups}})
        answer = ben.sign_in()
        assert answer.status_code == 403
        assert "none of their groups has a role here" in answer.text.replace("&#39;", "'")
        assert ben.session == ""
        assert ben.get("/").status_code == 401
    assert [person.name for person in ledger.people()] == ["ada"]
    assert said(ledger)[-1].startswith("subject s-ben was not let in through")


def test_a_group_that_was_taken_away_ends_the_role_and_every_session(
    ben: Somebody, org: Organisation, ledger: Ledger
) -> None:
    ben.sign_in()
    before = ben.session
    assert ledger.session(before) is not None
    org.people(**{"s-ben": BEN | {"groups": []}})
    assert Somebody("s-ben").sign_in().status_code == 403  # at another computer
    assert ledger.person("ben").roles == ()
    assert ledger.session(before) is None
    assert not ledger.is_confirmed("ben")


def test_a_name_that_belongs_to_somebody_here_is_not_taken_over(
    ben: Somebody, org: Organisation, ledger: Ledger
) -> None:
    """Neither by a name that somebody may choose at the provider, nor by an address."""
    eve = BEN | {"preferred_username": "ada", "email": "ada@example.com"}
    org.people(**{"s-eve": eve, "s-ada": BEN | {"preferred_username": "x", "name": "Ada L"}})
    answer = Somebody("s-eve").sign_in()
    assert answer.status_code == 403
    assert "somebody else" in answer.text
    assert said(ledger)[-1].startswith("subject s-eve was not let in through")
    assert ledger.person("ada").roles == ("reviewer",)
    assert Somebody("s-ada").sign_in().status_code == 200  # whom the file of roles names by the subject
    assert ledger.person("ada").display_name == "Ada L"


def changed(url: str, **query: str) -> str:
    parts = urlsplit(url)
    asked = {name: values[0] for name, values in parse_qs(parts.query).items()} | query
    return parts._replace(query=urlencode({name: value for name, value in asked.items() if value})).geturl()


TAMPERED: list[tuple[dict[str, str], str]] = [
    ({"state": "0" * 64}, "did not begin this sign-in"),
    ({"state": ""}, "did not begin this sign-in"),
    ({"state": "é"}, "did not begin this sign-in"),
    ({"iss": "https://evil.example"}, "not of this organisation"),
    ({"iss": ""}, "not of this organisation"),
    ({"code": "guess"}, "did not confirm"),
    ({"code": ""}, "did not confirm"),
    ({"error": "access_denied", "error_description": "<b>No</b>"}, "&lt;b&gt;No&lt;/b&gt;"),
]


def test_an_answer_that_was_tampered_with_lets_nobody_in(ben: Somebody, ledger: Ledger) -> None:
    for query, says in TAMPERED:  # in one go: a console for each would take half a second
        answer = ben.http.get(changed(ben.to_the_door(), **query))
        assert answer.status_code == 403, query
        assert says in answer.text, query
        assert ben.session == "", query
    refused = [entry for entry in ledger.entries(kind="person") if entry.name == "person.sign_in_refused"]
    assert len(refused) == len(TAMPERED)
    assert all(entry.says.startswith("Somebody was not let in through 127.0.0.1:") for entry in refused)
    assert len(ledger.people()) == 1


def test_an_answer_works_once_and_in_the_browser_that_asked(ben: Somebody, ledger: Ledger) -> None:
    url = ben.to_the_door()
    with Somebody("s-ben").http as elsewhere:  # a link to it, sent to somebody: signing them in as the sender
        assert elsewhere.get(url).status_code == 403
        elsewhere.get(f"{BASE}/oidc/begin")
        assert elsewhere.get(url).status_code == 403
    kept = ben.http.cookies[f"{COOKIE}_oidc"]
    assert ben.http.get(url).status_code == 200
    assert f"{COOKIE}_oidc" not in ben.http.cookies
    assert ben.http.get(url).status_code == 403
    ben.http.cookies.set(f"{COOKIE}_oidc", kept, domain="127.0.0.1")
    again = ben.http.get(url)  # whoever saw all of it
    assert again.status_code == 403
    assert "did not confirm" in again.text


NOW = int(time.time())
LIES: list[tuple[dict[str, Any], str]] = [
    ({"nonce": "another"}, "nonce"),
    ({"nonce": None}, "nonce"),
    ({"aud": "another"}, "aud"),
    ({"aud": ["another", "more"]}, "aud"),
    ({"aud": [CLIENT, "another"]}, "azp"),
    ({"aud": []}, "aud"),
    ({"aud": None}, "aud"),
    ({"azp": "another"}, "azp"),
    ({"iss": "https://evil.example"}, "iss"),
    ({"iss": None}, "iss"),
    ({"exp": NOW - 90}, "expired"),
    ({"exp": None}, "exp"),
    ({"exp": "never"}, "exp"),
    ({"iat": NOW + 3600}, "future"),
    ({"iat": None}, "iat"),
    ({"nbf": NOW + 3600}, "not yet valid"),
    ({"sub": None}, "sub"),
    ({"sub": ""}, "names nobody"),
    ({"sub": 7}, "sub"),
    ({"sub": "s-ada"}, "somebody else than its token"),
    ({"forge": True}, "bad_signature"),
    ({"header": {"kid": "another"}, "forge": True}, "kid"),
    ({"header": {"alg": "none"}}, "alg"),
    ({"header": {"alg": "HS256"}}, "alg"),
]


def test_a_token_that_does_not_hold_lets_nobody_in(ben: Somebody, org: Organisation, ledger: Ledger) -> None:
    for lie, says in LIES:
        org.lie(**lie)
        answer = ben.sign_in()
        assert answer.status_code == 403, (lie, answer.text)
        assert ben.session == "", lie
        assert says in said(ledger)[-1], (lie, said(ledger)[-1])
    assert len(ledger.people()) == 1
    org.be_honest()
    assert ben.sign_in().status_code == 200


def test_clocks_may_differ_by_a_minute(ben: Somebody, org: Organisation) -> None:
    now = int(time.time())
    org.lie(exp=now - 30, iat=now + 30)
    assert ben.sign_in().status_code == 200


def test_an_address_that_nobody_verified_is_not_kept(ben: Somebody, org: Organisation, ledger: Ledger) -> None:
    org.people(**{"s-ben": BEN | {"email_verified": False}})
    ben.sign_in()
    assert ledger.person("ben").email == ""


def test_new_signing_keys_are_known_at_once(ben: Somebody, org: Organisation) -> None:
    assert ben.sign_in().status_code == 200
    org.rotate()
    assert Somebody("s-ben").sign_in().status_code == 200


def test_nobody_is_led_to_another_site(ben: Somebody) -> None:
    for query in ("next", "redirect_uri", "return_to", "url"):
        location = ben.get(f"/oidc/begin?{query}=https://evil.example/").headers["location"]
        assert "evil" not in location
    answer = ben.http.get(ben.to_the_door() + "&next=https://evil.example/&redirect_uri=https://evil.example/")
    assert answer.status_code == 200
    assert "evil" not in answer.text + str(answer.headers)


def test_a_provider_that_was_not_told_of_this_console_sends_nobody_here(org: Organisation) -> None:
    """The redirect URI is compared as a whole, so another console can't use this client."""
    for wrong in (f"{BASE}/oidc/return/", f"{BASE}/oidc/return?x=1", "http://127.0.0.1:9/oidc/return"):
        query = {"client_id": CLIENT, "response_type": "code", "scope": "openid", "redirect_uri": wrong}
        query |= {"code_challenge": "x" * 43, "code_challenge_method": "S256"}
        assert httpx.get(f"{org.issuer}/auth?{urlencode(query)}").status_code == 400


def test_trying_without_end_is_slowed_down(org: Organisation, ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "VISITS", 4)
    with served(deps_for(ledger, base_url=BASE, provider=through(org)), PORT):
        paths = ["/oidc/begin", "/oidc/return?state=x", "/oidc/return?state=y", "/oidc/begin", "/oidc/begin"]
        seen = [httpx.get(f"{BASE}{path}").status_code for path in paths]
        assert seen == [303, 403, 403, 303, 429]
        assert len([line for line in said(ledger) if "not let in" in line]) == 2


# The provider is away ----------------------------------------------------------------------------------------------


def test_without_the_provider_nobody_gets_in_and_nobody_is_thrown_out(
    ben: Somebody, org: Organisation, ledger: Ledger
) -> None:
    ben.sign_in()
    late = Somebody("s-ben")
    url = late.to_the_door()
    org.kill()
    for answer in (late.http.get(url), late.get("/oidc/begin")):
        assert answer.status_code == 503
        assert "did not answer" in answer.text
        assert "Traceback" not in answer.text
    assert late.session == ""
    assert "Ben Bell" in ben.get("/").text
    assert "did not answer" in said(ledger)[-1]
    page = ben.get("/").text
    csrf = re.search(r'name="csrf" content="([0-9a-f]{64})"', page)
    assert csrf
    left = ben.http.post(f"{BASE}/leave", data={"csrf": csrf[1]}, headers={"origin": BASE})
    assert left.status_code == 200
    assert "Signed out" in left.text
    assert ben.get("/").status_code == 401


def test_a_provider_that_takes_the_call_and_says_nothing_is_away(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(oidc, "SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as mute:
        issuer = f"http://127.0.0.1:{mute.getsockname()[1]}"
        made = Provider(issuer=issuer, client_id=CLIENT, roles=ROLES, console=BASE)
        with served(deps_for(ledger, base_url=BASE, provider=made), PORT):
            answer = httpx.get(f"{BASE}/oidc/begin", timeout=60)
    assert answer.status_code == 503
    assert "did not answer" in answer.text


def test_another_issuer_at_that_address_is_not_the_provider(org: Organisation, ledger: Ledger) -> None:
    with served(deps_for(ledger, base_url=BASE, provider=through(org, issuer=f"{org.issuer}/")), PORT):
        answer = httpx.get(f"{BASE}/oidc/begin")
    assert answer.status_code == 503
    assert "the very issuer" in answer.text


def test_an_issuer_without_tls_is_no_issuer() -> None:
    for wrong in ("http://id.example", "ftp://127.0.0.1", "", "id.example"):
        with pytest.raises(BadInput, match="https"):
            Provider(issuer=wrong, client_id="c", roles=ROLES, console=BASE)


def test_a_console_without_a_provider_has_no_such_door(ledger: Ledger) -> None:
    with served(deps_for(ledger, base_url=BASE), PORT):
        for path in ("/oidc/begin", "/oidc/return?code=1&state=2"):
            assert httpx.get(f"{BASE}{path}").status_code == 404
        assert "/oidc/begin" not in httpx.get(f"{BASE}/enter").text


# Afterwards --------------------------------------------------------------------------------------------------------


def test_signing_out_ends_the_session_and_leads_to_the_providers_own(ben: Somebody, org: Organisation) -> None:
    ben.sign_in()
    token = ben.session
    csrf = re.search(r'name="csrf" content="([0-9a-f]{64})"', ben.get("/").text)
    assert csrf
    left = ben.http.post(f"{BASE}/leave", data={"csrf": csrf[1]}, headers={"origin": BASE})
    link = re.search(r'href="(http://[^"]+/session/end[^"]+)"', left.text)
    assert link
    out = ben.http.get(link[1].replace("&amp;", "&"))
    assert out.status_code == 200  # the provider asks whether they mean it, since it was handed no token
    assert "not registered" not in out.text
    ben.http.cookies.set(COOKIE, token, domain="127.0.0.1")
    assert ben.get("/").status_code == 401


def test_a_link_by_itself_makes_nobody_a_person_of_the_provider(ben: Somebody, ledger: Ledger) -> None:
    """It enrols a key for whoever is signed in as that person; it neither signs in nor prolongs anything."""
    ben.sign_in()
    token, fresh = ledger.create_invitation("ben", seconds=600), raw_public(Ed25519PrivateKey.generate())
    headers = {"origin": BASE, "accept": "application/json"}
    body = {"token": token, "fresh": fresh}
    with httpx.Client() as thief:
        stolen = thief.post(f"{BASE}/enter", json=body, headers=headers)
    assert stolen.status_code == 403
    assert stolen.json()["title"] == "SignInRefused"
    assert ledger.keys("ben") == []
    session = ben.session
    kept = ben.http.post(f"{BASE}/enter", json=body, headers=headers)
    assert kept.status_code == 200
    assert "set-cookie" not in kept.headers
    assert ben.session == session
    assert len(ledger.keys("ben")) == 1


def test_a_page_left_open_keeps_no_session(org: Organisation, ledger: Ledger) -> None:
    """What pages ask by themselves is not somebody who does something."""
    with served(deps_for(ledger, base_url=BASE, provider=through(org, idle=1)), PORT):
        ben = Somebody("s-ben")
        ben.sign_in()
        until = time.monotonic() + 1.2
        while time.monotonic() < until:
            last = ben.get("/", **{"sec-fetch-dest": "empty"}).status_code
            time.sleep(0.2)
        assert last == 401 or ben.get("/", **{"sec-fetch-dest": "empty"}).status_code == 401


# In a browser ------------------------------------------------------------------------------------------------------


@pytest.mark.browser
async def test_in_a_browser_the_page_that_was_asked_for_opens_with_the_new_session(
    org: Organisation, ledger: Ledger, browser: Browser
) -> None:
    """Over two sites: the session's cookie is SameSite=Strict, and the way back begins at the provider."""
    made = through(org, console=SITE)
    with served(deps_for(ledger, base_url=SITE, provider=made), PORT):
        context = await browser.new_context()
        page = await context.new_page()
        await page.goto(f"{SITE}/runs")
        await page.get_by_role("link", name="Sign in through").click()
        await page.fill("[name=login]", "s-ben")
        await page.fill("[name=password]", "whatever")
        await page.click("[type=submit]")
        await page.click("[type=submit]")  # consent
        await page.wait_for_url(f"{SITE}/runs")
        await expect(page.locator("header")).to_contain_text("Ben Bell")
        [session] = [each for each in await context.cookies() if each["name"] == COOKIE]
        assert (session["sameSite"], session["httpOnly"]) == ("Strict", True)

        await page.goto(f"{SITE}/enter#{ledger.create_invitation('ben', seconds=600)}")
        await page.wait_for_url(f"{SITE}/")
        assert len(ledger.plain_keys("ben")) == 1

        await page.get_by_role("button", name="Sign out").click()
        await page.get_by_role("link", name="Sign out at").click()
        await page.get_by_role("button", name="Yes, sign me out").click()
        await page.wait_for_url(f"{SITE}/enter**")
        await page.goto(f"{SITE}/runs")
        await expect(page.get_by_role("link", name="Sign in through")).to_be_visible()
        await context.close()
