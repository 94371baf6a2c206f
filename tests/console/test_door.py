"""The door: who gets in, and what every answer carries."""

import base64
import re

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from contracts.records import Person
from contracts.signatures import public_line
from contracts.wire import fingerprint
from ledger import Ledger
from tests.console.conftest import BASE, Visitor, deps_for, visitor_of
from tests.console.samples import proposal, run_record

PAGES = ("/", "/runs", "/workflows", "/ledger", "/health", "/proposals/abcdef", "/runs/x", "/events")
API = ("/api/proposals", "/api/runs", "/api/proposals/abcdef", "/api/runs/x/log")


def raw_public(private: Ed25519PrivateKey) -> str:
    return base64.b64encode(private.public_key().public_bytes_raw()).decode()


@pytest.mark.parametrize("url", PAGES)
async def test_a_page_asks_a_stranger_to_sign_in(stranger: Visitor, url: str) -> None:
    answer = await stranger.http.get(url)
    assert answer.status_code == 401
    assert "countersign link" in answer.text
    assert "Ada" not in answer.text


@pytest.mark.parametrize("url", API)
async def test_the_api_answers_a_stranger_with_a_problem(stranger: Visitor, url: str) -> None:
    answer = await stranger.http.get(url)
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["title"] == "NotSignedIn"
    assert answer.json()["way_out"]


async def test_healthz_is_open_and_says_little(stranger: Visitor) -> None:
    answer = await stranger.http.get("/healthz")
    assert answer.json() == {"status": "ok"}


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1", "127.0.0.1:9999", "127.0.0.1.evil.example:8400", ""])
async def test_another_host_name_gets_nothing(ada: Visitor, host: str) -> None:
    answer = await ada.http.get("/", headers={"host": host})
    assert answer.status_code == 421
    assert "Ada" not in answer.text


async def test_localhost_is_sent_to_where_the_key_is(stranger: Visitor) -> None:
    answer = await stranger.http.get("//evil.example/x?a=1", headers={"host": "localhost:8400"})
    assert answer.status_code == 307
    assert answer.headers["location"].startswith(f"{BASE}/")
    assert (await stranger.http.post("/enter", headers={"host": "localhost:8400"})).status_code == 421


@pytest.mark.parametrize("url", ["/", "/enter", "/healthz", "/nothing", "/static/console.css", "/api/runs"])
async def test_every_answer_carries_the_security_headers(ada: Visitor, url: str) -> None:
    headers = (await ada.http.get(url)).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["cache-control"] == ("no-cache" if "/static/" in url else "no-store")


@pytest.mark.parametrize("url", ["/", "/enter", "/runs", "/ledger", "/workflows", "/health"])
async def test_pages_hold_no_inline_script_or_style(ada: Visitor, url: str) -> None:
    html = (await ada.http.get(url)).text
    assert not re.search(r"<script(?![^>]*\ssrc=)|<style|\sstyle=|\son\w+=|javascript:", html)
    assert not re.search(r'(src|href)="(https?:)?//(?!127\.0\.0\.1)', html)


async def test_a_request_from_another_site_changes_nothing(ada: Visitor) -> None:
    for headers in ({"origin": "http://127.0.0.1:9000"}, {"origin": "null"}, {"sec-fetch-site": "cross-site"}):
        answer = await ada.http.post("/leave", data={"csrf": ada.csrf}, headers=headers)
        assert answer.status_code == 403
    assert (await ada.http.get("/")).status_code == 200


async def test_a_change_needs_the_pages_own_token(ada: Visitor, ledger: Ledger) -> None:
    ledger.start_run(run_record())
    sample = proposal(ledger)
    ledger.store_proposal(sample)
    for token in ("", "0" * 64, "é\u20ac"):
        ada.csrf = token
        headers = {b"origin": BASE.encode(), b"x-csrf-token": token.encode()}
        url = f"/api/proposals/{sample.id}/statement"
        answer = await ada.http.post(url, json={"verdict": "approve"}, headers=headers)
        assert answer.status_code == 403, token
        assert (await ada.form("/leave")).status_code == 403
        assert (await ada.form(f"/proposals/{sample.id}/revise", text="x")).status_code == 403


async def test_signing_out_ends_the_session_on_the_server(ada: Visitor) -> None:
    token = ada.http.cookies["countersign_8400"]
    assert (await ada.form("/leave")).status_code == 303
    ada.http.cookies.set("countersign_8400", token)
    assert (await ada.http.get("/")).status_code == 401


async def test_a_huge_body_is_refused(ada: Visitor) -> None:
    answer = await ada.form("/leave", junk="x" * 3_000_000)
    assert answer.status_code == 413


