"""An authenticator in software: what a security key or a phone answers to a page, right or wrong as a test wants it."""

import base64
import hashlib
import json
import os
import struct
from dataclasses import dataclass, field
from typing import Any

import cbor2
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

PRESENT, VERIFIED, ATTESTED = 0x01, 0x04, 0x40


def text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


@dataclass
class Authenticator:
    """One passkey for `site`, used on the page `origin`."""

    site: str = "console.example"
    origin: str = "https://console.example"
    private: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    credential: bytes = field(default_factory=lambda: os.urandom(16))

    def client(self, kind: str, challenge: bytes, **more: Any) -> bytes:
        said = {"type": kind, "challenge": text(challenge), "origin": self.origin, "crossOrigin": False}
        return json.dumps(said | more).encode()

    def data(self, flags: int) -> bytes:
        return hashlib.sha256(self.site.encode()).digest() + bytes([flags]) + struct.pack(">I", 0)

    def registration(self, challenge: bytes, flags: int = PRESENT | VERIFIED) -> str:
        """What `navigator.credentials.create` gives, as JSON."""
        numbers = self.private.public_key().public_numbers()
        cose = {1: 2, 3: -7, -1: 1, -2: numbers.x.to_bytes(32, "big"), -3: numbers.y.to_bytes(32, "big")}
        attested = bytes(16) + struct.pack(">H", len(self.credential)) + self.credential + cbor2.dumps(cose)
        told = {"fmt": "none", "attStmt": {}, "authData": self.data(flags | ATTESTED) + attested}
        client = self.client("webauthn.create", challenge)
        return self.json({"clientDataJSON": text(client), "attestationObject": text(cbor2.dumps(told))})

    def assertion(self, challenge: bytes, flags: int = PRESENT | VERIFIED, **client: Any) -> str:
        """What `navigator.credentials.get` gives, as JSON."""
        said = self.client(client.pop("type", "webauthn.get"), challenge, **client)
        data = self.data(flags)
        signature = self.private.sign(data + hashlib.sha256(said).digest(), ec.ECDSA(SHA256()))
        response = {"clientDataJSON": text(said), "authenticatorData": text(data), "signature": text(signature)}
        return self.json(response)

    def json(self, response: dict[str, str]) -> str:
        name = text(self.credential)
        return json.dumps({"id": name, "rawId": name, "type": "public-key", "response": response})
