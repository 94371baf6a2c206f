"""Passkeys (WebAuthn): what is enrolled, and whether an assertion signs the bytes of a decision.

The authenticator asks its person each time, and signs a challenge: here the SHA-256 of the very bytes that are signed.
CBOR, COSE and the checks of an assertion are `webauthn`'s (py_webauthn). What is enrolled travels as one line like an
SSH key's, of a type of our own: the site it belongs to, the credential's id and its public key in COSE's form.

Counters are not compared: each signed statement has a nonce and counts once, whatever authenticator made it, and
passkeys that a person's devices share have none.
"""

import base64
import hashlib
import json
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import urlsplit

from contracts.errors import BadInput
from contracts.wire import Malformed, Reader, key_blob, string

KIND = "webauthn@countersign.dev"
LONGEST = 20_000  # characters of an assertion or a registration; an RSA one with extensions has 2,000


@dataclass(frozen=True)
class Passkey:
    """The public half of a credential. `site`: the relying party's id, a host's name without its port."""

    site: str
    credential: bytes
    public: bytes

    @property
    def line(self) -> str:
        """What is enrolled: one line, as OpenSSH writes a public key."""
        fields = (KIND.encode(), self.site.encode(), self.credential, self.public)
        return f"{KIND} {base64.b64encode(b''.join(map(string, fields))).decode()}"

    @property
    def id(self) -> str:
        """The credential's id as browsers write it: base64url without padding."""
        return base64.urlsafe_b64encode(self.credential).decode().rstrip("=")

    @classmethod
    def read(cls, line: str) -> Self:
        """From the line. BadInput when it is no key, Malformed when it is a key of another type."""
        reader = Reader(key_blob(line))
        if reader.string() != KIND.encode():
            raise Malformed("no passkey")
        made = cls(reader.string().decode(), reader.string(), reader.string())
        reader.end()
        return made


def is_passkey(line: str) -> bool:
    return line.startswith(f"{KIND} ")


def site_of(url: str) -> str:
    """The site that passkeys of this page belong to; an empty string where browsers make none.

    That is https, or http on localhost; and a name: an address such as 127.0.0.1 can have no passkeys.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    named = any(letter.isalpha() for letter in host) and ":" not in host
    return host if named and (parts.scheme == "https" or host == "localhost") else ""


def challenge(data: bytes) -> bytes:
    """What an authenticator signs in place of `data`."""
    return hashlib.sha256(data).digest()


def register(registration: str, *, asked: bytes, origin: str) -> Passkey:
    """The passkey that a browser just made on our page. `registration` is the credential's JSON, `asked` the challenge.

    Raises BadInput for anything else, such as one made without its person being asked for more than a touch.
    """
    from webauthn import verify_registration_response

    site = site_of(origin)
    try:
        made = verify_registration_response(
            credential=_told(registration),
            expected_challenge=asked,
            expected_rp_id=site,
            expected_origin=origin,
            require_user_verification=True,
        )
    except Exception as error:  # whatever a library says of bytes that a stranger may have made
        raise BadInput(f"That is no passkey for this page: {error}.", way_out="Make it again.") from error
    return Passkey(site, made.credential_id, made.credential_public_key)


def verify(value: str, line: str, data: bytes) -> None:
    """Whether the assertion `value`, the credential's JSON, signs `data` with the passkey in `line`.

    Raises ValueError if not: another key, other bytes, another site, or an authenticator that did not verify that it
    was its person.
    """
    from webauthn import verify_authentication_response

    key, told = Passkey.read(line), _told(value)
    try:
        verify_authentication_response(
            credential=told,
            expected_challenge=challenge(data),
            expected_rp_id=key.site,
            expected_origin=_origin(told, key.site),
            credential_public_key=key.public,
            credential_current_sign_count=0,
            require_user_verification=True,
        )
    except Exception as error:  # as above
        raise Malformed(str(error)) from error
    if told["id"] != key.id:
        raise Malformed("an assertion of another credential")


def _told(text: str) -> dict[str, Any]:
    told = json.loads(text) if len(text) <= LONGEST else None
    if not isinstance(told, dict):
        raise Malformed("no credential")
    return told


def _origin(told: dict[str, Any], site: str) -> str:
    """The page that asked for the assertion, if it is one of the site's and stood on its own."""
    response = told.get("response")
    said = response.get("clientDataJSON") if isinstance(response, dict) else None
    if not isinstance(said, str):
        raise Malformed("an assertion without its client's data")
    client = json.loads(base64.urlsafe_b64decode(said + "=" * (-len(said) % 4)))
    origin = client.get("origin") if isinstance(client, dict) and not client.get("crossOrigin") else None
    if not isinstance(origin, str) or site_of(origin) != site:
        raise Malformed("an assertion that another page asked for")
    return origin