async def test_a_link_signs_in_once(stranger: Visitor, ledger: Ledger) -> None:
    token = ledger.create_invitation("ada", seconds=60)
    body = {"token": token, "fresh": raw_public(stranger.private)}
    answer = await stranger.post("/enter", body)
    assert answer.status_code == 200
    assert answer.json() == {
        "person": "Ada Lovelace",
        "key": fingerprint(public_line(stranger.private)),
        "fresh": True,
    }
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert token not in cookie
    assert (await stranger.http.get("/")).status_code == 200
    again = await stranger.post("/enter", body)
    assert again.status_code == 403
    assert again.json()["title"] == "Refused"


async def test_a_session_that_was_there_before_is_neither_kept_nor_left_open(stranger: Visitor, ledger: Ledger) -> None:
    """Whoever put a cookie into this browser, or sat here before, is not who signs in now."""
    ledger.enrol(Person(name="eve", display_name="Eve", roles=("reviewer",)))
    planted = ledger.create_session("eve", 3600)
    stranger.http.cookies.set("countersign_8400", planted, domain="127.0.0.1")
    body = {"token": ledger.create_invitation("ada", seconds=60), "fresh": raw_public(stranger.private)}
    answer = await stranger.post("/enter", body)
    assert answer.status_code == 200, answer.text
    assert planted not in answer.headers["set-cookie"]
    assert ledger.session(planted) is None


async def test_over_https_the_cookie_is_secure_and_bound_to_the_host(ledger: Ledger) -> None:
    visitor = visitor_of(deps_for(ledger, base_url="https://sign.example"))
    body = {"token": ledger.create_invitation("ada", seconds=60), "fresh": raw_public(visitor.private)}
    url = "https://sign.example/enter"
    answer = await visitor.http.post(url, json=body, headers={"origin": "https://sign.example"})
    assert answer.headers["set-cookie"].startswith("__Host-countersign")
    assert "Secure" in answer.headers["set-cookie"]


async def test_the_key_that_the_browser_holds_is_used_again(stranger: Visitor, ledger: Ledger) -> None:
    held = fingerprint(public_line(stranger.private))
    first = {"token": ledger.create_invitation("ada", seconds=60), "fresh": raw_public(stranger.private)}
    await stranger.post("/enter", first)
    fresh = raw_public(Ed25519PrivateKey.generate())
    second = {"token": ledger.create_invitation("ada", seconds=60), "fresh": fresh, "held": [held]}
    assert (await stranger.post("/enter", second)).json()["key"] == held
    assert len(ledger.keys("ada")) == 1
    ledger.revoke_key(held)
    third = {"token": ledger.create_invitation("ada", seconds=60), "fresh": fresh, "held": [held]}
    assert (await stranger.post("/enter", third)).json()["fresh"] is True


async def test_somebody_elses_key_is_not_taken_over(stranger: Visitor, ledger: Ledger) -> None:
    ledger.enrol(Person(name="eve", display_name="Eve"))
    held = fingerprint(public_line(stranger.private))
    first = {"token": ledger.create_invitation("ada", seconds=60), "fresh": raw_public(stranger.private)}
    await stranger.post("/enter", first)
    for fresh, status in ((raw_public(Ed25519PrivateKey.generate()), 200), (raw_public(stranger.private), 409)):
        token = ledger.create_invitation("eve", seconds=60)
        answer = await stranger.post("/enter", {"token": token, "fresh": fresh, "held": [held]})
        assert answer.status_code == status
        assert answer.json().get("key") != held


async def test_guessing_at_the_door_is_slowed_down(stranger: Visitor, ledger: Ledger) -> None:
    body = {"token": "guess", "fresh": raw_public(stranger.private)}
    seen = [(await stranger.post("/enter", body)).status_code for _ in range(12)]
    assert seen[:10] == [403] * 10
    assert seen[10:] == [429] * 2
    body["token"] = ledger.create_invitation("ada", seconds=60)
    assert (await stranger.post("/enter", body)).status_code == 429


@pytest.mark.parametrize("fresh", ["", "x" * 44, "=" * 44, base64.b64encode(b"x" * 31).decode()])
async def test_what_is_no_key_enrols_nothing_and_burns_no_link(stranger: Visitor, ledger: Ledger, fresh: str) -> None:
    token = ledger.create_invitation("ada", seconds=60)
    answer = await stranger.post("/enter", {"token": token, "fresh": fresh})
    assert answer.status_code == 422
    assert ledger.keys("ada") == []
    assert ledger.redeem_invitation(token).name == "ada"


async def test_a_link_from_another_site_asks_again_with_the_cookie(ada: Visitor) -> None:
    ada.http.cookies.clear()
    answer = await ada.http.get("/runs", headers={"sec-fetch-site": "cross-site"})
    assert answer.status_code == 401
    assert answer.headers["refresh"] == "0"
    assert "refresh" not in (await ada.http.get("/runs", headers={"sec-fetch-site": "none"})).headers
