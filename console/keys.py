"""A person's own keys: what they are, adding a passkey, taking one away.

A passkey is added by a signature of a key that is enrolled already: the session alone is not enough.
"""

import hashlib
import json
from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter, Form, Request
from pydantic import Field
from starlette.responses import HTMLResponse, RedirectResponse, Response

from console.access import Own, OwnChange
from console.deps import Console, Here
from console.description import PROBLEMS
from console.enter import browser
from console.sessions import Session
from contracts import passkeys
from contracts.base import Contract
from contracts.enrolment import Enrolment, SignedEnrolment
from contracts.errors import BadInput, NotFound
from contracts.passkeys import Passkey
from contracts.records import PersonKey
from contracts.wire import fingerprint

router = APIRouter(responses=PROBLEMS)


class Registration(Contract):
    """What the browser made: the credential's JSON."""

    registration: str = Field(max_length=passkeys.LONGEST)


class Wish(Contract):
    """`statement` is the exact text to sign, as UTF-8."""

    statement: str


class Enrolling(Registration):
    """The same again, with the wish as it was signed."""

    signed: SignedEnrolment


class Enrolled(Contract):
    """The key that decisions can be signed with from now on."""

    key: str


@router.get("/keys", response_class=HTMLResponse, include_in_schema=False)
def keys_page(here: Here, session: Own) -> Response:
    """Your keys."""
    mine = [(key, kind(key)) for key in here.ledger.keys(session.person.name)]
    believed = {key.fingerprint for key in here.ledger.trusted_keys(session.person.name)}
    asking = {key.fingerprint for key, _ in mine if key.revoked_at is None} - believed
    site = passkeys.site_of(here.deps.base_url)
    return here.page("keys.html", session, mine=mine, asking=asking, site=site, signers=signers(here, session))


@router.post("/keys/revoke", include_in_schema=False)
def revoke(here: Here, session: Own, key: str = Form(""), csrf: str = Form("")) -> Response:
    """Take one of your own keys away."""
    session.require_csrf(csrf)
    if key not in {each.fingerprint for each in here.ledger.keys(session.person.name)}:
        raise NotFound("You have no such key.", subject=key, way_out="Reload the page to see which you have.")
    here.ledger.revoke_key(key)
    return RedirectResponse("/keys", 303)


@router.post("/api/keys/passkeys/options")
def options(here: Here, session: OwnChange) -> dict[str, Any]:
    """What to give to `navigator.credentials.create`, in its JSON form. Raises BadInput where no passkey can be."""
    # Only whoever adds a passkey needs it, and it takes a second to import.
    from webauthn import generate_registration_options, options_to_json
    from webauthn.helpers.structs import (
        AuthenticatorSelectionCriteria,
        PublicKeyCredentialDescriptor,
        ResidentKeyRequirement,
        UserVerificationRequirement,
    )

    site = passkeys.site_of(here.deps.base_url)
    if not site:
        raise BadInput(
            "Browsers give passkeys to names over https, and to localhost, and not to this address.",
            subject=here.deps.base_url,
            way_out="Set COUNTERSIGN_PUBLIC_URL to the address that people use, such as http://localhost:8400.",
        )
    name = session.person.name
    known = [Passkey.read(key.public_key) for key in here.ledger.passkeys(name)]
    made = generate_registration_options(
        rp_id=site,
        rp_name="Countersign",
        user_id=hashlib.sha256(f"{here.ledger.realm}/{name}".encode()).digest(),
        user_name=name,
        user_display_name=session.person.display_name,
        challenge=asked(session),
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.PREFERRED, user_verification=UserVerificationRequirement.REQUIRED
        ),
        exclude_credentials=[PublicKeyCredentialDescriptor(id=each.credential) for each in known],
    )
    told: dict[str, Any] = json.loads(options_to_json(made))
    return told


@router.post("/api/keys/passkeys/statement")
def statement(request: Request, here: Here, session: OwnChange, made: Registration) -> Wish:
    """The exact bytes to sign with another key of yours. Nothing is enrolled yet."""
    line = registered(here, session, made)
    wish = Enrolment(
        realm=here.ledger.realm,
        person=session.person.name,
        key=fingerprint(line),
        label=f"passkey, made in {browser(request.headers.get('user-agent', '')).removeprefix('browser, ')}",
        asked_at=datetime.now(UTC),  # to the microsecond: it says which key is the newer one
    )
    return Wish(statement=wish.signing_bytes().decode())


@router.post("/api/keys/passkeys")
def enrol(here: Here, session: OwnChange, enrolling: Enrolling) -> Enrolled:
    """Enrol the passkey. 403 with the reason where the ledger's rule refuses it."""
    line = registered(here, session, enrolling)
    if enrolling.signed.enrolment.person != session.person.name:
        raise BadInput(
            "Passkeys are enrolled for the person who is signed in.", subject=enrolling.signed.enrolment.person
        )
    return Enrolled(key=here.ledger.enrol_key(enrolling.signed, line).fingerprint)


def registered(here: Console, session: Session, made: Registration) -> str:
    return passkeys.register(made.registration, asked=asked(session), origin=here.deps.base_url).line


def asked(session: Session) -> bytes:
    """The challenge of a registration: the session's own, so that nothing is stored. What counts is who signs."""
    return hashlib.sha256(b"countersign/passkey/v1\0" + session.csrf.encode()).digest()


class Signers(Contract):
    """For a page that signs: fingerprints of the keys that a browser may hold, and as JSON the passkeys to ask for in
    their place."""

    keys: str
    passkeys: str


def signers(here: Console, session: Session) -> Signers:
    person = session.person.name
    asked_for = [
        {"key": key.fingerprint, "id": Passkey.read(key.public_key).id} for key in here.ledger.passkeys(person)
    ]
    return Signers(keys=" ".join(sorted(here.ledger.plain_keys(person))), passkeys=json.dumps(asked_for))


def kind(key: PersonKey) -> str:
    if passkeys.is_passkey(key.public_key):
        return f"passkey of {Passkey.read(key.public_key).site}"
    return "in a browser" if key.label.startswith("browser") else "an SSH key"
