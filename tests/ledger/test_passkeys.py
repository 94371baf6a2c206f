"""Passkeys: enrolled by a key that is enrolled already, and then what a person signs with."""

import base64
import json
import random
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from contracts import passkeys
from contracts.decision import Signature, SignedDecision, Statement
from contracts.enrolment import Enrolment, SignedEnrolment
from contracts.errors import BadInput, BadSignature, Expired, UnknownKey, WrongRun
from contracts.passkeys import Passkey, challenge
from contracts.proposal import Proposal
from contracts.signatures import raw_sign, verify
from contracts.wire import fingerprint
from ledger import Ledger
from tests.ledger.support import NOW, Clock, Signer, enrolled, person_key, proposal, statement
from tests.support.authenticator import PRESENT, VERIFIED, Authenticator

ASKED = b"a registration's challenge"
DATA = b"what is signed"


def passkey(device: Authenticator) -> Passkey:
    return passkeys.register(device.registration(ASKED), asked=ASKED, origin=device.origin)


def signature(device: Authenticator, value: str) -> Signature:
    return Signature(scheme="passkey", key=fingerprint(passkey(device).line), value=value)


def good(device: Authenticator, value: str, data: bytes = DATA) -> bool:
    return verify(signature(device, value), passkey(device).line, data)


def decided(device: Authenticator, stated: Statement) -> SignedDecision:
    value = device.assertion(challenge(stated.signing_bytes()))
    return SignedDecision(statement=stated, signature=signature(device, value))


def wish(ledger: Ledger, by: Signer, device: Authenticator, **fields: object) -> SignedEnrolment:
    """As the page signs it: raw Ed25519 by the browser's key."""
    said = {
        "realm": ledger.realm,
        "person": by.person,
        "key": fingerprint(passkey(device).line),
        "label": "passkey",
        "asked_at": NOW,
    }
    enrolment = Enrolment.model_validate(said | fields)
    value = raw_sign(by.private, enrolment.signing_bytes())
    return SignedEnrolment(enrolment=enrolment, signature=Signature(scheme="ed25519", key=by.fingerprint, value=value))


def browser_decision(by: Signer, proposed: Proposal) -> SignedDecision:
    stated = statement(proposed, person=by.person)
    value = raw_sign(by.private, stated.signing_bytes())
    return SignedDecision(statement=stated, signature=Signature(scheme="ed25519", key=by.fingerprint, value=value))


def test_an_assertion_over_the_bytes_is_a_signature() -> None:
    device = Authenticator()
    assert good(device, device.assertion(challenge(DATA)))
    assert not good(device, device.assertion(challenge(DATA)), data=DATA + b".")
    line = passkey(device).line
    assert Passkey.read(line) == passkey(device)
    assert passkeys.is_passkey(line)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda device: device.assertion(challenge(b"other bytes")),
        lambda device: device.assertion(challenge(DATA), flags=PRESENT),
        lambda device: device.assertion(challenge(DATA), flags=VERIFIED),
        lambda device: device.assertion(challenge(DATA), crossOrigin=True),
        lambda device: device.assertion(challenge(DATA), origin="https://evil.example"),
        lambda device: device.assertion(challenge(DATA), origin="http://console.example"),
        lambda device: device.assertion(challenge(DATA), origin="https://console.example.evil.example"),
        lambda device: device.assertion(challenge(DATA), origin=["https://console.example"]),
        lambda device: device.assertion(challenge(DATA), type="webauthn.create"),
        lambda device: replace(device, site="evil.example").assertion(challenge(DATA)),
        lambda device: replace(device, credential=b"another").assertion(challenge(DATA)),
        lambda device: Authenticator(credential=device.credential).assertion(challenge(DATA)),
        lambda device: device.registration(challenge(DATA)),
        lambda _: "",
        lambda _: "[]",
        lambda _: '{"id": 1}',
        lambda _: '{"response": {"clientDataJSON": "!"}}',
        lambda _: "[" * 100_000,
    ],
)
def test_anything_else_is_none(spoil: Callable[[Authenticator], str]) -> None:
    """Other bytes, nobody there, nobody verified, in a frame, for other pages, another site or key; rubbish."""
    device = Authenticator()
    assert not good(device, spoil(device))


def test_bytes_changed_anywhere_are_refused_and_never_an_error() -> None:
    device, chance = Authenticator(), random.Random(7)
    whole = json.loads(device.assertion(challenge(DATA)))
    for _ in range(400):
        told = json.loads(json.dumps(whole))
        name = chance.choice(list(told["response"]))
        raw = bytearray(base64.urlsafe_b64decode(told["response"][name] + "=="))
        at = chance.randrange(len(raw))
        raw[at : at + chance.randrange(3)] = chance.randbytes(chance.randrange(1, 3))
        spoilt = base64.urlsafe_b64encode(raw).decode().rstrip("=")
        if spoilt != told["response"][name]:
            told["response"][name] = spoilt
            assert not good(device, json.dumps(told)), (name, at)


def test_a_registration_of_another_page_or_without_its_person_is_refused() -> None:
    device = Authenticator()
    for registration, origin in [
        (device.registration(b"another challenge"), device.origin),
        (device.registration(ASKED), "https://other.example"),
        (device.registration(ASKED, flags=PRESENT), device.origin),
        ("rubbish", device.origin),
    ]:
        with pytest.raises(BadInput, match="no passkey for this page"):
            passkeys.register(registration, asked=ASKED, origin=origin)


@pytest.mark.parametrize(
    ("url", "site"),
    [
        ("https://console.example", "console.example"),
        ("https://console.example:8443", "console.example"),
        ("http://localhost:8400", "localhost"),
        ("http://console.example", ""),
        ("http://127.0.0.1:8400", ""),
        ("https://[::1]:8400", ""),
        ("rubbish", ""),
    ],
)
def test_which_pages_can_have_passkeys(url: str, site: str) -> None:
    assert passkeys.site_of(url) == site


def test_a_passkey_takes_the_place_of_the_browsers_own_key(ledger: Ledger) -> None:
    ana, device, proposed = enrolled(ledger), Authenticator(), proposal(ledger)
    ledger.store_proposal(proposed)
    early = browser_decision(ana, proposed)
    assert ledger.judge(early, run=proposed.run, digest=proposed.digest).accepted
    key = ledger.enrol_key(wish(ledger, ana, device), passkey(device).line)
    assert key.person == "ana"
    late = ledger.judge(browser_decision(ana, proposed), run=proposed.run, digest=proposed.digest)
    assert (late.accepted, late.error) == (False, "UnknownKey")
    assert "has a passkey" in late.why
    assert ledger.judge(decided(device, statement(proposed)), run=proposed.run, digest=proposed.digest).accepted
    # The key of the command line is another matter: no page can use it.
    assert ledger.judge(ana.decide(proposed), run=proposed.run, digest=proposed.digest).accepted
    [entry] = [entry for entry in ledger.entries(kind="person") if entry.facts.get("signed_by")]
    assert entry.facts["signed_by"] == ana.fingerprint


def test_what_the_browser_signed_before_stands(ledger: Ledger) -> None:
    ana, device, proposed = enrolled(ledger), Authenticator(), proposal(ledger)
    ledger.store_proposal(proposed)
    early = browser_decision(ana, proposed)
    ruling = ledger.judge(early, run=proposed.run, digest=proposed.digest)
    ledger.record_decision(early, ruling)
    ledger.enrol_key(wish(ledger, ana, device), passkey(device).line)
    ledger.require(early, run=proposed.run, digest=proposed.digest, verdict="approve")


def test_a_passkey_that_was_revoked_signs_nothing(ledger: Ledger, clock: Clock) -> None:
    """Nor does the key that it overtook: whoever can take a passkey away must not get that one's power by it. A key
    that the person makes later, by a new link, has it."""
    ana, device, proposed = enrolled(ledger), Authenticator(), proposal(ledger)
    ledger.store_proposal(proposed)
    key = ledger.enrol_key(wish(ledger, ana, device), passkey(device).line)
    ledger.revoke_key(key.fingerprint)
    refused = ledger.judge(decided(device, statement(proposed)), run=proposed.run, digest=proposed.digest)
    assert "was revoked" in refused.why
    old = ledger.judge(browser_decision(ana, proposed), run=proposed.run, digest=proposed.digest)
    assert "has a passkey" in old.why
    clock.forward(seconds=1)
    fresh = Signer("ana", Ed25519PrivateKey.generate())
    ledger.add_key(person_key(fresh, enrolled_at=clock()))
    assert ledger.judge(browser_decision(fresh, proposed), run=proposed.run, digest=proposed.digest).accepted


def test_who_may_add_a_passkey(ledger: Ledger) -> None:
    ana, ben = enrolled(ledger), enrolled(ledger, "ben")
    device = Authenticator()
    line = passkey(device).line
    stranger = Signer("ana", Ed25519PrivateKey.generate())
    for signed, error in [
        (wish(ledger, ben, device, person="ana"), UnknownKey),
        (wish(ledger, stranger, device), UnknownKey),
        (wish(ledger, ana, device, realm="elsewhere"), WrongRun),
        (wish(ledger, ana, device, asked_at=NOW - timedelta(minutes=11)), Expired),
        (wish(ledger, ana, device, asked_at=NOW + timedelta(minutes=11)), Expired),
        (wish(ledger, ana, Authenticator()), BadInput),
    ]:
        with pytest.raises(error):
            ledger.enrol_key(signed, line)
    changed = wish(ledger, ana, device)
    with pytest.raises(BadSignature):
        ledger.enrol_key(
            changed.model_copy(update={"enrolment": changed.enrolment.model_copy(update={"label": "x"})}), line
        )
    assert ledger.passkeys("ana") == []


def test_a_browser_key_adds_no_second_passkey(ledger: Ledger) -> None:
    """Else a script in the page would add one of its own, and be as good as the person."""
    ana, first, second = enrolled(ledger), Authenticator(), Authenticator()
    ledger.enrol_key(wish(ledger, ana, first), passkey(first).line)
    with pytest.raises(UnknownKey, match="has a passkey"):
        ledger.enrol_key(wish(ledger, ana, second), passkey(second).line)
    enrolment = wish(ledger, ana, second).enrolment
    value = first.assertion(challenge(enrolment.signing_bytes()))
    ledger.enrol_key(SignedEnrolment(enrolment=enrolment, signature=signature(first, value)), passkey(second).line)
    assert len(ledger.passkeys("ana")) == 2
